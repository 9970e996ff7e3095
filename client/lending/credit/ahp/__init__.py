"""Analytic Hierarchy Process: weights from pairwise comparisons. It knows numpy and no lending word."""

from lending.credit.ahp.answers import Negative, read_answers
from lending.credit.ahp.batch import BatchWeights, Method, weigh_many
from lending.credit.ahp.bootstrap import (
    Interval,
    Intervals,
    bootstrap_weights,
    of_hierarchy,
    of_judgements,
    of_priorities,
)
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
from lending.credit.ahp.decision_files import (
    read_alternatives,
    read_measured,
    read_scales,
    read_values,
    read_weights,
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
from lending.credit.ahp.panel import (
    Excess,
    Panel,
    PanelAggregation,
    PanelWeights,
    bootstrap_panel,
    weigh_panel,
)
from lending.credit.ahp.panel_files import read_panel, read_project, read_rater_weights
from lending.credit.ahp.priorities import Weights, weigh
from lending.credit.ahp.random_indices import RandomIndex, random_index
from lending.credit.ahp.ratings import Ratings, Scale
from lending.credit.ahp.repair import SCALE, Repair, repair_sequence, repairs
from lending.credit.ahp.sensitivity import (
    Reversal,
    Swap,
    WeightChange,
    break_evens,
    critical_change,
    rank_reversals,
    vary,
    weight_changes,
)
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
    "Excess",
    "Group",
    "Hierarchy",
    "Interval",
    "Intervals",
    "Mean",
    "Method",
    "Negative",
    "Node",
    "Panel",
    "PanelAggregation",
    "PanelWeights",
    "RandomIndex",
    "Ratings",
    "Repair",
    "Reversal",
    "Scale",
    "Swap",
    "Synthesis",
    "Triad",
    "WeightChange",
    "Weights",
    "aggregate_judgements",
    "aggregate_priorities",
    "bootstrap_panel",
    "bootstrap_weights",
    "break_evens",
    "cell_errors",
    "complete",
    "compose",
    "compose_many",
    "consensus",
    "critical_change",
    "decompose",
    "examine",
    "format_hierarchy",
    "geometric_consistency_index",
    "geometric_limit",
    "global_weights",
    "hierarchy_consensus",
    "koczkodaj_index",
    "of_hierarchy",
    "of_judgements",
    "of_priorities",
    "parse_hierarchy",
    "parse_ratio",
    "random_index",
    "rank_reversals",
    "ratio_text",
    "read_alternatives",
    "read_answers",
    "read_hierarchy",
    "read_measured",
    "read_panel",
    "read_project",
    "read_rater_weights",
    "read_scales",
    "read_values",
    "read_weights",
    "repair_sequence",
    "repairs",
    "triads",
    "vary",
    "weigh",
    "weigh_group",
    "weigh_many",
    "weigh_panel",
    "weight_changes",
]
