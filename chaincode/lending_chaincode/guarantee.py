"""신용보증: from the letter's issue to subrogation, recovery and closing, on `guarantee`.

Foundation and bank endorse every step, so each computes what is owed from the loan's own log.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hlf_chaincode import Private, query, transaction
from lending_chaincode.caller import by_party, by_staff, party
from lending_chaincode.charter import Chartered
from lending_chaincode.context import Context, pair
from lending_chaincode.entries import event_of
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import refuse_all, require, require_id
from lending_domain.funds import catalogue
from lending_domain.loan_events import Accident, AnyEvent, Closing, Outcome, Recovery, Subrogation
from lending_domain.records import Record, RecordView
from lending_domain.records_servicing import (
    Entry,
    GuaranteeFile,
    SubrogationClaim,
    claim_violations,
    guarantee_violations,
)
from lending_domain.servicing import fold


class Guarantee(Chartered):
    """A guarantee of one foundation to one bank."""

    name = "guarantee"

    @transaction
    @by_staff(Kind.FOUNDATION)
    def issue(
        self, ctx: Context, guarantee_id: str, bank: str, business_date: date, file: Private[GuaranteeFile]
    ) -> RecordView:
        """Issue a guarantee (신용보증서); the letter is signed once this has committed."""
        foundation = ctx.client.msp_id
        require(kind_of(bank) is Kind.BANK, "BAD_ARGUMENT", f"{bank} is no bank")
        fund = catalogue().fund(file.fund)
        refuse_all(guarantee_violations(file, fund.limit_krw))
        require(file.valid_until >= business_date, "GUARANTEE_EXPIRED", "the guarantee has expired already")
        parties, references = (foundation, bank), {"foundation": foundation, "bank": bank}
        issued = ctx.create("guarantee", guarantee_id, business_date, parties, references=references)
        ctx.keep(pair(*parties), guarantee_id, file)
        return issued

    @transaction
    @by_party("guarantee", Kind.FOUNDATION)
    def cancel(self, ctx: Context, guarantee_id: str, business_date: date) -> RecordView:
        """Take back a guarantee that no bank has executed against."""
        return ctx.advance(ctx.load("guarantee", guarantee_id), business_date)

    @transaction
    @by_party("guarantee", Kind.BANK)
    def accept(
        self, ctx: Context, guarantee_id: str, loan_id: str, business_date: date, file: Private[GuaranteeFile]
    ) -> RecordView:
        """The bank says under which loan it executed."""
        record = ctx.opened("guarantee", guarantee_id, file)
        require_id(loan_id, "loan_id")
        require(business_date <= file.valid_until, "GUARANTEE_EXPIRED", "the guarantee has expired")
        return ctx.advance(record, business_date, references={"loan": loan_id})

    @transaction
    @by_party("guarantee", Kind.BANK)
    def notify_accident(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """사고통지: within the days that the guarantee sets."""
        record = ctx.opened("guarantee", guarantee_id, file)
        accident = event_of(entry, Accident, business_date)
        days = file.accident_notice_days
        require(
            accident.occurred_on <= business_date <= accident.occurred_on + timedelta(days),
            "ACCIDENT_NOTICE_DEADLINE",
            f"an accident is notified within {days} days",
        )
        return _turn(ctx, record, business_date, file, salt=entry.salt, accident=accident)

    @transaction
    @by_party("guarantee", Kind.BANK)
    def claim(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        claim: Private[SubrogationClaim],
    ) -> RecordView:
        """The bank asks for payment and lays open the loan's log; again when the log has gone on."""
        record = ctx.opened("guarantee", guarantee_id, file)
        refuse_all(claim_violations(file, claim))
        require(claim.events[-1].on <= business_date, "DATE_BACKWARDS", "the log runs past the business date")
        return _turn(ctx, record, business_date, file, salt=claim.salt, events=claim.events)

    @transaction
    @by_party("guarantee", Kind.FOUNDATION)
    def subrogate(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """대위변제: principal and interest to the day, times the coverage, to the won."""
        return _logged(ctx, guarantee_id, file, entry, event_of(entry, Subrogation, business_date))

    @transaction
    @by_party("guarantee", Kind.FOUNDATION, Kind.BANK)
    def record_recovery(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """구상권 회수: split between foundation and bank by their claims."""
        return _logged(ctx, guarantee_id, file, entry, event_of(entry, Recovery, business_date))

    @transaction
    @by_party("guarantee", Kind.FOUNDATION, Kind.BANK)
    def close(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """The bank closes a guarantee under which nothing was paid, the foundation one that it paid under."""
        record = ctx.load("guarantee", guarantee_id)
        repaid = record.state != "subrogated"
        party(ctx, record, Kind.BANK if repaid else Kind.FOUNDATION)
        event = event_of(entry, Closing, business_date)
        if not repaid:
            return _logged(ctx, guarantee_id, file, entry, event)
        ctx.opened("guarantee", guarantee_id, file)
        nothing_paid = event.outcome is Outcome.REPAID
        require(nothing_paid, "CLOSING_OUTCOME", "nothing was paid under this guarantee")
        return _turn(ctx, record, business_date, file, salt=entry.salt)

    @query
    def guarantee(self, ctx: Context, guarantee_id: str) -> Record:
        """The public record, for any member."""
        return ctx.load("guarantee", guarantee_id)

    @query
    @by_party("guarantee", Kind.FOUNDATION, Kind.BANK)
    def file(self, ctx: Context, guarantee_id: str) -> GuaranteeFile:
        """What foundation and bank share, for their staff."""
        record = ctx.load("guarantee", guarantee_id)
        return ctx.read(pair(*record.parties), guarantee_id, GuaranteeFile)

    @query
    @by_staff(Kind.FOUNDATION, Kind.BANK)
    def guarantees(self, ctx: Context, state: str) -> tuple[Record, ...]:
        """The caller's guarantees in a state, or in any if it is empty."""
        caller = ctx.client.msp_id
        return tuple(one for one in ctx.records("guarantee", state) if caller in one.parties)


def _turn(ctx: Context, record: Record, on: date, file: GuaranteeFile, **changes: Any) -> RecordView:
    """Write the record's next version and the changed file."""
    changed = ctx.advance(record, on)
    ctx.keep(pair(*record.parties), record.id, file.model_copy(update=changes))
    return changed


def _logged(
    ctx: Context, guarantee_id: str, file: GuaranteeFile, entry: Entry, event: AnyEvent
) -> RecordView:
    """One more event in the loan's log, if the log allows it: amounts to the won."""
    record = ctx.opened("guarantee", guarantee_id, file)
    events = (*file.events, event)
    fold(events)
    return _turn(ctx, record, event.on, file, salt=entry.salt, events=events)
