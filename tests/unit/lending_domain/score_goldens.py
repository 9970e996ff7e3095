"""What the scoring core must give, transcribed from P2 a second time or worked by hand.

Each check takes the module that it checks, so that mutants of it can be held against the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from lending_domain import form as real_form
from lending_domain import score as real_score
from lending_domain.enterprise import Sector
from lending_domain.form import CompanyClass, EvaluationForm, Industry
from lending_domain.model import Model, Threshold
from lending_domain.violations import Refused

# Table 15, in thousandths: startup, general.
COMMON: dict[str, tuple[int | None, int, int]] = {
    "rent_deposit": (170, 122, 6),
    "borrowing": (490, 336, 5),
    "sales": (None, 202, 4),
    "real_estate": (52, 52, 5),
    "credit_transactions": (20, 20, 6),
    "credit_information": (45, 45, 6),
    "business_age": (21, 21, 6),
    "residence": (8, 8, 6),
}
# Tables 15 (common judgement block) and 16 to 19, in thousandths.
BLOCKS = {
    Industry.OTHER: {"manager_ability": 105, "sales_outlook": 65, "industry_outlook": 25},
    Industry.MANUFACTURING: {
        "manager_ability": 38,
        "sales_outlook": 25,
        "industry_outlook": 11,
        "equipment_quality": 36,
        "transaction_stability": 32,
        "payment_terms": 24,
    },
    Industry.WHOLESALE: {
        "manager_ability": 43,
        "sales_outlook": 22,
        "industry_outlook": 9,
        "product_quality": 37,
        "transaction_stability": 32,
        "payment_terms": 23,
    },
    Industry.RETAIL_FOOD_PERSONAL: {
        "manager_ability": 45,
        "sales_outlook": 18,
        "industry_outlook": 11,
        "premises": 19,
        "trading_stability": 21,
        "service": 52,
    },
    Industry.BUSINESS_SERVICES: {
        "manager_ability": 48,
        "sales_outlook": 24,
        "industry_outlook": 12,
        "purpose_sales": 49,
        "technology": 18,
        "staff": 14,
    },
}
CASES = [(industry, company) for industry in Industry for company in CompanyClass]


def table(industry: Industry, company: CompanyClass) -> dict[str, tuple[int, int]]:
    """Item -> (thousandths, K)."""
    column = 0 if company is CompanyClass.STARTUP else 1
    common = {n: (weight, row[2]) for n, row in COMMON.items() if (weight := row[column]) is not None}
    return common | {n: (w, 6) for n, w in BLOCKS[industry].items()}


def grades_of(industry: Industry, company: CompanyClass, grade: int) -> dict[str, int]:
    grades = {name: min(grade, k) for name, (_, k) in table(industry, company).items()}
    return grades | {"certificate": min(grade, 4), "joint_guarantee": 6}


# All items at grade 2, certificate none: by hand, with A the weights of six grades (x 4/5), B of five (x 3/4)
# and C of four (x 2/3), in thousandths.
#   general:  A = 122+20+45+21+8 = 216 + block, B = 336+52 = 388, C = 202
#   startup:  A = 170+20+45+21+8 = 264 + block, B = 490+52 = 542, C = 0
# e.g. general manufacturing: 0.8 x (216+166) + 0.75 x 388 + 202 x 2/3 = 305.6 + 291 + 134.666.. = 731.2666..
BY_HAND = {
    (Industry.OTHER, CompanyClass.GENERAL): 45_268_000,
    (Industry.OTHER, CompanyClass.STARTUP): 46_422_000,
    (Industry.MANUFACTURING, CompanyClass.GENERAL): 43_876_000,
    (Industry.MANUFACTURING, CompanyClass.STARTUP): 45_030_000,
    (Industry.WHOLESALE, CompanyClass.GENERAL): 43_876_000,
    (Industry.WHOLESALE, CompanyClass.STARTUP): 45_030_000,
    (Industry.RETAIL_FOOD_PERSONAL, CompanyClass.GENERAL): 43_876_000,
    (Industry.RETAIL_FOOD_PERSONAL, CompanyClass.STARTUP): 45_030_000,
    (Industry.BUSINESS_SERVICES, CompanyClass.GENERAL): 43_828_000,
    (Industry.BUSINESS_SERVICES, CompanyClass.STARTUP): 44_982_000,
}


# Item -> what is answered -> its grade: at each bound of data/model2.yaml's map, and one beyond.
GRADES: dict[str, list[tuple[dict[str, Any], int]]] = {
    "rent_deposit": [
        *(
            ({"rent_deposit_krw": won}, grade)
            for won, grade in (
                (60_000_001, 1),
                (60_000_000, 2),
                (45_000_001, 2),
                (45_000_000, 3),
                (30_000_001, 3),
                (30_000_000, 4),
                (22_500_001, 4),
                (22_500_000, 5),
                (15_000_001, 5),
                (15_000_000, 6),
                (0, 6),
            )
        ),
        ({"premises_owned": True, "rent_deposit_krw": 0}, 1),
    ],
    "borrowing": [
        ({"total_borrowing_krw": won}, grade)
        for won, grade in (
            (10_000_000, 1),
            (10_000_001, 2),
            (30_000_000, 2),
            (30_000_001, 3),
            (50_000_000, 3),
            (50_000_001, 4),
            (100_000_000, 4),
            (100_000_001, 5),
        )
    ],
    "sales": [
        ({"annual_sales_krw": won}, grade)
        for won, grade in (
            (30_000_000, 1),
            (29_999_999, 2),
            (20_000_000, 2),
            (19_999_999, 3),
            (10_000_000, 3),
            (9_999_999, 4),
        )
    ],
    "real_estate": [
        *(
            ({"real_estate": one}, grade)
            for one, grade in (
                ("apartment", 1),
                ("detached", 2),
                ("row-house", 3),
                ("multi-family", 3),
                ("land-or-other", 4),
                ("none", 5),
            )
        ),
        ({"real_estate_pledged": True}, 2),
        ({"real_estate": "land-or-other", "real_estate_pledged": True}, 5),
        ({"real_estate": "none", "real_estate_pledged": True}, 5),
    ],
    "credit_transactions": [
        ({"bank_credit_loan_krw": won}, grade)
        for won, grade in (
            (30_000_001, 1),
            (30_000_000, 2),
            (20_000_001, 2),
            (20_000_000, 3),
            (10_000_001, 3),
            (10_000_000, 4),
            (5_000_001, 4),
            (5_000_000, 5),
            (1, 5),
            (0, 6),
        )
    ],
    "credit_information": [
        ({}, 1),
        ({"lender_count": 2}, 1),
        ({"lender_count": 3}, 2),
        ({"cash_advance_krw": 1}, 2),
        ({"overdue_loans_3m": 1}, 2),
        ({"overdue_loans_3m": 4}, 5),
        ({"overdue_loans_3m": 5}, 6),
        ({"overdue_loans_3m": 6}, 6),
        ({"cash_advance_krw": 1, "overdue_loans_3m": 1, "lender_count": 4}, 5),
    ],
    "business_age": [
        ({"business_age": {"years": years, "months": months}}, grade)
        for years, months, grade in (
            (10, 0, 1),
            (9, 11, 2),
            (7, 0, 2),
            (6, 11, 3),
            (5, 0, 3),
            (4, 11, 4),
            (3, 0, 4),
            (2, 11, 5),
            (1, 0, 5),
            (0, 11, 6),
        )
    ],
    "residence": [
        *(
            ({"residence": {"years": years, "months": months}}, grade)
            for years, months, grade in (
                (10, 0, 1),
                (9, 11, 2),
                (7, 0, 2),
                (6, 11, 3),
                (5, 0, 3),
                (4, 11, 4),
                (3, 0, 4),
                (2, 11, 5),
                (1, 0, 5),
                (0, 11, 6),
            )
        ),
        ({"residence": {"years": 1, "months": 0}, "moves_in_two_years": 1}, 6),
        ({"residence": {"years": 1, "months": 0}, "moves_in_two_years": 2}, 6),
    ],
    "joint_guarantee": [({}, 6), ({"joint_guarantee": True}, 1)],
    "certificate": [
        ({"certificate": one}, grade)
        for one, grade in (
            ("master-engineer", 1),
            ("engineer", 2),
            ("craftsman-or-other", 3),
            ("none", 4),
        )
    ],
}

# The industry's average deposit, in won; above twice of it is grade 1.
AVERAGES = {
    Industry.MANUFACTURING: 40_000_000,
    Industry.WHOLESALE: 40_000_000,
    Industry.RETAIL_FOOD_PERSONAL: 40_000_000,
    Industry.BUSINESS_SERVICES: 30_000_000,
    Industry.OTHER: 30_000_000,
}


def check_grades(score: ModuleType, model: Model) -> None:
    """Raw answers become grades at the map's bounds."""
    for item, rows in GRADES.items():
        for answers, grade in rows:
            found = score.fact_grades(form(**answers), model.grade_map)[item]
            assert found == grade, (item, answers)
    for industry, average in AVERAGES.items():
        for won, grade in ((2 * average, 2), (2 * average + 1, 1)):
            answered = form(industry=industry, rent_deposit_krw=won)
            assert score.fact_grades(answered, model.grade_map)["rent_deposit"] == grade


def check_scores(score: ModuleType, model: Model) -> None:
    """Each weight, each scale and each sum, for every class and industry."""
    scorer = score.Scorer(model)
    for industry, company in CASES:
        worst = grades_of(industry, company, 6)
        rows = {**table(industry, company), "certificate": (87, 4)}
        assert scorer.score(worst, company, industry).total == 0
        for name, (thousandths, scale) in rows.items():
            for grade in (1, scale - 1):
                result = scorer.score(worst | {name: grade}, company, industry)
                points = thousandths * 60_000 * (scale - grade) // (scale - 1)
                bonus = points if name == "certificate" else 0
                assert (result.base, result.bonus, result.total) == (points - bonus, bonus, points), name
                row = next(one for one in result.items if one.item == name)
                assert (row.points, row.most, row.grade, row.grades) == (
                    points,
                    thousandths * 60_000,
                    grade,
                    scale,
                )
            for grade in (0, scale + 1):
                off = partial(scorer.score, worst | {name: grade}, company, industry)
                assert refuses(off), (name, grade)
        second = grades_of(industry, company, 2) | {"certificate": 4}
        assert score.score_grades(second, company, industry, model).total == BY_HAND[industry, company]
    capped = model.model_copy(update={"bonus_cap_units": 7})
    best = score.score_grades(grades_of(industry, company, 1), company, industry, capped)
    assert (best.bonus, best.total - best.base) == (7, 7)
    with_surety = model.model_copy(update={"joint_guarantee": True})
    for industry, company in CASES:
        for grade, thousandths in ((1, 25), (5, 5)):
            grades = grades_of(industry, company, 6) | {"joint_guarantee": grade}
            assert score.score_grades(grades, company, industry, with_surety).bonus == thousandths * 60_000


def check_answers(score: ModuleType, model: Model) -> None:
    """The form's violations, the judgement's scale, the threshold, and scores as text."""
    own = {"manager_ability": 2, "sales_outlook": 3, "industry_outlook": 3}
    result = score.evaluate(form(), model)
    # .122 + .336 x .5 + .202 + .052 + .020 x .2 + .045 + .021 + .008 + .105 x .8 + (.065 + .025) x .6 = .760
    assert (result.base, result.bonus) == (45_600_000, 0)
    for changed in ({"manager_ability": 1}, {"manager_ability": 6}):
        assert not score.evaluation_violations(form(judgement=own | changed), model)
    for changed in ({"manager_ability": 0}, {"manager_ability": 7}, {"service": 1}):
        assert len(score.evaluation_violations(form(judgement=own | changed), model)) == 1
    missing = form(judgement={"sales_outlook": 3, "industry_outlook": 3})
    assert [one.code for one in score.evaluation_violations(missing, model)] == ["JUDGEMENT_GRADE"]
    assert refuses(lambda: score.evaluate(form(lender_count=0), model))
    threshold = Threshold(
        model=result.model,
        composition=result.composition,
        company_class=result.company_class,
        industry=result.industry,
        units=result.total,
    )
    assert score.guaranteeable(result, threshold) is True
    assert score.guaranteeable(result, threshold.model_copy(update={"units": result.total - 1})) is True
    assert score.guaranteeable(result, threshold.model_copy(update={"units": result.total + 1})) is False
    for another in (
        {"model": "another"},
        {"composition": "normalised"},
        {"company_class": CompanyClass.STARTUP},
        {"industry": Industry.WHOLESALE},
    ):
        other = threshold.model_copy(update=another)
        assert refuses(partial(score.guaranteeable, result, other)), another
    assert score.UNIT == 60_000_000
    texts = {42_372_000: "0.7062", 60_000_000: "1", 0: "0", 20_000_000: "20000000/60000000"}
    assert {units: score.score_text(units) for units in texts} == texts


# What is changed in a form without contradiction -> the fields that then contradict.
CONTRADICTIONS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"total_borrowing_krw": 3_000_000}, set()),
    ({"total_borrowing_krw": 2_999_999}, {"total_borrowing_krw"}),
    ({"total_borrowing_krw": 1, "bank_credit_loan_krw": 0, "lender_count": 0}, {"lender_count"}),
    ({"total_borrowing_krw": 0, "bank_credit_loan_krw": 0, "lender_count": 0}, set()),
    ({"total_borrowing_krw": 0, "bank_credit_loan_krw": 0, "lender_count": 1}, {"total_borrowing_krw"}),
    ({"premises_owned": True, "rent_deposit_krw": 1}, {"rent_deposit_krw"}),
    ({"premises_owned": True, "rent_deposit_krw": 0}, set()),
    ({"premises_owned": False, "rent_deposit_krw": 0}, set()),
    ({"real_estate": "none", "real_estate_pledged": True}, {"real_estate_pledged"}),
    ({"real_estate": "none"}, set()),
    ({"real_estate_pledged": True}, set()),
    ({"wage_rent_arrears": "wages"}, {"arrears_months"}),
    ({"wage_rent_arrears": "wages", "arrears_months": 1}, set()),
    ({"arrears_months": 1}, {"arrears_months"}),
    ({"wage_rent_arrears": "rent", "arrears_months": 1}, set()),
    *(
        (
            {"premises_owned": True, "rent_deposit_krw": 0, "wage_rent_arrears": one, "arrears_months": 1},
            fields,
        )
        for one, fields in (
            ("wages", set[str]()),
            ("rent", {"wage_rent_arrears"}),
            ("both", {"wage_rent_arrears"}),
        )
    ),
    ({"moves_in_two_years": 1, "residence": {"years": 2}}, {"residence"}),
    ({"moves_in_two_years": 1, "residence": {"years": 1, "months": 11}}, set()),
    ({"moves_in_two_years": 0, "residence": {"years": 2}}, set()),
    ({"established": False, "business_age": {"years": 0}, "annual_sales_krw": 0}, set()),
    ({"established": False, "business_age": {"years": 0}, "annual_sales_krw": 1}, {"established"}),
    (
        {"established": False, "business_age": {"years": 0, "months": 1}, "annual_sales_krw": 0},
        {"established"},
    ),
    *(
        ({field: {"years": 1, "months": months}}, {field} if months > 11 else set())
        for field in ("industry_career", "business_age", "residence")
        for months in (11, 12)
    ),
]
PASSES = {"sector": "retail", "regular_workers": 4, "business_open": True}
FILTER = [
    ("regular_workers", 5),
    ("business_open", False),
    ("excluded_industry", True),
    ("tax_arrears", True),
    ("credit_default_registered", True),
    ("guarantee_accident_outstanding", True),
]
INDUSTRIES = {
    Sector.MINING: "other",
    Sector.MANUFACTURING: "manufacturing",
    Sector.CONSTRUCTION: "other",
    Sector.TRANSPORT: "other",
    Sector.WHOLESALE: "wholesale",
    Sector.RETAIL: "retail-food-personal",
    Sector.LODGING_FOOD: "retail-food-personal",
    Sector.PERSONAL_SERVICES: "retail-food-personal",
    Sector.BUSINESS_SERVICES: "business-services",
    Sector.OTHER: "other",
}


def check_form(module: ModuleType) -> None:
    """The filter, the rules across fields, the class by age, and what is taken where nothing is answered."""
    for changes, fields in CONTRADICTIONS:
        found = module.form_violations(answered(module.EvaluationForm, changes))
        assert {one.field for one in found} == fields, changes
    assert module.screen(module.Screening(**PASSES)) == ()
    for field, value in FILTER:
        found = module.screen(module.Screening(**PASSES | {field: value}))
        assert [one.field for one in found] == [field]
    for years, months, established, expected in (
        (0, 11, True, "startup"),
        (1, 0, True, "general"),
        (0, 0, False, "startup"),
        (1, 1, True, "general"),
    ):
        age = {"business_age": {"years": years, "months": months}, "established": established}
        assert answered(module.EvaluationForm, age).company_class == expected
    assert module.Months(years=2).total == 24
    assert module.Months(years=2, months=3).total == 27
    silent = answered(module.EvaluationForm, {})
    assert (silent.established, silent.joint_guarantee, silent.certificate) == (True, False, "none")
    assert (silent.arrears_months, silent.moves_in_two_years, silent.entered_by) == (0, 0, None)
    assert {sector: str(module.industry_of(sector)) for sector in Sector} == INDUSTRIES


def refuses(act: Callable[[], object]) -> bool:
    """Whether the act is refused; a fault of another kind is no refusal."""
    try:
        act()
    except (Refused, ValueError):
        return True
    return False


def form(**changes: object) -> EvaluationForm:
    """Figure 6's sample, its contradictions corrected, with the changes given."""
    sample: EvaluationForm = answered(EvaluationForm, changes)
    return sample


def answered(kind: type[Any], changes: dict[str, Any]) -> Any:
    """The same as a form of the class given."""
    return kind.model_validate(SAMPLE | changes)


SAMPLE: dict[str, Any] = {
    "industry": "other",
    "premises_owned": False,
    "rent_deposit_krw": 70_000_000,
    "total_borrowing_krw": 50_000_000,
    "annual_sales_krw": 35_000_000,
    "industry_career": {"years": 10},
    "real_estate": "apartment",
    "real_estate_pledged": False,
    "bank_credit_loan_krw": 3_000_000,
    "wage_rent_arrears": "none",
    "cash_advance_krw": 0,
    "business_age": {"years": 10},
    "residence": {"years": 10},
    "overdue_loans_3m": 0,
    "lender_count": 1,
    "judgement": {"manager_ability": 2, "sales_outlook": 3, "industry_outlook": 3},
}


def check_all(model: Model, score: ModuleType = real_score, module: ModuleType = real_form) -> None:
    """Every check; AssertionError, or whatever the mutant raises, where one does not hold."""
    check_form(module)
    check_grades(score, model)
    check_answers(score, model)
    check_scores(score, model)
