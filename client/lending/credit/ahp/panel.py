"""A panel: raters who compared the items of a hierarchy, screened, weighed as one and bootstrapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.batch import weigh_many
from lending.credit.ahp.bootstrap import (
    Interval,
    Intervals,
    among,
    bootstrap_weights,
    of_hierarchy,
    of_judgements,
    of_priorities,
)
from lending.credit.ahp.completion import Completion
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.group import By, Group, hierarchy_consensus, stack_matrices, weigh_group
from lending.credit.ahp.hierarchy import Hierarchy, Node, global_weights
from lending.credit.ahp.matrix import ComparisonMatrix, refuse_disconnected
from lending.credit.ahp.means import Mean
from lending.credit.ahp.priorities import Method, weigh
from lending.credit.ahp.random_indices import RandomIndex

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Excess:
    """Why a rater is left out: a matrix whose consistency ratio is above the limit."""

    rater: str
    node: str
    consistency_ratio: float


@dataclass(frozen=True)
class Panel:
    """What each rater compared under each node.

    A rater may leave nodes out, and then counts under those that they answered (Goepel 2018, IJAHP 10(3),
    476, partial judgements).

    Args:
        hierarchy: of what is compared; one level where there is a single matrix.
        answers: rater -> {parent id: matrix of its children}; a parent with one child needs none.

    Raises:
        AhpError: names the node that nobody compared, or the rater and the node whose matrix is of other
            items or does not connect them.
    """

    hierarchy: Hierarchy
    answers: Mapping[str, Mapping[str, ComparisonMatrix]]

    def __post_init__(self) -> None:
        if not self.answers:
            raise AhpError("there are no raters to aggregate")
        for rater, matrices in self.answers.items():
            for id, matrix in matrices.items():
                items = {child.id for child in self.hierarchy.node(id).children}
                if odd := set(matrix.labels) ^ items:
                    raise AhpError(f"rater {rater!r}, node {id!r}: {min(odd)!r} is not compared, or no item")
                try:
                    refuse_disconnected(matrix)
                except AhpError as error:
                    raise AhpError(f"rater {rater!r}, node {id!r}: {error}") from error
        for parent in self.compared:
            if not self.places(parent.id):
                raise AhpError(f"nobody has compared the items of {parent.id!r}")

    @classmethod
    def of_one_table(cls, answers: Mapping[str, ComparisonMatrix]) -> Panel:
        """A panel whose raters compared one set of items."""
        if not answers:
            raise AhpError("there are no raters to aggregate")
        labels = next(iter(answers.values())).labels
        goal = next(name for name in ("goal", "(goal)", "((goal))") if name not in labels)
        hierarchy = Hierarchy(Node(goal, tuple(Node(label) for label in labels)))
        return cls(hierarchy, {rater: {goal: matrix} for rater, matrix in answers.items()})

    @property
    def raters(self) -> tuple[str, ...]:
        return tuple(self.answers)

    @cached_property
    def compared(self) -> tuple[Node, ...]:
        """The nodes whose children were compared: those with two or more."""
        return tuple(node for node in self.hierarchy.parents if len(node.children) > 1)

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """Raters and the nodes that they left out."""
        return tuple(
            (rater, node.id)
            for rater in self.answers
            for node in self.compared
            if node.id not in self.answers[rater]
        )

    def places(self, node: str) -> list[int]:
        """Which of the raters compared the items of a node."""
        return [place for place, answers in enumerate(self.answers.values()) if node in answers]

    def matrices(self, node: str) -> list[ComparisonMatrix]:
        """The matrices under a node of those who compared it, items in the hierarchy's order."""
        order = tuple(child.id for child in self.hierarchy.node(node).children)
        found = [answers[node] for answers in self.answers.values() if node in answers]
        return [one if one.labels == order else one.permuted(order) for one in found]

    def screened(
        self,
        limit: float,
        *,
        completion: Completion = Completion.EIGENVALUE,
        random_index: RandomIndex = RandomIndex.SAATY,
    ) -> tuple[Panel, tuple[Excess, ...]]:
        """The panel without raters of whom any matrix is above the limit, and why each is left out.

        A matrix of two items is consistent always, so only larger ones screen (Lee et al. 2007, 4.2, screen
        at 0.2; Saaty's rule of thumb is 0.1).

        Raises:
            AhpError: nobody is left, in all or under a node.
        """
        excesses: dict[str, Excess] = {}
        for node in self.compared:
            stack = stack_matrices(self.matrices(node.id))[1]
            ratios = weigh_many(stack, completion=completion, random_index=random_index).consistency_ratio
            for place, ratio in zip(self.places(node.id), ratios.tolist(), strict=True):
                rater = self.raters[place]
                worst = excesses.get(rater)
                if (
                    len(node.children) > 2
                    and ratio > limit
                    and (not worst or ratio > worst.consistency_ratio)
                ):
                    excesses[rater] = Excess(rater, node.id, ratio)
        kept = {rater: answers for rater, answers in self.answers.items() if rater not in excesses}
        if not kept:
            raise AhpError(f"no rater has every consistency ratio at or below {limit:g}: raise the limit")
        return Panel(self.hierarchy, kept), tuple(excesses[one] for one in self.answers if one in excesses)


@dataclass(frozen=True, eq=False)
class PanelWeights:
    """A panel's weights, node by node and composed."""

    hierarchy: Hierarchy
    nodes: Mapping[str, Group]
    """Parent id -> the group's local weights of its children."""

    @cached_property
    def local(self) -> dict[str, dict[str, float]]:
        return {id: one.as_dict() for id, one in self.nodes.items()}

    @cached_property
    def every(self) -> dict[str, float]:
        """Every node's global weight."""
        return global_weights(self.hierarchy, self.local)

    @property
    def weights(self) -> dict[str, float]:
        """Each leaf's global weight."""
        return {leaf.id: self.every[leaf.id] for leaf in self.hierarchy.leaves}

    @property
    def consensus(self) -> float | None:
        """AHP-OS's consensus of the hierarchy; None for a single rater."""
        nodes = {id: one.consensus for id, one in self.nodes.items() if one.consensus}
        return hierarchy_consensus(nodes, self.every) if nodes else None


@dataclass(frozen=True)
class PanelAggregation:
    """How a panel becomes a group; the defaults are AIJ with the geometric mean.

    `rater_weights` is rater -> weight, 1 for a rater who is not in it.
    """

    by: By = By.JUDGEMENTS
    mean: Mean | None = None
    trim: float = 0.1
    rater_weights: Mapping[str, float] | None = None
    method: Method = Method.EIGENVECTOR
    completion: Completion = Completion.EIGENVALUE
    random_index: RandomIndex = RandomIndex.SAATY

    @property
    def averaged(self) -> Mean:
        """The mean, which by default is geometric for judgements and arithmetic for priorities."""
        return self.mean or (Mean.GEOMETRIC if self.by is By.JUDGEMENTS else Mean.ARITHMETIC)

    def shares(self, raters: Sequence[str]) -> list[float]:
        """The raters' weights in their order."""
        return [float((self.rater_weights or {}).get(rater, 1.0)) for rater in raters]


def weigh_panel(panel: Panel, how: PanelAggregation | None = None) -> PanelWeights:
    """The group's weights; local weights are aggregated node by node, then composed.

    Raises:
        AhpError: names the node; as `weigh_group`.
    """
    how = how or PanelAggregation()
    shares = how.shares(panel.raters)
    nodes = {}
    for node in panel.compared:
        try:
            nodes[node.id] = weigh_group(
                panel.matrices(node.id),
                by=how.by,
                mean=how.mean,
                trim=how.trim,
                rater_weights=[shares[place] for place in panel.places(node.id)],
                method=how.method,
                completion=how.completion,
                random_index=how.random_index,
            )
        except AhpError as error:
            raise AhpError(f"node {node.id!r}: {error}") from error
    return PanelWeights(panel.hierarchy, nodes)


def bootstrap_panel(
    panel: Panel,
    how: PanelAggregation | None = None,
    *,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
    interval: Interval = Interval.PERCENTILE,
) -> Intervals:
    """Intervals and ranks of the leaves' global weights; a rater is drawn with all their matrices.

    Raises:
        AhpError: as `bootstrap_weights`.
    """
    how = how or PanelAggregation()
    parents = {}
    for node in panel.compared:
        matrices = panel.matrices(node.id)
        if how.by is By.JUDGEMENTS:
            statistic = of_judgements(
                stack_matrices(matrices)[1],
                mean=how.averaged,
                trim=how.trim,
                method=how.method,
                completion=how.completion,
            )
        else:
            own = np.stack([weigh(one, how.method, completion=how.completion).values for one in matrices])
            statistic = of_priorities(own, mean=how.averaged, trim=how.trim)
        parents[node.id] = among(panel.places(node.id), statistic)
    return bootstrap_weights(
        of_hierarchy(panel.hierarchy, parents),
        [leaf.id for leaf in panel.hierarchy.leaves],
        len(panel.raters),
        replicates=replicates,
        seed=seed,
        level=level,
        interval=interval,
        rater_weights=how.shares(panel.raters),
    )
