"""ROC, AUC and KS against published figures, scipy and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lending.credit.validation import (
    RevalidationError,
    auc,
    discriminate,
    gini,
    hanley_mcneil,
    kolmogorov_smirnov,
    roc,
)

# Ratings 1 (definitely normal) to 5 (definitely abnormal) of CT images of 58 normal and 51 abnormal patients.
NORMAL, ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)

groups = st.tuples(
    st.lists(st.integers(1, 12), min_size=1, max_size=40),
    st.lists(st.integers(1, 12), min_size=1, max_size=40),
)


def outcomes(groups: tuple[list[int], list[int]]) -> tuple[np.ndarray, np.ndarray]:
    healthy, accident = groups
    return np.repeat([0, 1], [len(healthy), len(accident)]), np.array(healthy + accident, dtype=float)


def test_hanley_and_mcneil_s_ct_images() -> None:
    """Hanley & McNeil (1982), Radiology 143:29-36, table I: area 0.893."""
    accident = np.repeat([0, 1], [sum(NORMAL), sum(ABNORMAL)])
    risk = np.concatenate((np.repeat(range(1, 6), NORMAL), np.repeat(range(1, 6), ABNORMAL)))
    assert auc(accident, risk) == pytest.approx(0.893, abs=0.0005)
    curve = roc(accident, risk)
    # Of the table: 33 of 51 abnormal and 2 of 58 normal images were rated 5, 44 and 13 were rated 4 or 5.
    assert curve.true_positive_rate.tolist()[:3] == [0, 33 / 51, 44 / 51]
    assert curve.false_positive_rate.tolist()[:3] == [0, 2 / 58, 13 / 58]


@given(groups)
def test_the_area_is_the_mann_whitney_statistic(pair: tuple[list[int], list[int]]) -> None:
    accident, risk = outcomes(pair)
    u = stats.mannwhitneyu(pair[1], pair[0]).statistic
    assert auc(accident, risk) == pytest.approx(u / (len(pair[0]) * len(pair[1])), abs=1e-12)
    curve = roc(accident, risk)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(
        auc(accident, risk), abs=1e-12
    )


@given(groups)
def test_the_distance_lies_between_the_two_distributions(pair: tuple[list[int], list[int]]) -> None:
    distance, at = kolmogorov_smirnov(*outcomes(pair))
    healthy, accident = (np.array(side) for side in pair)
    assert 0 <= distance <= 1
    assert distance == pytest.approx(
        max(abs(np.mean(healthy <= grade) - np.mean(accident <= grade)) for grade in range(13))
    )
    if distance:
        assert abs(np.mean(accident >= at) - np.mean(healthy >= at)) == pytest.approx(distance)


def test_the_distance_is_scipy_s() -> None:
    rng = np.random.default_rng(1)
    healthy, accident = rng.normal(size=400), rng.normal(0.4, size=90)
    distance, _ = kolmogorov_smirnov(np.repeat([0, 1], [400, 90]), np.concatenate((healthy, accident)))
    assert distance == pytest.approx(stats.ks_2samp(healthy, accident).statistic, abs=1e-12)


@given(groups)
def test_a_measure_turned_round_turns_the_area_round(pair: tuple[list[int], list[int]]) -> None:
    accident, risk = outcomes(pair)
    there, back = discriminate(accident, risk), discriminate(accident, -risk)
    assert there.auc + back.auc == pytest.approx(1)
    assert there.gini == pytest.approx(-back.gini)
    assert there.ks == pytest.approx(back.ks)
    assert 0 <= there.auc_low <= there.auc <= there.auc_high <= 1


def test_the_error_of_a_perfect_and_of_a_useless_measure() -> None:
    assert hanley_mcneil(1, 30, 40) == 0
    # At A = 1/2, Q1 = Q2 = 1/3: the variance of the Mann-Whitney statistic under no difference.
    assert hanley_mcneil(0.5, 30, 40) == pytest.approx(math.sqrt((30 + 40 + 1) / (12 * 30 * 40)))
    assert gini(0.5) == 0


@pytest.mark.parametrize(
    ("accident", "risk", "says"),
    [
        ([1, 1, 1], [1, 2, 3], "one of the two is absent"),
        ([0, 1, 2], [1, 2, 3], "an outcome is 0 or 1"),
        ([0, 1, 1], [1, np.nan, 3], "each firm needs its measure"),
        ([0, 1], [1, 2, 3], "of the same length"),
    ],
)
def test_what_cannot_be_measured(accident: list[int], risk: list[float], says: str) -> None:
    with pytest.raises(RevalidationError, match=says):
        auc(accident, risk)
