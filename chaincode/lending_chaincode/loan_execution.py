"""대출실행과 사후관리: on `execution` by a bank, on `application` by SEMAS for direct loans.

Lender and applicants' node both endorse. The log of events is the truth: each function adds one event, and
`lending_domain.servicing` says whether it can happen and what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from hlf_chaincode import ContractError, Private, Requirement, query, requires, transaction
from lending_chaincode.caller import by_holder_or_party, by_party, staff
from lending_chaincode.charter import Chartered
from lending_chaincode.context import Context, pair
from lending_chaincode.correspondence import use_once, verified
from lending_chaincode.entries import event_of
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require
from lending_domain.funds import Fund, annual_rate, catalogue, quarter_of
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    AnyEvent,
    Closing,
    Disbursement,
    Extension,
    FeeCharge,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Repayment,
    Subrogation,
)
from lending_domain.loan_state import LoanState, Position, position
from lending_domain.loan_state import advance as to_day
from lending_domain.records import Record, RecordView
from lending_domain.records_letters import ConfirmationBody, GuaranteeBody, RateNoticeBody, SubrogationBody
from lending_domain.records_servicing import Entry, LoanContract, LoanHead, loan_state_name
from lending_domain.schedules import Instalment, schedule
from lending_domain.servicing import fold

_LENDERS = (Kind.BANK, Kind.SEMAS)

_by_lender = requires(
    Requirement(
        "staff of a bank, or of semas for a direct loan",
        lambda ctx: staff(ctx, Kind.SEMAS if ctx.channel == "application" else Kind.BANK),
    )
)


def _serve(ctx: Context, loan_id: str, head: LoanHead, entry: Entry, event: AnyEvent) -> RecordView:
    """Add one event to the loan's log; what the log then says is the record's state."""
    record = ctx.opened("loan", loan_id, head)
    events = (*head.events, event)
    changed = ctx.advance(record, event.on, state=loan_state_name(fold(events)))
    after = head.model_copy(update={"salt": entry.salt, "events": events})
    ctx.keep(pair(*record.parties), loan_id, after)
    return changed


def _adds(kind: type[AnyEvent], says: str) -> Callable[..., RecordView]:
    """A function of the lender's that adds one event of a kind to the loan's log."""

    @transaction
    @by_party("loan", *_LENDERS)
    def function(
        _self: object,
        ctx: Context,
        loan_id: str,
        business_date: date,
        head: Private[LoanHead],
        entry: Private[Entry],
    ) -> RecordView:
        return _serve(ctx, loan_id, head, entry, event_of(entry, kind, business_date))

    function.__doc__ = says
    return function


class LoanExecution(Chartered):
    """One loan: executed once against its letter, serviced to its closing."""

    name = "loan-execution"

    @transaction
    @_by_lender
    def execute(
        self, ctx: Context, loan_id: str, business_date: date, contract: Private[LoanContract]
    ) -> RecordView:
        """Disburse once against the guarantee letter, at the day's quarter's rate, on the fund's terms."""
        lender = ctx.client.msp_id
        today = contract.disbursement.on == business_date
        require(today, "BAD_ARGUMENT", "the event is dated the business date")
        head = _promised(ctx, lender, business_date, contract)
        notice = verified(ctx, contract.rate_notice, RateNoticeBody, "mss", lender, role="officer")
        _on_terms(contract.disbursement, catalogue().fund(head.fund), notice, business_date)
        state = loan_state_name(fold(head.events))
        parties, references = ("applicants", lender), {"lender": lender}
        loan = ctx.create(
            "loan", loan_id, business_date, parties, holder=contract.holder, references=references
        )
        use_once(ctx, contract.letter, parties, loan_id)
        ctx.keep(pair(*parties), loan_id, head)
        ctx.keep(pair(*parties), f"{loan_id}.contract", contract)
        require(state == loan.state, "WRONG_STATE", "a loan begins with its disbursement")
        return loan

    repay = _adds(Repayment, "상환: of what is due, allocated as the contract says.")
    charge_fee = _adds(FeeCharge, "A cost of collection.")

    @transaction
    @by_party("loan", *_LENDERS)
    def record_arrears(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead]
    ) -> RecordView:
        """연체: say on the channel that something is overdue. The log needs no event for it: days tell."""
        record = ctx.opened("loan", loan_id, head)
        today = _on_day(head, business_date)
        require(today.days_past_due > 0, "NOT_IN_ARREARS", "nothing is overdue on that day")
        return ctx.advance(record, business_date)

    @transaction
    @by_holder_or_party("loan", *_LENDERS)
    def reset_rate(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """금리변동: by mss's signed notice of the quarter; lender or holder may bring it."""
        event = event_of(entry, RateReset, business_date)
        # The guarantor pays by the log that the bank laid open: from then on the bank alone adds to it.
        by_lender = ctx.kind in _LENDERS
        settled = by_lender or ctx.load("loan", loan_id).state != "accident"
        require(settled, "WRONG_STATE", "under an accident the lender resets the rate")
        if entry.letter is None:
            raise ContractError("RATE_NOTICE_MISSING", "a reset rests on the notice of the quarter")
        notice = verified(ctx, entry.letter, RateNoticeBody, "mss", ctx.client.msp_id, role="officer")
        told = (notice.quarter, notice.base_rate) == (event.quarter, event.base)
        require(told, "RATE_MISMATCH", "the reset is not what the notice says")
        return _serve(ctx, loan_id, head, entry, event)

    prepay = _adds(Prepayment, "일부조기상환.")
    pay_off = _adds(Payoff, "전액상환: to the won.")
    extend = _adds(Extension, "기한연장.")
    accelerate = _adds(Acceleration, "기한이익상실: after arrears and notice.")
    report_accident = _adds(Accident, "사고: the same notice that goes to the foundation on `guarantee`.")

    @transaction
    @by_party("loan", *_LENDERS)
    def receive_subrogation(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """대위변제: what the foundation's letter says that it paid."""
        event = event_of(entry, Subrogation, business_date)
        if entry.letter is None or head.foundation is None or head.guarantee_id is None:
            raise ContractError(
                "LETTER_MISMATCH", "a subrogation rests on the letter of the loan's guarantor"
            )
        lender, guarantor, guarantee = ctx.client.msp_id, head.foundation, head.guarantee_id
        body = verified(
            ctx, entry.letter, SubrogationBody, guarantor, lender, subject=guarantee, role="evaluator"
        )
        paid = (body.loan_id, body.amount_krw, body.paid_on) == (loan_id, event.amount, event.on)
        require(paid, "LETTER_MISMATCH", "the letter speaks of another payment")
        use_once(ctx, entry.letter, ctx.load("loan", loan_id).parties, loan_id)
        return _serve(ctx, loan_id, head, entry, event)

    record_recovery = _adds(Recovery, "회수: after subrogation, split between foundation and bank by claims.")
    close = _adds(Closing, "종결: repaid, recovered, or written off, as the balances say.")

    @query
    def loan(self, ctx: Context, loan_id: str) -> Record:
        """The public record, for any member."""
        return ctx.load("loan", loan_id)

    @query
    @by_holder_or_party("loan", *_LENDERS)
    def head(self, ctx: Context, loan_id: str) -> LoanHead:
        """The log, for the lender's staff and the holder; replaying it rebuilds every balance."""
        return _head_of(ctx, loan_id)

    @query
    @by_holder_or_party("loan", *_LENDERS)
    def schedule(self, ctx: Context, loan_id: str) -> tuple[Instalment, ...]:
        """The schedule fixed at disbursement."""
        first = _head_of(ctx, loan_id).events[0]
        return schedule(first.terms) if isinstance(first, Disbursement) else ()

    @query
    @by_holder_or_party("loan", *_LENDERS)
    def position(self, ctx: Context, loan_id: str, business_date: date) -> Position:
        """What is owed on a day, not before the last event."""
        state = fold(_head_of(ctx, loan_id).events)
        require(business_date >= state.through, "DATE_BACKWARDS", "the day lies before the loan's last event")
        return position(state, business_date)


def _head_of(ctx: Context, loan_id: str) -> LoanHead:
    record = ctx.load("loan", loan_id)
    return ctx.read(pair(*record.parties), loan_id, LoanHead)


def _on_day(head: LoanHead, on: date) -> LoanState:
    state = fold(head.events)
    require(on >= state.through, "DATE_BACKWARDS", "the business date lies before the loan's last event")
    return to_day(state, on)


def _promised(ctx: Context, lender: str, on: date, contract: LoanContract) -> LoanHead:
    """The loan as its letter promises it: a foundation's guarantee; for a direct loan, the confirmation."""
    letter, disbursement = contract.letter, contract.disbursement
    issuer, direct = letter.letter.issuer, kind_of(lender) is Kind.SEMAS
    entitled = issuer == lender if direct else kind_of(issuer) is Kind.FOUNDATION
    require(entitled, "LETTER_ISSUER", "the letter is by another institution")
    body: ConfirmationBody | GuaranteeBody
    guarantee: dict[str, Any] = {}
    if direct:
        body = verified(ctx, letter, ConfirmationBody, issuer, lender, role="officer")
        amount, coverage = body.amount_krw, Decimal(0)
    else:
        body = verified(ctx, letter, GuaranteeBody, issuer, lender, role="evaluator")
        amount, coverage = body.principal_krw, body.coverage
        guarantee = {
            "referral_id": body.referral_id,
            "guarantee_id": letter.letter.subject,
            "foundation": issuer,
        }
    fund = catalogue().fund(body.fund)
    require(on <= body.valid_until, "LETTER_EXPIRED", "the letter had to be used earlier")
    require(
        (disbursement.terms.principal, disbursement.servicing.coverage) == (amount, coverage),
        "LOAN_TERMS",
        "amount or coverage are not those of the letter",
    )
    require(body.holder == contract.holder, "LETTER_MISMATCH", "the letter is for another holder")
    return LoanHead(salt=contract.salt, holder=body.holder, fund=fund.id, events=(disbursement,), **guarantee)


def _on_terms(disbursement: Disbursement, fund: Fund, notice: RateNoticeBody, on: date) -> None:
    terms, rules = disbursement.terms, disbursement.servicing
    require(notice.quarter == quarter_of(on), "RATE_OF_ANOTHER_QUARTER", "the notice is for another quarter")
    require(
        terms.annual == annual_rate(notice.base_rate, fund) and rules.spread == fund.spread,
        "RATE_MISMATCH",
        "the rate is not the notice's base rate and the fund's spread",
    )
    require(
        (terms.months, terms.grace_months, rules.floating)
        == (fund.months, fund.grace_months, fund.rate == "floating"),
        "LOAN_TERMS",
        "period, grace or kind of rate are not the fund's",
    )
