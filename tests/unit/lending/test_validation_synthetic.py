"""Synthetic firms: the margins they are drawn from, the model that made them, the label on every copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lending.credit.validation import (
    Portfolio,
    RevalidationError,
    balanced_draw,
    corrected_intercept,
    fit_logit,
    from_evaluations,
    published,
    read,
    revalidate,
    synthesize,
    usable_margins,
    write,
)
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import model2
from lending_domain.score import UNIT, score_grades


@pytest.fixture(scope="module")
def firms() -> Portfolio:
    return synthesize(seed=1)


def test_classes_and_industries_are_p2_s_to_the_firm(firms: Portfolio) -> None:
    paper = published()
    for labels, groups in ((firms.company_class, paper.company_class), (firms.industry, paper.industry)):
        assert {name: int((labels == name).sum()) for name in groups} == {
            name: counts.firms for name, counts in groups.items()
        }


def test_grades_have_table_10_s_means_and_sds(firms: Portfolio) -> None:
    for used in usable_margins():
        margin = used.margin
        rows = ~np.isnan(firms.column(margin.item))
        if margin.industry is not None:
            rows &= firms.industry == margin.industry
        grades = firms.column(margin.item)[rows]
        assert set(np.unique(grades)) <= set(margin.levels)
        assert abs(grades.mean() - used.mean) < 4 * used.sd / np.sqrt(len(grades)) + 1e-9
        spread = np.sqrt(np.mean((grades - grades.mean()) ** 4)) / np.sqrt(len(grades))
        assert abs(grades.var() - used.sd**2) < 4 * spread + 1e-3
    sales = ~np.isnan(firms.column("sales"))
    assert (sales == (firms.company_class == "general")).all()
    assert (~np.isnan(firms.column("technology")) == (firms.industry == "business-services")).all()


def test_accidents_are_tables_8_and_9_s_within_chance(firms: Portfolio) -> None:
    paper = published()
    for labels, groups in ((firms.company_class, paper.company_class), (firms.industry, paper.industry)):
        for name, counts in groups.items():
            drawn = int((firms.accident[labels == name] == 1).sum())
            assert abs(drawn - counts.accidents) < 4 * np.sqrt(counts.accidents), name


def test_table_11_is_recovered_from_firms_drawn_by_it() -> None:
    """Half a million firms: each slope within chance of the one that made them, and all six together."""
    firms = synthesize(500_000, seed=3)
    draw = balanced_draw(firms, seed=3)
    sample = firms.only(draw.rows)
    slopes = published().slopes
    fit = fit_logit(
        sample.accident, sample.grades[:, [firms.items.index(name) for name in slopes]], list(slopes)
    )
    off = np.array([(row.b - slopes[row.item]) / row.se for row in fit.coefficients[1:]])
    assert np.abs(off).max() < 4
    assert (off**2).sum() < stats.chi2.ppf(0.9999, 6)
    intercept = corrected_intercept(fit.intercept, float(firms.accident.mean()))
    # Not -6.248 to the digit: tables 8 and 9 add offsets by class and industry.
    assert intercept == pytest.approx(published().derived()["intercept_corrected"], abs=0.3)


def test_the_same_seed_draws_the_same_firms(firms: Portfolio) -> None:
    again, other = synthesize(seed=1), synthesize(seed=2)
    assert np.array_equal(again.grades, firms.grades, equal_nan=True)
    assert np.array_equal(again.accident, firms.accident)
    assert not np.array_equal(other.accident, firms.accident)


def test_scores_are_the_contract_s(firms: Portfolio) -> None:
    model = model2()
    for row in (0, 77, 4_000, 33_751):
        grades = {
            item: int(grade)
            for item, grade in zip(firms.items, firms.grades[row], strict=True)
            if not np.isnan(grade) and item in model.items
        }
        company, industry = CompanyClass(firms.company_class[row]), Industry(firms.industry[row])
        weights = model.weights(company, industry)
        needed = {name: grades.get(name, model.items[name].grades) for name in weights}
        assert firms.score[row] == score_grades(needed, company, industry, model).base / UNIT


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "yaml", "json"])
def test_every_format_gives_the_firms_back_and_says_that_they_are_synthetic(
    tmp_path: Path, suffix: str
) -> None:
    firms, path = synthesize(200, seed=5), tmp_path / f"firms.{suffix}"
    write(firms, path)
    back = read(path)
    assert back.synthetic
    assert back.items == firms.items
    assert np.array_equal(back.grades, firms.grades, equal_nan=True)
    assert np.array_equal(back.accident, firms.accident)
    assert back.score == pytest.approx(firms.score, abs=1e-15)  # a workbook keeps 16 digits
    assert (back.strata == firms.strata).all()
    # One firm of the file is labelled as much as all of them.
    write(firms.only(np.array([7])), path)
    assert read(path).synthetic


def test_a_draw_balances_each_stratum(firms: Portfolio) -> None:
    draw = balanced_draw(firms, seed=1)
    sample = firms.only(draw.rows)
    assert len(np.unique(draw.rows)) == len(draw.rows) == draw.accidents + draw.healthy
    assert draw.accidents == int(firms.accident.sum())
    for stratum in draw.strata:
        here = sample.strata == f"{stratum.company_class}/{stratum.industry}"
        assert int((sample.accident[here] == 1).sum()) == stratum.accidents
        assert int((sample.accident[here] == 0).sum()) == stratum.accidents
        assert stratum.short == 0
    assert (balanced_draw(firms, seed=1).rows == draw.rows).all()
    assert (balanced_draw(firms, seed=2).rows != draw.rows).any()


def test_a_stratum_that_is_short_says_so(firms: Portfolio) -> None:
    hits = np.flatnonzero(firms.accident == 1)
    some = np.flatnonzero(firms.accident == 0)[:60]
    draw = balanced_draw(firms.only(np.concatenate((hits, some))))
    assert draw.healthy <= 60
    assert sum(one.short for one in draw.strata) == draw.accidents - draw.healthy > 0


def test_without_accidents_there_is_nothing_to_draw(firms: Portfolio) -> None:
    with pytest.raises(RevalidationError, match="needs accidents"):
        balanced_draw(firms.only(firms.accident == 0))


def test_evaluations_become_firms() -> None:
    model = model2()
    company, industry = CompanyClass.GENERAL, Industry.WHOLESALE
    grades = {name: 1 for name in model.weights(company, industry)}
    evaluation = score_grades(grades, company, industry, model)
    found = from_evaluations([("a", evaluation, True), ("b", evaluation, None)])
    assert found.items == tuple(item.item for item in evaluation.items)
    assert (found.grades == 1).all()
    assert found.score.tolist() == [evaluation.total / UNIT] * 2
    assert found.accident[0] == 1
    assert np.isnan(found.accident[1])
    assert not found.synthetic


def test_findings_name_what_is_wrong(firms: Portfolio) -> None:
    spoilt = firms.only(np.arange(20_000))
    grades = spoilt.grades.copy()
    grades[0, spoilt.items.index("borrowing")] = 6  # of five
    grades[1:3, spoilt.items.index("residence")] = np.nan
    accident = spoilt.accident.copy()
    accident[5], accident[6] = np.nan, 2
    names = spoilt.firms.copy()
    names[9] = names[8]
    found = revalidate(
        Portfolio(names, spoilt.company_class, spoilt.industry, spoilt.items, grades, accident, spoilt.score)
    )
    codes = {(one.code, one.field): one.rows for one in found.findings}
    assert codes["OFF_SCALE", "borrowing"] == 1
    assert codes["MISSING", "residence"] == 2
    assert codes["OUTCOME_OPEN", "accident"] == 1
    assert codes["OUTCOME_INVALID", "accident"] == 1
    assert codes["DUPLICATE_FIRM", "firm"] == 1
    assert ("ONE_GRADE", "wage_rent_arrears") in codes
    assert ("MISSING", "sales") not in codes  # no startup has any
    assert found.logit.firms == 20_000 - 5
    assert not found.synthetic
