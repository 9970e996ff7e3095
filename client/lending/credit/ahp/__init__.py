"""Analytic Hierarchy Process: weights from pairwise comparisons. It knows numpy and no lending word."""

from lending.credit.ahp.batch import BatchWeights, Method, weigh_many
from lending.credit.ahp.completion import Completion, complete
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.priorities import Weights, weigh
from lending.credit.ahp.random_indices import RandomIndex, random_index

__all__ = [
    "AhpError",
    "BatchWeights",
    "ComparisonMatrix",
    "Completion",
    "Method",
    "RandomIndex",
    "Weights",
    "complete",
    "random_index",
    "weigh",
    "weigh_many",
]
