"""Credit evaluation by P2's AHP model 2: exact, in integers of 1/60,000,000.

T = sum of weight x (K - X) / (K - 1) over the items; weights are integers of a millionth (largest
remainder) and (K - X) / (K - 1) is an integer of a sixtieth for K = 6, 5, 4, so nothing is ever rounded.
The foundation's off-chain computation and every endorser call the same `evaluate`. Only accepted firms were
studied and accidents were immature, so a score is no default probability (P2 section 3.3).
"""

from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from lending_domain.canonical import digest
from lending_domain.form import (
    Certificate,
    CompanyClass,
    EvaluationForm,
    Industry,
    RealEstate,
    form_violations,
)
from lending_domain.money import short, split
from lending_domain.values import Flag, Value
from lending_domain.violations import Violation, Violations, require

UNIT = 60_000_000
"""Score units in 1."""

Block = Literal["financial", "fact", "judgement", "bonus"]
Weight = Annotated[Decimal, Field(ge=0, le=1), AfterValidator(short)]
Grade = Annotated[int, Field(ge=1, le=6)]


class Composition(StrEnum):
    """How printed weights become the model's: P2's industry blocks total 0.166, the common one 0.195.

    as_published: as printed. block_rescaled: the industry's judgement block scaled to 0.195 (ours, not the
    paper's). normalised: all base weights scaled to sum to 1. Bonuses stay as printed in each.
    """

    AS_PUBLISHED = "as_published"
    BLOCK_RESCALED = "block_rescaled"
    NORMALISED = "normalised"


class Item(Value):
    """An item: grades K, block, and its weight by company class where it is not a judgement item."""

    ko: str
    en: str
    block: Block
    kind: Literal["fact", "judgement"]
    grades: Annotated[int, Field(ge=4, le=6)]
    weight: dict[CompanyClass, Weight] = Field(default_factory=dict)
    provenance: str


class GradeMap(Value):
    """Bounds by which raw answers become grades; see data/model2.yaml for each bound's meaning."""

    label: str
    rent_deposit_percent_over: tuple[int, int, int, int, int]
    average_deposit_krw: dict[Industry, Annotated[int, Field(gt=0)]]
    borrowing_krw_at_most: tuple[int, int, int, int]
    sales_krw_at_least: tuple[int, int, int]
    real_estate_grade: dict[RealEstate, Grade]
    pledged_steps_down: int
    bank_credit_loan_krw_over: tuple[int, int, int, int, int]
    cash_advance_free_krw: int
    lenders_free: int
    business_age_months_at_least: tuple[int, int, int, int, int]
    residence_months_at_least: tuple[int, int, int, int, int]
    certificate_grade: dict[Certificate, Grade]


class Model(Value):
    """A version of the AHP model: public criteria, voted on by the foundations by its digest."""

    id: str
    source: str
    composition: Composition
    joint_guarantee: Flag
    bonus_cap_units: int | None
    industries: tuple[Industry, ...]
    items: dict[str, Item]
    judgement: dict[Industry, dict[str, Weight]]
    grade_map: GradeMap

    @model_validator(mode="after")
    def _complete(self) -> "Model":
        for industry in self.industries:
            unknown = set(self.judgement[industry]) - set(self.items)
            if unknown:
                raise ValueError(f"judgement.{industry.value} names unknown items")
        if self.joint_guarantee and self.composition is not Composition.AS_PUBLISHED:
            raise ValueError("the joint-guarantee bonus exists only in as_published")
        return self

    @property
    def digest(self) -> str:
        """What the foundations vote on."""
        return digest(self)

    def weights(self, company: CompanyClass, industry: Industry) -> dict[str, int]:
        """Item id -> weight in millionths, base items first, then the bonus items in force."""
        fixed = {
            name: _millionths(item.weight[company])
            for name, item in self.items.items()
            if item.block in {"financial", "fact"} and company in item.weight
        }
        block = {name: _millionths(weight) for name, weight in self.judgement[industry].items()}
        if self.composition is Composition.BLOCK_RESCALED:
            target = sum(_millionths(weight) for weight in self.judgement[Industry.OTHER].values())
            block = _scaled(block, target)
        base = fixed | block
        if self.composition is Composition.NORMALISED:
            base = _scaled(base, 1_000_000)
        bonus = {
            name: _millionths(item.weight[company])
            for name, item in self.items.items()
            if item.block == "bonus" and (name != "joint_guarantee" or self.joint_guarantee)
        }
        return base | bonus


class ItemScore(Value):
    """One bar of the waterfall. weight in millionths; points and most in 1/60,000,000."""

    item: str
    ko: str
    en: str
    block: Block
    weight: int
    grade: int
    grades: int
    points: int
    most: int


class Evaluation(Value):
    """The result and its breakdown. base, bonus, total in 1/60,000,000; base and bonus are shown apart."""

    model: str
    model_digest: str
    composition: Composition
    company_class: CompanyClass
    industry: Industry
    items: tuple[ItemScore, ...]
    base: int
    bonus: int
    total: int


class Threshold(Value):
    """심사기준점: governed by the foundations, not published; of one model, class, industry, composition."""

    model: str
    composition: Composition
    company_class: CompanyClass
    industry: Industry
    units: Annotated[int, Field(ge=0)]


def _millionths(weight: Decimal) -> int:
    scaled = weight.scaleb(6)
    if scaled != scaled.to_integral_value():
        raise ValueError("a weight is a whole number of millionths")
    return int(scaled)


def _scaled(weights: dict[str, int], total: int) -> dict[str, int]:
    return dict(zip(weights, split(total, list(weights.values())), strict=True))


@cache
def model2() -> Model:
    """The packaged model 2, as published."""
    text = (files("lending_domain") / "data" / "model2.yaml").read_text(encoding="utf-8")
    return Model.model_validate(yaml.safe_load(text))


def compose(model: Model, composition: Composition) -> Model:
    """The same model under another composition; the joint-guarantee bonus goes with as_published."""
    keep = model.joint_guarantee and composition is Composition.AS_PUBLISHED
    return model.model_copy(update={"composition": composition, "joint_guarantee": keep})


def _over(value: int, bounds: tuple[int, ...]) -> int:
    return next((grade for grade, bound in enumerate(bounds, 1) if value > bound), len(bounds) + 1)


def _at_least(value: int, bounds: tuple[int, ...]) -> int:
    return next((grade for grade, bound in enumerate(bounds, 1) if value >= bound), len(bounds) + 1)


def _at_most(value: int, bounds: tuple[int, ...]) -> int:
    return next((grade for grade, bound in enumerate(bounds, 1) if value <= bound), len(bounds) + 1)


def fact_grades(form: EvaluationForm, grade_map: GradeMap) -> dict[str, int]:
    """Grades of the items that are measured, 1 best; raw values become grades here and nowhere else."""
    average = grade_map.average_deposit_krw[form.industry]
    bounds = tuple(percent * average for percent in grade_map.rent_deposit_percent_over)
    deposit = _over(form.rent_deposit_krw * 100, bounds)
    estate = grade_map.real_estate_grade[form.real_estate]
    if form.real_estate_pledged:
        estate = min(5, estate + grade_map.pledged_steps_down)
    marks = (
        1
        + (form.cash_advance_krw > grade_map.cash_advance_free_krw)
        + form.overdue_loans_3m
        + max(0, form.lender_count - grade_map.lenders_free)
    )
    residence = _at_least(form.residence.total, grade_map.residence_months_at_least)
    return {
        "rent_deposit": 1 if form.premises_owned else deposit,
        "borrowing": _at_most(form.total_borrowing_krw, grade_map.borrowing_krw_at_most),
        "sales": _at_least(form.annual_sales_krw, grade_map.sales_krw_at_least),
        "real_estate": estate,
        "credit_transactions": _over(form.bank_credit_loan_krw, grade_map.bank_credit_loan_krw_over),
        "credit_information": min(6, marks),
        "business_age": _at_least(form.business_age.total, grade_map.business_age_months_at_least),
        "residence": min(6, residence + form.moves_in_two_years),
        "joint_guarantee": 1 if form.joint_guarantee else 6,
        "certificate": grade_map.certificate_grade[form.certificate],
    }


def evaluation_violations(form: EvaluationForm, model: Model) -> Violations:
    """The form's contradictions, and judgement grades that are missing, unknown or off the scale."""
    wanted = model.judgement[form.industry]
    found = list(form_violations(form))
    for name in wanted:
        if not 1 <= form.judgement.get(name, 0) <= model.items[name].grades:
            item = model.items[name]
            found.append(
                Violation(
                    code="JUDGEMENT_GRADE",
                    ko=f"{item.ko} 등급은 1부터 {item.grades}까지입니다.",
                    en=f"{item.en} needs a grade from 1 to {item.grades}.",
                    field=f"judgement.{name}",
                )
            )
    found.extend(
        Violation(
            code="JUDGEMENT_UNKNOWN",
            ko="이 업종의 모형에 없는 판단항목입니다.",
            en="The model has no such judgement item for this industry.",
            field=f"judgement.{name}",
        )
        for name in sorted(set(form.judgement) - set(wanted))
    )
    return tuple(found)


def evaluate(form: EvaluationForm, model: Model | None = None) -> Evaluation:
    """The score of one form. Raises `Refused` with every violation of `evaluation_violations`."""
    model = model or model2()
    require(evaluation_violations(form, model))
    grades = fact_grades(form, model.grade_map) | dict(form.judgement)
    return score_grades(grades, form.company_class, form.industry, model)


def score_grades(
    grades: dict[str, int], company: CompanyClass, industry: Industry, model: Model | None = None
) -> Evaluation:
    """The score of grades (item id -> grade) by the model's weights. ValueError for a grade off its scale."""
    model = model or model2()
    rows = []
    for name, weight in model.weights(company, industry).items():
        item, grade = model.items[name], grades[name]
        if not 1 <= grade <= item.grades:
            raise ValueError(f"{name}: a grade from 1 to {item.grades} is needed")
        points = weight * (item.grades - grade) * (60 // (item.grades - 1))
        rows.append(
            ItemScore(
                item=name,
                ko=item.ko,
                en=item.en,
                block=item.block,
                weight=weight,
                grade=grade,
                grades=item.grades,
                points=points,
                most=weight * 60,
            )
        )
    base = sum(row.points for row in rows if row.block != "bonus")
    bonus = sum(row.points for row in rows if row.block == "bonus")
    if model.bonus_cap_units is not None:
        bonus = min(bonus, model.bonus_cap_units)
    return Evaluation(
        model=model.id,
        model_digest=model.digest,
        composition=model.composition,
        company_class=company,
        industry=industry,
        items=tuple(rows),
        base=base,
        bonus=bonus,
        total=base + bonus,
    )


def guaranteeable(evaluation: Evaluation, threshold: Threshold) -> bool:
    """보증가능: the total reaches the threshold. Raises `Refused` when the threshold is of another model."""
    same = (
        (threshold.model, threshold.composition) == (evaluation.model, evaluation.composition)
        and threshold.company_class is evaluation.company_class
        and threshold.industry is evaluation.industry
    )
    if not same:
        require(
            [
                Violation(
                    code="THRESHOLD_OF_ANOTHER_MODEL",
                    ko="다른 모형의 심사기준점입니다.",
                    en="The threshold belongs to another model, class, industry or composition.",
                    field="threshold",
                )
            ]
        )
    return evaluation.total >= threshold.units


def score_text(units: int) -> str:
    """A score exactly, as text of at most eight decimals when it has that many, else as a fraction."""
    value = Decimal(units) / Decimal(UNIT)
    return format(value.normalize(), "f") if value * UNIT == units else f"{units}/{UNIT}"
