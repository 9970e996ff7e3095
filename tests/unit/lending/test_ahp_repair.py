"""What to think over again: the best value, the nearest one, and a sequence of changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize_scalar

from lending.credit.ahp import SCALE, ComparisonMatrix, repair_sequence, repairs, weigh
from tests.unit.lending.ahp_matrices import HOUSE, consistent, matrices, with_gaps


def _ratio(matrix: ComparisonMatrix, a: str, b: str, value: float) -> float:
    return weigh(matrix.replace(a, b, value)).consistency_ratio


@pytest.mark.parametrize("matrix", [HOUSE.matrix, with_gaps(HOUSE.matrix, 2)], ids=["complete", "incomplete"])
def test_the_best_value_is_the_minimum_of_a_search(matrix: ComparisonMatrix) -> None:
    for one in repairs(matrix)[:6]:
        searched = minimize_scalar(
            lambda log, one=one: _ratio(matrix, one.a, one.b, float(np.exp(log))),
            bounds=(-6, 6),
            method="bounded",
        )
        assert one.best_ratio <= searched.fun + 1e-12
        assert np.log(one.best) == pytest.approx(searched.x, abs=1e-3)
        assert _ratio(matrix, one.a, one.b, one.best) == pytest.approx(one.best_ratio, abs=1e-10)
        assert one.ratio == pytest.approx(weigh(matrix).consistency_ratio)


def test_the_house_needs_one_change() -> None:
    """Neighbourhood against condition, judged 6, alone brings Saaty's 0.17 under 0.1."""
    first = repairs(HOUSE.matrix)[0]
    assert (first.a, first.b, first.judged) == ("neighbourhood", "condition", 6)
    assert first.enough
    assert first.scale == 1
    assert first.nearest is not None
    assert _ratio(HOUSE.matrix, first.a, first.b, first.nearest) == pytest.approx(0.1, abs=1e-9)
    assert _ratio(HOUSE.matrix, first.a, first.b, 2) > 0.1
    assert str(first) == (
        "neighbourhood against condition: 1 instead of 6 brings the consistency ratio from 0.170 to 0.089"
    )


def test_effects_are_ranked() -> None:
    found = repairs(HOUSE.matrix)
    assert len(found) == 28
    assert [one.best_ratio for one in found] == sorted(one.best_ratio for one in found)
    assert all(one.nearest is None and not one.enough for one in found[1:])


def test_a_spoiled_judgement_is_found_and_mended() -> None:
    weights = np.array([0.4, 0.2, 0.2, 0.1, 0.1])
    spoiled = consistent(weights).replace("1", "4", 1 / 4)
    first = repairs(spoiled, 0.01)[0]
    assert {first.a, first.b} == {"1", "4"}
    mended = first.best if first.a == "1" else 1 / first.best
    assert mended == pytest.approx(4, abs=1e-9)
    assert first.best_ratio == pytest.approx(0, abs=1e-12)
    assert "(1 over 4)" in str(first)


def test_a_sequence_ends_under_the_limit() -> None:
    steps, repaired = repair_sequence(HOUSE.matrix, 0.05)
    assert len(steps) > 1
    assert weigh(repaired).consistency_ratio <= 0.05
    matrix = HOUSE.matrix
    for one in steps:
        assert one.scale in SCALE
        assert _ratio(matrix, one.a, one.b, one.scale) == pytest.approx(one.scale_ratio, abs=1e-12)
        assert one.scale_ratio < one.ratio
        matrix = matrix.replace(one.a, one.b, one.scale)
    assert matrix == repaired
    assert len({frozenset((one.a, one.b)) for one in steps}) == len(steps)


def test_nothing_to_do() -> None:
    steps, repaired = repair_sequence(HOUSE.matrix, 0.2)
    assert steps == ()
    assert repaired is HOUSE.matrix
    tree = ComparisonMatrix.from_judgements(list("abc"), {("a", "b"): 2, ("b", "c"): 7})
    assert repairs(tree) == ()
    assert repair_sequence(tree) == ((), tree)


def test_a_link_that_nothing_can_contradict_is_left_out() -> None:
    matrix = ComparisonMatrix.from_judgements(
        list("abcd"), {("a", "b"): 2, ("b", "c"): 3, ("a", "c"): 1, ("c", "d"): 5}
    )
    found = {frozenset((one.a, one.b)) for one in repairs(matrix)}
    assert frozenset("cd") not in found
    assert len(found) == 3


@settings(deadline=None, max_examples=20)
@given(matrices(least=3, most=5, gaps=True))
def test_suggestions_keep_what_they_promise(matrix: ComparisonMatrix) -> None:
    for one in repairs(matrix):
        assert one.best_ratio <= one.scale_ratio + 1e-10
        assert one.best_ratio <= one.ratio + 1e-10
        assert one.judged >= 1
        if one.nearest is not None:
            assert one.best_ratio <= one.limit
            assert _ratio(matrix, one.a, one.b, one.nearest) <= one.limit + 1e-9
            low, high = sorted((np.log(one.judged), np.log(one.best)))
            assert low - 1e-12 <= np.log(one.nearest) <= high + 1e-12
        assert one.enough == (one.scale_ratio <= one.limit)
