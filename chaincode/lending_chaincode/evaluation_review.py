"""Explanation, review and correction asked for by the applicant: who owes an answer, since when, until when.

Applicant and evaluator share no channel. The request and the answer are letters sealed between the two and
passed on by SEMAS; the ledgers hold states, dates and commitments, under one id on both channels. The outcome
stands on neither: it would tell every member on which side of the threshold a firm was.
"""

from __future__ import annotations

from datetime import date
from typing import TypeVar

from hlf_chaincode import Private, Requirement, query, requires, transaction
from lending_chaincode.caller import (
    applicant,
    by_applicant,
    by_holder,
    by_holder_or_party,
    by_party,
    by_staff,
    officer,
    on_channel,
    staff,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.context import PAIR, PARTIES, Context
from lending_chaincode.correspondence import signed_by_caller, verified
from lending_chaincode.evaluated import (
    EVALUATORS,
    check,
    confirmed,
    evaluators_of,
    handed_over,
    note_officer,
)
from lending_chaincode.model_book import criteria_of, evaluating_kind, model_in_force
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require
from lending_domain.letters import LetterBody, SignedLetter
from lending_domain.records import Record, RecordView
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_review import (
    ReviewAnswer,
    ReviewAnswerBody,
    ReviewDue,
    ReviewExtensionBody,
    ReviewKind,
    ReviewRequest,
    ReviewRequestBody,
    review_due,
)
from lending_domain.review import due_date, extended, review_periods

B = TypeVar("B", bound=LetterBody)


def _applicant_or_semas(ctx: Context) -> str:
    return applicant(ctx) if ctx.kind is Kind.APPLICANTS else staff(ctx, Kind.SEMAS)


by_applicant_or_semas = requires(Requirement("applicant, or staff of semas", _applicant_or_semas))


class EvaluationReview(Chartered):
    """The right to explanation, a person's review and correction (PIPA 37-2, Credit Information Act 36-2)."""

    def __init__(self) -> None:
        super().__init__()
        # Read before the first call, so that no call depends on a file.
        review_periods()

    # -- the applicant's side, on `application`

    @transaction
    @on_channel("application")
    @by_applicant
    def request_review(
        self, ctx: Context, request_id: str, business_date: date, request: Private[ReviewRequest]
    ) -> RecordView:
        """Ask the evaluator for an explanation, a person's review or a correction, in a sealed letter."""
        holder = applicant(ctx)
        evaluates = kind_of(request.evaluator) in EVALUATORS
        require(evaluates, "BAD_ARGUMENT", f"{request.evaluator} does not evaluate")
        _sealed_between(request.sealed, request_id, holder, request.evaluator)
        dates = {"requested_on": business_date}
        requested = ctx.create("request", request_id, business_date, PARTIES, holder=holder, dates=dates)
        ctx.keep_new(PAIR, request_id, request)
        return requested

    @transaction
    @by_holder("request")
    def withdraw_request(self, ctx: Context, request_id: str, business_date: date) -> RecordView:
        """Take a request back that has not been passed on; after that an answer is owed."""
        return ctx.advance(ctx.load("request", request_id), business_date)

    @transaction
    @by_party("request", Kind.SEMAS)
    def relay_request(
        self, ctx: Context, request_id: str, business_date: date, request: Private[ReviewRequest]
    ) -> RecordView:
        """Say that the request was passed on, and so by when the applicant may expect the answer."""
        record = ctx.opened("request", request_id, request)
        dates = {"relayed_on": business_date, "due_by": due_date(request.kind, business_date)}
        return ctx.advance(record, business_date, dates=dates)

    @transaction
    @by_party("request", Kind.SEMAS)
    def relay_extension(
        self,
        ctx: Context,
        request_id: str,
        business_date: date,
        notice: Private[SealedLetter],
        request: Private[ReviewRequest],
    ) -> RecordView:
        """Pass on the evaluator's sealed notice that, and why, the answer takes longer."""
        record = _passed_on(ctx, request_id, notice, request)
        dates = record.dates or {}
        # In time it was on the evaluator's own record; passing it on may take a day more.
        due_by = extended(request.kind, dates["relayed_on"], dates["due_by"], dates["due_by"])
        ctx.keep(PAIR, f"{request_id}.extension", notice)
        return ctx.advance(record, business_date, dates={"due_by": due_by})

    @transaction
    @by_party("request", Kind.SEMAS)
    def deliver_answer(
        self,
        ctx: Context,
        request_id: str,
        business_date: date,
        answer: Private[SealedLetter],
        request: Private[ReviewRequest],
    ) -> RecordView:
        """Pass on the evaluator's sealed answer."""
        record = _passed_on(ctx, request_id, answer, request)
        ctx.keep_new(PAIR, f"{request_id}.answer", answer)
        return ctx.advance(record, business_date, dates={"answered_on": business_date})

    @transaction
    @by_holder("request")
    def close_request(self, ctx: Context, request_id: str, business_date: date) -> RecordView:
        """The applicant has read the answer."""
        return ctx.advance(ctx.load("request", request_id), business_date)

    @query
    @by_applicant_or_semas
    def requests(self, ctx: Context, state: str) -> tuple[Record, ...]:
        """An applicant's own requests, or for SEMAS everyone's, in a state or in any if it is empty."""
        own = ctx.client.attribute("holder") if ctx.kind is Kind.APPLICANTS else None
        return tuple(one for one in ctx.records("request", state) if own in (None, one.holder))

    @query
    @by_holder_or_party("request", Kind.SEMAS)
    def request(self, ctx: Context, request_id: str) -> ReviewRequest:
        """The sealed request, for its holder and for SEMAS, which passes it on and cannot open it."""
        return ctx.read(PAIR, request_id, ReviewRequest)

    @query
    @by_holder_or_party("request", Kind.SEMAS)
    def answer(self, ctx: Context, request_id: str) -> SealedLetter:
        """The sealed answer."""
        return ctx.read(PAIR, f"{request_id}.answer", SealedLetter)

    @query
    @by_holder_or_party("request", Kind.SEMAS)
    def extension(self, ctx: Context, request_id: str) -> SealedLetter:
        """The newest sealed notice that the answer takes longer."""
        return ctx.read(PAIR, f"{request_id}.extension", SealedLetter)

    # -- the evaluator's side

    @transaction
    @by_staff(Kind.SEMAS)
    def open_review(
        self, ctx: Context, review_id: str, business_date: date, request: Private[ReviewRequest]
    ) -> RecordView:
        """Hand the sealed request to the foundation that evaluated; the record is its own from now on."""
        referral = ctx.load("referral", request.referral_id)
        (evaluator,) = referral.parties
        evaluates = kind_of(evaluator) is evaluating_kind(ctx)
        require(evaluates, "BAD_ARGUMENT", f"{evaluator} does not evaluate here")
        require(referral.state != "referred", "NOT_EVALUATED", "nothing has been decided on it yet")
        sealed = request.sealed
        meant = request.evaluator == evaluator and evaluator in sealed.wrapped_keys
        matches = meant and sealed.concerns == review_id
        require(matches, "WRONG_RECIPIENT", f"the letter is not sealed to {evaluator} for this review")
        received = ctx.create(
            "review",
            review_id,
            business_date,
            (evaluator,),
            references={"referral": referral.id},
            dates={"received_on": business_date, "due_by": due_date(request.kind, business_date)},
        )
        ctx.keep_new(handed_over(ctx, evaluator), _received(review_id), request)
        return received

    @transaction
    @by_party("review", *EVALUATORS)
    def extend_review(
        self, ctx: Context, review_id: str, business_date: date, notice: Private[SignedLetter]
    ) -> RecordView:
        """Put the deadline off, with a letter to the applicant that says why and until when."""
        record = ctx.ready("review", review_id)
        dates = record.dates or {}
        kind = _handed(ctx, review_id).kind
        due_by = extended(kind, dates["received_on"], dates["due_by"], business_date)
        stated = _own_letter(ctx, record, notice, ReviewExtensionBody).due_by
        require(stated == due_by, "LETTER_MISMATCH", f"the letter names another deadline than {due_by}")
        commitments = {"extension": notice.digest}
        return ctx.advance(record, business_date, dates={"due_by": due_by}, commitments=commitments)

    @transaction
    @by_party("review", *EVALUATORS)
    def re_evaluate(
        self,
        ctx: Context,
        review_id: str,
        business_date: date,
        request: Private[SignedLetter],
        evaluation: Private[EvaluationRecord],
    ) -> RecordView:
        """Evaluate again, by another officer, for a correction or a person's review that was asked for.

        By the model in force or the version used before. The evaluation before stays, with its commitment.
        """
        owner, review = ctx.client.msp_id, ctx.ready("review", review_id)
        once = "evaluation" not in review.commitments
        require(once, "NOT_NEEDED", "this review has led to a new evaluation already")
        referral = ctx.ready("referral", review.references["referral"])
        body = _asked(ctx, review, request)
        for_it = body.kind is not ReviewKind.EXPLANATION
        require(for_it, "NOT_ASKED", "the applicant asked for an explanation, not for a new evaluation")
        _another_officer(ctx, review)
        model = model_in_force(ctx, business_date)
        commitments = {"evaluation": evaluation.commitment}
        before = referral.commitments.get("evaluation")
        if before is not None:
            old = ctx.read(owner, referral.id, EvaluationRecord)
            if evaluation.model_digest == old.model_digest:
                model = criteria_of(ctx, old.model_digest)
            ctx.keep(owner, f"{referral.id}.{review_id}", old)
            commitments[f"evaluation-before-{review_id}"] = before
        same = evaluation.model_digest == model.digest
        require(same, "MODEL_NOT_ACTIVE", "the model is neither in force nor the one used before")
        check(ctx, referral, evaluation, model)
        ctx.keep(owner, referral.id, evaluation)
        note_officer(ctx, referral.id, review_id, evaluation.salt)
        ctx.advance(referral, business_date, commitments=commitments)
        marked = {"evaluation": evaluation.commitment}
        return ctx.advance(review, business_date, commitments=marked)

    @transaction
    @by_party("review", *EVALUATORS)
    def answer_review(
        self, ctx: Context, review_id: str, business_date: date, answer: Private[ReviewAnswer]
    ) -> RecordView:
        """Answer the applicant's letter with one signed by the officer who calls; late ones count too."""
        owner, review = ctx.client.msp_id, ctx.ready("review", review_id)
        asked = _asked(ctx, review, answer.request)
        if asked.kind is not ReviewKind.EXPLANATION:
            _another_officer(ctx, review)
        body = _own_letter(ctx, review, answer.answer, ReviewAnswerBody)
        referral = ctx.load("referral", review.references["referral"])
        agrees = (
            (body.referral_id, body.kind, body.request) == (referral.id, asked.kind, answer.request.digest)
            and (body.received_on, body.answered_on) == ((review.dates or {})["received_on"], business_date)
            and body.commitment == referral.commitments.get("evaluation")
            and (body.evaluation is None or body.evaluation.commitment == body.commitment)
        )
        require(agrees, "LETTER_MISMATCH", "the answer speaks of another request, evaluation or day")
        fits = body.fits(asked.kind, re_evaluated="evaluation" in review.commitments)
        require(fits, "LETTER_MISMATCH", "the outcome is not what was asked for and done in this review")
        ctx.keep_new(owner, f"{review_id}.answer", answer)
        dates, commitments = {"answered_on": business_date}, {"answer": answer.answer.digest}
        return ctx.advance(review, business_date, dates=dates, commitments=commitments)

    @query
    def review(self, ctx: Context, review_id: str) -> Record:
        """The public record, for any member."""
        return ctx.load("review", review_id)

    @query
    @by_staff(*EVALUATORS)
    def reviews(self, ctx: Context, state: str) -> tuple[Record, ...]:
        """The caller's reviews, or for SEMAS everyone's, in a state or in any if it is empty."""
        caller, every = ctx.client.msp_id, ctx.kind is Kind.SEMAS
        return tuple(one for one in ctx.records("review", state) if every or caller in one.parties)

    @query
    @by_staff(*EVALUATORS)
    def reviews_due(self, ctx: Context, on: date) -> tuple[ReviewDue, ...]:
        """The caller's reviews that wait for an answer, the most urgent first, as they stand on a day."""
        own = (one for one in ctx.records("review") if ctx.client.msp_id in one.parties)
        waiting = (due for one in own if (due := review_due(one, on)) is not None)
        return tuple(sorted(waiting, key=lambda one: (one.due_by, one.id)))

    @query
    @by_party("review", *EVALUATORS)
    def review_request(self, ctx: Context, review_id: str) -> ReviewRequest:
        """The sealed request, for the evaluator that it is for."""
        return _handed(ctx, review_id)

    @query
    @by_party("review", *EVALUATORS)
    def evaluation_before(self, ctx: Context, review_id: str) -> EvaluationRecord:
        """The evaluation that a review replaced; it opens the commitment `evaluation-before-<review>`."""
        referral_id = ctx.load("review", review_id).references["referral"]
        return ctx.read(ctx.client.msp_id, f"{referral_id}.{review_id}", EvaluationRecord)


def _received(review_id: str) -> str:
    """Its own key: for a direct loan the request stands in the same collection under the same id."""
    return f"{review_id}.review"


def _handed(ctx: Context, review_id: str) -> ReviewRequest:
    return ctx.read(handed_over(ctx, ctx.client.msp_id), _received(review_id), ReviewRequest)


def _sealed_between(sealed: SealedLetter, concerns: str, holder: str, evaluator: str) -> None:
    between = set(sealed.wrapped_keys) == {holder, evaluator} and sealed.concerns == concerns
    require(between, "WRONG_RECIPIENT", "the letter is not sealed to exactly the applicant and the evaluator")


def _passed_on(ctx: Context, request_id: str, sealed: SealedLetter, request: ReviewRequest) -> Record:
    """The request's record, if what is passed on is sealed between the two whom it concerns."""
    record = ctx.opened("request", request_id, request)
    _sealed_between(sealed, request_id, record.holder or "", request.evaluator)
    return record


def _asked(ctx: Context, review: Record, signed: SignedLetter) -> ReviewRequestBody:
    """The request opened: signed by the very applicant whom SEMAS confirmed, for this review."""
    owner, referral_id = ctx.client.msp_id, review.references["referral"]
    holder = confirmed(ctx, referral_id, owner).holder
    body = verified(ctx, signed, ReviewRequestBody, "applicants", owner, subject=review.id, holder=holder)
    require(body.referral_id == referral_id, "LETTER_MISMATCH", "the request is about another referral")
    return body


def _own_letter(ctx: Context, review: Record, signed: SignedLetter, body: type[B]) -> B:
    """What a letter to the applicant says, signed by the officer who calls."""
    owner = ctx.client.msp_id
    holder = confirmed(ctx, review.references["referral"], owner).holder
    said = verified(ctx, signed, body, owner, holder, subject=review.id)
    by_caller = signed_by_caller(ctx, signed)
    require(by_caller, "LETTER_SIGNER_ROLE", "the letter is signed by the officer who hands it in")
    return said


def _another_officer(ctx: Context, review: Record) -> None:
    before = evaluators_of(ctx, review.references["referral"])
    same = officer(ctx) in (who for made_in, who in before.items() if made_in != review.id)
    require(not same, "SAME_OFFICER", "an evaluation is reviewed by another officer than the one who made it")
