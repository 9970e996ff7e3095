"""A regional credit guarantee foundation's client (지역신용보증재단): evaluation, guarantee, subrogation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from hlf.flows import Flow
from lending.institution import Committed, G, verb
from lending.reviews import FoundationReviews
from lending_domain.letters import SignedLetter
from lending_domain.model import Model
from lending_domain.records import Record
from lending_domain.records_documents import EvidenceBundle, SealedLetter
from lending_domain.records_evaluation import EvaluationRecord, OverrideRequest, Referral, Reservation
from lending_domain.records_servicing import Entry, GuaranteeFile


class FoundationClient(FoundationReviews[G]):
    """An evaluator of one foundation, on `referral` and `guarantee`."""

    # -- what came from SEMAS

    @verb
    def read_referral(self, referral_id: str) -> Flow[Referral]:
        """SEMAS's confirmation letter, and which evidence goes with it."""
        answer = yield from self._own("credit-evaluation", "referral_letter", referral_id)
        return Referral.model_validate(answer)

    @verb
    def read_evidence(self, bundle_id: str, on: date) -> Flow[EvidenceBundle]:
        """The documents re-sealed to this foundation, while the consent is in force."""
        answer = yield from self._own("document-exchange", "evidence", bundle_id, on)
        return EvidenceBundle.model_validate(answer)

    # -- evaluation

    @verb
    def active_model(self, on: date) -> Flow[Model]:
        """The version of the AHP model that evaluations of a business date use."""
        return Model.model_validate((yield from self._own("credit-evaluation", "active_model", on)))

    @verb
    def evaluate(self, referral_id: str, on: date, evaluation: EvaluationRecord) -> Flow[Committed]:
        """Submit an evaluation computed off-chain; this foundation's peer computes it again."""
        return (yield from self._decide("evaluate", referral_id, on, private={"evaluation": evaluation}))

    @verb
    def read_evaluation(self, referral_id: str) -> Flow[EvaluationRecord]:
        """One's own evaluation: inputs, grades, result, and the salt that opens its commitment."""
        answer = yield from self._own("credit-evaluation", "evaluation", referral_id)
        return EvaluationRecord.model_validate(answer)

    @verb
    def override(self, referral_id: str, on: date, request: OverrideRequest) -> Flow[Committed]:
        """Depart from a score below the threshold; it takes two different officers."""
        return (yield from self._decide("override", referral_id, on, private={"request": request}))

    @verb
    def reserve_support(self, referral_id: str, on: date, reservation: Reservation) -> Flow[Committed]:
        """Enter firm and representative into the index: one foundation supports them at a time."""
        return (
            yield from self._decide("reserve_support", referral_id, on, private={"reservation": reservation})
        )

    @verb
    def decline(self, referral_id: str, on: date) -> Flow[Committed]:
        """Close a referral without a guarantee."""
        return (yield from self._decide("decline", referral_id, on))

    @verb
    def release(self, referral_id: str, on: date, letter: SignedLetter) -> Flow[Committed]:
        """Take the firm out of the index by the bank's release letter."""
        return (yield from self._decide("release", referral_id, on, private={"letter": letter}))

    @verb
    def relay(self, relay_id: str, on: date, sealed: SealedLetter) -> Flow[Committed]:
        """Hand SEMAS a sealed letter for the applicant: the explanation, the answer to a review request."""
        return (
            yield from self.execute(
                "referral",
                "document-exchange",
                "relay_letter",
                relay_id,
                "semas",
                on,
                private={"sealed": sealed},
                endorsers=("semas", self.organization),
            )
        )

    # -- guarantee

    @verb
    def issue_guarantee(self, guarantee_id: str, bank: str, on: date, file: GuaranteeFile) -> Flow[Committed]:
        """Issue a guarantee to a bank; its letter is signed once this has committed."""
        return (
            yield from self.execute(
                "guarantee",
                "guarantee",
                "issue",
                guarantee_id,
                bank,
                on,
                private={"file": file},
                endorsers=(self.organization, bank),
            )
        )

    @verb
    def cancel_guarantee(self, guarantee_id: str, bank: str, on: date) -> Flow[Committed]:
        """Take back a guarantee that no bank has executed against."""
        return (
            yield from self.execute(
                "guarantee",
                "guarantee",
                "cancel",
                guarantee_id,
                on,
                endorsers=(self.organization, bank),
            )
        )

    @verb
    def read_guarantee(self, guarantee_id: str) -> Flow[GuaranteeFile]:
        """What foundation and bank share about a guarantee."""
        answer = yield from self.ask(
            "guarantee", "guarantee", "file", guarantee_id, peers_of=(self.organization,)
        )
        return GuaranteeFile.model_validate(answer)

    @verb
    def list_guarantees(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """One's own guarantees in a state, or in any."""
        answer = yield from self.ask(
            "guarantee", "guarantee", "guarantees", state, peers_of=(self.organization,)
        )
        return tuple(Record.model_validate(one) for one in answer)

    @verb
    def subrogate(self, guarantee_id: str, bank: str, file: GuaranteeFile, entry: Entry) -> Flow[Committed]:
        """Pay under the guarantee (대위변제): the amount is what the loan's log gives, to the won."""
        return (yield from self._serve("subrogate", guarantee_id, bank, file, entry))

    @verb
    def record_recovery(
        self, guarantee_id: str, bank: str, file: GuaranteeFile, entry: Entry
    ) -> Flow[Committed]:
        """Record what the borrower paid back after subrogation (구상권 회수)."""
        return (yield from self._serve("record_recovery", guarantee_id, bank, file, entry))

    @verb
    def close_guarantee(
        self, guarantee_id: str, bank: str, file: GuaranteeFile, entry: Entry
    ) -> Flow[Committed]:
        """Close a guarantee that was paid under."""
        return (yield from self._serve("close", guarantee_id, bank, file, entry))

    # -- how

    def _own(self, chaincode: str, function: str, *args: object) -> Flow[object]:
        return (yield from self.ask("referral", chaincode, function, *args, peers_of=(self.organization,)))

    def _decide(
        self, function: str, referral_id: str, on: date, *, private: Mapping[str, object] | None = None
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "referral",
                "credit-evaluation",
                function,
                referral_id,
                on,
                private=private,
                endorsers=(self.organization,),
            )
        )

    def _serve(
        self, function: str, guarantee_id: str, bank: str, file: GuaranteeFile, entry: Entry
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "guarantee",
                "guarantee",
                function,
                guarantee_id,
                entry.event.on,
                private={"file": file, "entry": entry},
                endorsers=(self.organization, bank),
            )
        )
