"""From accepted raters to the group's weights, per matrix, and to items of each model.

P2 section 4.3 averages the raters' weights arithmetically (aggregation of individual priorities, AIP);
Forman and Peniwati (1998) set against it the aggregation of individual judgements (AIJ), which is geometric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp import Mean, Method, aggregate_judgements, aggregate_priorities, weigh, weigh_many
from lending.credit.survey.definition import Combination, Criterion, Definition, SurveyError
from lending.credit.survey.judgements import Raters

_Values = NDArray[np.float64]


class Aggregation(StrEnum):
    """How raters become a group.

    Means of local weights, matrix by matrix, which then compose; `ARITHMETIC_GLOBAL` averages each rater's
    composed weights instead; `JUDGEMENTS` weighs the geometric mean of the judgements (AIJ).
    """

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"
    TRIMMED = "trimmed"
    ARITHMETIC_GLOBAL = "arithmetic-global"
    JUDGEMENTS = "judgements"


_MEANS = {
    Aggregation.ARITHMETIC: Mean.ARITHMETIC,
    Aggregation.GEOMETRIC: Mean.GEOMETRIC,
    Aggregation.TRIMMED: Mean.TRIMMED,
}


@dataclass(frozen=True)
class GroupWeights:
    """A group's weights.

    nodes: combination -> node id -> global weight, base and blocks apart alike; parents are the sums of
    their leaves. raters: how many they are of.
    """

    definition: Definition
    aggregation: Aggregation
    method: Method
    raters: int
    nodes: Mapping[Combination, Mapping[str, float]]

    def items(self, combination: Combination, *, apart: bool = True) -> dict[str, float]:
        """Item id -> global weight, in the hierarchy's order; with `apart` the bonus, too."""
        trees = self.definition.trees(combination)
        leaves = (node for tree in trees[: None if apart else 1] for node in tree.walk() if not node.children)
        weights = self.nodes[combination]
        return {node.id: weights[node.id] for node in leaves}


def aggregate(
    raters: Raters,
    aggregation: Aggregation = Aggregation.ARITHMETIC,
    method: Method = Method.EIGENVECTOR,
) -> GroupWeights:
    """The weights of raters who passed the screen.

    SurveyError: there are none, or one left a matrix unconnected.
    """
    definition = raters.definition
    if not raters.names:
        raise SurveyError("no rater is accepted, so there are no weights: raise the limit or ask again")
    local = {name: _local(values, name, aggregation, method) for name, values in raters.stacks.items()}
    nodes = {
        combination: {
            name: float(np.mean(values)) for name, values in _compose(definition, combination, local).items()
        }
        for combination in definition.combinations
    }
    return GroupWeights(definition, aggregation, method, len(raters.names), nodes)


def item_weights(group: GroupWeights) -> dict[Combination, dict[str, Decimal]]:
    """The weights for a version of the evaluation model: combination -> {item id: global weight}.

    With P2's survey a combination is (company class, industry), as `lending_domain.form` writes them, and the
    ids are those of `lending_domain/data/model2.yaml`; the base items come first, the two bonus items last.
    The base sums to 1 with the common judgement block (industry `other`), to less where the definition sets
    an industry's block (0.166). Decimals are the floats' shortest: round to millionths by largest
    remainder, where the model is made.
    """
    return {
        combination: {name: Decimal(repr(weight)) for name, weight in group.items(combination).items()}
        for combination in group.definition.combinations
    }


def _local(values: _Values, name: str, aggregation: Aggregation, method: Method) -> _Values:
    """(raters or 1, n): local weights of one matrix."""
    try:
        if aggregation is Aggregation.JUDGEMENTS:
            return weigh(aggregate_judgements(values, mean=Mean.GEOMETRIC), method).values[None, :]
        weights = weigh_many(values, method).weights
        if aggregation is Aggregation.ARITHMETIC_GLOBAL:
            return weights
        return aggregate_priorities(weights, mean=_MEANS[aggregation])[None, :]
    except ValueError as error:
        raise SurveyError(f"{name}: {error}") from error


def _compose(
    definition: Definition, combination: Combination, local: Mapping[str, _Values]
) -> dict[str, _Values]:
    """Node id -> global weights, (raters or 1,): down from the root to the leaves, then summed upwards."""
    filling = definition.filling(combination)
    result: dict[str, _Values] = {}

    def visit(node: Criterion, weight: _Values) -> _Values:
        block = filling.get(node.id)
        if block is not None and block.scale is not None:
            weight = np.full_like(weight, float(block.scale))
        if node.children:
            shares = local[block.id if block else node.id]
            result[node.id] = weight  # keeps parents before their children
            weight = sum(
                (visit(child, weight * shares[:, place]) for place, child in enumerate(node.children)),
                np.zeros_like(weight),
            )
        result[node.id] = weight
        return weight

    base, *apart = definition.trees(combination)
    one = np.ones(len(next(iter(local.values()))))
    visit(base, one)
    for tree, block in zip(apart, definition.apart(combination), strict=True):
        visit(tree, one * float(block.scale or 1))
    return result
