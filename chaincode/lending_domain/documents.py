"""Evidence documents in clear, what binds their seals, and the numbers that may stand in none of them.

Personal Information Protection Act (PIPA) article 24-2: resident registration numbers are not processed.
Consents and sealed documents as the ledger keeps them are in `records_documents`.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from lending_domain.canonical import canonical
from lending_domain.values import Identifier, Organization, Value
from lending_domain.violations import refuse


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


def seal_header(document_id: str, kind: str, consent_digest: str) -> bytes:
    """The associated data of a document's cipher: it opens as this document under this consent only."""
    return b"dure document 1\n" + canonical({"consent": consent_digest, "id": document_id, "kind": kind})


def wrap_info(document_id: str, consent_digest: str, recipient: str) -> bytes:
    """HPKE's info: a key wrapped under one consent for one recipient opens under no other."""
    return b"dure key 1\n" + canonical(
        {"consent": consent_digest, "document": document_id, "recipient": recipient}
    )


def letter_info(concerns: str, recipient: str) -> bytes:
    """HPKE's info for a letter sealed to one recipient about one record."""
    return b"dure letter key 1\n" + canonical({"concerns": concerns, "recipient": recipient})


# Six digits of a date of birth, then a digit that tells sex and century: 13 digits, with or without a hyphen.
_RESIDENT_NUMBER = re.compile(
    r"(?<![0-9])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[-\s]?[1-8][0-9]{6}(?![0-9])"
)
_MASKED = re.compile(r"[0-9]{6}[-\s]?[*●X]{7}|[0-9]{6}-[0-9][*●X]{6}")


def has_resident_number(text: str) -> bool:
    """Whether the text holds what looks like a resident registration number."""
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
