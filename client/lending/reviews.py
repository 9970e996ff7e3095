"""The verbs of a review (explanation, a person's review, correction) for applicant, SEMAS and evaluator.

What is asked and answered is written and sealed with `lending.review_letters`. One id names the request on
`application` and the review on `referral`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hlf.flows import Flow
from lending.institution import Committed, G, Institution, new_salt, verb
from lending_domain.letters import SignedLetter
from lending_domain.records import Record
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_review import ReviewAnswer, ReviewDue, ReviewRequest

_APPLICATION = ("applicants", "semas")


class _Reviews(Institution[G]):
    """Calls of credit-evaluation that name a request or a review."""

    def _on_application(
        self, function: str, request_id: str, on: date, private: Mapping[str, object] | None = None
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "application",
                "credit-evaluation",
                function,
                request_id,
                on,
                private=private,
                endorsers=_APPLICATION,
            )
        )

    def _requests(self, function: str, argument: str, peer: str) -> Flow[Any]:
        return (yield from self.ask("application", "credit-evaluation", function, argument, peers_of=(peer,)))

    def _records(self, channel: str, function: str, state: str, peer: str) -> Flow[tuple[Record, ...]]:
        answer = yield from self.ask(channel, "credit-evaluation", function, state, peers_of=(peer,))
        return tuple(Record.model_validate(one) for one in answer)


class ApplicantReviews(_Reviews[G]):
    """What an applicant asks of the evaluator, through SEMAS."""

    @verb
    def request_review(self, request_id: str, on: date, request: ReviewRequest) -> Flow[Committed]:
        """Ask for an explanation, a person's review or a correction."""
        private = {"request": request}
        return (yield from self._on_application("request_review", request_id, on, private))

    @verb
    def withdraw_review(self, request_id: str, on: date) -> Flow[Committed]:
        """Take back a request that SEMAS has not passed on yet."""
        return (yield from self._on_application("withdraw_request", request_id, on))

    @verb
    def list_reviews(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """One's own requests with their dates, in a state or in any."""
        return (yield from self._records("application", "requests", state, "applicants"))

    @verb
    def read_extension(self, request_id: str) -> Flow[SealedLetter]:
        """Why the answer takes longer, still sealed."""
        return SealedLetter.model_validate((yield from self._requests("extension", request_id, "applicants")))

    @verb
    def read_answer(self, request_id: str) -> Flow[SealedLetter]:
        """The answer, still sealed."""
        return SealedLetter.model_validate((yield from self._requests("answer", request_id, "applicants")))

    @verb
    def close_review(self, request_id: str, on: date) -> Flow[Committed]:
        """Say that the answer was read."""
        return (yield from self._on_application("close_request", request_id, on))


class SemasReviews(_Reviews[G]):
    """What SEMAS passes on between applicant and evaluator, and cannot read."""

    @verb
    def list_requests(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """All applicants' requests with their dates, in a state or in any."""
        return (yield from self._records("application", "requests", state, "semas"))

    @verb
    def list_reviews(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """The foundations' side of them."""
        return (yield from self._records("referral", "reviews", state, "semas"))

    @verb
    def read_request(self, request_id: str) -> Flow[ReviewRequest]:
        """A request, sealed: for whom it is and of which referral."""
        return ReviewRequest.model_validate((yield from self._requests("request", request_id, "semas")))

    @verb
    def open_review(self, request_id: str, on: date, request: ReviewRequest) -> Flow[Committed]:
        """Hand a request to the evaluator named, whose days for an answer begin."""
        direct = request.evaluator == "semas"
        return (
            yield from self.execute(
                "application" if direct else "referral",
                "credit-evaluation",
                "open_review",
                request_id,
                on,
                # A salt of its own on each channel, as for every private value.
                private={"request": request.model_copy(update={"salt": new_salt()})},
                endorsers=_APPLICATION if direct else ("semas", request.evaluator),
            )
        )

    @verb
    def relay_request(self, request_id: str, on: date, request: ReviewRequest) -> Flow[Committed]:
        """Tell the applicant that the request (as it was read) was passed on, and until when."""
        return (yield from self._on_application("relay_request", request_id, on, {"request": request}))

    @verb
    def receive_letter(self, relay_id: str) -> Flow[SealedLetter]:
        """A letter that a foundation handed over to be passed on, sealed."""
        answer = yield from self.ask(
            "referral", "document-exchange", "relayed_letter", relay_id, peers_of=("semas",)
        )
        return SealedLetter.model_validate(answer)

    @verb
    def relay_extension(
        self, request_id: str, on: date, notice: SealedLetter, request: ReviewRequest
    ) -> Flow[Committed]:
        """Pass on the notice that the answer takes longer; `request` is the one that was read."""
        private = {"notice": notice, "request": request}
        return (yield from self._on_application("relay_extension", request_id, on, private))

    @verb
    def deliver_answer(
        self, request_id: str, on: date, answer: SealedLetter, request: ReviewRequest
    ) -> Flow[Committed]:
        """Pass on the answer; `request` is the one that was read."""
        private = {"answer": answer, "request": request}
        return (yield from self._on_application("deliver_answer", request_id, on, private))


class FoundationReviews(_Reviews[G]):
    """What a foundation's officers answer, on `referral`."""

    @verb
    def list_reviews(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """One's own reviews in a state, or in any."""
        return (yield from self._records("referral", "reviews", state, self.organization))

    @verb
    def reviews_due(self, on: date) -> Flow[tuple[ReviewDue, ...]]:
        """The reviews that wait for an answer, the most urgent first, as they stand on a day."""
        answer = yield from self._ours("reviews_due", on)
        return tuple(ReviewDue.model_validate(one) for one in answer)

    @verb
    def read_review(self, review_id: str) -> Flow[Record]:
        """The public record of a review: state and dates."""
        return Record.model_validate((yield from self._ours("review", review_id)))

    @verb
    def read_referral_record(self, referral_id: str) -> Flow[Record]:
        """The public record of a referral: its state, and the commitments of its evaluations."""
        return Record.model_validate((yield from self._ours("referral", referral_id)))

    @verb
    def read_review_request(self, review_id: str) -> Flow[ReviewRequest]:
        """The applicant's request, sealed to this foundation."""
        return ReviewRequest.model_validate((yield from self._ours("review_request", review_id)))

    @verb
    def read_evaluation_before(self, review_id: str) -> Flow[EvaluationRecord]:
        """The evaluation that a review replaced, with the salt that opens its commitment."""
        return EvaluationRecord.model_validate((yield from self._ours("evaluation_before", review_id)))

    @verb
    def extend_review(self, review_id: str, on: date, notice: SignedLetter) -> Flow[Committed]:
        """Put the deadline off; the notice is then sealed and handed to SEMAS."""
        return (yield from self._decided("extend_review", review_id, on, {"notice": notice}))

    @verb
    def re_evaluate(
        self, review_id: str, on: date, request: SignedLetter, evaluation: EvaluationRecord
    ) -> Flow[Committed]:
        """Evaluate again, as another officer than the first; `request` is the applicant's letter, opened."""
        private = {"request": request, "evaluation": evaluation}
        return (yield from self._decided("re_evaluate", review_id, on, private))

    @verb
    def answer_review(self, review_id: str, on: date, answer: ReviewAnswer) -> Flow[Committed]:
        """Record the answer, signed by the officer who calls; it is then sealed and handed to SEMAS."""
        return (yield from self._decided("answer_review", review_id, on, {"answer": answer}))

    def _ours(self, function: str, argument: object) -> Flow[Any]:
        return (
            yield from self.ask(
                "referral", "credit-evaluation", function, argument, peers_of=(self.organization,)
            )
        )

    def _decided(
        self, function: str, review_id: str, on: date, private: Mapping[str, object]
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "referral",
                "credit-evaluation",
                function,
                review_id,
                on,
                private=private,
                endorsers=(self.organization,),
            )
        )
