"""Requests for explanation, review or correction, and their answers: private sides and letters' bodies.

What is asked and answered is in letters that are sealed between applicant and evaluator; SEMAS, which passes
them on, sees that there is one, for whom, and the dates.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, Strict, StringConstraints, model_validator

from lending_domain.letters import LetterBody, LetterKind, SignedLetter
from lending_domain.records import Record, RecordId, Salted
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.values import Flag, Hex256, Organization, Value

Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]


class ReviewKind(StrEnum):
    """What an applicant asks for."""

    EXPLANATION = "explanation"
    HUMAN_REVIEW = "human-review"
    CORRECTION = "correction"


class ReviewOutcome(StrEnum):
    """What became of it; said in the sealed answer only."""

    EXPLAINED = "explained"
    UPHELD = "upheld"
    RE_EVALUATED = "re-evaluated"
    REFUSED = "refused"


class FieldCorrection(Value):
    """One answer of the evaluation form as the applicant says it is. field: dotted path in the form."""

    field: FieldPath
    value: Annotated[bool, Strict()] | Annotated[int, Strict()] | str
    because: Text


class ReviewRequestBody(LetterBody):
    """The applicant's letter (kind review-request, subject the review's id).

    reply_key: the X25519 key, in hex, under which the answer is sealed.
    """

    LETTER = LetterKind.REVIEW_REQUEST
    referral_id: RecordId
    kind: ReviewKind
    text: Text
    corrections: tuple[FieldCorrection, ...] = Field(default=(), max_length=40)
    reply_key: Hex256

    @model_validator(mode="after")
    def _consistent(self) -> ReviewRequestBody:
        if bool(self.corrections) != (self.kind is ReviewKind.CORRECTION):
            raise ValueError("corrections are named in a request for correction, and only there")
        return self


class ReviewExtensionBody(LetterBody):
    """Why an answer takes longer (kind review-extension, subject the review's id)."""

    LETTER = LetterKind.REVIEW_EXTENSION
    due_by: date
    reason: Text


class ExplanationBody(LetterBody):
    """The evaluation explained (kind explanation, subject referral_id).

    explanation: as `lending.credit` writes it; pdf: the same for reading, base64. evaluation: the opening of
    the ledger's commitment. reply_key: the evaluator's X25519 key, in hex, to which a request is sealed.
    """

    LETTER = LetterKind.EXPLANATION
    explanation: dict[str, Any]
    evaluation: EvaluationRecord
    pdf: str | None = None
    reply_key: Hex256


class ReviewAnswerBody(LetterBody):
    """The evaluator's letter (kind review-answer, subject the review's id).

    request: digest of the letter answered. commitment: of the evaluation that stands, as on the ledger; None
    where the firm was filtered out before one. evaluation, explanation: its opening, where it is a new one.
    """

    LETTER = LetterKind.REVIEW_ANSWER
    referral_id: RecordId
    kind: ReviewKind
    request: Hex256
    outcome: ReviewOutcome
    text: Text
    received_on: date
    answered_on: date
    commitment: Hex256 | None = None
    evaluation: EvaluationRecord | None = None
    explanation: dict[str, Any] | None = None

    def fits(self, asked: ReviewKind, re_evaluated: bool) -> bool:
        """Whether the outcome is one for what was asked and done: only an explanation is merely explained."""
        if self.outcome is ReviewOutcome.EXPLAINED and asked is not ReviewKind.EXPLANATION:
            return False
        return re_evaluated == (self.outcome is ReviewOutcome.RE_EVALUATED)


class ReviewRequest(Salted):
    """A request as it is handed on: for whom it is, of which referral, and the sealed letter.

    kind: sets the days for an answer; what may be done is for the letter's own kind.
    """

    evaluator: Organization
    kind: ReviewKind
    referral_id: RecordId
    sealed: SealedLetter


class ReviewAnswer(Salted):
    """The opened request and the signed answer, kept by the evaluator."""

    request: SignedLetter
    answer: SignedLetter


class EvaluationOfficers(Salted):
    """Who evaluated: digest of the officer's client id, by review; `FIRST` for the evaluation before any."""

    by_review: dict[str, Hex256]


FIRST = "first"


class ReviewDue(Value):
    """A review that waits for its answer, as its evaluator sees it on a day."""

    id: str
    referral_id: str
    state: str
    received_on: date
    due_by: date
    overdue: Flag


def review_due(record: Record, on: date) -> ReviewDue | None:
    """The review in the queue of day `on`; None for one that is answered."""
    dates = record.dates or {}
    if "answered_on" in dates:
        return None
    return ReviewDue(
        id=record.id,
        referral_id=record.references["referral"],
        state=record.state,
        received_on=dates["received_on"],
        due_by=dates["due_by"],
        overdue=on > dates["due_by"],
    )
