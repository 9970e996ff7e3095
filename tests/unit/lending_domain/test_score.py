"""The score against vectors worked by hand from P2's tables 15 to 19, transcribed here a second time."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending_domain.canonical import canonical
from lending_domain.enterprise import Sector
from lending_domain.form import (
    CompanyClass,
    Industry,
    Months,
    Screening,
    screen,
)
from lending_domain.model import Composition, Model, Threshold, compose, model2
from lending_domain.score import UNIT, evaluate, guaranteeable, score_grades
from lending_domain.violations import Refused
from tests.unit.lending_domain.score_goldens import (
    BY_HAND,
    CASES,
    check_all,
    form,
    grades_of,
    table,
)


@pytest.mark.parametrize(("industry", "company"), CASES)
def test_best_and_worst_grades(industry: Industry, company: CompanyClass) -> None:
    best = score_grades(grades_of(industry, company, 1), company, industry)
    printed = {Industry.OTHER: 1001, Industry.BUSINESS_SERVICES: 971}.get(industry, 972)
    assert best.base == printed * UNIT // 1000
    assert best.bonus == 87 * UNIT // 1000
    worst = score_grades(grades_of(industry, company, 6), company, industry)
    assert (worst.base, worst.bonus, worst.total) == (0, 0, 0)


@pytest.mark.parametrize(("industry", "company"), CASES)
def test_second_grades_by_hand(industry: Industry, company: CompanyClass) -> None:
    grades = grades_of(industry, company, 2) | {"certificate": 4}
    assert score_grades(grades, company, industry).total == BY_HAND[industry, company]


@given(case=st.sampled_from(CASES), data=st.data())
def test_every_score_is_exact(case: tuple[Industry, CompanyClass], data: st.DataObject) -> None:
    industry, company = case
    rows = table(industry, company)
    grades = {name: data.draw(st.integers(1, k), label=name) for name, (_, k) in rows.items()}
    certificate = data.draw(st.integers(1, 4))
    result = score_grades(grades | {"certificate": certificate, "joint_guarantee": 6}, company, industry)
    exact = sum(Fraction(w, 1000) * Fraction(k - grades[n], k - 1) for n, (w, k) in rows.items())
    assert Fraction(result.base, UNIT) == exact
    assert Fraction(result.bonus, UNIT) == Fraction(87, 1000) * Fraction(4 - certificate, 3)
    assert result.total == sum(row.points for row in result.items)


def test_the_golden_answers() -> None:
    check_all(model2())


def test_example_of_the_paper() -> None:
    """Rent deposit at grade 1: (6 - 1) / 5 x weight."""
    result = score_grades(
        grades_of(Industry.OTHER, CompanyClass.GENERAL, 1), CompanyClass.GENERAL, Industry.OTHER
    )
    assert result.items[0].item == "rent_deposit"
    assert Fraction(result.items[0].points, UNIT) == Fraction(122, 1000)


@pytest.mark.parametrize(("industry", "company"), CASES)
def test_compositions_sum_as_they_say(industry: Industry, company: CompanyClass) -> None:
    def base(composition: Composition) -> int:
        model = compose(model2(), composition)
        weights = model.weights(company, industry)
        return sum(w for name, w in weights.items() if model.items[name].block != "bonus")

    assert base(Composition.BLOCK_RESCALED) == 1_001_000
    assert base(Composition.NORMALISED) == 1_000_000


def test_joint_guarantee_is_off_and_only_as_published() -> None:
    grades = grades_of(Industry.OTHER, CompanyClass.GENERAL, 1) | {"joint_guarantee": 1}
    assert "joint_guarantee" not in model2().weights(CompanyClass.GENERAL, Industry.OTHER)
    on = model2().model_copy(update={"joint_guarantee": True})
    assert score_grades(grades, CompanyClass.GENERAL, Industry.OTHER, on).bonus == 112 * UNIT // 1000
    assert not compose(on, Composition.NORMALISED).joint_guarantee


def test_a_model_travels_as_json() -> None:
    assert Model.model_validate_json(canonical(model2())) == model2()
    assert Model.model_validate_json(canonical(model2())).digest == model2().digest


def codes(**changes: object) -> set[str]:
    with pytest.raises(Refused) as refusal:
        evaluate(form(**changes))
    return {one.code for one in refusal.value.violations}


def test_the_form_as_printed_contradicts_itself() -> None:
    assert codes(total_borrowing_krw=500_000, lender_count=0) == {
        "BORROWING_BELOW_CREDIT_LOAN",
        "LENDERS_MISSING",
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total_borrowing_krw": 0, "bank_credit_loan_krw": 0}, "BORROWING_MISSING"),
        ({"premises_owned": True}, "DEPOSIT_ON_OWN_PREMISES"),
        ({"real_estate": "none", "real_estate_pledged": True}, "PLEDGE_WITHOUT_REAL_ESTATE"),
        ({"wage_rent_arrears": "wages"}, "ARREARS_MONTHS"),
        ({"arrears_months": 2}, "ARREARS_MONTHS"),
        ({"moves_in_two_years": 1}, "RESIDENCE_AND_MOVES"),
        ({"established": False}, "NOT_ESTABLISHED"),
        ({"residence": Months(years=1, months=12)}, "MONTHS_RANGE"),
        ({"judgement": {"manager_ability": 2, "sales_outlook": 3}}, "JUDGEMENT_GRADE"),
        (
            {"judgement": {"manager_ability": 7, "sales_outlook": 3, "industry_outlook": 3}},
            "JUDGEMENT_GRADE",
        ),
        (
            {"judgement": {"manager_ability": 2, "sales_outlook": 3, "industry_outlook": 3, "service": 1}},
            "JUDGEMENT_UNKNOWN",
        ),
    ],
)
def test_cross_field_checks(changes: dict[str, object], code: str) -> None:
    assert code in codes(**changes)


@pytest.mark.parametrize(
    ("changes", "item", "grade"),
    [
        ({"premises_owned": True, "rent_deposit_krw": 0}, "rent_deposit", 1),
        ({"rent_deposit_krw": 60_000_000}, "rent_deposit", 2),
        ({"rent_deposit_krw": 60_000_001}, "rent_deposit", 1),
        ({"rent_deposit_krw": 15_000_000}, "rent_deposit", 6),
        ({"total_borrowing_krw": 10_000_000}, "borrowing", 1),
        ({"total_borrowing_krw": 10_000_001}, "borrowing", 2),
        ({"annual_sales_krw": 9_999_999}, "sales", 4),
        ({"real_estate_pledged": True}, "real_estate", 2),
        ({"real_estate": "none"}, "real_estate", 5),
        ({"bank_credit_loan_krw": 0}, "credit_transactions", 6),
        ({"bank_credit_loan_krw": 30_000_001}, "credit_transactions", 1),
        ({"cash_advance_krw": 1, "overdue_loans_3m": 2, "lender_count": 9}, "credit_information", 6),
        ({"residence": Months(years=1), "moves_in_two_years": 2}, "residence", 6),
        ({"certificate": "engineer"}, "certificate", 2),
    ],
)
def test_raw_answers_become_grades(changes: dict[str, object], item: str, grade: int) -> None:
    result = evaluate(form(**changes))
    assert {row.item: row.grade for row in result.items}[item] == grade


def test_class_by_age() -> None:
    assert form(business_age=Months(years=0, months=11)).company_class is CompanyClass.STARTUP
    assert form(business_age=Months(years=1)).company_class is CompanyClass.GENERAL


def test_money_is_digits_only() -> None:
    with pytest.raises(ValueError, match="rent_deposit_krw"):
        form(rent_deposit_krw="7천만")
    with pytest.raises(ValueError, match="rent_deposit_krw"):
        form(rent_deposit_krw=7.0)


def test_filter_first() -> None:
    facts = Screening(sector=Sector.RETAIL, regular_workers=4, business_open=True)
    assert screen(facts) == ()
    bad = facts.model_copy(
        update={
            "regular_workers": 5,
            "business_open": False,
            "excluded_industry": True,
            "tax_arrears": True,
            "credit_default_registered": True,
            "guarantee_accident_outstanding": True,
        }
    )
    assert {one.code for one in screen(bad)} == {
        "NOT_A_SMALL_ENTERPRISE",
        "BUSINESS_CLOSED",
        "EXCLUDED_INDUSTRY",
        "TAX_ARREARS",
        "CREDIT_DEFAULT",
        "ACCIDENT_OUTSTANDING",
    }


def test_threshold_is_of_one_model() -> None:
    result = evaluate(form())
    threshold = Threshold(
        model=result.model,
        composition=result.composition,
        company_class=result.company_class,
        industry=result.industry,
        units=result.total,
    )
    assert guaranteeable(result, threshold)
    assert not guaranteeable(result, threshold.model_copy(update={"units": result.total + 1}))
    with pytest.raises(Refused) as refusal:
        guaranteeable(result, threshold.model_copy(update={"industry": Industry.WHOLESALE}))
    assert refusal.value.code == "THRESHOLD_OF_ANOTHER_MODEL"
