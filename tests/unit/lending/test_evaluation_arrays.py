"""Scores of arrays are the scores of the firms, one by one, to the unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.credit.scoring import ArrayScorer, fact_grade_arrays
from lending_domain.form import (
    Arrears,
    Certificate,
    CompanyClass,
    EvaluationForm,
    Industry,
    Months,
    RealEstate,
)
from lending_domain.model import Composition, compose, model2
from lending_domain.score import fact_grades, score_grades

MODEL = model2()
CASES = st.tuples(st.sampled_from(list(CompanyClass)), st.sampled_from(list(Industry)))
_UNHURRIED = settings(deadline=None, max_examples=40)


@_UNHURRIED
@given(case=CASES, composition=st.sampled_from(list(Composition)), data=st.data())
def test_arrays_score_as_firms_do(
    case: tuple[CompanyClass, Industry], composition: Composition, data: st.DataObject
) -> None:
    company, industry = case
    model = compose(MODEL, composition)
    cap = data.draw(st.sampled_from([None, 0, 2_000_000]))
    model = model.model_copy(update={"bonus_cap_units": cap})
    scorer = ArrayScorer(company, industry, model)
    assert set(scorer.items) == set(model.weights(company, industry))
    scales = [st.integers(1, model.items[name].grades) for name in scorer.items]
    rows = data.draw(st.lists(st.tuples(*scales), min_size=1, max_size=8))
    for dtype in (np.int64, np.uint8):
        scores = scorer.score(np.array(rows, dtype))
        for index, row in enumerate(rows):
            single = score_grades(dict(zip(scorer.items, row, strict=True)), company, industry, model)
            found = (scores.base[index], scores.bonus[index], scores.total[index])
            assert found == (single.base, single.bonus, single.total)
        assert (scorer.base(np.array(rows, dtype)[:, : len(scorer.base_items)]) == scores.base).all()
    assert scores.total.dtype == np.int64


def test_many_blocks_are_one_array() -> None:
    scorer = ArrayScorer(CompanyClass.GENERAL, Industry.OTHER)
    grades = np.tile(np.array([[1], [4]]), (40_000, len(scorer.items)))
    scores = scorer.score(grades)
    assert np.unique(scores.total[::2]).tolist() == [60 * (1_001_000 + 87_000)]
    assert len(np.unique(scores.total[1::2])) == 1
    assert scorer.score(grades[:0]).total.shape == (0,)


@pytest.mark.parametrize(
    ("grade", "row", "said"),
    [(0, 3, "row 3, rent_deposit: a grade from 1 to 6"), (7, 20_000, "row 20000, rent_deposit")],
)
def test_a_grade_off_its_scale_is_named(grade: int, row: int, said: str) -> None:
    scorer = ArrayScorer(CompanyClass.GENERAL, Industry.OTHER)
    grades = np.ones((20_001, len(scorer.items)), np.int8)
    grades[row, 0] = grade
    with pytest.raises(ValueError, match=said):
        scorer.score(grades)


def test_each_item_has_its_own_scale() -> None:
    scorer = ArrayScorer(CompanyClass.GENERAL, Industry.OTHER)
    grades = np.ones((1, len(scorer.items)), np.int8)
    grades[0, scorer.items.index("sales")] = 5
    with pytest.raises(ValueError, match="row 0, sales: a grade from 1 to 4 is needed"):
        scorer.score(grades)


@pytest.mark.parametrize(
    ("grades", "said"),
    [
        (np.ones((2, 3), np.int64), r"not of shape \(2, 3\)"),
        (np.ones(12, np.int64), r"not of shape \(12,\)"),
        (np.ones((2, 12)), "integers, not float64"),
        (np.ones((2, 12), bool), "integers, not bool"),
    ],
)
def test_what_are_no_grades(grades: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ArrayScorer(CompanyClass.GENERAL, Industry.OTHER).score(grades)


_WON = st.sampled_from([0, 1, 9_999_999, 10_000_000, 10_000_001, 30_000_000, 60_000_001, 100_000_001, 10**15])


@st.composite
def forms(draw: st.DrawFn, industry: Industry) -> EvaluationForm:
    count = st.integers(0, 7)
    return EvaluationForm(
        industry=industry,
        premises_owned=draw(st.booleans()),
        rent_deposit_krw=draw(_WON),
        total_borrowing_krw=draw(_WON),
        annual_sales_krw=draw(_WON),
        industry_career=Months(years=0),
        real_estate=draw(st.sampled_from(list(RealEstate))),
        real_estate_pledged=draw(st.booleans()),
        bank_credit_loan_krw=draw(_WON),
        wage_rent_arrears=Arrears.NONE,
        cash_advance_krw=draw(_WON),
        business_age=Months(years=draw(st.integers(0, 12)), months=draw(st.sampled_from([0, 11]))),
        residence=Months(years=draw(st.integers(0, 12)), months=draw(st.sampled_from([0, 11]))),
        moves_in_two_years=draw(count),
        overdue_loans_3m=draw(count),
        lender_count=draw(count),
        joint_guarantee=draw(st.booleans()),
        certificate=draw(st.sampled_from(list(Certificate))),
        judgement={},
    )


@_UNHURRIED
@given(industry=st.sampled_from(list(Industry)), data=st.data())
def test_raw_answers_become_the_same_grades(industry: Industry, data: st.DataObject) -> None:
    given_forms = data.draw(st.lists(forms(industry), min_size=1, max_size=6))
    spans = {"business_age", "residence"}
    fields = set(EvaluationForm.model_fields) - {"judgement", "industry_career", "entered_by"}
    answers = {
        name: [getattr(form, name).total if name in spans else getattr(form, name) for form in given_forms]
        for name in fields
    }
    answers |= {name: [str(one) for one in answers[name]] for name in ("real_estate", "certificate")}
    grades = fact_grade_arrays(answers, industry, MODEL.grade_map)
    for index, form in enumerate(given_forms):
        assert {name: column[index] for name, column in grades.items()} == fact_grades(form, MODEL.grade_map)


def test_a_choice_that_is_none_is_named() -> None:
    answers: dict[str, Any] = {
        name: [0, 0]
        for name in (
            "rent_deposit_krw",
            "total_borrowing_krw",
            "annual_sales_krw",
            "bank_credit_loan_krw",
            "cash_advance_krw",
            "business_age",
            "residence",
            "moves_in_two_years",
            "overdue_loans_3m",
            "lender_count",
        )
    }
    answers |= {"premises_owned": [False] * 2, "real_estate_pledged": [False] * 2}
    answers |= {"joint_guarantee": [False] * 2, "certificate": ["none"] * 2}
    answers |= {"real_estate": ["none", "castle"]}
    with pytest.raises(ValueError, match=r"row 1 holds none of apartment, detached, "):
        fact_grade_arrays(answers, Industry.OTHER, MODEL.grade_map)
