"""The survey's result: who was counted, tables in the form of P2's, and what else might have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lending.credit.ahp import Method, RandomIndex
from lending.credit.survey.aggregation import Aggregation, GroupWeights, aggregate
from lending.credit.survey.definition import Combination, Criterion, Definition, SurveyError, TableForm
from lending.credit.survey.judgements import Raters
from lending.credit.survey.panel import LABEL_EN, LABEL_KO
from lending.credit.survey.response import Collection
from lending.credit.survey.screening import Screening, screen

Step = tuple[str, float]
"""A node on the way to a leaf: its id and global weight."""


@dataclass(frozen=True)
class Row:
    """A leaf. path: the nodes above it, top down. weights: one per column, None where it is no item."""

    path: tuple[Step, ...]
    item: str
    weights: tuple[float | None, ...]
    apart: bool
    """Over and above the base, as P2's bonus."""


@dataclass(frozen=True)
class Table:
    """One table of the paper's form. totals: of each column, without what stands apart."""

    form: TableForm
    columns: tuple[Combination, ...]
    rows: tuple[Row, ...]
    totals: tuple[float, ...]
    apart_totals: tuple[float, ...]

    @property
    def depth(self) -> int:
        """How many nodes stand above a leaf at most."""
        return max(len(row.path) for row in self.rows)


@dataclass(frozen=True)
class Effect:
    """What one threshold and one mean give. items: combination -> item -> weight; None: nobody counted."""

    limit: float | None
    aggregation: Aggregation
    accepted: int
    items: Mapping[Combination, Mapping[str, float]] | None


@dataclass(frozen=True)
class SurveyReport:
    """Everything there is to say about a survey's answers."""

    definition: Definition
    collection: Collection
    screening: Screening
    beside: Screening
    unscreened: Screening
    weights: GroupWeights
    random_index: RandomIndex
    tables: tuple[Table, ...]
    effects: tuple[Effect, ...] = field(default=())

    @property
    def synthetic(self) -> bool:
        """Whether any answer was drawn by a program."""
        return self.collection.synthetic

    @property
    def screenings(self) -> tuple[Screening, ...]:
        """The screenings whose effects are shown, each limit once."""
        each = {one.limit: one for one in (self.screening, self.beside, self.unscreened)}
        return tuple(each.values())

    def provenance(self) -> dict[str, Any]:
        """Who was counted and why not, by what rules; for the model's record."""
        refused: dict[str, int] = {}
        for one in self.collection.refused:
            for violation in one.violations:
                refused[violation.code] = refused.get(violation.code, 0) + 1
        verdicts = self.screening.verdicts
        return {
            "survey": self.definition.id,
            "survey_version": self.definition.version,
            "definition_digest": self.definition.digest,
            "synthetic": self.synthetic,
            "responses": len(self.collection.responses) + len(self.collection.refused),
            "refused": len(self.collection.refused),
            "refused_by_reason": refused,
            "unsigned": self.collection.unsigned,
            "raters": len(verdicts),
            "accepted": len(self.screening.accepted),
            "rejected": len(verdicts) - len(self.screening.accepted),
            "rejected_unconnected": sum(bool(one.open) for one in verdicts),
            "rejected_by_matrix": self.screening.by_matrix,
            "limit": self.screening.limit,
            "beside": {
                "limit": self.beside.limit,
                "accepted": len(self.beside.accepted),
                "rejected_by_matrix": self.beside.by_matrix,
            },
            "random_index": self.random_index.value,
            "method": self.weights.method.value,
            "aggregation": self.weights.aggregation.value,
        }

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON, at full precision."""
        label = {"label_ko": LABEL_KO, "label_en": LABEL_EN} if self.synthetic else {}
        return {
            "synthetic": self.synthetic,
            **label,
            "provenance": self.provenance(),
            "ours": list(self.definition.ours),
            "tables": [_table_dict(self.definition, table) for table in self.tables],
            "weights": [
                {**_values(self.definition, combination), "items": self.weights.items(combination)}
                for combination in self.definition.combinations
            ],
            "effects": [
                {
                    "limit": one.limit,
                    "aggregation": one.aggregation.value,
                    "accepted": one.accepted,
                    "weights": None
                    if one.items is None
                    else [
                        {**_values(self.definition, combination), "items": dict(items)}
                        for combination, items in one.items.items()
                    ],
                }
                for one in self.effects
            ],
            "raters": [
                {
                    "rater": one.rater,
                    "accepted": one.accepted,
                    "accepted_beside": beside.accepted,
                    "consistency_ratios": dict(one.ratios),
                    "exceeding": list(one.exceeding),
                    "unconnected": list(one.open),
                }
                for one, beside in zip(self.screening.verdicts, self.beside.verdicts, strict=True)
            ],
        }


def survey_report(
    definition: Definition,
    collection: Collection,
    *,
    limit: float | None = None,
    aggregation: Aggregation = Aggregation.ARITHMETIC,
    method: Method = Method.EIGENVECTOR,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> SurveyReport:
    """The report on the responses of a collection; limit: the definition's by default.

    SurveyError when no rater is accepted, telling how many there were.
    """
    raters = Raters.of(
        definition, [(one.response.rater, one.response.answers) for one in collection.responses]
    )
    chosen, beside, unscreened = screenings = screen(
        raters,
        float(definition.limit) if limit is None else limit,
        float(definition.beside),
        None,
        random_index=random_index,
    )

    def weigh_at(screening: Screening, by: Aggregation) -> GroupWeights:
        return aggregate(raters.take(screening.accepted), by, method)

    if not chosen.accepted:
        codes = sorted({found.code for one in collection.refused for found in one.violations})
        refused = f"; {len(collection.refused)} responses were refused: {', '.join(codes)}" if codes else ""
        raise SurveyError(
            f"of {len(raters.names)} raters none is accepted at a consistency ratio of {chosen.limit}"
            + refused
        )
    effects = []
    for screening in {one.limit: one for one in screenings}.values():
        for by in Aggregation:
            group = weigh_at(screening, by) if screening.accepted else None
            items = None if group is None else {one: group.items(one) for one in definition.combinations}
            effects.append(Effect(screening.limit, by, len(screening.accepted), items))
    weights = weigh_at(chosen, aggregation)
    tables = tuple(make_table(form, weights) for form in definition.tables)
    return SurveyReport(
        definition,
        collection,
        chosen,
        beside,
        unscreened,
        weights,
        random_index,
        tables,
        tuple(effects),
    )


def make_table(form: TableForm, weights: GroupWeights) -> Table:
    """One table. The path's weights are the first column's that has the item."""
    definition = weights.definition
    columns = tuple(definition.combination(column) for column in form.columns)
    found: dict[str, tuple[tuple[Step, ...], list[float | None], bool]] = {}
    for place, combination in enumerate(columns):
        nodes = weights.nodes[combination]
        for number, tree in enumerate(definition.trees(combination)):
            for path, leaf in _leaves(tree, form.root):
                goal = form.root is None and number == 0  # has no column of its own
                steps = tuple((node.id, nodes[node.id]) for node in path[goal:])
                _, cells, _ = found.setdefault(leaf.id, (steps, [None] * len(columns), number > 0))
                cells[place] = nodes[leaf.id]
    order = {node.id: n for n, node in enumerate(_all_leaves(definition, columns))}
    rows = tuple(
        Row(steps, item, tuple(cells), apart)
        for item, (steps, cells, apart) in sorted(found.items(), key=lambda one: order[one[0]])
    )

    def totals(apart: bool) -> tuple[float, ...]:
        return tuple(
            sum(row.weights[place] or 0.0 for row in rows if row.apart is apart)
            for place in range(len(columns))
        )

    return Table(form, columns, rows, totals(False), totals(True))


def _leaves(
    node: Criterion, root: str | None, above: tuple[Criterion, ...] = ()
) -> Sequence[tuple[tuple[Criterion, ...], Criterion]]:
    """Every leaf below `root` (the whole tree if None) with the nodes from there down to it."""
    inside = root is None or node.id == root or bool(above)
    if not node.children:
        return [(above, node)] if inside else []
    path = (*above, node) if inside else above
    return [found for child in node.children for found in _leaves(child, root, path)]


def _all_leaves(definition: Definition, columns: Sequence[Combination]) -> Sequence[Criterion]:
    """The leaves of all columns in the hierarchy's order; the longest list first, so that gaps fall right."""
    trees = [[n for tree in definition.trees(one) for n in tree.walk() if not n.children] for one in columns]
    merged: dict[str, Criterion] = {}
    for leaves in sorted(trees, key=len, reverse=True):
        merged |= {leaf.id: leaf for leaf in leaves if leaf.id not in merged}
    return list(merged.values())


def node_names(definition: Definition) -> dict[str, Criterion]:
    """Node id -> the node, for its wording."""
    return {node.id: node for block in reversed(definition.blocks) for node in block.walk()}


def _values(definition: Definition, combination: Combination) -> dict[str, str]:
    return dict(zip(definition.dimensions, combination, strict=True))


def _table_dict(definition: Definition, table: Table) -> dict[str, Any]:
    names = node_names(definition)

    def named(item: str) -> dict[str, str]:
        return {"id": item, "ko": names[item].ko, "en": names[item].en}

    return {
        "id": table.form.id,
        "ko": table.form.ko,
        "en": table.form.en,
        "columns": [_values(definition, one) for one in table.columns],
        "rows": [
            {
                "path": [{**named(item), "weight": weight} for item, weight in row.path],
                "item": named(row.item),
                "weights": list(row.weights),
                "apart": row.apart,
            }
            for row in table.rows
        ],
        "totals": list(table.totals),
        "apart_totals": list(table.apart_totals),
    }
