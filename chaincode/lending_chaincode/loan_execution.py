"""대출실행과 사후관리: on `execution` by a bank, on `application` by SEMAS for direct loans.

Lender and applicants' node both endorse. The log of events is the truth: each function adds one event, and
`lending_domain.servicing` says whether it can happen and what follows from it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hlf_chaincode import Context, ContractError, Private, query, transaction
from lending_chaincode.books import (
    advance,
    allowed,
    announce,
    create,
    keep,
    load,
    pair,
    read_private,
    require,
    ruled,
    unchanged,
)
from lending_chaincode.caller import Kind, holder_of, holder_or_staff, kind_of, member, party, staff
from lending_chaincode.charter import Chartered
from lending_chaincode.correspondence import said, use_once, verified
from lending_chaincode.entries import event_of
from lending_domain.funds import Fund, annual_rate, catalogue, quarter_of
from lending_domain.letters import Letter, LetterKind
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


class LoanExecution(Chartered):
    """One loan: executed once against its letter, serviced to its closing."""

    name = "loan-execution"

    @transaction
    def execute(
        self, ctx: Context, loan_id: str, business_date: date, contract: Private[LoanContract]
    ) -> RecordView:
        """Disburse once against the guarantee letter, at the day's quarter's rate, on the fund's terms."""
        lender = staff(ctx, Kind.SEMAS if ctx.channel == "application" else Kind.BANK)
        head = self._head(ctx, lender, business_date, contract)
        state = ruled(fold, head.events)
        parties = _parties(lender)
        record = create(
            ctx,
            "execute",
            "loan",
            loan_id,
            parties=parties,
            on=business_date,
            holder=contract.holder,
            references={"lender": lender},
        )
        use_once(ctx, contract.letter, parties, loan_id)
        keep(ctx, _collection(record), loan_id, head)
        keep(ctx, _collection(record), f"{loan_id}.contract", contract)
        require(loan_state_name(state) == record.state, "WRONG_STATE", "a loan begins with its disbursement")
        return announce(ctx, "execute", record)

    @transaction
    def repay(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """상환: of what is due, allocated as the contract says."""
        return self._serve(
            ctx, "repay", loan_id, head=head, entry=entry, event=event_of(entry, Repayment, business_date)
        )

    @transaction
    def charge_fee(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """A cost of collection."""
        return self._serve(
            ctx,
            "charge_fee",
            loan_id,
            head=head,
            entry=entry,
            event=event_of(entry, FeeCharge, business_date),
        )

    @transaction
    def record_arrears(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead]
    ) -> RecordView:
        """연체: say on the channel that something is overdue. The log needs no event for it: days tell."""
        record = load(ctx, "loan", loan_id)
        party(ctx, record, *_LENDERS)
        allowed(record, "record_arrears")
        unchanged(ctx, _collection(record), loan_id, head)
        today = _on_day(head, business_date)
        require(today.days_past_due > 0, "NOT_IN_ARREARS", "nothing is overdue on that day")
        return announce(ctx, "record_arrears", advance(ctx, record, "record_arrears", business_date))

    @transaction
    def reset_rate(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """금리변동: by mss's signed notice of the quarter; lender or holder may bring it."""
        event = event_of(entry, RateReset, business_date)
        if entry.letter is None:
            raise ContractError("RATE_NOTICE_MISSING", "a reset rests on the notice of the quarter")
        letter = verified(ctx, entry.letter, LetterKind.RATE_NOTICE, "mss", _reader(ctx), role="officer")
        notice = said(letter, RateNoticeBody)
        require(
            (notice.quarter, notice.base_rate) == (event.quarter, event.base),
            "RATE_MISMATCH",
            "the reset is not what the notice says",
        )
        return self._serve(ctx, "reset_rate", loan_id, head=head, entry=entry, event=event, by_holder=True)

    @transaction
    def prepay(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """일부조기상환."""
        return self._serve(
            ctx, "prepay", loan_id, head=head, entry=entry, event=event_of(entry, Prepayment, business_date)
        )

    @transaction
    def pay_off(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """전액상환: to the won."""
        return self._serve(
            ctx, "pay_off", loan_id, head=head, entry=entry, event=event_of(entry, Payoff, business_date)
        )

    @transaction
    def extend(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """기한연장."""
        return self._serve(
            ctx, "extend", loan_id, head=head, entry=entry, event=event_of(entry, Extension, business_date)
        )

    @transaction
    def accelerate(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """기한이익상실: after arrears and notice."""
        event = event_of(entry, Acceleration, business_date)
        return self._serve(ctx, "accelerate", loan_id, head=head, entry=entry, event=event)

    @transaction
    def report_accident(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """사고: the same notice that goes to the foundation on `guarantee`."""
        event = event_of(entry, Accident, business_date)
        return self._serve(ctx, "report_accident", loan_id, head=head, entry=entry, event=event)

    @transaction
    def receive_subrogation(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """대위변제: what the foundation's letter says that it paid."""
        event = event_of(entry, Subrogation, business_date)
        if entry.letter is None or head.foundation is None or head.guarantee_id is None:
            raise ContractError(
                "LETTER_MISMATCH", "a subrogation rests on the letter of the loan's guarantor"
            )
        letter = verified(
            ctx,
            entry.letter,
            LetterKind.SUBROGATION,
            head.foundation,
            ctx.client.msp_id,
            subject=head.guarantee_id,
            role="evaluator",
        )
        body = said(letter, SubrogationBody)
        require(
            (body.loan_id, body.amount_krw, body.paid_on) == (loan_id, event.amount, event.on),
            "LETTER_MISMATCH",
            "the letter speaks of another payment",
        )
        record = load(ctx, "loan", loan_id)
        use_once(ctx, entry.letter, record.parties, loan_id)
        return self._serve(ctx, "receive_subrogation", loan_id, head=head, entry=entry, event=event)

    @transaction
    def record_recovery(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """회수: after subrogation, split between foundation and bank by their claims."""
        event = event_of(entry, Recovery, business_date)
        return self._serve(ctx, "record_recovery", loan_id, head=head, entry=entry, event=event)

    @transaction
    def close(
        self, ctx: Context, loan_id: str, business_date: date, head: Private[LoanHead], entry: Private[Entry]
    ) -> RecordView:
        """종결: repaid, recovered, or written off, as the balances say."""
        return self._serve(
            ctx, "close", loan_id, head=head, entry=entry, event=event_of(entry, Closing, business_date)
        )

    @query
    def loan(self, ctx: Context, loan_id: str) -> Record:
        """The public record."""
        member(ctx)
        return load(ctx, "loan", loan_id)

    @query
    def head(self, ctx: Context, loan_id: str) -> LoanHead:
        """The log, for the lender's staff and the holder; replaying it rebuilds every balance."""
        return self._read(ctx, loan_id)

    @query
    def schedule(self, ctx: Context, loan_id: str) -> tuple[Instalment, ...]:
        """The schedule fixed at disbursement."""
        first = self._read(ctx, loan_id).events[0]
        return schedule(first.terms) if isinstance(first, Disbursement) else ()

    @query
    def position(self, ctx: Context, loan_id: str, business_date: date) -> Position:
        """What is owed on a day, not before the last event."""
        state = ruled(fold, self._read(ctx, loan_id).events)
        require(business_date >= state.through, "DATE_BACKWARDS", "the day lies before the loan's last event")
        return position(state, business_date)

    def _read(self, ctx: Context, loan_id: str) -> LoanHead:
        record = load(ctx, "loan", loan_id)
        holder_or_staff(ctx, record, *_LENDERS)
        return read_private(ctx, _collection(record), loan_id, LoanHead)

    def _head(self, ctx: Context, lender: str, on: date, contract: LoanContract) -> LoanHead:
        """What the loan rests on: the letter and the notice verified, the terms those of the fund."""
        disbursement = event_of(Entry(salt=contract.salt, event=contract.disbursement), Disbursement, on)
        issuer = contract.letter.letter.issuer
        direct = kind_of(lender) is Kind.SEMAS
        guarantor = None if direct else issuer
        require(
            issuer == lender if direct else kind_of(issuer) is Kind.FOUNDATION,
            "LETTER_ISSUER",
            "the letter is by another institution",
        )
        letter = verified(
            ctx,
            contract.letter,
            LetterKind.CONFIRMATION if direct else LetterKind.GUARANTEE,
            issuer,
            lender,
            role="officer" if direct else "evaluator",
        )
        fund, holder, head = _promised(letter, contract, on, guarantor)
        require(holder == contract.holder, "LETTER_MISMATCH", "the letter is for another holder")
        notice = verified(ctx, contract.rate_notice, LetterKind.RATE_NOTICE, "mss", lender, role="officer")
        _on_terms(disbursement, fund, said(notice, RateNoticeBody), on)
        return head

    def _serve(
        self,
        ctx: Context,
        action: str,
        loan_id: str,
        *,
        head: LoanHead,
        entry: Entry,
        event: AnyEvent,
        by_holder: bool = False,
    ) -> RecordView:
        record = load(ctx, "loan", loan_id)
        if by_holder and kind_of(ctx.client.msp_id) is Kind.APPLICANTS:
            holder_of(ctx, record)
            # The guarantor pays by the log that the bank laid open: from then on the bank alone adds to it.
            require(record.state != "accident", "WRONG_STATE", "under an accident the lender resets the rate")
        else:
            party(ctx, record, *_LENDERS)
        allowed(record, action)
        unchanged(ctx, _collection(record), loan_id, head)
        events = (*head.events, event)
        state: LoanState = ruled(fold, events)
        changed = advance(ctx, record, action, event.on, state=loan_state_name(state))
        keep(
            ctx,
            _collection(record),
            loan_id,
            head.model_copy(update={"salt": entry.salt, "events": events}),
        )
        return announce(ctx, action, changed)


def _parties(lender: str) -> tuple[str, str]:
    return ("applicants", lender)


def _collection(record: Record) -> str:
    return pair(*record.parties)


def _reader(ctx: Context) -> str:
    return ctx.client.msp_id


def _on_day(head: LoanHead, on: date) -> LoanState:
    state = ruled(fold, head.events)
    require(on >= state.through, "DATE_BACKWARDS", "the business date lies before the loan's last event")
    return to_day(state, on)


def _promised(
    letter: Letter, contract: LoanContract, on: date, guarantor: str | None
) -> tuple[Fund, str, LoanHead]:
    """Fund, holder and the loan's head by what the letter promises."""
    disbursement = contract.disbursement
    if guarantor is None:
        confirmed = said(letter, ConfirmationBody)
        amount, coverage, valid_until = confirmed.amount_krw, Decimal(0), confirmed.valid_until
        fund, holder = ruled(catalogue().fund, confirmed.fund), confirmed.holder
        head = LoanHead(salt=contract.salt, holder=holder, fund=fund.id, events=(disbursement,))
    else:
        body = said(letter, GuaranteeBody)
        amount, coverage, valid_until = body.principal_krw, body.coverage, body.valid_until
        fund, holder = ruled(catalogue().fund, body.fund), body.holder
        head = LoanHead(
            salt=contract.salt,
            holder=holder,
            fund=fund.id,
            referral_id=body.referral_id,
            guarantee_id=letter.subject,
            foundation=guarantor,
            events=(disbursement,),
        )
    require(on <= valid_until, "LETTER_EXPIRED", "the letter had to be used earlier")
    require(
        (disbursement.terms.principal, disbursement.servicing.coverage) == (amount, coverage),
        "LOAN_TERMS",
        "amount or coverage are not those of the letter",
    )
    return fund, holder, head


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
