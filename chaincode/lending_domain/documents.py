"""Consents, evidence documents, and how long they are kept.

Personal Information Protection Act (PIPA) articles 15, 22, 23, 24-2; Credit Information Act articles 20-2
and 32.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from lending_domain.canonical import canonical, digest
from lending_domain.enterprise import anniversary
from lending_domain.funds import catalogue
from lending_domain.values import Count, Flag, Hex256, Identifier, Nonce, Organization, Value
from lending_domain.violations import Violation, Violations, refuse

RETENTION_YEARS = 5
"""Credit Information Act article 20-2: five years after the end of the relation."""


class Consent(Value):
    """An applicant's consent to have documents fetched and shared.

    items: document kinds. sensitive: those of them that have a consent of their own (PIPA 23).
    credit_information: consent to the use of credit information, given apart (Credit Information Act 32).
    recipients: organizations. refusal: the right to refuse and its consequence, as told to the applicant.
    """

    id: Identifier
    holder: Identifier
    items: tuple[Identifier, ...] = Field(min_length=1)
    sensitive: tuple[Identifier, ...] = ()
    credit_information: Flag = False
    recipients: tuple[Organization, ...] = Field(min_length=1)
    purpose: str = Field(min_length=1, max_length=300)
    retention_years: Count = RETENTION_YEARS
    granted_at: AwareDatetime
    expires_at: AwareDatetime
    refusal: str = Field(min_length=1, max_length=500)
    nonce: Nonce

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical consent; its nonce keeps it from being guessed."""
        return digest(self)


class DocumentState(StrEnum):
    """A document on the ledger."""

    SEALED = "sealed"
    CONFIRMED = "confirmed"
    DESTROYED = "destroyed"


class DocumentContent(Value):
    """A document in clear, only ever in the hands of its issuer, the applicant and the recipients.

    fields: the issuer's claims. pdf: the document, base64.
    """

    id: Identifier
    kind: Identifier
    issuer: Organization
    issued_on: date
    fields: dict[str, Any]
    pdf: str


class SealedDocument(Value):
    """A document encrypted once (AES-256-GCM) and its data key wrapped for each recipient (HPKE), base64."""

    id: Identifier
    kind: Identifier
    issuer: Organization
    consent_id: Identifier
    consent_digest: Hex256
    nonce: str
    ciphertext: str
    keys: dict[str, str]

    def header(self) -> bytes:
        """What the ciphertext is bound to; recipients may be added without touching it."""
        return seal_header(self.id, self.kind, self.issuer, self.consent_digest)


class Receipt(Value):
    """What an issuer attests of one document: the body of a RECEIPT letter.

    commitment: salted, of the content; the salt travels inside the seal. ciphertext_digest: SHA-256 in hex.
    """

    document_id: Identifier
    kind: Identifier
    consent_id: Identifier
    commitment: Hex256
    ciphertext_digest: Hex256
    issued_on: date


def seal_header(document_id: str, kind: str, issuer: str, consent_digest: str) -> bytes:
    """The associated data of the document's cipher."""
    return b"dure document 1\n" + canonical(
        {"consent": consent_digest, "id": document_id, "issuer": issuer, "kind": kind}
    )


def wrap_info(document_id: str, consent_digest: str, recipient: str) -> bytes:
    """HPKE's info: a key wrapped under one consent for one recipient opens under no other."""
    return b"dure key 1\n" + canonical(
        {"consent": consent_digest, "document": document_id, "recipient": recipient}
    )


def consent_violations(consent: Consent) -> Violations:
    """What makes the consent itself invalid."""
    kinds = catalogue().documents
    found = [
        _wrong("DOCUMENT_UNKNOWN", "없는 서류입니다.", "There is no such document.", f"items.{item}")
        for item in consent.items
        if item not in kinds
    ]
    found.extend(
        _wrong(
            "SENSITIVE_CONSENT_MISSING",
            "민감정보는 별도의 동의가 필요합니다(개인정보 보호법 제23조).",
            "Sensitive information needs a consent of its own (PIPA article 23).",
            f"sensitive.{item}",
        )
        for item in consent.items
        if item in kinds and kinds[item].sensitive and item not in consent.sensitive
    )
    if consent.expires_at <= consent.granted_at:
        found.append(
            _wrong(
                "CONSENT_PERIOD",
                "동의의 유효기간이 올바르지 않습니다.",
                "The consent expires before it is given.",
                "expires_at",
            )
        )
    if consent.retention_years < 1:
        found.append(
            _wrong(
                "RETENTION_PERIOD",
                "보유기간이 필요합니다.",
                "A retention period is needed.",
                "retention_years",
            )
        )
    return tuple(found)


def access_violations(
    consent: Consent, kind: str, recipient: str, at: datetime, *, revoked: bool = False
) -> Violations:
    """Why `recipient` may not have a document of that kind at the time `at`; empty when it may."""
    found = []
    if revoked:
        found.append(
            _wrong("CONSENT_REVOKED", "동의가 철회되었습니다.", "The consent is revoked.", "consent")
        )
    if at >= consent.expires_at:
        found.append(
            _wrong("CONSENT_EXPIRED", "동의 기간이 지났습니다.", "The consent has expired.", "consent")
        )
    if at < consent.granted_at:
        found.append(
            _wrong("CONSENT_NOT_YET_GIVEN", "아직 동의 전입니다.", "The consent is not given yet.", "consent")
        )
    if recipient not in consent.recipients and recipient != consent.holder:
        found.append(
            _wrong(
                "CONSENT_RECIPIENT",
                "동의에 없는 제공받는 자입니다.",
                "The consent does not name this recipient.",
                "recipient",
            )
        )
    if kind not in consent.items:
        found.append(
            _wrong(
                "CONSENT_ITEM", "동의에 없는 서류입니다.", "The consent does not name this document.", "kind"
            )
        )
    return tuple(found)


def release_date(ended_on: date, years: int = RETENTION_YEARS) -> date:
    """The first day on which documents of a relation that ended then may be destroyed."""
    return anniversary(ended_on, years)


def destruction_violations(at: date, ended_on: date | None, *, live: bool) -> Violations:
    """Why documents may not be destroyed on the day `at`: with the legal basis and the release date.

    live: a loan or a guarantee of the applicant is running. ended_on: the end of the last one, None when
    there never was one.
    """
    if live:
        return (
            _wrong(
                "RETENTION_LIVE_RELATION",
                "진행 중인 대출 또는 보증이 있어 파기할 수 없습니다(신용정보법 제20조의2).",
                "A loan or a guarantee is running (Credit Information Act article 20-2).",
                "ended_on",
            ),
        )
    if ended_on is not None and at < release_date(ended_on):
        day = release_date(ended_on).isoformat()
        return (
            _wrong(
                "RETENTION_PERIOD",
                f"{day}부터 파기할 수 있습니다(신용정보법 제20조의2: 거래 종료 후 5년).",
                f"They may be destroyed from {day} on (Credit Information Act article 20-2: five years).",
                "ended_on",
            ),
        )
    return ()


# Six digits of a date of birth, then a digit that tells sex and century: 13 digits, with or without a hyphen.
_RESIDENT_NUMBER = re.compile(
    r"(?<![0-9])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[-\s]?[1-8][0-9]{6}(?![0-9])"
)
_MASKED = re.compile(r"[0-9]{6}[-\s]?[*●X]{7}|[0-9]{6}-[0-9][*●X]{6}")


def has_resident_number(text: str) -> bool:
    """Whether the text holds what looks like a resident registration number (PIPA article 24-2)."""
    return _RESIDENT_NUMBER.search(text) is not None


def mask_resident_numbers(text: str) -> str:
    """The text with every such number removed whole, birth date included."""
    return _MASKED.sub("[masked]", _RESIDENT_NUMBER.sub("[masked]", text))


def refuse_resident_numbers(value: object, field: str = "") -> None:
    """Raise `Refused` RESIDENT_NUMBER when any text in the JSON value holds such a number."""
    if isinstance(value, str) and has_resident_number(value):
        raise refuse(
            "RESIDENT_NUMBER",
            "주민등록번호는 처리할 수 없습니다(개인정보 보호법 제24조의2).",
            "Resident registration numbers may not be processed (PIPA article 24-2).",
            field,
        )
    if isinstance(value, dict):
        for name, item in value.items():
            refuse_resident_numbers(str(name), field)
            refuse_resident_numbers(item, f"{field}.{name}".strip("."))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for item in value:
            refuse_resident_numbers(item, field)


def _wrong(code: str, ko: str, en: str, field: str) -> Violation:
    return Violation(code=code, ko=ko, en=en, field=field)
