"""Incomplete matrices: printed examples, and optimality checked from outside."""

from __future__ import annotations

import math

import ahpy
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from scipy.optimize import minimize

from lending.credit.ahp import (
    AhpError,
    ComparisonMatrix,
    Completion,
    Method,
    RandomIndex,
    complete,
    weigh,
)
from tests.unit.lending.ahp_matrices import HOUSE, matrices, unhurried, with_gaps

# Bozoki, Fulop & Ronyai, Mathematical and Computer Modelling 52 (2010) 318-333, as ahpy 2.1 tests them.
SMALL = ComparisonMatrix.from_judgements(
    list("abcd"), {("a", "b"): 1, ("a", "c"): 5, ("a", "d"): 2, ("b", "c"): 3, ("b", "d"): 4}
)
_HOUSING = (
    "a/b 5, a/c 3, a/d 7, a/e 6, a/f 6, b/d 5, b/f 3, c/e 3, c/g 6, f/d 4, g/a 3, g/e 5, h/a 4, h/b 7, "
    "h/d 8, h/f 6"
)
HOUSING = ComparisonMatrix.from_judgements(
    list("abcdefgh"), {(one[0], one[2]): one[4:] for one in _HOUSING.split(", ")}
)
_HOUSING_FILLED = (
    "b/c 0.3300187496, b/e 1.7197409185, b/g 0.4663515002, c/d 9.9205126619, c/f 4.8524864492, "
    "c/h 0.5696073302, d/e 0.5252768143, d/g 0.1424438147, e/f 0.9311973565, e/h 0.1093082818, "
    "f/g 0.2912120796, g/h 0.4030898885"
)


def _lambda_max(values: NDArray[np.float64]) -> float:
    return float(np.linalg.eigvals(values).real.max())


def test_one_missing_value_of_the_printed_example() -> None:
    found = complete(SMALL).values[2, 3]
    assert found == pytest.approx(0.730297106886979, abs=1e-6)
    # With one gap in a 4 by 4 matrix of one row's and one column's judgements the optimum is a square root.
    assert found == pytest.approx(math.sqrt(8 / 15), abs=1e-14)
    weights = weigh(SMALL, random_index=RandomIndex.DONEGAN_DODD)
    assert weights.values == pytest.approx([0.3738, 0.392, 0.0985, 0.1357], abs=0.00005)
    assert weights.consistency_index / 0.8286 == pytest.approx(0.0372, abs=0.00005)


def test_twelve_missing_values_of_the_printed_example() -> None:
    """To the precision of ahpy's bounded search; ours has the smaller eigenvalue."""
    theirs = {(one[0], one[2]): float(one[4:]) for one in _HOUSING_FILLED.split(", ")}
    found = complete(HOUSING)
    assert set(HOUSING.missing) == set(theirs)
    other = HOUSING
    for (a, b), value in theirs.items():
        assert found.values["abcdefgh".index(a), "abcdefgh".index(b)] == pytest.approx(value, rel=3e-5)
        other = other.replace(a, b, value)
    assert _lambda_max(found.values) < _lambda_max(other.values)


def test_the_same_completion_as_ahpy() -> None:
    draw = np.random.default_rng(5)
    for size in (4, 5, 6):
        labels = [str(k) for k in range(size)]
        judged = {
            (a, b): float(draw.choice([1 / 5, 1 / 3, 1, 2, 4]))
            for i, a in enumerate(labels)
            for b in labels[i + 1 :]
            if (a, b) not in {("0", "2"), ("1", str(size - 1))}
        }
        theirs = ahpy.Compare("judged", judged, precision=8, tolerance=1e-9)
        ours = weigh(ComparisonMatrix.from_judgements(labels, judged))
        assert ours.as_dict() == pytest.approx(theirs.local_weights, abs=2e-6)


def test_no_other_completion_has_a_smaller_eigenvalue() -> None:
    matrix = with_gaps(HOUSE.matrix, 3)
    places = [tuple(map(matrix.labels.index, pair)) for pair in matrix.missing]
    found = complete(matrix).values

    def eigenvalue(logs: NDArray[np.float64]) -> float:
        values = np.array(matrix.values)
        for (i, j), log in zip(places, logs, strict=True):
            values[i, j], values[j, i] = np.exp(log), np.exp(-log)
        return _lambda_max(values)

    best = np.log([found[i, j] for i, j in places])
    searched = minimize(eigenvalue, np.zeros(len(places)), method="Nelder-Mead", options={"maxiter": 20_000})
    assert eigenvalue(best) <= searched.fun + 1e-12
    for k in range(len(places)):
        for step in (-1e-3, 1e-3):
            moved = best.copy()
            moved[k] += step
            assert eigenvalue(moved) > eigenvalue(best)


@unhurried
@given(matrices(least=3, gaps=True))
def test_what_was_judged_stays(matrix: ComparisonMatrix) -> None:
    known = ~np.isnan(matrix.values)
    for completion in Completion:
        found = complete(matrix, completion)
        assert found.complete
        assert np.array_equal(found.values[known], matrix.values[known])
    least = weigh(matrix).lambda_max
    assert least <= weigh(matrix, completion=Completion.LOG_LEAST_SQUARES).lambda_max + 1e-11
    assert least <= weigh(matrix, completion=Completion.HARKER).lambda_max + 1e-11


@unhurried
@given(matrices(least=3, gaps=True))
def test_harker_is_the_eigenvector_of_his_matrix(matrix: ComparisonMatrix) -> None:
    """Harker, Mathematical Modelling 9 (1987) 837-848: 0 for a gap, and 1 for each on the row's diagonal."""
    gaps = np.isnan(matrix.values)
    his = np.where(gaps, 0.0, matrix.values) + np.diag(gaps.sum(axis=1))
    found = weigh(matrix, completion=Completion.HARKER)
    assert his @ found.values == pytest.approx(found.lambda_max * found.values, rel=1e-9)


def test_harkers_method_on_a_chain() -> None:
    """Two comparisons of three items, 2 and 2: weights 4/7, 2/7 and 1/7, eigenvalue 3."""
    chain = ComparisonMatrix.from_judgements(["a", "b", "c"], {("a", "b"): 2, ("b", "c"): 2})
    found = weigh(chain, completion=Completion.HARKER)
    assert found.values == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=1e-14)
    assert found.lambda_max == pytest.approx(3, abs=1e-14)


@unhurried
@given(matrices(least=3, gaps=True))
def test_least_squares_fills_with_its_own_ratios(matrix: ComparisonMatrix) -> None:
    """The geometric mean of the completed matrix is then the least squares solution itself."""
    solution = weigh(matrix, Method.LOG_LEAST_SQUARES)
    filled = weigh(matrix, Method.GEOMETRIC_MEAN, completion=Completion.LOG_LEAST_SQUARES)
    assert filled.values == pytest.approx(solution.values, abs=1e-12)


def test_only_a_connected_graph_is_completed() -> None:
    matrix = ComparisonMatrix.from_judgements(list("abcd"), {("a", "b"): 2, ("c", "d"): 3})
    with pytest.raises(AhpError, match=r"no comparison connects \(a, b\) with \(c, d\): compare 'a'"):
        complete(matrix)


def test_judgements_far_apart_are_completed_too() -> None:
    chain = ComparisonMatrix.from_judgements(
        list("abcde"), {("a", "b"): 9, ("b", "c"): 9, ("c", "d"): 9, ("d", "e"): 9, ("e", "a"): 9}
    )
    found = complete(chain)
    assert found.complete
    # The circle is symmetric: no item weighs more.
    assert weigh(chain).values == pytest.approx([0.2] * 5, abs=1e-12)
