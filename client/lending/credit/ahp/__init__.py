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
from lending.credit.ahp.matrix import ComparisonMatrix, parse_ratio, ratio_text
from lending.credit.ahp.priorities import Weights, weigh
from lending.credit.ahp.random_indices import RandomIndex, random_index
from lending.credit.ahp.repair import SCALE, Repair, repair_sequence, repairs

__all__ = [
    "SCALE",
    "AhpError",
    "BatchWeights",
    "CellError",
    "ComparisonMatrix",
    "Completion",
    "Consistency",
    "Method",
    "RandomIndex",
    "Repair",
    "Triad",
    "Weights",
    "cell_errors",
    "complete",
    "examine",
    "geometric_consistency_index",
    "geometric_limit",
    "koczkodaj_index",
    "parse_ratio",
    "random_index",
    "ratio_text",
    "repair_sequence",
    "repairs",
    "triads",
    "weigh",
    "weigh_many",
]
