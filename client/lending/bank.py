"""A bank's client: accepted guarantees, execution, servicing (사후관리), accident and claim."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hlf.flows import Flow
from lending.institution import Committed, G, Institution, new_salt, verb
from lending_domain.funds import annual_rate, catalogue
from lending_domain.letters import SignedLetter
from lending_domain.loan_events import Disbursement, ServicingTerms
from lending_domain.loan_state import Position
from lending_domain.records import Record
from lending_domain.records_letters import GuaranteeBody, RateNoticeBody
from lending_domain.records_servicing import (
    Entry,
    GuaranteeFile,
    LoanContract,
    LoanHead,
    SubrogationClaim,
)
from lending_domain.schedules import Instalment, LoanTerms, Plan


def loan_contract(letter: SignedLetter, rate_notice: SignedLetter, on: date) -> LoanContract:
    """The contract that a bank executes on the day `on` against a guarantee letter, by the fund's terms.

    rate_notice: mss's notice of the quarter in which `on` lies. pydantic's ValidationError for other letters.
    """
    body = GuaranteeBody.model_validate(letter.letter.body)
    fund = catalogue().fund(body.fund)
    terms = LoanTerms(
        principal=body.principal_krw,
        annual=annual_rate(RateNoticeBody.model_validate(rate_notice.letter.body).base_rate, fund),
        start=on,
        months=fund.months,
        grace_months=fund.grace_months,
        plan=Plan(fund.plan),
    )
    servicing = ServicingTerms(floating=fund.rate == "floating", spread=fund.spread, coverage=body.coverage)
    return LoanContract(
        salt=new_salt(),
        holder=body.holder,
        letter=letter,
        rate_notice=rate_notice,
        disbursement=Disbursement(on=on, terms=terms, servicing=servicing),
    )


class BankClient(Institution[G]):
    """An officer of one bank, on `guarantee` and `execution`."""

    # -- guarantees

    @verb
    def list_guarantees(self, state: str = "") -> Flow[tuple[Record, ...]]:
        """This bank's guarantees in a state (issued, accepted, ...), or in any."""
        answer = yield from self.ask(
            "guarantee", "guarantee", "guarantees", state, peers_of=(self.organization,)
        )
        return tuple(Record.model_validate(one) for one in answer)

    @verb
    def read_guarantee(self, guarantee_id: str) -> Flow[GuaranteeFile]:
        """What foundation and bank share about a guarantee."""
        answer = yield from self.ask(
            "guarantee", "guarantee", "file", guarantee_id, peers_of=(self.organization,)
        )
        return GuaranteeFile.model_validate(answer)

    @verb
    def accept_guarantee(
        self, guarantee_id: str, foundation: str, loan_id: str, on: date, file: GuaranteeFile
    ) -> Flow[Committed]:
        """Tell the foundation under which loan the guarantee was used."""
        return (
            yield from self._guaranteed(
                "accept", guarantee_id, foundation, loan_id, on, private={"file": file}
            )
        )

    @verb
    def notify_accident(
        self, guarantee_id: str, foundation: str, file: GuaranteeFile, entry: Entry
    ) -> Flow[Committed]:
        """Tell the foundation of an accident (사고통지), within the days that the guarantee sets."""
        private = {"file": file, "entry": entry}
        return (
            yield from self._guaranteed(
                "notify_accident", guarantee_id, foundation, entry.event.on, private=private
            )
        )

    @verb
    def claim(
        self,
        guarantee_id: str,
        foundation: str,
        on: date,
        file: GuaranteeFile,
        claim: SubrogationClaim,
    ) -> Flow[Committed]:
        """Ask for payment and lay the loan's log open."""
        private = {"file": file, "claim": claim}
        return (yield from self._guaranteed("claim", guarantee_id, foundation, on, private=private))

    @verb
    def close_guarantee(
        self, guarantee_id: str, foundation: str, file: GuaranteeFile, entry: Entry
    ) -> Flow[Committed]:
        """Close a guarantee whose loan was repaid."""
        private = {"file": file, "entry": entry}
        return (
            yield from self._guaranteed("close", guarantee_id, foundation, entry.event.on, private=private)
        )

    # -- loans

    @verb
    def execute_loan(self, loan_id: str, contract: LoanContract) -> Flow[Committed]:
        """Disburse once against the guarantee letter (대출실행); the schedule is fixed with it."""
        on = contract.disbursement.on
        return (yield from self._lend("execute", loan_id, on, private={"contract": contract}))

    @verb
    def serve(self, function: str, loan_id: str, head: LoanHead, entry: Entry) -> Flow[Committed]:
        """Add one event to a loan's log.

        function: repay, charge_fee, reset_rate, prepay, pay_off, extend, accelerate, report_accident,
        receive_subrogation, record_recovery or close; the entry's event is of that kind.
        """
        private = {"head": head, "entry": entry}
        return (yield from self._lend(function, loan_id, entry.event.on, private=private))

    @verb
    def record_arrears(self, loan_id: str, on: date, head: LoanHead) -> Flow[Committed]:
        """Say on the channel that something is overdue."""
        return (yield from self._lend("record_arrears", loan_id, on, private={"head": head}))

    @verb
    def read_loan(self, loan_id: str) -> Flow[LoanHead]:
        """Contract and log of a loan; replaying the log rebuilds every balance."""
        return LoanHead.model_validate((yield from self._own("head", loan_id)))

    @verb
    def schedule(self, loan_id: str) -> Flow[tuple[Instalment, ...]]:
        """The schedule fixed at disbursement."""
        answer = yield from self._own("schedule", loan_id)
        return tuple(Instalment.model_validate(one) for one in answer)

    @verb
    def position(self, loan_id: str, on: date) -> Flow[Position]:
        """What is owed on a day, not before the loan's last event."""
        return Position.model_validate((yield from self._own("position", loan_id, on)))

    # -- how

    def _guaranteed(
        self,
        function: str,
        guarantee_id: str,
        foundation: str,
        *args: object,
        private: Mapping[str, object],
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "guarantee",
                "guarantee",
                function,
                guarantee_id,
                *args,
                private=private,
                endorsers=(foundation, self.organization),
            )
        )

    def _lend(
        self, function: str, loan_id: str, on: date, *, private: Mapping[str, object]
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "execution",
                "loan-execution",
                function,
                loan_id,
                on,
                private=private,
                endorsers=(self.organization, "applicants"),
            )
        )

    def _own(self, function: str, *args: object) -> Flow[Any]:
        return (
            yield from self.ask("execution", "loan-execution", function, *args, peers_of=(self.organization,))
        )
