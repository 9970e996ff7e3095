"""The criteria of a model version in words: items, weights, and what each grade asks for.

Disclosed to applicants (Personal Information Protection Act article 37-2 (4)); thresholds are no part of a
model and of no criterion.
"""

from collections.abc import Callable, Mapping

from lending_domain.form import Certificate, CompanyClass, Industry, RealEstate
from lending_domain.form_fields import wording
from lending_domain.model import Block, GradeMap, Model
from lending_domain.values import Value

Wording = tuple[str, str]
"""Korean, English."""

GRADE_WORDS: tuple[Wording, ...] = (
    ("매우좋음", "very good"),
    ("좋음", "good"),
    ("다소좋음", "rather good"),
    ("다소나쁨", "rather bad"),
    ("나쁨", "bad"),
    ("매우나쁨", "very bad"),
)
"""P2 table 20: the six grades of an item, best first."""


class GradeText(Value):
    """What a grade asks for."""

    grade: int
    ko: str
    en: str


class Criterion(Value):
    """An item as disclosed. weight in millionths; bounds: one entry a grade; note: what moves the grade."""

    item: str
    ko: str
    en: str
    block: Block
    weight: int
    grades: int
    bounds: tuple[GradeText, ...]
    note_ko: str = ""
    note_en: str = ""


def criteria(model: Model, company: CompanyClass, industry: Industry) -> tuple[Criterion, ...]:
    """The criteria by which a firm of this class and industry is scored, in the order of the breakdown."""
    return tuple(
        _criterion(model, industry, name, weight) for name, weight in model.weights(company, industry).items()
    )


def _criterion(model: Model, industry: Industry, name: str, weight: int) -> Criterion:
    item = model.items[name]
    words = _BOUNDS[name](model.grade_map, industry) if name in _BOUNDS else list(GRADE_WORDS)
    note_ko, note_en = _note(name, model.grade_map)
    return Criterion(
        item=name,
        ko=item.ko,
        en=item.en,
        block=item.block,
        weight=weight,
        grades=item.grades,
        bounds=tuple(GradeText(grade=n, ko=ko, en=en) for n, (ko, en) in enumerate(words, 1)),
        note_ko=note_ko,
        note_en=note_en,
    )


def _over(bounds: tuple[int, ...]) -> list[Wording]:
    """Won, more than each bound; the last grade takes the rest."""
    last = bounds[-1]
    rest = ("없음", "none") if last == 0 else (f"{last:,}원 이하", f"at most {last:,} won")
    return [*((f"{one:,}원 초과", f"more than {one:,} won") for one in bounds), rest]


def _deposit(grade_map: GradeMap, industry: Industry) -> list[Wording]:
    average = grade_map.average_deposit_krw[industry]
    # Floored: an amount in whole won is over the exact bound when it is over the floor.
    first, *others = _over(tuple(percent * average // 100 for percent in grade_map.rent_deposit_percent_over))
    return [(f"{first[0]} 또는 자가 사업장", f"{first[1]}, or own premises"), *others]


def _borrowing(grade_map: GradeMap, _: Industry) -> list[Wording]:
    bounds = grade_map.borrowing_krw_at_most
    return [
        *((f"{one:,}원 이하", f"at most {one:,} won") for one in bounds),
        (f"{bounds[-1]:,}원 초과", f"more than {bounds[-1]:,} won"),
    ]


def _sales(grade_map: GradeMap, _: Industry) -> list[Wording]:
    bounds = grade_map.sales_krw_at_least
    return [
        *((f"{one:,}원 이상", f"at least {one:,} won") for one in bounds),
        (f"{bounds[-1]:,}원 미만", f"less than {bounds[-1]:,} won"),
    ]


def _estate(grade_map: GradeMap, _: Industry) -> list[Wording]:
    return _by_value("real_estate", {one: grade_map.real_estate_grade[one] for one in RealEstate}, 5)


def _certificates(grade_map: GradeMap, _: Industry) -> list[Wording]:
    return _by_value("certificate", {one: grade_map.certificate_grade[one] for one in Certificate}, 4)


def _by_value(field: str, grade_of: Mapping[str, int], grades: int) -> list[Wording]:
    found = []
    for grade in range(1, grades + 1):
        words = [wording(field, value) for value, one in grade_of.items() if one == grade]
        found.append((", ".join(ko for ko, _ in words) or "-", ", ".join(en for _, en in words) or "-"))
    return found


def _marks(_: GradeMap, __: Industry) -> list[Wording]:
    return [
        ("감점 사유 없음", "no mark"),
        *((f"감점 {marks}개", f"{marks} mark{'s' if marks > 1 else ''}") for marks in range(1, 5)),
        ("감점 5개 이상", "5 marks or more"),
    ]


def _ages(bounds: tuple[int, ...]) -> list[Wording]:
    ko, en = _span(bounds[-1])
    return [
        *((f"{_span(one)[0]} 이상", f"at least {_span(one)[1]}") for one in bounds),
        (f"{ko} 미만", f"less than {en}"),
    ]


def _span(months: int) -> Wording:
    years, rest = divmod(months, 12)
    ko = " ".join(f"{n}{unit}" for n, unit in ((years, "년"), (rest, "개월")) if n) or "0개월"
    plural = ((years, "year"), (rest, "month"))
    en = " ".join(f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in plural if n) or "0 months"
    return ko, en


_BOUNDS: Mapping[str, Callable[[GradeMap, Industry], list[Wording]]] = {
    "rent_deposit": _deposit,
    "borrowing": _borrowing,
    "sales": _sales,
    "real_estate": _estate,
    "credit_transactions": lambda grade_map, _: _over(grade_map.bank_credit_loan_krw_over),
    "credit_information": _marks,
    "business_age": lambda grade_map, _: _ages(grade_map.business_age_months_at_least),
    "residence": lambda grade_map, _: _ages(grade_map.residence_months_at_least),
    "joint_guarantee": lambda _, __: [("있음", "given"), *[("-", "-")] * 4, ("없음", "not given")],
    "certificate": _certificates,
}


def _note(name: str, grade_map: GradeMap) -> Wording:
    if name == "real_estate":
        steps = grade_map.pledged_steps_down
        return f"담보로 제공하면 {steps}등급 낮아집니다.", f"Pledged: {steps} grade lower."
    if name == "residence":
        return "최근 2년 이내의 이사마다 1등급 낮아집니다.", "Each move within two years: one grade lower."
    if name == "credit_information":
        cash, lenders = grade_map.cash_advance_free_krw, grade_map.lenders_free
        return (
            f"현금서비스 {cash:,}원 초과 1개, 3개월 이내 연체 1회마다 1개, "
            f"차입기관 {lenders}곳을 넘는 1곳마다 1개.",
            f"A mark for cash advances over {cash:,} won, for each overdue loan within three months, "
            f"and for each lender beyond {lenders}.",
        )
    return "", ""
