"""Brier, Hosmer-Lemeshow, calibration and PSI against their definitions and hand-made cases."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lending.credit.validation import (
    RevalidationError,
    Shift,
    bands,
    brier,
    calibrate,
    hosmer_lemeshow,
    stability,
    stability_of_grades,
    stability_of_scores,
)

counts = st.lists(st.integers(0, 500), min_size=2, max_size=8).filter(any)


def grouped(sizes: list[int], hits: list[int]) -> np.ndarray:
    return np.concatenate(
        [np.repeat([1.0, 0.0], [hit, size - hit]) for size, hit in zip(sizes, hits, strict=True)]
    )


def test_hosmer_and_lemeshow_over_both_columns_of_the_table() -> None:
    """Eleven doses, thirty people each: the sum over successes and failures, from the grouped fit."""
    dose, sizes = np.arange(0.0, 501, 50), [30] * 11
    hits = [10, 13, 17, 15, 10, 5, 4, 3, 3, 1, 0]
    table = np.column_stack((hits, np.subtract(sizes, hits)))
    fit = sm.GLM(table, sm.add_constant(dose), family=sm.families.Binomial()).fit()
    expected = np.column_stack((30 * fit.mu, 30 * (1 - fit.mu)))
    test = hosmer_lemeshow(grouped(sizes, hits), np.repeat(fit.mu, 30), groups=11)
    assert test.chi2 == pytest.approx(((table - expected) ** 2 / expected).sum())
    assert (test.groups, test.df) == (11, 9)
    assert test.p == pytest.approx(stats.chi2.sf(test.chi2, 9))
    assert hosmer_lemeshow(grouped(sizes, hits), np.repeat(fit.mu, 30), groups=11, fitted=False).df == 11


def test_too_few_groups() -> None:
    with pytest.raises(RevalidationError, match="three groups"):
        hosmer_lemeshow([0, 1, 0, 1], [0.2, 0.2, 0.6, 0.6])


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), min_size=4, max_size=80).filter(
        lambda firms: len({hit for hit, _ in firms}) == 2
    ),
    st.integers(1, 12),
)
def test_bands_hold_every_firm_once_and_in_order(firms: list[tuple[bool, float]], groups: int) -> None:
    accident, probability = np.array([hit for hit, _ in firms], float), np.array([p for _, p in firms])
    found = bands(accident, probability, groups)
    assert sum(band.firms for band in found) == len(firms)
    assert sum(band.accidents for band in found) == accident.sum()
    assert len(found) <= groups
    for low, high in pairwise(found):
        assert low.highest < high.lowest  # equal probabilities are never parted
    for band in found:
        assert 0 <= band.observed_low <= band.observed <= band.observed_high <= 1
    parts = brier(accident, probability, groups)
    assert parts.score == pytest.approx(np.mean((probability - accident) ** 2))
    assert parts.reliability >= 0
    assert -1e-12 <= parts.resolution <= parts.uncertainty + 1e-12


def test_the_brier_score_falls_into_its_parts_exactly_where_bands_are_single_probabilities() -> None:
    sizes, hits = [40, 40, 40], [4, 12, 30]
    parts = brier(grouped(sizes, hits), np.repeat([0.1, 0.4, 0.7], 40), groups=3)
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert parts.reliability == pytest.approx((0 + 0.1**2 + 0.05**2) / 3)
    assert parts.uncertainty == pytest.approx(46 / 120 * 74 / 120)
    assert parts.skill == pytest.approx(1 - parts.score / parts.uncertainty)


def test_probabilities_that_are_right_too_high_and_too_bold() -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(-1, 1.2, size=40_000)
    accident = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    right = calibrate(accident, 1 / (1 + np.exp(-odds)), fitted=False)
    assert right.intercept == pytest.approx(0, abs=0.05)
    assert right.slope == pytest.approx(1, abs=0.05)
    assert right.hosmer_lemeshow.p > 0.001
    high = calibrate(accident, 1 / (1 + np.exp(-odds - 1)), fitted=False)
    assert high.intercept == pytest.approx(-1, abs=0.05)
    assert high.hosmer_lemeshow.p < 1e-6
    bold = calibrate(accident, 1 / (1 + np.exp(-2 * odds)), fitted=False)
    assert bold.slope == pytest.approx(0.5, abs=0.03)


def test_a_certain_probability_is_refused() -> None:
    with pytest.raises(RevalidationError, match="between 0 and 1"):
        calibrate([0, 1, 1], [0.0, 0.5, 0.5])


def test_psi_by_hand() -> None:
    found = stability("score", ["low", "high"], [50, 50], [60, 40])
    assert found.psi == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))
    assert found.shift is Shift.STABLE
    assert sum(one.index for one in found.bins) == pytest.approx(found.psi)


@pytest.mark.parametrize(
    ("moved", "shift"), [(15, Shift.STABLE), (20, Shift.MODERATE), (30, Shift.SIGNIFICANT)]
)
def test_the_usual_reading(moved: int, shift: Shift) -> None:
    found = stability("item", ["1", "2"], [50, 50], [50 + moved, 50 - moved])
    assert found.shift is shift
    assert (found.psi < 0.10, found.psi >= 0.25) == (shift is Shift.STABLE, shift is Shift.SIGNIFICANT)


@given(counts, st.randoms())
def test_psi_is_never_negative_and_symmetric(before: list[int], random: object) -> None:
    after = list(before)
    random.shuffle(after)  # type: ignore[attr-defined]
    labels = [str(number) for number in range(len(before))]
    there, back = stability("x", labels, before, after), stability("x", labels, after, before)
    assert there.psi >= 0
    assert there.psi == pytest.approx(back.psi)
    assert stability("x", labels, before, before).psi == 0
    assert stability("x", labels, before, [7 * one for one in before]).psi == pytest.approx(0, abs=1e-12)


def test_psi_of_an_item_counts_the_firms_that_were_not_graded() -> None:
    found = stability_of_grades("sales", [1.0, 2, 2, np.nan], [1.0, 1, 2, 2])
    assert [one.label for one in found.bins] == ["1", "2", "not graded"]
    assert [one.baseline for one in found.bins] == [0.25, 0.5, 0.25]
    assert found.bins[-1].present == 0
    assert found.psi > 0.25  # a bin that has emptied is finite, and large


def test_psi_of_a_score_uses_the_baseline_s_deciles() -> None:
    rng = np.random.default_rng(4)
    before, same, moved = rng.normal(0, 1, 20_000), rng.normal(0, 1, 20_000), rng.normal(0.5, 1, 20_000)
    still = stability_of_scores("score", before, same)
    assert [one.baseline for one in still.bins] == pytest.approx([0.1] * 10, abs=1e-3)
    assert still.shift is Shift.STABLE
    # Of two normal distributions a distance d apart the index tends to d squared as bins grow fine.
    assert 0.2 < stability_of_scores("score", before, moved).psi < 0.25
    assert stability_of_scores("score", before, moved, bins=200).psi == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [([1, 2, 3], [1, 2], "2 bins need as many counts"), ([0, 0], [1, 2], "no firms to compare")],
)
def test_counts_that_cannot_be_compared(before: list[int], after: list[int], says: str) -> None:
    with pytest.raises(RevalidationError, match=says):
        stability("item", ["1", "2"], before, after)
