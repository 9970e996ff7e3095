"""Consents, sealed documents, evidence handed on, relayed letters: the private sides."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from lending_domain.enterprise import anniversary
from lending_domain.funds import catalogue
from lending_domain.letters import SignedLetter
from lending_domain.records import RecordId, Salted
from lending_domain.values import Identifier, Value
from lending_domain.violations import Violation, Violations

ADDRESS_FOUNDATION = "foundation-of-the-business-address"
"""Recipient named in a consent before it is known which foundation that will be."""

RETENTION_BASIS = "Credit Information Act, article 20-2: five years after the end of the relation"
RETENTION_YEARS = 5


class Consent(Salted):
    """What the applicant agrees to (PIPA articles 15, 17, 22); sensitive documents need one of their own.

    items: document kinds. recipients: organizations, or ADDRESS_FOUNDATION. refusal: the right to refuse and
    what follows from it, as it was shown.
    """

    holder: Identifier
    kind: Literal["general", "sensitive", "credit-information"] = "general"
    items: tuple[str, ...] = Field(min_length=1)
    recipients: tuple[str, ...] = Field(min_length=1)
    purpose: str = Field(min_length=1)
    retention_years: int = Field(ge=0, le=30)
    given_on: date
    expires_on: date
    refusal: str = Field(min_length=1)


class SealedDocument(Salted):
    """One document, encrypted; the data key wrapped for each recipient (holder or organization).

    ciphertext and wrapped keys are base64. receipt: the issuer's signed receipt, whose body has document_id,
    consent_id, document_kind and commitment (salted SHA-256 of the document, hex).
    """

    document_id: RecordId
    consent_id: RecordId
    kind: str
    ciphertext: str = Field(min_length=1)
    wrapped_keys: dict[str, str] = Field(min_length=1)
    receipt: SignedLetter


class EvidenceBundle(Salted):
    """Documents re-sealed to a foundation, with the consent and SEMAS's letter that lists them."""

    consent_id: RecordId
    consent: Consent
    documents: tuple[SealedDocument, ...] = Field(min_length=1)
    letter: SignedLetter


class SealedLetter(Salted):
    """A letter for one recipient's eyes: an explanation, a request for review, an answer.

    concerns: the id of the record it speaks of. reply_to: the relay that it answers.
    """

    concerns: RecordId
    reply_to: RecordId | None = None
    ciphertext: str = Field(min_length=1)
    wrapped_keys: dict[str, str] = Field(min_length=1)


class PublicKeyEntry(Value):
    """A sealing key as the directory answers it."""

    owner: str
    letter: SignedLetter


def consent_violations(consent: Consent) -> Violations:
    """What is wrong with a consent on the day it is given."""
    kinds = catalogue().documents
    found = [
        Violation(
            code="DOCUMENT_UNKNOWN",
            ko="없는 서류입니다.",
            en="There is no such document.",
            field=f"items.{item}",
        )
        for item in consent.items
        if item not in kinds
    ]
    if consent.expires_on <= consent.given_on:
        found.append(
            Violation(
                code="CONSENT_EXPIRED",
                ko="동의의 유효기간이 이미 지났습니다.",
                en="The consent expires before it is given.",
                field="expires_on",
            )
        )
    sensitive = [item for item in consent.items if item in kinds and kinds[item].sensitive]
    if (consent.kind == "sensitive") != bool(sensitive) or len(sensitive) not in (0, len(consent.items)):
        found.append(
            Violation(
                code="SEPARATE_CONSENT",
                ko="민감정보 서류는 별도의 동의가 필요합니다.",
                en="Sensitive documents need a consent of their own.",
                field="items",
            )
        )
    return tuple(found)


def access_violations(consent: Consent, item: str, recipient: str, on: date) -> Violations:
    """Why this document kind may not go to this recipient on this day under the consent."""
    named = set(consent.recipients)
    foundation = recipient.startswith("foundation-") and ADDRESS_FOUNDATION in named
    found = []
    if item not in consent.items or not (recipient in named or foundation):
        found.append(
            Violation(
                code="NOT_IN_CONSENT",
                ko="동의한 서류 또는 수신자가 아닙니다.",
                en="The consent does not name this document and recipient.",
                field="consent",
            )
        )
    if on < consent.given_on:
        found.append(
            Violation(
                code="CONSENT_NOT_YET_GIVEN",
                ko="동의하기 전의 날짜입니다.",
                en="The consent was given later.",
                field="consent.given_on",
            )
        )
    if on > consent.expires_on:
        found.append(
            Violation(
                code="CONSENT_EXPIRED",
                ko="동의의 유효기간이 지났습니다.",
                en="The consent has expired.",
                field="consent.expires_on",
            )
        )
    return tuple(found)


def release_date(relation_ended: date) -> date:
    """The first day on which documents may be destroyed (RETENTION_BASIS)."""
    return anniversary(relation_ended, RETENTION_YEARS) + timedelta(days=1)
