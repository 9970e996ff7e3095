"""From guidance to the confirmation letter, on `application`."""

from __future__ import annotations

import hashlib
from datetime import date

from hlf_chaincode import Private, query, transaction
from lending_chaincode.caller import (
    applicant,
    by_applicant,
    by_holder,
    by_holder_or_party,
    by_party,
    holder_of,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.context import PAIR, PARTIES, Context
from lending_chaincode.correspondence import receipt, verified
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import refuse_all, require
from lending_domain.duplicates import business_number
from lending_domain.funds import FirmProfile, FundAnswer, application_violations, guidance
from lending_domain.letters import SignedLetter
from lending_domain.records import Record, RecordView, encode
from lending_domain.records_application import ApplicationForm, ReviewDecision
from lending_domain.records_letters import ConfirmationBody

# What an applicant can put right before handing in; whether the fund is open to the firm, the review says.
_FORMAL = ("DOCUMENT_MISSING", "AMOUNT_OVER_LIMIT", "FUND_UNKNOWN")


class LoanApplication(Chartered):
    """Guidance, draft, application, review."""

    name = "loan-application"

    @query
    @by_applicant
    def guidance(
        self,
        ctx: Context,  # noqa: ARG002 - every function has one
        business_date: date,
        profile: Private[FirmProfile],
        held: Private[tuple[str, ...]] = (),
    ) -> tuple[FundAnswer, ...]:
        """Every fund with whether the firm can get it, why, and the documents still missing from `held`."""
        return guidance(profile, business_date, held)

    @transaction
    @by_applicant
    def save_draft(
        self, ctx: Context, application_id: str, business_date: date, form: Private[ApplicationForm]
    ) -> RecordView:
        """Keep a draft, complete or not."""
        return _write(ctx, application_id, business_date, form)

    @transaction
    @by_applicant
    def apply(
        self, ctx: Context, application_id: str, business_date: date, form: Private[ApplicationForm]
    ) -> RecordView:
        """Hand the application in. The same form handed in twice is one application."""
        known = ctx.find("application", application_id)
        if known is not None and known.state == "applied":
            holder_of(ctx, known)
            same = ctx.private(PAIR).hash(application_id) == hashlib.sha256(encode(form)).digest()
            _editable(same)
            return known.view
        business_number(form.firm.business_number)
        held = _held(ctx, form)
        found = application_violations(form.profile, form.fund, form.amount_krw, business_date, held)
        refuse_all([one for one in found if one.code in _FORMAL])
        _lender(form)
        return _write(ctx, application_id, business_date, form)

    @transaction
    @by_party("application", Kind.SEMAS)
    def review(
        self,
        ctx: Context,
        application_id: str,
        business_date: date,
        form: Private[ApplicationForm],
        decision: Private[ReviewDecision],
    ) -> RecordView:
        """Confirm or refuse. The contract applies the fund's rules: what they exclude cannot be confirmed."""
        action = "confirm" if decision.approved else "refuse"
        record = ctx.opened("application", application_id, form, action)
        if decision.approved:
            amount, held = decision.amount_krw, _held(ctx, form)
            refuse_all(application_violations(form.profile, form.fund, amount, business_date, held))
            covered = amount <= form.amount_krw
            require(covered, "AMOUNT_OVER_LIMIT", "more is confirmed than was applied for")
            valid = decision.valid_until >= business_date
            require(valid, "BAD_ARGUMENT", "the confirmation has expired already")
        else:
            require(bool(decision.reasons), "NO_REASON", "a refusal gives its reasons")
            require(decision.amount_krw == 0, "BAD_ARGUMENT", "a refusal confirms no amount")
        changed = ctx.advance(record, business_date, action=action)
        ctx.keep(PAIR, f"{application_id}.decision", decision)
        return changed

    @transaction
    @by_party("application", Kind.SEMAS)
    def deliver_letter(
        self,
        ctx: Context,
        application_id: str,
        business_date: date,
        letter: Private[SignedLetter],
        form: Private[ApplicationForm],
        decision: Private[ReviewDecision],
    ) -> RecordView:
        """Give the applicant the confirmation letter (정책자금 확인서), signed once the review stands."""
        record = ctx.opened("application", application_id, form)
        ctx.unchanged(PAIR, f"{application_id}.decision", decision)
        recipient = form.foundation or "semas"
        told = verified(
            ctx, letter, ConfirmationBody, "semas", recipient, subject=application_id, role="officer"
        )
        promised = ConfirmationBody(
            holder=form.holder,
            fund=form.fund,
            amount_krw=decision.amount_krw,
            firm=form.firm,
            profile=form.profile,
            valid_until=decision.valid_until,
        )
        same = told == promised
        require(same, "LETTER_MISMATCH", "the letter does not say what was applied for and confirmed")
        ctx.keep(PAIR, f"{application_id}.letter", letter)
        return ctx.advance(record, business_date)

    @transaction
    @by_holder("application")
    def withdraw(self, ctx: Context, application_id: str, business_date: date) -> RecordView:
        """Take an application back before it is reviewed."""
        return ctx.advance(ctx.load("application", application_id), business_date)

    @query
    def application(self, ctx: Context, application_id: str) -> Record:
        """The public record, for any member."""
        return ctx.load("application", application_id)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def form(self, ctx: Context, application_id: str) -> ApplicationForm:
        """The form, for its holder and SEMAS."""
        return ctx.read(PAIR, application_id, ApplicationForm)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def decision(self, ctx: Context, application_id: str) -> ReviewDecision:
        """The review's result, for its holder and SEMAS."""
        return ctx.read(PAIR, f"{application_id}.decision", ReviewDecision)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def letter(self, ctx: Context, application_id: str) -> SignedLetter:
        """The confirmation letter, for its holder and SEMAS."""
        return ctx.read(PAIR, f"{application_id}.letter", SignedLetter)


def _write(ctx: Context, application_id: str, on: date, form: ApplicationForm) -> RecordView:
    holder = applicant(ctx)
    require(form.holder == holder, "NOT_HOLDER", "an application is made by its own holder")
    known = ctx.find("application", application_id)
    if known is None:
        written = ctx.create("application", application_id, on, PARTIES, holder=holder)
    else:
        holder_of(ctx, known)
        _editable(known.state == "draft")
        written = ctx.advance(known, on)
    ctx.keep(PAIR, application_id, form)
    return written


def _editable(is_so: bool) -> None:
    require(is_so, "EDIT_AFTER_SUBMISSION", "an application cannot be edited once it is handed in")


def _held(ctx: Context, form: ApplicationForm) -> tuple[str, ...]:
    """The kinds of documents that the form's receipts prove."""
    for reference in form.documents:
        body = receipt(ctx, reference.receipt, reference.kind, reference.document_id)
        require(
            (body.holder, body.consent_id, body.document_kind)
            == (form.holder, form.consent_id, reference.kind),
            "LETTER_MISMATCH",
            "a receipt speaks of another holder, consent or document",
        )
    return tuple(reference.kind for reference in form.documents)


def _lender(form: ApplicationForm) -> None:
    named = form.foundation is not None and kind_of(form.foundation) is Kind.FOUNDATION
    require(
        named if form.loan_type == "agency" else form.foundation is None,
        "BAD_ARGUMENT",
        "an agency loan names the foundation of the business address, a direct loan names none",
    )
