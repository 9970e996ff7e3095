"""The logit against Greene's printed table, selection against what each step must do."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lending.credit.validation import (
    RevalidationError,
    SeparationError,
    classify,
    corrected_intercept,
    fit_logit,
    select,
)

ITEMS = ["GPA", "TUCE", "PSI"]


@pytest.fixture(scope="module")
def spector() -> tuple[np.ndarray, np.ndarray]:
    data = sm.datasets.spector.load_pandas()
    return data.endog.to_numpy(dtype=float), data.exog[ITEMS].to_numpy(dtype=float)


def test_spector_and_mazzeo_s_logit(spector: tuple[np.ndarray, np.ndarray]) -> None:
    """Greene, Econometric Analysis, 5th ed., table 21.1 (Spector & Mazzeo 1980): the logit's column."""
    fit = fit_logit(*spector, ITEMS)
    assert [row.b for row in fit.coefficients] == pytest.approx([-13.021, 2.826, 0.095, 2.379], abs=0.0005)
    assert fit.minus_two_log_likelihood / -2 == pytest.approx(-12.890, abs=0.0005)
    assert (fit.n, fit.accidents, fit.lr_df) == (32, 11, 3)


def test_the_columns_of_the_table_belong_together(spector: tuple[np.ndarray, np.ndarray]) -> None:
    fit = fit_logit(*spector, ITEMS)
    for row in fit.coefficients:
        assert row.wald == pytest.approx((row.b / row.se) ** 2)
        assert row.p == pytest.approx(stats.chi2.sf(row.wald, 1))
        assert row.exp_b == pytest.approx(np.exp(row.b))
        assert row.exp_low < row.exp_b < row.exp_high
    assert fit.lr_chi2 == pytest.approx(fit.null_minus_two_log_likelihood - fit.minus_two_log_likelihood)
    assert 0 < fit.r2_cox_snell < fit.r2_nagelkerke < 1
    # A fitted intercept makes the probabilities add up to the accidents.
    assert fit.probabilities.sum() == pytest.approx(fit.accidents)
    grid = spector[1]
    odds = fit.intercept + fit.linear(grid, ITEMS)
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(fit.probabilities)


def test_selection_takes_the_items_by_their_p_value(spector: tuple[np.ndarray, np.ndarray]) -> None:
    found = select(*spector, ITEMS)
    assert [(step.action, step.item) for step in found.steps] == [("enter", "GPA"), ("enter", "PSI")]
    assert found.fit.items == ("GPA", "PSI")
    # The score test of a first item is the trend test n r^2.
    r = np.corrcoef(spector[0], spector[1][:, 0])[0, 1]
    assert found.steps[0].statistic == pytest.approx(32 * r**2)
    assert select(*spector, ITEMS, entry=0.001).steps == ()
    assert set(select(*spector, ITEMS, entry=0.9, removal=0.95).fit.items) == set(ITEMS)


def test_an_item_that_others_make_idle_leaves_again() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(2, 3000))
    both = first + second + rng.normal(scale=0.5, size=3000)
    accident = (rng.random(3000) < 1 / (1 + np.exp(-(first + second)))).astype(float)
    found = select(accident, np.column_stack((both, first, second)), ["both", "first", "second"], entry=0.05)
    assert [(step.action, step.item) for step in found.steps] == [
        ("enter", "both"),
        ("enter", "second"),
        ("enter", "first"),
        ("remove", "both"),
    ] or [(step.action, step.item) for step in found.steps] == [
        ("enter", "both"),
        ("enter", "first"),
        ("enter", "second"),
        ("remove", "both"),
    ]
    assert set(found.fit.items) == {"first", "second"}


def test_a_limit_for_removal_below_entry_comes_to_an_end() -> None:
    rng = np.random.default_rng(1)
    grades = rng.integers(1, 7, size=(300, 6)).astype(float)
    accident = (rng.random(300) < 0.5).astype(float)
    found = select(accident, grades, list("abcdef"), entry=0.9, removal=0.05)
    assert all(row.p <= 0.05 for row in found.fit.coefficients[1:])
    assert found.steps[-1].action == "remove"


def test_items_that_cannot_be_chosen() -> None:
    rng = np.random.default_rng(2)
    grade = rng.integers(1, 7, size=400).astype(float)
    accident = (rng.random(400) < 1 / (1 + np.exp(-(grade - 3.5)))).astype(float)
    matrix = np.column_stack((np.ones(400), grade, 7 - grade))
    found = select(accident, matrix, ["flat", "grade", "mirror"])
    assert found.left_out == {"flat": "every firm has the same grade"}
    assert len(found.fit.items) == 1  # the mirror image adds nothing to the first
    with pytest.raises(RevalidationError, match="grade, mirror are linearly dependent"):
        fit_logit(accident, matrix[:, 1:], ["grade", "mirror"])


def test_items_that_separate_the_outcomes() -> None:
    grade = np.array([1.0, 1, 2, 2, 5, 5, 6, 6])
    with pytest.raises(RevalidationError, match="a coefficient is infinite"):
        fit_logit((grade > 3).astype(float), grade[:, np.newaxis], ["grade"])


def test_a_rare_flag_that_only_accidents_have_is_left_out_and_said() -> None:
    rng = np.random.default_rng(6)
    grade = rng.integers(1, 7, size=400).astype(float)
    accident = (rng.random(400) < 1 / (1 + np.exp(3.5 - grade))).astype(float)
    flag = np.ones(400)
    flag[np.flatnonzero(accident == 1)[:20]] = 6
    found = select(accident, np.column_stack((grade, flag)), ["grade", "flag"])
    assert found.fit.items == ("grade",)
    assert found.left_out == {"flag": "one of its grades has accidents alone, or healthy firms alone"}
    assert [step.item for step in found.steps] == ["grade"]
    with pytest.raises(SeparationError):
        fit_logit(accident, flag[:, np.newaxis], ["flag"])


def test_a_firm_without_a_grade_is_named() -> None:
    with pytest.raises(RevalidationError, match="item 'grade' is not graded for every firm"):
        fit_logit([0, 1, 0], np.array([[1.0], [np.nan], [2.0]]), ["grade"])


@pytest.mark.parametrize("limits", [{"entry": 0.0}, {"entry": 1.0}, {"removal": 1.5}])
def test_limits_are_p_values(limits: dict[str, float]) -> None:
    with pytest.raises(RevalidationError, match="p-values between 0 and 1"):
        select([0, 1, 0], np.array([[1.0], [2.0], [3.0]]), ["grade"], **limits)


def test_classification_at_its_cutoff() -> None:
    table = classify([1, 1, 0, 0, 0], [0.5, 0.4, 0.6, 0.1, 0.2])
    assert (table.true_positive, table.false_negative) == (1, 1)
    assert (table.false_positive, table.true_negative) == (1, 2)
    assert (table.accuracy, table.sensitivity, table.specificity) == (0.6, 0.5, pytest.approx(2 / 3))


@given(st.floats(-5, 5), st.floats(0.001, 0.999), st.floats(0.01, 0.99))
def test_prior_correction_moves_the_odds_by_the_ratio_of_the_priors(
    intercept: float, rate: float, sampled: float
) -> None:
    moved = corrected_intercept(intercept, rate, sampled)
    there, back = rate / (1 - rate), sampled / (1 - sampled)
    assert moved - intercept == pytest.approx(np.log(there / back), abs=1e-9)
    assert corrected_intercept(moved, sampled, rate) == pytest.approx(intercept, abs=1e-9)
    assert corrected_intercept(intercept, sampled, sampled) == pytest.approx(intercept)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(RevalidationError, match="the population's rate"):
        corrected_intercept(0, rate)


def test_slopes_and_corrected_intercept_of_case_control_samples() -> None:
    """Sampling by outcome leaves slopes alone, the correction mends the intercept (King & Zeng 2001).

    Ten populations: the squared errors in standard errors add up to chi squared.
    """
    off = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        grades = rng.integers(1, 7, size=(100_000, 2)).astype(float)
        odds = -6.0 + grades @ [0.3, 0.2]
        accident = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
        hits = np.flatnonzero(accident == 1)
        healthy = rng.choice(np.flatnonzero(accident == 0), len(hits), replace=False)
        rows = np.concatenate((hits, healthy))
        fit = fit_logit(accident[rows], grades[rows], ["a", "b"])
        found = (
            corrected_intercept(fit.intercept, accident.mean()),
            *(row.b for row in fit.coefficients[1:]),
        )
        errors = [row.se for row in fit.coefficients]
        off.append((np.array(found) - (-6.0, 0.3, 0.2)) / errors)
        assert fit.intercept > -3  # as fitted it is far off
    squares = np.square(off).sum(axis=0)
    assert (squares < stats.chi2.ppf(0.9999, 10)).all()
    assert (squares > stats.chi2.ppf(0.0001, 10)).all()
    assert (np.abs(np.mean(off, axis=0)) < 4 / np.sqrt(10)).all()
