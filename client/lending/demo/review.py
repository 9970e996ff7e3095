"""What follows an evaluation: its explanation to the applicant, and a review that the applicant asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lending.credit import explain, reproduces
from lending.credit.explanation_pdf import explanation_pdf
from lending.documents import open_letter, public_key_text, seal_letter
from lending.institution import Committed, new_id, new_salt
from lending.review_letters import (
    answer_letter,
    corrected,
    explanation_letter,
    relay_id,
    request_letter,
    sealed_between,
)
from lending_domain.letters import LetterKind, SignedLetter, verify_letter
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_review import (
    ExplanationBody,
    FieldCorrection,
    ReviewAnswer,
    ReviewAnswerBody,
    ReviewKind,
    ReviewOutcome,
    ReviewRequest,
    ReviewRequestBody,
)
from lending_domain.violations import require

if TYPE_CHECKING:
    from lending.demo.story import Story

EVALUATOR, REVIEWER = "evaluator", "reviewer"
"""The foundation's two officers."""
_ANSWERS = {
    ReviewOutcome.UPHELD: "다시 검토하였으나 결과가 같습니다 (reviewed by a person: the result stands)",
    ReviewOutcome.RE_EVALUATED: "금액을 바로잡고 다시 평가하였습니다 (corrected and evaluated again)",
}


class Explained:
    """The applicant always gets the opening: score, items, reasons and a PDF; sealed, relayed by SEMAS."""

    def __init__(self, story: Story, on: date) -> None:
        self.story, cast = story, story.cast
        evaluation = story.evaluation
        model = cast.foundation(story.foundation).active_model(on)
        self.explanation = explain(evaluation.result, model, guaranteeable=evaluation.guaranteeable)
        letter = explanation_letter(
            cast.identity(story.foundation, EVALUATOR),
            story.holder,
            story.referral_id,
            evaluation,
            self.explanation.model_dump(mode="json"),
            reply_key=public_key_text(cast.public_key(story.foundation)),
            pdf=explanation_pdf(self.explanation),
        )
        sealed = seal_letter(letter, story.referral_id, {story.holder: cast.public_key(story.holder)})
        first, second = new_id(), new_id()
        _tell(
            story,
            "the explanation with its PDF, sealed to the applicant, to SEMAS",
            first,
            lambda: cast.foundation(story.foundation).relay(first, on, sealed),
        )
        story.narrator.letter(
            "explanation (sealed)", story.foundation, "applicant", "referral", "application"
        )
        relayed = cast.semas.receive_letter(first)
        _tell(
            story,
            "SEMAS passes it on unread",
            second,
            lambda: cast.semas.relay("application", second, story.holder, on, relayed),
        )
        mine = cast.applicant(story.user).receive_letter(second)
        opened = _genuine(story, mine, LetterKind.EXPLANATION)
        self.body = ExplanationBody.model_validate(opened.letter.body)
        if not reproduces(self.body.evaluation, evaluation.commitment, model):
            raise RuntimeError("the applicant's own computation does not give the score that was explained")


class Review:
    """A request about the story's evaluation, and its way to the answer. Days count from `on`."""

    def __init__(self, story: Story, on: date, kind: ReviewKind) -> None:
        self.story, self.on, self.kind = story, on, kind
        self.id = new_id()
        self.foundation = story.foundation

    def ask(self, explained: Explained, corrections: tuple[FieldCorrection, ...] = ()) -> None:
        """The applicant asks, in a letter sealed to the foundation and to nobody on the way."""
        story, cast = self.story, self.story.cast
        body = ReviewRequestBody(
            referral_id=story.referral_id,
            kind=self.kind,
            text="평가에 쓰인 금액이 실제와 다릅니다 (a figure used in the evaluation is not mine)",
            corrections=corrections,
            reply_key=public_key_text(cast.public_key(story.holder)),
        )
        signer = cast.identity("applicants", story.user)
        self.letter = request_letter(signer, self.foundation, self.id, body)
        keys = {story.holder: body.reply_key, self.foundation: explained.body.reply_key}
        request = ReviewRequest(
            salt=new_salt(),
            evaluator=self.foundation,
            kind=self.kind,
            referral_id=story.referral_id,
            sealed=sealed_between(self.letter, keys),
        )
        me = cast.applicant(story.user)
        _tell(
            story,
            "the applicant asks for a review, sealed to the foundation",
            self.id,
            lambda: me.request_review(self.id, self.on, request),
        )

    def hand_over(self) -> None:
        """SEMAS opens the foundation's review, whose days for an answer begin."""
        story, semas = self.story, self.story.cast.semas
        request = semas.read_request(self.id)
        story.narrator.letter(
            "request for review (sealed)", "applicant", self.foundation, "application", "referral"
        )
        _tell(
            story,
            "SEMAS hands it on unread; the days for an answer begin",
            self.id,
            lambda: semas.open_review(self.id, self.on, request),
        )

    def tell_when(self) -> None:
        """SEMAS tells the applicant until when."""
        semas = self.story.cast.semas
        request = semas.read_request(self.id)
        _tell(
            self.story,
            "the applicant is told by when an answer is due",
            self.id,
            lambda: semas.relay_request(self.id, self.on, request),
        )

    def opened(self) -> SignedLetter:
        """The request, as the foundation opens it."""
        sealed = self.story.cast.foundation(self.foundation).read_review_request(self.id)
        return open_letter(sealed.sealed, self.foundation, self.story.cast.sealing_key(self.foundation))

    def evaluate_again(self, on: date) -> EvaluationRecord:
        """Another officer corrects the form and evaluates again; the evaluation before stays verifiable."""
        story, reviewer = self.story, self.story.cast.foundation(self.foundation, REVIEWER)
        asked = self.opened()
        body = ReviewRequestBody.model_validate(asked.letter.body)
        form = corrected(reviewer.read_evaluation(story.referral_id).form, body.corrections)
        evaluation = story.computed(form, on)
        _tell(
            story,
            "another officer evaluates again with the corrected figure",
            self.id,
            lambda: reviewer.re_evaluate(self.id, on, asked, evaluation),
        )
        return evaluation

    def answered(self, on: date, user: str, evaluation: EvaluationRecord | None) -> ReviewAnswer:
        """The answer as one of the foundation's officers writes it."""
        story, cast = self.story, self.story.cast
        foundation, asked = cast.foundation(self.foundation, user), self.opened()
        outcome = ReviewOutcome.UPHELD if evaluation is None else ReviewOutcome.RE_EVALUATED
        standing = foundation.read_evaluation(story.referral_id)
        told = (
            None if evaluation is None else explain(evaluation.result, guaranteeable=evaluation.guaranteeable)
        )
        letter = answer_letter(
            cast.identity(self.foundation, user),
            asked,
            outcome,
            _ANSWERS[outcome],
            holder=story.holder,
            received_on=self.on,
            answered_on=on,
            commitment=standing.commitment,
            evaluation=evaluation,
            explanation=None if told is None else told.model_dump(mode="json"),
        )
        return ReviewAnswer(salt=new_salt(), request=asked, answer=letter)

    def answer(self, on: date, evaluation: EvaluationRecord) -> None:
        """The reviewer answers; SEMAS passes the answer on, and the applicant reads it."""
        story, cast = self.story, self.story.cast
        reviewer, semas = cast.foundation(self.foundation, REVIEWER), cast.semas
        answer = self.answered(on, REVIEWER, evaluation)
        _tell(
            story,
            "the review is answered within its days",
            self.id,
            lambda: reviewer.answer_review(self.id, on, answer),
        )
        holder = ReviewRequestBody.model_validate(answer.request.letter.body).reply_key
        keys = {story.holder: holder, self.foundation: public_key_text(cast.public_key(self.foundation))}
        sealed, relay = sealed_between(answer.answer, keys), relay_id(self.id, "answer")
        _tell(
            story,
            "the answer, sealed to the applicant, to SEMAS",
            relay,
            lambda: reviewer.relay(relay, on, sealed),
        )
        story.narrator.letter(
            "answer to the review (sealed)", self.foundation, "applicant", "referral", "application"
        )
        relayed: SealedLetter = semas.receive_letter(relay)
        request = semas.read_request(self.id)
        _tell(
            story,
            "SEMAS passes it on unread",
            self.id,
            lambda: semas.deliver_answer(self.id, on, relayed, request),
        )
        me = cast.applicant(story.user)
        mine = _genuine(story, me.read_answer(self.id), LetterKind.REVIEW_ANSWER)
        body = ReviewAnswerBody.model_validate(mine.letter.body)
        if body.evaluation != evaluation or body.request != self.letter.digest:
            raise RuntimeError("the answer opened is not the one to this request")
        _tell(story, "the applicant has read the answer", self.id, lambda: me.close_review(self.id, on))

    def as_told(self, before: EvaluationRecord, after: EvaluationRecord) -> dict[str, Any]:
        """For the report: the dates as the ledger has them, and both results."""
        record = self.story.cast.foundation(self.foundation).read_review(self.id)
        dates = {name: day.isoformat() for name, day in (record.dates or {}).items()}
        results = {
            name: {"total": one.result.total, "guaranteeable": one.guaranteeable}
            for name, one in (("before", before), ("after", after))
        }
        return {"id": self.id, "kind": self.kind.value, "state": record.state, "dates": dates, **results}


def corrected_on_request(story: Story, explained: Explained, on: date) -> Review:
    """The applicant finds a wrong figure in the explanation; corrected, the firm is evaluated again."""
    review = Review(story, on, ReviewKind.CORRECTION)
    applicant = story.applicant
    corrections = tuple(
        FieldCorrection(
            field=name,
            value=getattr(applicant.form, name),
            because="거래은행의 부채증명 (lender's statement)",
        )
        for name in applicant.misentered
    )
    review.ask(explained, corrections)
    review.hand_over()
    review.tell_when()
    next_day = on + timedelta(days=1)
    review.answer(next_day, review.evaluate_again(next_day))
    return review


def _genuine(story: Story, sealed: SealedLetter, kind: LetterKind) -> SignedLetter:
    """The letter that the applicant opens, if it is the foundation's own and meant for this applicant."""
    letter = open_letter(sealed, story.holder, story.cast.sealing_key(story.holder))
    now = datetime.now(UTC)
    require(verify_letter(letter, story.cast.anchors, now, story.holder, kind=kind, issuer=story.foundation))
    return letter


def _tell(story: Story, title: str, record_id: str, act: Callable[[], Committed]) -> Committed:
    return story.narrator.submit(title + story.label, record_id, act)
