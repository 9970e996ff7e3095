"""Many raters at once: the same numbers as one by one, and errors that name the rater."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from lending.credit.ahp import (
    SCALE,
    AhpError,
    ComparisonMatrix,
    Completion,
    Method,
    RandomIndex,
    weigh,
    weigh_many,
)
from tests.bench import ahp_cost


def _raters(size: int, count: int, *, gaps: bool) -> NDArray[np.float64]:
    draw = np.random.default_rng(size)
    stack = np.ones((count, size, size))
    for one in stack:
        for i, j in itertools.combinations(range(size), 2):
            one[i, j] = draw.choice(SCALE)
            if gaps and j > i + 1 and draw.random() < 0.4:
                one[i, j] = np.nan
            one[j, i] = 1 / one[i, j]
    return stack


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_same_numbers_as_rater_by_rater(size: int, gaps: bool) -> None:
    stack = _raters(size, 12, gaps=gaps)
    for method, completion in itertools.product(Method, Completion):
        batch = weigh_many(stack, method, completion=completion, random_index=RandomIndex.ALONSO_LAMATA)
        for rater, values in enumerate(stack):
            one = weigh(
                ComparisonMatrix(values),
                method,
                completion=completion,
                random_index=RandomIndex.ALONSO_LAMATA,
            )
            assert batch.weights[rater] == pytest.approx(one.values, abs=1e-12)
            assert batch.lambda_max[rater] == pytest.approx(one.lambda_max, abs=1e-12)
            assert batch.consistency_index[rater] == pytest.approx(one.consistency_index, abs=1e-12)
            assert batch.random_index[rater] == one.random_index
            assert batch.consistency_ratio[rater] == pytest.approx(one.consistency_ratio, abs=1e-12)


def test_against_numpy_beyond_one_pass() -> None:
    stack = _raters(5, 2_500, gaps=False)
    found = weigh_many(stack)
    values, vectors = np.linalg.eig(stack)
    top = values.real.argmax(axis=1)
    expected = np.abs(vectors[np.arange(len(stack)), :, top].real)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(found.weights - expected).max() < 1e-12
    assert np.abs(found.lambda_max - values.real.max(axis=1)).max() < 1e-11


def test_the_most_contradictory_judgements() -> None:
    """Circles of nines, whose second eigenvalue is nearly as large as the first."""
    size = 9
    circle = np.ones((size, size))
    for i, j in itertools.combinations(range(size), 2):
        circle[i, j] = 9.0 if (j - i) % 2 else 1 / 9
        circle[j, i] = 1 / circle[i, j]
    found = weigh_many(circle[None])
    assert found.lambda_max[0] == pytest.approx(np.linalg.eigvals(circle).real.max(), rel=1e-13)
    assert circle @ found.weights[0] == pytest.approx(found.lambda_max[0] * found.weights[0], rel=1e-12)


def test_half_filled_pairs_and_diagonals() -> None:
    half = np.array([[[np.nan, 3, 5], [np.nan, np.nan, 2], [np.nan, np.nan, np.nan]]])
    assert weigh_many(half).weights[0] == pytest.approx(weigh(ComparisonMatrix(half[0])).values, abs=1e-14)
    assert np.isnan(half[0, 0, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({(1, 0, 2): 0.0}, "rater 2: row '1', column '3': 0 is not a positive number"),
        ({(2, 1, 2): 7.0}, "rater 3: row '3', column '2'"),
        ({(0, 1, 1): 2.0}, "rater 1: row '2', column '2': an item compared with itself is 1, not 2"),
        (
            {(2, i, j): np.nan for i, j in [(0, 2), (2, 0), (1, 2), (2, 1)]},
            "rater 3: no comparison connects (1, 2) with (3)",
        ),
    ],
)
def test_errors_name_the_rater(change: dict[tuple[int, int, int], float], message: str) -> None:
    stack = _raters(3, 3, gaps=False)
    for place, value in change.items():
        stack[place] = value
    with pytest.raises(AhpError) as refused:
        weigh_many(stack)
    assert message in str(refused.value)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4), (2, 0, 0)])
def test_the_shape_is_said(shape: tuple[int, ...]) -> None:
    with pytest.raises(AhpError, match="a batch is raters by n by n: this one is"):
        weigh_many(np.ones(shape))


def test_no_raters() -> None:
    found = weigh_many(np.ones((0, 3, 3)))
    assert found.weights.shape == (0, 3)
    assert found.consistency_ratio.shape == (0,)


def test_the_benchmark_compares_the_same_numbers() -> None:
    """It raises where ahpy has other weights or ratios; no time is asserted here."""
    records = list(ahp_cost.measure(raters=10, rounds=1, few=5))
    assert [one.unit for one in records] == ["matrices/s", "matrices/s"]
    assert all(one.value and one.baseline for one in records)
