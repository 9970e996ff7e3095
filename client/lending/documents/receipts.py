"""Receipts: an issuer's signed word on one document, a letter that anyone who holds it can verify."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from lending_domain.documents import Receipt
from lending_domain.letters import ANYONE, Letter, LetterKind, SignedLetter, sign_letter, verify_letter
from lending_domain.violations import Violation, Violations

VALIDITY = timedelta(days=90)
"""How long an issued document is taken as current."""


def sign_receipt(
    receipt: Receipt,
    issuer: str,
    signer: Callable[[bytes], bytes],
    certificate_pem: bytes | str,
    *,
    at: datetime,
    validity: timedelta = VALIDITY,
) -> SignedLetter:
    """The receipt as a signed letter. at: the issuer's clock; signer: message -> DER ECDSA-SHA256."""
    letter = Letter(
        kind=LetterKind.RECEIPT,
        id=f"receipt-{os.urandom(16).hex()}",
        issuer=issuer,
        addressee=ANYONE,
        subject=receipt.document_id,
        issued_at=at,
        expires_at=at + validity,
        body=receipt.model_dump(mode="json"),
        nonce=os.urandom(16).hex(),
    )
    return sign_letter(letter, signer, certificate_pem)


def verify_receipt(
    signed: SignedLetter, trust_anchors: Mapping[str, Sequence[bytes | str]], at: datetime, issuer: str
) -> tuple[Receipt | None, Violations]:
    """The receipt, and everything that is wrong with it; rely on it only when nothing is."""
    found = list(verify_letter(signed, trust_anchors, at, None, kind=LetterKind.RECEIPT, issuer=issuer))
    try:
        receipt = Receipt.model_validate(signed.letter.body)
    except ValidationError:
        found.append(
            Violation(
                code="RECEIPT_MALFORMED",
                ko="영수증의 내용이 올바르지 않습니다.",
                en="The receipt's content is malformed.",
                field="body",
            )
        )
        return None, tuple(found)
    if receipt.document_id != signed.letter.subject:
        found.append(
            Violation(
                code="RECEIPT_SUBJECT",
                ko="다른 서류의 영수증입니다.",
                en="The receipt is for another document.",
                field="subject",
            )
        )
    return receipt, tuple(found)
