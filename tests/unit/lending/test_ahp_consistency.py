"""Indices of inconsistency, and the comparisons and triads behind them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from lending.credit.ahp import (
    ComparisonMatrix,
    Method,
    cell_errors,
    examine,
    geometric_consistency_index,
    geometric_limit,
    koczkodaj_index,
    triads,
    weigh,
)
from tests.unit.lending.ahp_matrices import (
    DRINKS,
    HOUSE,
    consistent,
    matrices,
    unhurried,
    upper,
    weight_vectors,
    with_gaps,
)


def test_geometric_index_by_its_definition() -> None:
    """Aguaron & Moreno-Jimenez (2003): 2 / ((n - 1)(n - 2)) times the sum of squared logarithmic errors."""
    values = HOUSE.matrix.values
    weights = weigh(HOUSE.matrix, Method.GEOMETRIC_MEAN).values
    errors = [
        math.log(values[i, j] * weights[j] / weights[i]) ** 2 for i, j in itertools.combinations(range(8), 2)
    ]
    assert geometric_consistency_index(HOUSE.matrix) == pytest.approx(2 / (7 * 6) * sum(errors), abs=1e-13)


def test_geometric_index_and_ratio_agree_on_three_items() -> None:
    """On three items the ratio follows from the index: 0.3147 goes with 0.1 for a random index near 0.525."""
    factor = math.exp(math.sqrt(3 * 0.3147))
    found = examine(upper(f"1 {1 / factor:.15f} 1"))
    assert found.geometric_consistency_index == pytest.approx(0.3147, abs=1e-9)
    assert found.consistency_index / 0.525 == pytest.approx(0.1, abs=0.001)
    assert [geometric_limit(size) for size in (2, 3, 4, 5, 9)] == [0, 0.3147, 0.3526, 0.370, 0.370]


def test_koczkodajs_index() -> None:
    """The triad (2, 5, 3): min(|1 - 5/6|, |1 - 6/5|), Koczkodaj (1993)."""
    assert koczkodaj_index(upper("2 5 3")) == pytest.approx(1 / 6, abs=1e-15)
    values = DRINKS.matrix.values
    worst = max(
        min(abs(1 - values[i, k] / one), abs(1 - one / values[i, k]))
        for i, j, k in itertools.combinations(range(7), 3)
        for one in [values[i, j] * values[j, k]]
    )
    assert koczkodaj_index(DRINKS.matrix) == pytest.approx(worst, abs=1e-15)


def test_a_circle_is_named() -> None:
    found = triads(upper("1/2 3 1/4", ["price", "style", "colour"]))
    assert len(found) == 1
    assert (found[0].a, found[0].b, found[0].c) == ("price", "colour", "style")
    assert found[0].circular
    assert found[0].implied == 12
    assert found[0].factor == pytest.approx(24)
    assert str(found[0]) == (
        "price is 3 × colour and colour is 4 × style, so price should be 12 × style; "
        "it was judged 1/2 (a circle)"
    )


def test_the_comparison_that_was_spoiled_is_the_worst() -> None:
    weights = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    matrix = consistent(weights).replace("2", "4", 1 / 3)
    report = examine(matrix)
    worst = report.cells[0]
    assert {worst.a, worst.b} == {"2", "4"}
    assert worst.judged == 3
    assert worst.error == pytest.approx(
        worst.judged * weigh(matrix).as_dict()[worst.b] / weigh(matrix).as_dict()[worst.a]
    )
    assert "times too high" in str(worst)
    assert all({"2", "4"} <= {one.a, one.b, one.c} for one in report.triads[:3])
    assert report.triads[3].factor == pytest.approx(1)


def test_a_report_is_of_one_matrix() -> None:
    report, weights = examine(HOUSE.matrix), weigh(HOUSE.matrix)
    assert report.consistency_ratio == weights.consistency_ratio
    assert report.lambda_max == weights.lambda_max
    assert report.koczkodaj_index == report.triads[0].koczkodaj == koczkodaj_index(HOUSE.matrix)
    assert len(report.cells) == 28
    assert len(report.triads) == 56
    assert report.cells == cell_errors(HOUSE.matrix, weights.values)


def test_only_what_was_compared_counts() -> None:
    matrix = with_gaps(HOUSE.matrix, 3)
    report = examine(matrix)
    assert len(report.cells) == 28 - len(matrix.missing)
    judged = {frozenset((one.a, one.b)) for one in report.cells}
    for one in report.triads:
        assert {frozenset(pair) for pair in itertools.combinations((one.a, one.b, one.c), 2)} <= judged


def test_a_tree_cannot_contradict() -> None:
    report = examine(ComparisonMatrix.from_judgements(list("abc"), {("a", "b"): 2, ("b", "c"): 7}))
    assert (report.consistency_ratio, report.random_index, report.koczkodaj_index) == (0, 0, 0)
    assert report.geometric_consistency_index == 0
    assert report.triads == ()


@unhurried
@given(weight_vectors())
def test_a_perfect_judge_has_no_inconsistency(weights: NDArray[np.float64]) -> None:
    report = examine(consistent(weights))
    assert report.consistency_ratio == pytest.approx(0, abs=1e-12)
    assert report.geometric_consistency_index == pytest.approx(0, abs=1e-12)
    assert report.koczkodaj_index == pytest.approx(0, abs=1e-12)
    assert all(one.error == pytest.approx(1, abs=1e-12) for one in report.cells)


@unhurried
@given(matrices(least=3))
def test_indices_do_not_depend_on_the_order_of_items(matrix: ComparisonMatrix) -> None:
    turned = matrix.permuted(matrix.labels[::-1])
    assert koczkodaj_index(turned) == pytest.approx(koczkodaj_index(matrix), abs=1e-12)
    assert geometric_consistency_index(turned) == pytest.approx(
        geometric_consistency_index(matrix), abs=1e-11
    )
    for one in triads(matrix):
        assert one.first >= 1
        assert one.second >= 1
