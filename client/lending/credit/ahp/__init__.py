"""Analytic Hierarchy Process: weights from pairwise comparisons. It knows numpy and no lending word."""

from lending.credit.ahp.batch import BatchWeights, Method, weigh_many
from lending.credit.ahp.completion import Completion, complete
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.hierarchy import Hierarchy, Node, compose, compose_many, decompose, global_weights
from lending.credit.ahp.hierarchy_text import format_hierarchy, parse_hierarchy, read_hierarchy
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.priorities import Weights, weigh
from lending.credit.ahp.random_indices import RandomIndex, random_index
from lending.credit.ahp.ratings import Ratings, Scale
from lending.credit.ahp.synthesis import Decision, Synthesis

__all__ = [
    "AhpError",
    "BatchWeights",
    "ComparisonMatrix",
    "Completion",
    "Decision",
    "Hierarchy",
    "Method",
    "Node",
    "RandomIndex",
    "Ratings",
    "Scale",
    "Synthesis",
    "Weights",
    "complete",
    "compose",
    "compose_many",
    "decompose",
    "format_hierarchy",
    "global_weights",
    "parse_hierarchy",
    "random_index",
    "read_hierarchy",
    "weigh",
    "weigh_many",
]
