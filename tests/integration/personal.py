"""What must stay with the parties of a loan: the demonstration's personal values, and who may hold each.

A value is looked for as its record encodes it. Values of the documents have no party at all: they are sealed,
so no store has them in clear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lending.documents.applicants import Applicant, load_applicant
from lending_domain.canonical import canonical
from lending_domain.commitment import commit
from lending_domain.form import EvaluationForm
from lending_domain.model import model2
from lending_domain.money import percent_of
from lending_domain.records import encode
from lending_domain.score import UNIT, Evaluation, evaluate

DATA = Path(__file__).parents[1] / "data"
# Every field name under which an amount or a grade stands in some record.
AMOUNT_FIELDS = (
    "amount_krw",
    "annual_sales_krw",
    "bank_credit_loan_krw",
    "guaranteed_krw",
    "principal",
    "principal_krw",
    "rent_deposit_krw",
    "total_borrowing_krw",
)


@dataclass(frozen=True)
class PersonalValue:
    """One value: the bytes by which it is found (any of them), and the organizations that may hold it."""

    name: str
    plain: object
    needles: tuple[bytes, ...]
    parties: frozenset[str]

    def digests(self) -> Iterator[bytes]:
        """Its unsalted SHA-256, of the bare text and of the canonical JSON."""
        for encoding in dict.fromkeys((str(self.plain).encode(), canonical(self.plain))):
            yield hashlib.sha256(encoding).digest()


def applicants() -> tuple[Applicant, ...]:
    """The two whose loans the demonstration carries through."""
    return tuple(load_applicant(DATA / name) for name in ("demo-applicant.yaml", "demo-applicant-2.yaml"))


def result_of(applicant: Applicant) -> Evaluation:
    """The evaluation that the foundation comes to."""
    return evaluate(applicant.form, model2())


def personal_values(applicant: Applicant) -> tuple[PersonalValue, ...]:
    """Every personal value of one applicant's loan."""
    foundation, bank = applicant.request.foundation, applicant.request.bank
    return (
        *_texts(applicant, frozenset({"applicants", "semas", foundation})),
        *_sealed(applicant),
        *_amounts(applicant, frozenset({"applicants", "semas", foundation, bank})),
        *_assessment(applicant, frozenset({foundation})),
    )


def _texts(applicant: Applicant, parties: frozenset[str]) -> Iterator[PersonalValue]:
    subject = applicant.subject
    for name in ("name", "business_name", "business_number", "linking_value"):
        text = str(getattr(subject, name))
        yield PersonalValue(name, text, (text.encode(),), parties)


def _sealed(applicant: Applicant) -> Iterator[PersonalValue]:
    subject = applicant.subject
    for name, text in (
        ("address", subject.address),
        ("business_address", subject.business_address),
        *(("household member", member) for member in subject.household),
    ):
        yield PersonalValue(name, text, (text.encode(),), frozenset())


def _amounts(applicant: Applicant, parties: frozenset[str]) -> Iterator[PersonalValue]:
    amount = applicant.request.amount_krw
    fields = ("amount_krw", "principal_krw", "principal")
    yield PersonalValue("amount", amount, tuple(_pair(field, amount) for field in fields), parties)
    guaranteed = percent_of(amount, applicant.request.coverage)
    holders = frozenset({"applicants", applicant.request.foundation, applicant.request.bank})
    yield PersonalValue("guaranteed amount", guaranteed, (_pair("guaranteed_krw", guaranteed),), holders)


def _assessment(applicant: Applicant, parties: frozenset[str]) -> Iterator[PersonalValue]:
    yield from _evaluation(applicant.form, parties)
    if applicant.misentered:
        yield from _evaluation(applicant.form.model_copy(update=applicant.misentered), parties)


def _evaluation(form: EvaluationForm, parties: frozenset[str]) -> Iterator[PersonalValue]:
    for field in ("rent_deposit_krw", "total_borrowing_krw", "annual_sales_krw", "bank_credit_loan_krw"):
        won = getattr(form, field)
        yield PersonalValue(field, won, (_pair(field, won),), parties)
    yield PersonalValue("the form", form, (encode(form),), parties)
    result = evaluate(form, model2())
    yield PersonalValue("the score", result.total, (_pair("total", result.total),), parties)
    for item in result.items:
        yield PersonalValue(f"the grade of {item.item}", item.grade, (canonical(item),), parties)


def _pair(field: str, value: int) -> bytes:
    return f'"{field}":{value}'.encode()


def guesses() -> Iterator[bytes]:
    """A dictionary: what somebody who knows every record's form, and no salt, would try.

    Amounts in steps of 100,000 won up to 200 million, every grade of every item, business numbers around the
    real ones, and the whole private values with nothing but the salt missing.
    """
    amounts = set(range(100_000, 200_000_001, 100_000))
    for applicant in applicants():
        form = applicant.form
        amounts |= {applicant.request.amount_krw, form.rent_deposit_krw, form.annual_sales_krw}
        yield from _records(applicant)
        number = int(applicant.subject.business_number)
        for near in range(number - 500, number + 501):
            yield from _identifiers(f"{near:010d}")
        yield from _identifiers(applicant.subject.linking_value)
    for amount in sorted(amounts):
        yield from _encodings(amount, AMOUNT_FIELDS)


def _encodings(value: object, fields: tuple[str, ...]) -> Iterator[bytes]:
    yield canonical(value)
    for field in fields:
        yield canonical({field: value})
        yield f'"{field}":'.encode() + canonical(value)


def _identifiers(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield from _encodings(text, ("business_number", "identifier", "key", "representative_link"))
    for prefix in ("firm/", "representative/", "index/firm/", "index/representative/"):
        yield prefix.encode() + text.encode()
    for subject in ("firm", "representative"):
        yield canonical({"identifier": text, "subject": subject, "version": 1})


def _records(applicant: Applicant) -> Iterator[bytes]:
    subject, result = applicant.subject, result_of(applicant)
    firm = {
        "name": subject.business_name,
        "business_number": subject.business_number,
        "representative": subject.name,
        "representative_link": subject.linking_value,
    }
    threshold = int(applicant.threshold * UNIT)
    evaluation = {
        "model_digest": result.model_digest,
        "screening": applicant.screening,
        "form": applicant.form,
        "result": result,
        "guaranteeable": result.total >= threshold,
    }
    for record in (firm, applicant.profile, applicant.screening, applicant.form, result, evaluation):
        yield canonical(record)
    for item in result.items:
        for grade in range(1, item.grades + 1):
            points = item.weight * (item.grades - grade) * (60 // (item.grades - 1))
            yield canonical(item.model_copy(update={"grade": grade, "points": points}))
            yield from _encodings(grade, (item.item, "grade"))


def weak_commitments() -> Iterator[str]:
    """Commitments to the evaluations as they would be if the salts were not random."""
    for applicant in applicants():
        result = result_of(applicant)
        opened = {
            "model_digest": result.model_digest,
            "screening": applicant.screening,
            "form": applicant.form,
            "result": result,
            "guaranteeable": True,
        }
        for salt in (bytes(16), bytes(32), b"\xff" * 16):
            yield commit(opened, salt)
