"""P2's printed figures: what follows from them, what contradicts itself, and that none is called ours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lending.credit.validation import (
    RevalidationError,
    check_published,
    check_summary,
    maximum_entropy,
    possible_sd,
    published,
    reconcile,
    usable_margins,
)
from lending_domain.form import CompanyClass, Industry


def moments(levels: tuple[int, ...], shares: np.ndarray) -> tuple[float, float]:
    grid = np.array(levels, float)
    mean = float(grid @ shares)
    return mean, math.sqrt(float((grid - mean) ** 2 @ shares))


def test_what_follows_from_the_printed_figures() -> None:
    """P2 section 3.3, tables 11 and 12: derived from print, to the digits that print allows."""
    derived = published().derived()
    # 0.0782 stands for anything from 0.07815 to 0.07825, and the maximum is 1 - 1/4.
    assert 0.07815 / 0.75 <= published().fit["r2_adjusted"] <= 0.07825 / 0.75
    assert derived["r2_nagelkerke"] == pytest.approx(0.0782 / (1 - 0.25))
    assert derived["lr_chi2"] == pytest.approx(69.38, abs=0.005)
    assert derived["ccr"] == pytest.approx(0.6315, abs=0.00005)
    assert published().fit["ccr"] == 0.6232  # kept as printed, though its own table gives the above
    assert derived["sensitivity"] == pytest.approx(0.6596, abs=0.00005)
    assert derived["specificity"] == pytest.approx(0.6033, abs=0.00005)
    assert derived["gini"] == pytest.approx(0.328)
    assert derived["auc_se"] == pytest.approx(0.0185, abs=0.00005)
    assert derived["intercept_corrected"] == pytest.approx(-6.248, abs=0.0005)


def test_wald_is_what_its_coefficient_and_error_print() -> None:
    """Table 11: (B / S.E.)^2 within what three decimals leave open."""
    for row in published().logit:
        low = (abs(row.b) - 0.0005) / (row.se + 0.0005)
        high = (abs(row.b) + 0.0005) / (row.se - 0.0005)
        assert low**2 <= row.wald <= high**2, row.item


def test_tables_8_and_9_close() -> None:
    paper = published()
    for groups, known in ((paper.company_class, CompanyClass), (paper.industry, Industry)):
        assert set(groups) == {one.value for one in known}
        assert sum(one.firms for one in groups.values()) == paper.total.firms == 33_752
        assert sum(one.accidents for one in groups.values()) == paper.total.accidents == 426
    assert paper.rate == pytest.approx(0.01262, abs=0.000005)


def test_rows_of_table_10_that_no_firms_can_have() -> None:
    """1.65 with sd 2.22 on 1|6; and five judgement items whose sd is less than whole grades can have."""
    found = {one.field: one for one in check_published()}
    assert set(found) == {
        "joint_guarantee",
        "duplicate_guarantee",
        "manufacturing.equipment_quality",
        "wholesale.product_quality",
        "business-services.purpose_sales",
        "business-services.technology",
        "business-services.staff",
    }
    assert "have an sd of 1.68; 2.22 is impossible" in found["joint_guarantee"].en
    assert "0.39~2.40" in found["manufacturing.equipment_quality"].ko
    assert {one.code for one in found.values()} == {"IMPOSSIBLE_SD"}


def test_4_65_has_the_printed_sd() -> None:
    assert possible_sd((1, 6), 4.65) == pytest.approx((2.22, 2.22), abs=0.005)
    assert check_summary("joint_guarantee", (1, 6), 4.65, 2.22) is None
    assert possible_sd((1, 6), 2.35) == pytest.approx(possible_sd((1, 6), 4.65))  # and so would 2.35


def test_every_margin_is_drawn_from_a_distribution_that_has_it() -> None:
    for used in usable_margins():
        shares = maximum_entropy(used.margin.levels, used.mean, used.sd)
        assert shares.min() >= 0
        mean, sd = moments(used.margin.levels, shares)
        assert (mean, sd) == pytest.approx((used.mean, used.sd), abs=1e-5)
        if used.how == "as printed":
            assert (used.mean, used.sd) == (used.margin.mean, used.margin.sd)
        elif used.how == "within rounding":
            assert (mean, sd) == pytest.approx((used.margin.mean, used.margin.sd), abs=0.005 + 1e-9)
        elif used.how == "sd moved":
            assert used.mean == used.margin.mean
        else:
            assert used.how == "mean 1.65 read as 4.65"
    assert sum(used.how == "sd moved" for used in usable_margins()) == 6


@given(st.lists(st.integers(1, 100), min_size=3, max_size=7))
def test_the_distribution_has_its_mean_and_sd_and_the_most_entropy(weights: list[int]) -> None:
    levels = tuple(range(1, len(weights) + 1))
    any_shares = np.array(weights) / sum(weights)
    mean, sd = moments(levels, any_shares)
    shares = maximum_entropy(levels, mean, sd)
    assert moments(levels, shares) == pytest.approx((mean, sd), abs=1e-5)

    def entropy(p: np.ndarray) -> float:
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    assert entropy(shares) >= entropy(any_shares) - 1e-6


@given(st.floats(1, 6), st.floats(0, 3))
def test_an_sd_is_possible_or_moved_to_the_nearest(mean: float, sd: float) -> None:
    levels = (1, 2, 3, 4, 5, 6)
    low, high = possible_sd(levels, mean)
    found = reconcile(levels, mean, sd)
    if low <= sd <= high:
        assert found.how == "as printed"
    assume(found.how == "sd moved")
    assert found.mean == mean
    assert found.sd == pytest.approx(low if sd < low else high)
    with pytest.raises(RevalidationError, match="no grades from 1 to 6"):
        maximum_entropy(levels, mean, sd)


def test_a_mean_off_the_scale() -> None:
    with pytest.raises(RevalidationError, match=r"mean 6\.5 lies outside the grades 1 to 6"):
        possible_sd((1, 2, 3, 4, 5, 6), 6.5)
