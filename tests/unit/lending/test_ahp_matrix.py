"""A comparison matrix is checked once, when it is made, and says which cell is wrong."""

from __future__ import annotations

import doctest
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from lending.credit import ahp
from lending.credit.ahp import AhpError, ComparisonMatrix, parse_ratio, ratio_text
from tests.unit.lending.ahp_matrices import matrices, unhurried

NAN = math.nan


def test_half_a_pair_is_completed_by_its_reciprocal() -> None:
    matrix = ComparisonMatrix([[None, 3, NAN], [NAN, 1, NAN], [4, NAN, NAN]], ["a", "b", "c"])
    assert matrix.values[1, 0] == 1 / 3
    assert matrix.values[0, 2] == 0.25
    assert np.diagonal(matrix.values).tolist() == [1, 1, 1]
    assert matrix.missing == (("b", "c"),)
    assert not matrix.complete


def test_it_cannot_be_changed() -> None:
    matrix = ComparisonMatrix([[1, 3], [1 / 3, 1]])
    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0, 1] = 5
    assert matrix.labels == ("1", "2")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ComparisonMatrix([[1, 0], [1, 1]], ["a", "b"]), "row 'a', column 'b': 0 is not a positive"),
        (
            lambda: ComparisonMatrix([[1, 2], [-3, 1]], ["a", "b"]),
            "row 'b', column 'a': -3 is not a positive",
        ),
        (lambda: ComparisonMatrix([[1, math.inf], [0, 1]], ["a", "b"]), "column 'b': inf is not a positive"),
        (
            lambda: ComparisonMatrix([[2, 2], [0.5, 1]], ["a", "b"]),
            "row 'a', column 'a': an item compared with",
        ),
        (
            lambda: ComparisonMatrix([[1, 3], [0.5, 1]], ["a", "b"]),
            "row 'b', column 'a': 0.5 is not the reciprocal of 3 in row 'a', column 'b'",
        ),
        (lambda: ComparisonMatrix([[1, 2, 3], [1, 2, 3]]), "this one is 2 by 3"),
        (lambda: ComparisonMatrix([]), "as many rows as columns, at least one"),
        (lambda: ComparisonMatrix([[1, 2], [0.5]]), "a square table of numbers"),
        (lambda: ComparisonMatrix([[1, "x"], [1, 1]]), "a square table of numbers"),
        (lambda: ComparisonMatrix([[1, 2], [0.5, 1]], ["a"]), "2 items have 1 labels: a"),
        (lambda: ComparisonMatrix([[1, 2], [0.5, 1]], ["a", "a"]), "the label 'a' is there twice"),
        (lambda: ComparisonMatrix([[1, 2], [0.5, 1]], ["a", " "]), "a label is empty"),
        (lambda: ComparisonMatrix([[1, 2], [0.5, 1]], "ab"), "a sequence of strings"),
        (
            lambda: ComparisonMatrix.from_judgements(["a", "b"], {("a", "x"): 2}),
            "'x' is compared but is not among the items a, b",
        ),
        (
            lambda: ComparisonMatrix.from_judgements(["a", "b"], {("a", "b"): "1/0"}),
            "row 'a', column 'b': '1/0' is not a finite number",
        ),
        (
            lambda: ComparisonMatrix.from_judgements(["a", "b"], {("a", "b"): 2, ("b", "a"): 2}),
            "2 is not the reciprocal of 2",
        ),
        (lambda: ComparisonMatrix([[1]]).replace("1", "2", 3), "'2' is not among the items 1"),
        (lambda: ComparisonMatrix([[1]]).replace("1", "1", 3), "compared with itself is 1"),
        (lambda: ComparisonMatrix([[1, 2], [0.5, 1]]).permuted(["1", "1"]), "1, 1 is not an order of"),
    ],
)
def test_bad_input_names_the_cell(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AhpError) as refused:
        make()
    assert message in str(refused.value)


def test_rounded_reciprocals_are_taken_only_when_asked() -> None:
    rounded = [[1, 3], [0.333, 1]]
    with pytest.raises(AhpError, match=r"0\.333 is not the reciprocal of 3"):
        ComparisonMatrix(rounded)
    assert ComparisonMatrix(rounded, tolerance=0.01).values.tolist() == [[1, 3], [1 / 3, 1]]


def test_judgements_by_pairs() -> None:
    matrix = ComparisonMatrix.from_judgements(["a", "b", "c"], {("a", "b"): "2:4", ("c", "b"): 5})
    assert matrix.values[0, 1] == 0.5
    assert matrix.values[1, 2] == 0.2
    assert matrix.missing == (("a", "c"),)


def test_replacing_and_taking_back() -> None:
    matrix = ComparisonMatrix([[1, 3], [1 / 3, 1]], ["a", "b"])
    assert matrix.replace("b", "a", "1/5").values.tolist() == [[1, 5], [0.2, 1]]
    assert matrix.replace("a", "b", None).missing == (("a", "b"),)
    assert matrix.values[0, 1] == 3


def test_components() -> None:
    matrix = ComparisonMatrix.from_judgements(list("abcde"), {("a", "d"): 2, ("d", "c"): 3, ("e", "b"): 4})
    assert matrix.components == (("a", "c", "d"), ("b", "e"))


@unhurried
@given(matrices(gaps=True))
def test_reciprocal_whatever_was_given(matrix: ComparisonMatrix) -> None:
    product = matrix.values * matrix.values.T
    assert np.all(np.isnan(product) | (np.abs(product - 1) < 1e-15))
    reverse = matrix.labels[::-1]
    assert matrix.permuted(reverse).permuted(matrix.labels) == matrix
    assert hash(matrix.permuted(reverse).permuted(matrix.labels)) == hash(matrix)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), (" 1/3 ", 1 / 3), ("0.25", 0.25), ("1:4", 0.25), (".5", 0.5), ("2.5/5", 0.5), ("1e-1", 0.1)],
)
def test_numbers_as_they_are_written(text: str, value: float) -> None:
    assert parse_ratio(text) == value


@pytest.mark.parametrize(
    "text", ["", "x", "1/2/3", "0", "0/3", "1/0", "-2", "inf", "nan", "3-Jan", "1,5", "1/"]
)
def test_text_that_is_no_judgement(text: str) -> None:
    with pytest.raises(AhpError, match=r"write 3, 0\.5 or 1/3"):
        parse_ratio(text)


def test_how_a_judgement_is_shown() -> None:
    assert [ratio_text(one) for one in (1, 7, 1 / 7, 2.5, 0.4)] == ["1", "7", "1/7", "2.5", "1/2.5"]


@pytest.mark.parametrize(
    "module",
    ["matrix", "priorities", "completion", "random_indices", "batch", "consistency", "repair", "tables"],
)
def test_examples_of_the_docstrings(module: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(f"lending.credit.ahp.{module}"))
    assert attempted > 0
    assert failed == 0


EXPORTS = """
    AhpError BatchWeights By CellError ComparisonMatrix Completion Consensus Consistency Decision
    Excess Group Hierarchy Interval Intervals Mean Method Negative Node Panel PanelAggregation
    PanelWeights RandomIndex Ratings Repair Reversal SCALE Scale Swap Synthesis Triad WeightChange
    Weights aggregate_judgements aggregate_priorities bootstrap_panel bootstrap_weights break_evens
    cell_errors complete compose compose_many consensus critical_change decompose examine
    format_hierarchy geometric_consistency_index geometric_limit global_weights hierarchy_consensus
    koczkodaj_index of_hierarchy of_judgements of_priorities parse_hierarchy parse_ratio
    random_index rank_reversals ratio_text read_alternatives read_answers read_hierarchy
    read_measured read_panel read_project read_rater_weights read_scales read_values read_weights
    repair_sequence repairs triads vary weigh weigh_group weigh_many weigh_panel weight_changes
"""


def test_the_public_names() -> None:
    assert sorted(ahp.__all__, key=str) == sorted(set(ahp.__all__), key=str)
    for name in ahp.__all__:
        assert getattr(ahp, name) is not None
    assert set(ahp.__all__) == set(EXPORTS.split())
