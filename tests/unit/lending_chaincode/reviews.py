"""A review on `MemoryLedger`: request, relay, the evaluator's steps. The seals are mere words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord, Referral
from lending_domain.records_review import (
    FieldCorrection,
    ReviewAnswer,
    ReviewAnswerBody,
    ReviewExtensionBody,
    ReviewKind,
    ReviewOutcome,
    ReviewRequest,
    ReviewRequestBody,
)
from lending_domain.score import evaluate, model2
from tests.unit.lending_chaincode.consortium import START, Consortium, Person, new_id

ASKED = START + timedelta(days=2)
THRESHOLD = 35_000_000
CORRECTION = FieldCorrection(
    field="lender_count", value=1, because="two of the three loans were repaid in 2020"
)


def wrongly_entered(world: Consortium) -> EvaluationRecord:
    """An evaluation below the threshold, for figures that the applicant says are wrong."""
    form = world.evaluation().form.model_copy(
        update={
            "lender_count": 5,
            "total_borrowing_krw": 900_000_000,
            "annual_sales_krw": 1,
            "rent_deposit_krw": 0,
        }
    )
    record = world.evaluation(form=form, guaranteeable=False)
    assert record.result.total < THRESHOLD
    return record


def corrected(world: Consortium, **changes: Any) -> EvaluationRecord:
    """The evaluation with the figures as they are."""
    return world.evaluation(**changes)


class Review:
    """One applicant's referral, and one request about it. `kind` is what is asked for."""

    def __init__(
        self,
        world: Consortium,
        kind: ReviewKind = ReviewKind.CORRECTION,
        *,
        referral_id: str = "",
        foundation: str = "foundation-seoul",
        evaluation: EvaluationRecord | None = None,
    ) -> None:
        self.world, self.kind, self.foundation = world, kind, foundation
        self.id = new_id()
        self.first = evaluation or wrongly_entered(world)
        self.referral_id = referral_id or self._evaluated()
        self.letter = self.request_letter()

    def _evaluated(self) -> str:
        world, referral_id = self.world, new_id()
        letter = world.confirmation(world.form(new_id(), []), new_id(), self.foundation)
        world.hand_over(
            "credit-evaluation",
            "refer",
            referral_id,
            self.foundation,
            START,
            referral=Referral(salt=new_id(), letter=letter),
            foundation=self.foundation,
        )
        world.at_foundation("evaluate", world.seoul, referral_id, START, evaluation=self.first)
        return referral_id

    # -- letters

    def request_letter(self, who: Person | None = None, **changes: Any) -> SignedLetter:
        corrections = (CORRECTION,) if self.kind is ReviewKind.CORRECTION else ()
        body = {
            "referral_id": self.referral_id,
            "kind": self.kind,
            "text": "대출기관 수가 잘못 입력되었습니다.",
            "corrections": corrections,
            "reply_key": "ab" * 32,
        }
        named = {
            "addressee": changes.pop("addressee", self.foundation),
            "subject": changes.pop("subject", self.id),
        }
        kind = changes.pop("letter_kind", LetterKind.REVIEW_REQUEST)
        issued = {name: changes.pop(name) for name in ("issued_at", "days") if name in changes}
        said = ReviewRequestBody.model_validate({**body, **changes})
        return self.world.letter(who or self.world.applicant, kind, **named, body=said, **issued)

    def answer_letter(self, who: Person | None = None, on: date = ASKED, **changes: Any) -> SignedLetter:
        if "outcome" not in changes:
            again = "evaluation" in self.record().commitments
            changes["outcome"] = ReviewOutcome.RE_EVALUATED if again else ReviewOutcome.UPHELD
        if "commitment" not in changes:
            changes["commitment"] = self.referral().commitments.get("evaluation")
        body = {
            "referral_id": self.referral_id,
            "kind": self.kind,
            "request": self.letter.digest,
            "text": "정정하여 다시 평가하였습니다.",
            "received_on": ASKED,
            "answered_on": on,
        }
        addressee = changes.pop("addressee", self.world.applicant.holder)
        subject = changes.pop("subject", self.id)
        said = ReviewAnswerBody.model_validate({**body, **changes})
        signer = who or self.world.seoul_reviewer
        return self.world.letter(signer, LetterKind.REVIEW_ANSWER, addressee, subject, said)

    def extension_letter(self, due_by: date, who: Person | None = None, **changes: Any) -> SignedLetter:
        body = ReviewExtensionBody(due_by=due_by, reason="발급기관의 회신을 기다리고 있습니다.")
        addressee = changes.pop("addressee", self.world.applicant.holder)
        signer = who or self.world.seoul_reviewer
        return self.world.letter(signer, LetterKind.REVIEW_EXTENSION, addressee, self.id, body)

    def sealed(self, *recipients: str, concerns: str = "") -> SealedLetter:
        """A letter sealed to these, by default to applicant and foundation."""
        to = recipients or (self.world.applicant.holder, self.foundation)
        return SealedLetter(
            salt=new_id(),
            concerns=concerns or self.id,
            ciphertext="c2VhbGVk",
            wrapped_keys=dict.fromkeys(to, "a2V5"),
        )

    def handed(self, **changes: Any) -> ReviewRequest:
        """The request as it is handed on."""
        values = {
            "salt": new_id(),
            "evaluator": self.foundation,
            "kind": self.kind,
            "referral_id": self.referral_id,
            "sealed": self.sealed(),
        }
        return ReviewRequest.model_validate({**values, **changes})

    # -- on `application`

    def request(self, who: Person | None = None, **changes: Any) -> Any:
        self.asked = self.handed(**changes)
        who = who or self.world.applicant
        return self.here("request_review", who, ASKED, request=self.asked)

    def relay(self, on: date = ASKED) -> Any:
        return self.here("relay_request", self.world.semas, on, request=self.asked)

    def deliver(self, on: date = ASKED, sealed: SealedLetter | None = None, who: Person | None = None) -> Any:
        answer = sealed or self.sealed()
        who = who or self.world.semas
        return self.here("deliver_answer", who, on, answer=answer, request=self.asked)

    def here(self, function: str, who: Person, on: date, **private: Any) -> Any:
        return self.world.at_application("credit-evaluation", function, who, self.id, on, **private)

    def ask_here(self, function: str, who: Person, *args: Any) -> Any:
        return self.world.ask(self.world.application, "credit-evaluation", function, who, *args)

    # -- on `referral`

    def open(self, on: date = ASKED, **changes: Any) -> Any:
        return self.world.hand_over(
            "credit-evaluation",
            "open_review",
            self.id,
            on,
            request=self.handed(**changes),
            foundation=self.foundation,
        )

    def extend(self, on: date, due_by: date, who: Person | None = None, **changes: Any) -> Any:
        who = who or self.world.seoul_reviewer
        notice = changes.pop("notice", None) or self.extension_letter(due_by, who, **changes)
        return self.world.at_foundation("extend_review", who, self.id, on, notice=notice)

    def re_evaluate(
        self, who: Person | None = None, evaluation: EvaluationRecord | None = None, **changes: Any
    ) -> Any:
        return self.world.at_foundation(
            "re_evaluate",
            who or self.world.seoul_reviewer,
            self.id,
            changes.get("on", ASKED),
            request=changes.get("request", self.letter),
            evaluation=evaluation or corrected(self.world),
        )

    def answer(self, who: Person | None = None, on: date = ASKED, **changes: Any) -> Any:
        who = who or self.world.seoul_reviewer
        request = changes.pop("request_letter", self.letter)
        letter = changes.pop("letter", None) or self.answer_letter(who, on, **changes)
        answer = ReviewAnswer(salt=new_id(), request=request, answer=letter)
        return self.world.at_foundation("answer_review", who, self.id, on, answer=answer)

    def there(self, function: str, who: Person, *args: Any) -> Any:
        return self.world.ask(self.world.referral, "credit-evaluation", function, who, *args)

    def record(self) -> Any:
        return self.there("review", self.world.seoul, self.id)

    def referral(self) -> Any:
        return self.there("referral", self.world.seoul, self.referral_id)


def told(world: Consortium) -> Review:
    """Every step of a correction, with an extension, and a request that is withdrawn."""
    review = Review(world)
    assert review.request().state == "requested"
    assert review.open().state == "received"
    assert review.relay().state == "relayed"
    due = ASKED + timedelta(days=40)
    assert review.extend(ASKED, due).state == "extended"
    state = review.here(
        "relay_extension", world.semas, ASKED, notice=review.sealed(), request=review.asked
    ).state
    assert state == "extended"
    assert review.re_evaluate().state == "extended"
    assert review.answer().state == "answered"
    assert review.deliver().state == "answered"
    assert review.here("close_request", world.applicant, ASKED).state == "closed"
    other = Review(world, referral_id=review.referral_id)
    other.request()
    assert other.here("withdraw_request", world.applicant, ASKED).state == "withdrawn"
    return review


def opens(record: EvaluationRecord, commitment: str) -> bool:
    """Whether a record opens a commitment, and its result follows from its form."""
    return record.commitment == commitment and evaluate(record.form, model2()) == record.result
