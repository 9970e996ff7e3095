"""What a version of the model, a table of thresholds, a public comment must fulfil; all breaches at once."""

import re
from collections.abc import Iterable, Iterator

from lending_domain.form import Certificate, CompanyClass, Industry, RealEstate
from lending_domain.model import (
    Composition,
    GradeMap,
    Model,
    PrintedParent,
    Threshold,
    millionths,
)
from lending_domain.violations import Violation, Violations

PARENT_TOLERANCE = 1_500
"""How far leaves may lie from their printed parent, in millionths: each is rounded to three decimals."""
BASE_RANGE = (950_000, 1_050_000)
"""What base weights may sum to as published, in millionths: P2's own sums run from 0.971 to 1.001."""

MEASURED = {
    "rent_deposit": 6,
    "borrowing": 5,
    "sales": 4,
    "real_estate": 5,
    "credit_transactions": 6,
    "credit_information": 6,
    "business_age": 6,
    "residence": 6,
    "joint_guarantee": 6,
    "certificate": 4,
}
"""The items that the grade map grades, with the number of their grades."""

# What must never stand in a public text. A name cannot be told from a word: that is for who writes.
_PERSONAL = re.compile(
    r"(?<!\d)(?:\d{6}\s*-?\s*[1-8]\d{6}|\d{3}-?\d{2}-?\d{5}|0\d{1,2}[-. ]?\d{3,4}[-. ]?\d{4})(?!\d)"
    r"|[^\s@]+@[^\s@]+\.\w+"
)


def model_violations(model: Model) -> Violations:
    """Why a version may not be proposed; empty when it may.

    Complete: every industry and company class has weights. Plausible: leaves agree with printed parents
    within 0.0015, base weights as published sum to about 1. The scaled compositions are exact as they are.
    """
    return (
        *_items(model),
        *_blocks(model),
        *_sums(model),
        *_parents(model),
        *_grade_map(model.grade_map),
    )


def _items(model: Model) -> Iterator[Violation]:
    for name, item in sorted(model.items.items()):
        field = f"items.{name}"
        if item.block == "judgement":
            if item.kind != "judgement" or item.weight or name in MEASURED:
                yield _incomplete(
                    field, "판단항목의 가중치는 업종별로 둡니다.", "is weighed by industry, graded by hand"
                )
        elif MEASURED.get(name) != item.grades or item.kind != "fact":
            yield _incomplete(
                field,
                "등급표로 등급을 매길 수 없는 항목입니다.",
                "is no item that the grade map gives these grades",
            )
        elif not item.weight:
            yield _incomplete(field, "가중치가 없습니다.", "has no weight in any company class")
        if not item.provenance.strip():
            yield _incomplete(field, "출처가 없습니다.", "does not say where it comes from")
    bonus = {name for name, item in model.items.items() if item.block == "bonus"}
    for name in sorted(bonus):
        if set(model.items[name].weight) != set(CompanyClass):
            yield _incomplete(
                f"items.{name}", "가점의 가중치가 없습니다.", "has no bonus in one company class"
            )
    for company in CompanyClass:
        for block in ("financial", "fact"):
            if not any(company in item.weight for item in model.items.values() if item.block == block):
                yield _incomplete(
                    "items", "기업구분별 가중치가 없습니다.", f"no {block} item is weighed for {company}"
                )


def _blocks(model: Model) -> Iterator[Violation]:
    for industry in Industry:
        block = model.judgement.get(industry, {})
        if industry not in model.industries or not block:
            yield _incomplete(
                f"judgement.{industry}", "업종의 판단항목이 없습니다.", "the industry has no weights"
            )
        for name in sorted(block):
            if name in model.items and model.items[name].block != "judgement":
                yield _incomplete(
                    f"judgement.{industry}.{name}", "판단항목이 아닙니다.", "is no judgement item"
                )
        if block and not any(block.values()):
            yield _incomplete(f"judgement.{industry}", "가중치가 모두 0입니다.", "all its weights are zero")
    used = {name for block in model.judgement.values() for name in block}
    for name, item in sorted(model.items.items()):
        if item.block == "judgement" and name not in used:
            yield _incomplete(f"items.{name}", "어느 업종에도 쓰이지 않습니다.", "is used by no industry")


def _sums(model: Model) -> Iterator[Violation]:
    if model.composition is not Composition.AS_PUBLISHED:
        return
    for industry in sorted(set(model.judgement) & set(Industry)):
        for company in CompanyClass:
            weights = model.weights(company, industry)
            base = sum(weight for name, weight in weights.items() if model.items[name].block != "bonus")
            if not BASE_RANGE[0] <= base <= BASE_RANGE[1]:
                yield Violation(
                    code="MODEL_SUM",
                    ko="기본 가중치의 합이 1에서 너무 멉니다.",
                    en=f"The base weights of {company} firms in {industry} sum to {base} millionths.",
                    field=f"judgement.{industry}",
                )


def _parents(model: Model) -> Iterator[Violation]:
    for parent in model.origin.parents if model.origin else ():
        leaves = [_printed(model, parent, name) for name in parent.items]
        away = None if None in leaves else abs(sum(filter(None, leaves)) - millionths(parent.weight))
        if away is None or away > PARENT_TOLERANCE:
            yield Violation(
                code="MODEL_PARENT",
                ko="하위항목의 합이 인쇄된 상위항목과 맞지 않습니다.",
                en=f"The leaves of {parent.name} do not sum to its printed weight within 0.0015.",
                field="origin.parents",
            )


def _printed(model: Model, parent: PrintedParent, name: str) -> int | None:
    """The leaf's weight before any composition, in millionths."""
    block = model.judgement.get(parent.industry, {})
    if name in block:
        return millionths(block[name])
    item = model.items.get(name)
    weight = item.weight.get(parent.company_class) if item else None
    return None if weight is None else millionths(weight)


def _grade_map(bounds: GradeMap) -> Iterator[Violation]:
    downward = (
        "rent_deposit_percent_over",
        "sales_krw_at_least",
        "bank_credit_loan_krw_over",
        "business_age_months_at_least",
        "residence_months_at_least",
    )
    for name in (*downward, "borrowing_krw_at_most"):
        values = getattr(bounds, name)
        wanted = sorted(set(values), reverse=name in downward)
        if list(values) != wanted or min(values) < 0:
            yield _incomplete(
                f"grade_map.{name}", "등급 경계의 순서가 맞지 않습니다.", "its bounds do not run one way"
            )
    whole: tuple[tuple[str, set[object], set[object]], ...] = (
        ("average_deposit_krw", set(bounds.average_deposit_krw), set(Industry)),
        ("real_estate_grade", set(bounds.real_estate_grade), set(RealEstate)),
        ("certificate_grade", set(bounds.certificate_grade), set(Certificate)),
    )
    for name, has, wants in whole:
        if has != wants:
            yield _incomplete(
                f"grade_map.{name}", "등급표가 완전하지 않습니다.", "it does not grade every answer"
            )
    estate, certificate = bounds.real_estate_grade.values(), bounds.certificate_grade.values()
    if max(estate, default=0) > 5 or max(certificate, default=0) > 4:
        yield _incomplete(
            "grade_map", "등급이 항목의 등급수를 넘습니다.", "a grade lies off its item's scale"
        )
    if min(bounds.pledged_steps_down, bounds.cash_advance_free_krw, bounds.lenders_free) < 0:
        yield _incomplete("grade_map", "음수는 쓸 수 없습니다.", "a step or an allowance is negative")


def threshold_violations(entries: Iterable[Threshold], model: Model) -> Violations:
    """Why a table of thresholds does not fit the version: entries of another one, twice, or out of reach."""
    found, seen = [], set()
    for index, entry in enumerate(entries):
        key = (entry.company_class, entry.industry)
        of_model = (entry.model, entry.composition) == (model.id, model.composition)
        if of_model and entry.industry in model.judgement:
            most = 60 * sum(model.weights(entry.company_class, entry.industry).values())
            fits = key not in seen and entry.units <= most
        else:
            fits = False
        seen.add(key)
        if not fits:
            found.append(
                Violation(
                    code="THRESHOLD_INVALID",
                    ko="이 모형의 심사기준점이 아니거나, 중복되었거나, 최고점을 넘습니다.",
                    en="An entry is of another model, stands twice, or lies above what can be scored.",
                    field=f"entries.{index}",
                )
            )
    return tuple(found)


def comment_violations(text: str) -> Violations:
    """Why a text may not stand on the ledger in clear: a number of a person or a firm, an address."""
    if not _PERSONAL.search(text):
        return ()
    return (
        Violation(
            code="PERSONAL_DATA",
            ko="의견에는 주민등록번호, 사업자등록번호, 전화번호, 전자우편주소를 쓸 수 없습니다.",
            en="A comment is public: no registration, business or telephone number, no e-mail address.",
            field="text",
        ),
    )


def _incomplete(field: str, ko: str, en: str) -> Violation:
    return Violation(code="MODEL_INCOMPLETE", ko=ko, en=f"{field}: {en}.", field=field)
