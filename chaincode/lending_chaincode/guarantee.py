"""신용보증: from the letter's issue to subrogation, recovery and closing, on `guarantee`.

Foundation and bank endorse every step, so each computes what is owed from the loan's own log.
"""

from __future__ import annotations

from datetime import date, timedelta

from hlf_chaincode import Context, Private, query, transaction
from lending_chaincode.books import (
    advance,
    allowed,
    announce,
    create,
    keep,
    load,
    pair,
    read_private,
    refuse_all,
    require,
    require_id,
    ruled,
    unchanged,
)
from lending_chaincode.caller import Kind, kind_of, member, party, staff
from lending_chaincode.charter import Chartered
from lending_chaincode.entries import event_of
from lending_domain.funds import catalogue
from lending_domain.loan_events import Accident, AnyEvent, Closing, Outcome, Recovery, Subrogation
from lending_domain.records import Record, RecordView, read_record
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
    def issue(
        self, ctx: Context, guarantee_id: str, bank: str, business_date: date, file: Private[GuaranteeFile]
    ) -> RecordView:
        """Issue a guarantee (신용보증서); the letter is signed once this has committed."""
        foundation = staff(ctx, Kind.FOUNDATION)
        require(kind_of(bank) is Kind.BANK, "BAD_ARGUMENT", f"{bank} is no bank")
        fund = ruled(catalogue().fund, file.fund)
        refuse_all(guarantee_violations(file, fund.limit_krw))
        require(file.valid_until >= business_date, "GUARANTEE_EXPIRED", "the guarantee has expired already")
        record = create(
            ctx,
            "issue",
            "guarantee",
            guarantee_id,
            parties=(foundation, bank),
            on=business_date,
            references={"foundation": foundation, "bank": bank},
        )
        keep(ctx, pair(foundation, bank), guarantee_id, file)
        return announce(ctx, "issue", record)

    @transaction
    def cancel(self, ctx: Context, guarantee_id: str, business_date: date) -> RecordView:
        """Take back a guarantee that no bank has executed against."""
        record = load(ctx, "guarantee", guarantee_id)
        party(ctx, record, Kind.FOUNDATION)
        return announce(ctx, "cancel", advance(ctx, record, "cancel", business_date))

    @transaction
    def accept(
        self, ctx: Context, guarantee_id: str, loan_id: str, business_date: date, file: Private[GuaranteeFile]
    ) -> RecordView:
        """The bank says under which loan it executed."""
        record = load(ctx, "guarantee", guarantee_id)
        party(ctx, record, Kind.BANK)
        allowed(record, "accept")
        require_id(loan_id, "loan_id")
        unchanged(ctx, pair(*record.parties), guarantee_id, file)
        require(business_date <= file.valid_until, "GUARANTEE_EXPIRED", "the guarantee has expired")
        changed = advance(ctx, record, "accept", business_date, references={"loan": loan_id})
        return announce(ctx, "accept", changed)

    @transaction
    def notify_accident(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """사고통지: within the days that the guarantee sets."""
        record = self._open(ctx, "notify_accident", guarantee_id, file, Kind.BANK)
        accident = event_of(entry, Accident, business_date)
        days = file.accident_notice_days
        require(
            accident.occurred_on <= business_date <= accident.occurred_on + timedelta(days),
            "ACCIDENT_NOTICE_DEADLINE",
            f"an accident is notified within {days} days",
        )
        changed = file.model_copy(update={"salt": entry.salt, "accident": accident})
        return self._turn(ctx, record, "notify_accident", business_date, changed)

    @transaction
    def claim(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        claim: Private[SubrogationClaim],
    ) -> RecordView:
        """The bank asks for payment and lays open the loan's log; again when the log has gone on."""
        record = self._open(ctx, "claim", guarantee_id, file, Kind.BANK)
        refuse_all(ruled(claim_violations, file, claim))
        require(claim.events[-1].on <= business_date, "DATE_BACKWARDS", "the log runs past the business date")
        changed = file.model_copy(update={"salt": claim.salt, "events": claim.events})
        return self._turn(ctx, record, "claim", business_date, changed)

    @transaction
    def subrogate(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """대위변제: principal and interest to the day, times the coverage, to the won."""
        record = self._open(ctx, "subrogate", guarantee_id, file, Kind.FOUNDATION)
        event = event_of(entry, Subrogation, business_date)
        return self._turn(ctx, record, "subrogate", business_date, _logged(file, entry, event))

    @transaction
    def record_recovery(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """구상권 회수: split between foundation and bank by their claims."""
        record = self._open(ctx, "record_recovery", guarantee_id, file, Kind.FOUNDATION, Kind.BANK)
        event = event_of(entry, Recovery, business_date)
        return self._turn(ctx, record, "record_recovery", business_date, _logged(file, entry, event))

    @transaction
    def close(
        self,
        ctx: Context,
        guarantee_id: str,
        business_date: date,
        file: Private[GuaranteeFile],
        entry: Private[Entry],
    ) -> RecordView:
        """The bank closes a guarantee under which nothing was paid, the foundation one that it paid under."""
        record = load(ctx, "guarantee", guarantee_id)
        repaid = record.state != "subrogated"
        self._open(ctx, "close", guarantee_id, file, Kind.BANK if repaid else Kind.FOUNDATION)
        event = event_of(entry, Closing, business_date)
        if repaid:
            require(
                event.outcome is Outcome.REPAID, "CLOSING_OUTCOME", "nothing was paid under this guarantee"
            )
            changed = file.model_copy(update={"salt": entry.salt})
        else:
            changed = _logged(file, entry, event)
        return self._turn(ctx, record, "close", business_date, changed)

    @query
    def guarantee(self, ctx: Context, guarantee_id: str) -> Record:
        """The public record."""
        member(ctx)
        return load(ctx, "guarantee", guarantee_id)

    @query
    def file(self, ctx: Context, guarantee_id: str) -> GuaranteeFile:
        """What foundation and bank share, for their staff."""
        record = load(ctx, "guarantee", guarantee_id)
        party(ctx, record, Kind.FOUNDATION, Kind.BANK)
        return read_private(ctx, pair(*record.parties), guarantee_id, GuaranteeFile)

    @query
    def guarantees(self, ctx: Context, state: str) -> tuple[Record, ...]:
        """The caller's guarantees in a state, or in any if it is empty."""
        caller = staff(ctx, Kind.FOUNDATION, Kind.BANK)
        records = (read_record(one.value) for one in ctx.state.range("guarantee/", "guarantee0"))
        return tuple(one for one in records if caller in one.parties and state in ("", one.state))

    def _open(
        self, ctx: Context, action: str, guarantee_id: str, file: GuaranteeFile, *kinds: Kind
    ) -> Record:
        record = load(ctx, "guarantee", guarantee_id)
        party(ctx, record, *kinds)
        allowed(record, action)
        unchanged(ctx, pair(*record.parties), guarantee_id, file)
        return record

    def _turn(self, ctx: Context, record: Record, action: str, on: date, file: GuaranteeFile) -> RecordView:
        changed = advance(ctx, record, action, on)
        keep(ctx, pair(*record.parties), record.id, file)
        return announce(ctx, action, changed)


def _logged(file: GuaranteeFile, entry: Entry, event: AnyEvent) -> GuaranteeFile:
    """The file with one more event in the loan's log, if the log allows it: amounts to the won."""
    events = (*file.events, event)
    ruled(fold, events)
    return file.model_copy(update={"salt": entry.salt, "events": events})
