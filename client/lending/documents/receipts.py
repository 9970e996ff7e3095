"""Receipts: an issuer's signed word on one document, a letter that anyone who holds it can verify."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from lending_domain.letters import Letter, LetterKind, SignedLetter, sign_letter, verify_letter
from lending_domain.records_letters import ReceiptBody
from lending_domain.violations import Violation, Violations

VALIDITY = timedelta(days=90)
"""How long an issued document is taken as current."""


def receipt_signer(
    issuer: str,
    signer: Callable[[bytes], bytes],
    certificate_pem: bytes | str,
    *,
    at: datetime,
    addressee: str = "semas",
    validity: timedelta = VALIDITY,
) -> Callable[[str, ReceiptBody], SignedLetter]:
    """What `seal` takes to sign receipts. signer: message -> DER ECDSA-SHA256; at: the issuer's clock."""

    def sign(document_id: str, body: ReceiptBody) -> SignedLetter:
        letter = Letter(
            kind=LetterKind.EVIDENCE,
            id=os.urandom(16).hex(),
            issuer=issuer,
            addressee=addressee,
            subject=document_id,
            issued_at=at,
            expires_at=at + validity,
            body=body.model_dump(mode="json"),
            nonce=os.urandom(16).hex(),
        )
        return sign_letter(letter, signer, certificate_pem)

    return sign


def verify_receipt(
    signed: SignedLetter,
    trust_anchors: Mapping[str, Sequence[bytes | str]],
    at: datetime,
    *,
    issuer: str,
    document_id: str,
) -> tuple[ReceiptBody | None, Violations]:
    """The receipt's body, and everything that is wrong with it; rely on it only when nothing is."""
    found = list(verify_letter(signed, trust_anchors, at, None, kind=LetterKind.EVIDENCE, issuer=issuer))
    if signed.letter.subject != document_id:
        found.append(
            Violation(
                code="RECEIPT_SUBJECT",
                ko="다른 서류의 영수증입니다.",
                en="The receipt is for another document.",
                field="subject",
            )
        )
    try:
        return ReceiptBody.model_validate(signed.letter.body), tuple(found)
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
