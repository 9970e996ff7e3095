"""What a version must fulfil to be proposed, rule by rule, and P2's own sums."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lending_domain.form import Certificate, CompanyClass, Industry, RealEstate
from lending_domain.model import Composition, Model, PrintedParent, Threshold, compose, model2
from lending_domain.model_rules import MEASURED, comment_violations, model_violations, threshold_violations
from lending_domain.score import fact_grades
from tests.unit.lending_domain.test_score import form

# domain.md section 2, from P2's tables 15 to 19: leaves as printed, in millionths.
PUBLISHED = {
    Industry.OTHER: 1_001_000,
    Industry.MANUFACTURING: 972_000,
    Industry.WHOLESALE: 972_000,
    Industry.RETAIL_FOOD_PERSONAL: 972_000,
    Industry.BUSINESS_SERVICES: 971_000,
}


def sums(model: Model, block: str | None = None) -> dict[Industry, set[int]]:
    """Industry -> the sums of base weights (of a block) of both company classes."""
    found: dict[Industry, set[int]] = {}
    for industry in Industry:
        for company in CompanyClass:
            weights = model.weights(company, industry)
            wanted = {name for name, one in model.items.items() if one.block == (block or one.block)}
            base = (w for n, w in weights.items() if n in wanted and model.items[n].block != "bonus")
            found.setdefault(industry, set()).add(sum(base))
    return found


def test_base_maxima_are_the_paper_s() -> None:
    assert sums(model2()) == {industry: {total} for industry, total in PUBLISHED.items()}


def test_the_rescaled_block_and_the_normalised_base_are_exact() -> None:
    rescaled = compose(model2(), Composition.BLOCK_RESCALED)
    assert sums(rescaled, "judgement") == {industry: {195_000} for industry in Industry}
    normalised = compose(model2(), Composition.NORMALISED)
    assert sums(normalised) == {industry: {1_000_000} for industry in Industry}


@pytest.mark.parametrize("composition", list(Composition))
def test_the_packaged_model_may_be_proposed(composition: Composition) -> None:
    assert model_violations(compose(model2(), composition)) == ()


def test_the_grade_map_grades_what_the_rules_say() -> None:
    """MEASURED is what `fact_grades` gives, within its number of grades, on the worst and the best form."""
    worst = form(annual_sales_krw=0, cash_advance_krw=1, overdue_loans_3m=9, real_estate="none")
    for grades in (fact_grades(worst, model2().grade_map), fact_grades(form(), model2().grade_map)):
        assert set(grades) == set(MEASURED)
        assert all(1 <= grade <= MEASURED[name] for name, grade in grades.items())


def changed(**changes: Any) -> Model:
    return model2().model_copy(update=changes)


def item(name: str, **changes: Any) -> dict[str, Any]:
    items = model2().items
    return {"items": {**items, name: items[name].model_copy(update=changes)}}


def block(industry: Industry, **weights: str) -> dict[str, Any]:
    exact = {name: Decimal(weight) for name, weight in weights.items()}
    return {"judgement": {**model2().judgement, industry: exact}}


def bounds(**changes: Any) -> dict[str, Any]:
    return {"grade_map": model2().grade_map.model_copy(update=changes)}


def parent(**changes: Any) -> dict[str, Any]:
    values = {"name": "p", "weight": "0.072", "items": ["real_estate", "credit_transactions"], **changes}
    origin = model2().origin
    assert origin is not None
    return {"origin": origin.model_copy(update={"parents": (PrintedParent(**values),)})}


BROKEN = [
    ({"industries": (Industry.OTHER,)}, "MODEL_INCOMPLETE", "judgement.wholesale"),
    (block(Industry.WHOLESALE), "MODEL_INCOMPLETE", "judgement.wholesale"),
    (block(Industry.OTHER, manager_ability="0", sales_outlook="0"), "MODEL_INCOMPLETE", "judgement.other"),
    (block(Industry.OTHER, manager_ability="0.1", sales="0.09"), "MODEL_INCOMPLETE", "judgement.other.sales"),
    (block(Industry.WHOLESALE, manager_ability="0.166"), "MODEL_INCOMPLETE", "items.product_quality"),
    (block(Industry.OTHER, manager_ability="0.3"), "MODEL_SUM", "judgement.other"),
    (item("sales", weight={}), "MODEL_INCOMPLETE", "items.sales"),
    (item("sales", grades=5), "MODEL_INCOMPLETE", "items.sales"),
    (item("sales", kind="judgement"), "MODEL_INCOMPLETE", "items.sales"),
    (item("sales", provenance=" "), "MODEL_INCOMPLETE", "items.sales"),
    (
        item("certificate", weight={CompanyClass.GENERAL: Decimal("0.087")}),
        "MODEL_INCOMPLETE",
        "items.certificate",
    ),
    (item("service", weight={CompanyClass.GENERAL: Decimal("0.01")}), "MODEL_INCOMPLETE", "items.service"),
    (parent(weight="0.0736"), "MODEL_PARENT", "origin.parents"),
    (parent(items=["real_estate", "unknown"]), "MODEL_PARENT", "origin.parents"),
    (bounds(borrowing_krw_at_most=(3, 2, 4, 5)), "MODEL_INCOMPLETE", "grade_map.borrowing_krw_at_most"),
    (bounds(sales_krw_at_least=(10, 20, 30)), "MODEL_INCOMPLETE", "grade_map.sales_krw_at_least"),
    (
        bounds(residence_months_at_least=(9, 8, 7, 6, -1)),
        "MODEL_INCOMPLETE",
        "grade_map.residence_months_at_least",
    ),
    (bounds(average_deposit_krw={Industry.OTHER: 1}), "MODEL_INCOMPLETE", "grade_map.average_deposit_krw"),
    (bounds(real_estate_grade={RealEstate.NONE: 5}), "MODEL_INCOMPLETE", "grade_map.real_estate_grade"),
    (bounds(certificate_grade=dict.fromkeys(Certificate, 5)), "MODEL_INCOMPLETE", "grade_map"),
    (bounds(real_estate_grade=dict.fromkeys(RealEstate, 6)), "MODEL_INCOMPLETE", "grade_map"),
    (bounds(lenders_free=-1), "MODEL_INCOMPLETE", "grade_map"),
]


@pytest.mark.parametrize(
    ("changes", "code", "field"), BROKEN, ids=[f"{n}-{row[2]}" for n, row in enumerate(BROKEN)]
)
def test_each_breach_is_named(changes: dict[str, Any], code: str, field: str) -> None:
    found = model_violations(changed(**changes))
    assert (code, field) in {(one.code, one.field) for one in found}
    assert all(one.ko and one.en.endswith(".") for one in found)


def test_leaves_may_lie_as_far_from_their_parent_as_rounding_takes_them() -> None:
    for weight in ("0.0735", "0.0705"):
        assert model_violations(changed(**parent(weight=weight))) == ()
    for weight in ("0.073501", "0.070499"):
        assert [one.code for one in model_violations(changed(**parent(weight=weight)))] == ["MODEL_PARENT"]


def test_base_weights_as_published_sum_to_nearly_one() -> None:
    """The measured items weigh 0.806 in either class; the common block makes up the rest."""
    for rest, fits in (("0.144", True), ("0.143999", False), ("0.244", True), ("0.244001", False)):
        common = block(Industry.OTHER, manager_ability=rest, sales_outlook="0", industry_outlook="0")
        found = model_violations(changed(**common, origin=None))
        assert [one.code for one in found] == ([] if fits else ["MODEL_SUM", "MODEL_SUM"])


@pytest.mark.parametrize("removed", ["financial", "fact"])
def test_each_class_has_items_of_each_measured_block(removed: str) -> None:
    items = {
        name: one.model_copy(update={"weight": {CompanyClass.GENERAL: one.weight[CompanyClass.GENERAL]}})
        if one.block == removed
        else one
        for name, one in model2().items.items()
    }
    found = model_violations(changed(items=items, origin=None))
    assert f"items: no {removed} item is weighed for startup." in {one.en for one in found}


def table(**changes: Any) -> list[Threshold]:
    """Thresholds for a startup and a general firm in wholesale."""
    about = {
        "model": "model-2",
        "composition": "as_published",
        "industry": "wholesale",
        "units": 1,
        **changes,
    }
    return [Threshold(company_class=company, **about) for company in CompanyClass]


def test_a_table_of_thresholds_fits_its_version() -> None:
    # 0.972 and the certificate's bonus of 0.087, in 1/60,000,000.
    most = 972_000 * 60 + 87_000 * 60
    assert threshold_violations(table(units=most), model2()) == ()
    for wrong in (
        table(units=most + 1),
        table(model="model-3"),
        table(composition="normalised"),
    ):
        found = threshold_violations(wrong, model2())
        assert [(one.code, one.field) for one in found] == [
            ("THRESHOLD_INVALID", "entries.0"),
            ("THRESHOLD_INVALID", "entries.1"),
        ]
    twice = [*table(), table()[0]]
    assert [one.field for one in threshold_violations(twice, model2())] == ["entries.2"]
    without = model2().model_copy(update={"judgement": {Industry.OTHER: model2().judgement[Industry.OTHER]}})
    assert len(threshold_violations(table(), without)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "900101-1234567",
        "9001011234567",
        "123-45-67890",
        "번호는1234567890",
        "010-1234-5678",
        "02 123 4567",
        "a@b.kr",
    ],
)
def test_numbers_of_people_and_firms_are_found(text: str) -> None:
    (found,) = comment_violations(text)
    assert found.code == "PERSONAL_DATA"
    assert text not in found.en + found.ko


@pytest.mark.parametrize(
    "text",
    ["0.045, not 0.0145", "table 15, 2026-11-24", "33,752 firms, 118 of 189 raters", "가중치 0.105는 높다"],
)
def test_figures_of_the_model_are_no_personal_data(text: str) -> None:
    assert comment_violations(text) == ()
