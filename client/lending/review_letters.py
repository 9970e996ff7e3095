"""The letters of a review: written, sealed to applicant and evaluator, opened; and the form as corrected.

Each is sealed under the review's id to exactly the two, so that SEMAS, which passes it on, cannot read it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from pydantic import ValidationError

from hlf.identity import SigningIdentity
from lending.correspondence import write_letter
from lending.documents.sealing import public_key_from_text, seal_letter
from lending_domain.form import EvaluationForm
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_review import (
    ExplanationBody,
    FieldCorrection,
    ReviewAnswerBody,
    ReviewExtensionBody,
    ReviewOutcome,
    ReviewRequestBody,
)
from lending_domain.violations import refuse

VALID_FOR = timedelta(days=365)
"""Longer than any deadline: a late answer still has to be recorded."""


def explanation_letter(
    signer: SigningIdentity,
    holder: str,
    referral_id: str,
    evaluation: EvaluationRecord,
    explanation: Mapping[str, Any],
    *,
    reply_key: str,
    pdf: bytes | None = None,
) -> SignedLetter:
    """The explanation of an evaluation for the applicant, with its opening.

    reply_key: the evaluator's public sealing key in hex, to which a request for review is sealed.
    """
    body = ExplanationBody(
        explanation=dict(explanation),
        evaluation=evaluation,
        pdf=None if pdf is None else base64.b64encode(pdf).decode(),
        reply_key=reply_key,
    )
    return _written(signer, LetterKind.EXPLANATION, holder, referral_id, body)


def request_letter(
    signer: SigningIdentity, evaluator: str, review_id: str, body: ReviewRequestBody
) -> SignedLetter:
    """The applicant's request. signer: the applicant, with the certificate whose holder SEMAS confirmed."""
    return _written(signer, LetterKind.REVIEW_REQUEST, evaluator, review_id, body)


def extension_letter(
    signer: SigningIdentity, holder: str, review_id: str, due_by: date, reason: str
) -> SignedLetter:
    """Why the answer takes longer, and until when. signer: the officer who extends."""
    body = ReviewExtensionBody(due_by=due_by, reason=reason)
    return _written(signer, LetterKind.REVIEW_EXTENSION, holder, review_id, body)


def answer_letter(
    signer: SigningIdentity,
    request: SignedLetter,
    outcome: ReviewOutcome,
    text: str,
    *,
    holder: str,
    received_on: date,
    answered_on: date,
    commitment: str | None,
    evaluation: EvaluationRecord | None = None,
    explanation: Mapping[str, Any] | None = None,
) -> SignedLetter:
    """The answer to an opened request. signer: the officer who answers.

    commitment: of the evaluation that stands, as on the ledger; evaluation, explanation: its opening, where
    the applicant does not have it yet.
    """
    asked = ReviewRequestBody.model_validate(request.letter.body)
    body = ReviewAnswerBody(
        referral_id=asked.referral_id,
        kind=asked.kind,
        request=request.digest,
        outcome=outcome,
        text=text,
        received_on=received_on,
        answered_on=answered_on,
        commitment=commitment,
        evaluation=evaluation,
        explanation=None if explanation is None else dict(explanation),
    )
    return _written(signer, LetterKind.REVIEW_ANSWER, holder, request.letter.subject, body)


def sealed_between(signed: SignedLetter, keys: Mapping[str, X25519PublicKey | str]) -> SealedLetter:
    """A letter of a review sealed to applicant and evaluator. keys: name -> public key, or its hex."""
    recipients = {
        name: public_key_from_text(key) if isinstance(key, str) else key for name, key in keys.items()
    }
    return seal_letter(signed, signed.letter.subject, recipients)


def relay_id(review_id: str, what: str) -> str:
    """The id under which a foundation hands SEMAS a letter of a review, so that SEMAS finds it.

    what: "answer", or the deadline (YYYY-MM-DD) of an extension.
    """
    return hashlib.sha256(f"{what}/{review_id}".encode()).hexdigest()[:32]


def corrected(form: EvaluationForm, corrections: Sequence[FieldCorrection]) -> EvaluationForm:
    """The form with these fields as the applicant says they are.

    Raises `Refused` CORRECTION_UNKNOWN for a field that the form does not have, CORRECTION_INVALID for a
    value that is none of the field's; whether the fields agree is the form's own check.
    """
    fields = form.model_dump(mode="json")
    for one in corrections:
        *path, last = one.field.split(".")
        inner = fields
        for name in path:
            inner = inner[name] if isinstance(inner.get(name), dict) else {}
        if last not in inner:
            raise refuse(
                "CORRECTION_UNKNOWN",
                "평가표에 없는 항목입니다.",
                "The evaluation form has no such field.",
                one.field,
            )
        inner[last] = one.value
    try:
        return EvaluationForm.model_validate(fields)
    except ValidationError as error:
        # Its text would repeat the applicant's figures.
        where = ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
        raise refuse(
            "CORRECTION_INVALID",
            "평가표의 항목에 맞지 않는 값입니다.",
            "The value does not fit the form's field.",
            where,
        ) from None


def _written(
    signer: SigningIdentity, kind: LetterKind, addressee: str, subject: str, body: Any
) -> SignedLetter:
    said = body.model_dump(mode="json", exclude_none=True)
    return write_letter(signer, kind, addressee, subject, said, valid_for=VALID_FOR)
