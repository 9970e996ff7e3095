"""Analytic Hierarchy Process: weights from pairwise comparisons. It knows numpy and no lending word."""

from lending.credit.ahp.batch import BatchWeights, Method, weigh_many
from lending.credit.ahp.completion import Completion, complete
from lending.credit.ahp.consistency import (
    CellError,
    Consistency,
    Triad,
    cell_errors,
    examine,
    geometric_consistency_index,
    geometric_limit,
    koczkodaj_index,
    triads,
)
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.group import (
    By,
    Consensus,
    Group,
    aggregate_judgements,
    aggregate_priorities,
    consensus,
    hierarchy_consensus,
    weigh_group,
)
from lending.credit.ahp.hierarchy import Hierarchy, Node, compose, compose_many, decompose, global_weights
from lending.credit.ahp.hierarchy_text import format_hierarchy, parse_hierarchy, read_hierarchy
from lending.credit.ahp.matrix import ComparisonMatrix, parse_ratio, ratio_text
from lending.credit.ahp.means import Mean
from lending.credit.ahp.priorities import Weights, weigh
from lending.credit.ahp.random_indices import RandomIndex, random_index
from lending.credit.ahp.ratings import Ratings, Scale
from lending.credit.ahp.repair import SCALE, Repair, repair_sequence, repairs
from lending.credit.ahp.synthesis import Decision, Synthesis

__all__ = [
    "SCALE",
    "AhpError",
    "BatchWeights",
    "By",
    "CellError",
    "ComparisonMatrix",
    "Completion",
    "Consensus",
    "Consistency",
    "Decision",
    "Group",
    "Hierarchy",
    "Mean",
    "Method",
    "Node",
    "RandomIndex",
    "Ratings",
    "Repair",
    "Scale",
    "Synthesis",
    "Triad",
    "Weights",
    "aggregate_judgements",
    "aggregate_priorities",
    "cell_errors",
    "complete",
    "compose",
    "compose_many",
    "consensus",
    "decompose",
    "examine",
    "format_hierarchy",
    "geometric_consistency_index",
    "geometric_limit",
    "global_weights",
    "hierarchy_consensus",
    "koczkodaj_index",
    "parse_hierarchy",
    "parse_ratio",
    "random_index",
    "ratio_text",
    "read_hierarchy",
    "repair_sequence",
    "repairs",
    "triads",
    "weigh",
    "weigh_group",
    "weigh_many",
]
