"""Credit evaluation by P2's AHP model 2: exact, in integers of 1/60,000,000.

T = sum of weight x (K - X) / (K - 1) over the items; weights are integers of a millionth (largest
remainder) and (K - X) / (K - 1) is an integer of a sixtieth for K = 6, 5, 4, so nothing is ever rounded.
The foundation's off-chain computation and every endorser call the same `evaluate`. Only accepted firms were
studied and accidents were immature, so a score is no default probability (P2 section 3.3).
"""

from collections.abc import Mapping
from decimal import Decimal

from lending_domain.form import CompanyClass, EvaluationForm, Industry, form_violations
from lending_domain.model import Block, Composition, GradeMap, Item, Model, Threshold, model2
from lending_domain.values import Value
from lending_domain.violations import Violation, Violations, require

UNIT = 60_000_000
"""Score units in 1."""


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
        item, grade = model.items[name], form.judgement.get(name)
        if grade is None or not 1 <= grade <= item.grades:
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
    grades: Mapping[str, int], company: CompanyClass, industry: Industry, model: Model | None = None
) -> Evaluation:
    """The score of grades (item id -> grade) by the model's weights. ValueError for a grade off its scale."""
    return Scorer(model or model2()).score(grades, company, industry)


class Scorer:
    """Scores many firms by one model version: an item at a grade is worked out once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._worked_out: dict[tuple[str, int, int], ItemScore] = {}

    def score(self, grades: Mapping[str, int], company: CompanyClass, industry: Industry) -> Evaluation:
        """`score_grades` by this model."""
        model = self.model
        rows = [
            self._item(name, weight, grades[name])
            for name, weight in model.weights(company, industry).items()
        ]
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

    def _item(self, name: str, weight: int, grade: int) -> ItemScore:
        key = (name, weight, grade)
        found = self._worked_out.get(key)
        if found is None:
            found = self._worked_out[key] = _item_score(name, self.model.items[name], weight, grade)
        return found


def _item_score(name: str, item: Item, weight: int, grade: int) -> ItemScore:
    if not 1 <= grade <= item.grades:
        raise ValueError(f"{name}: a grade from 1 to {item.grades} is needed")
    return ItemScore(
        item=name,
        ko=item.ko,
        en=item.en,
        block=item.block,
        weight=weight,
        grade=grade,
        grades=item.grades,
        # A sixtieth divides by K - 1 for K = 6, 5, 4: exact.
        points=weight * 60 * (item.grades - grade) // (item.grades - 1),
        most=weight * 60,
    )


def by_item(result: Evaluation) -> Evaluation:
    """The result with its items in the order of their names: a model's JSON has no order of its own."""
    return result.model_copy(update={"items": tuple(sorted(result.items, key=lambda one: one.item))})


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
    """A score exactly: as a decimal where eight decimals hold it, else as a fraction."""
    digits, rest = divmod(units * 10**8, UNIT)
    return f"{units}/{UNIT}" if rest else format(Decimal(digits).scaleb(-8).normalize(), "f")
