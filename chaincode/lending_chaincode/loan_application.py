"""From guidance to the confirmation letter, on `application`."""

from __future__ import annotations

import hashlib
from datetime import date

from hlf_chaincode import Context, Private, query, transaction
from lending_chaincode.books import (
    advance,
    allowed,
    announce,
    create,
    find,
    keep,
    load,
    pair,
    read_private,
    refuse_all,
    require,
    ruled,
    unchanged,
)
from lending_chaincode.caller import Kind, applicant, holder_of, holder_or_staff, kind_of, member, party
from lending_chaincode.charter import Chartered
from lending_chaincode.correspondence import said, verified
from lending_domain.duplicates import business_number
from lending_domain.funds import FirmProfile, FundAnswer, application_violations, catalogue, guidance
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, RecordView, encode
from lending_domain.records_application import ApplicationForm, ReviewDecision
from lending_domain.records_letters import ConfirmationBody, ReceiptBody

_PAIR = pair("applicants", "semas")
_PARTIES = ("applicants", "semas")
# What an applicant can put right before handing in; whether the fund is open to the firm, the review says.
_FORMAL = ("DOCUMENT_MISSING", "AMOUNT_OVER_LIMIT", "FUND_UNKNOWN")


class LoanApplication(Chartered):
    """Guidance, draft, application, review."""

    name = "loan-application"

    @query
    def guidance(
        self,
        ctx: Context,
        business_date: date,
        profile: Private[FirmProfile],
        held: Private[tuple[str, ...]] = (),
    ) -> tuple[FundAnswer, ...]:
        """Every fund with whether the firm can get it, why, and the documents still missing from `held`."""
        applicant(ctx)
        return guidance(profile, business_date, held)

    @transaction
    def save_draft(
        self, ctx: Context, application_id: str, business_date: date, form: Private[ApplicationForm]
    ) -> RecordView:
        """Keep a draft, complete or not."""
        record = self._write(ctx, "save_draft", application_id, business_date, form)
        return announce(ctx, "save_draft", record)

    @transaction
    def apply(
        self, ctx: Context, application_id: str, business_date: date, form: Private[ApplicationForm]
    ) -> RecordView:
        """Hand the application in. The same form handed in twice is one application."""
        known = find(ctx, "application", application_id)
        if known is not None and known.state == "applied":
            holder_of(ctx, known)
            same = ctx.private(_PAIR).hash(application_id) == hashlib.sha256(encode(form)).digest()
            require(same, "EDIT_AFTER_SUBMISSION", "an application cannot be edited once it is handed in")
            return RecordView(id=known.id, state=known.state)
        ruled(business_number, form.firm.business_number)
        held = _held(ctx, form)
        found = ruled(application_violations, form.profile, form.fund, form.amount_krw, business_date, held)
        refuse_all([one for one in found if one.code in _FORMAL])
        _lender(form)
        return announce(ctx, "apply", self._write(ctx, "apply", application_id, business_date, form))

    @transaction
    def review(
        self,
        ctx: Context,
        application_id: str,
        business_date: date,
        form: Private[ApplicationForm],
        decision: Private[ReviewDecision],
    ) -> RecordView:
        """Confirm or refuse. The contract applies the fund's rules: what they exclude cannot be confirmed."""
        record = load(ctx, "application", application_id)
        party(ctx, record, Kind.SEMAS)
        action = "confirm" if decision.approved else "refuse"
        allowed(record, action)
        unchanged(ctx, _PAIR, application_id, form)
        if decision.approved:
            held = _held(ctx, form)
            refuse_all(
                ruled(
                    application_violations, form.profile, form.fund, decision.amount_krw, business_date, held
                )
            )
            require(
                decision.amount_krw <= form.amount_krw,
                "AMOUNT_OVER_LIMIT",
                "more is confirmed than was applied for",
            )
            require(
                decision.valid_until >= business_date, "BAD_ARGUMENT", "the confirmation has expired already"
            )
        else:
            require(bool(decision.reasons), "NO_REASON", "a refusal gives its reasons")
            require(decision.amount_krw == 0, "BAD_ARGUMENT", "a refusal confirms no amount")
        changed = advance(ctx, record, action, business_date)
        keep(ctx, _PAIR, f"{application_id}.decision", decision)
        return announce(ctx, "review", changed)

    @transaction
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
        record = load(ctx, "application", application_id)
        party(ctx, record, Kind.SEMAS)
        allowed(record, "deliver_letter")
        unchanged(ctx, _PAIR, application_id, form)
        unchanged(ctx, _PAIR, f"{application_id}.decision", decision)
        signed = verified(
            ctx,
            letter,
            LetterKind.CONFIRMATION,
            "semas",
            form.foundation or "semas",
            subject=application_id,
            role="officer",
        )
        promised = ConfirmationBody(
            holder=form.holder,
            fund=form.fund,
            amount_krw=decision.amount_krw,
            firm=form.firm,
            profile=form.profile,
            valid_until=decision.valid_until,
        )
        require(
            said(signed, ConfirmationBody) == promised,
            "LETTER_MISMATCH",
            "the letter does not say what was applied for and confirmed",
        )
        changed = advance(ctx, record, "deliver_letter", business_date)
        keep(ctx, _PAIR, f"{application_id}.letter", letter)
        return announce(ctx, "deliver_letter", changed)

    @transaction
    def withdraw(self, ctx: Context, application_id: str, business_date: date) -> RecordView:
        """Take an application back before it is reviewed."""
        record = load(ctx, "application", application_id)
        holder_of(ctx, record)
        return announce(ctx, "withdraw", advance(ctx, record, "withdraw", business_date))

    @query
    def application(self, ctx: Context, application_id: str) -> Record:
        """The public record."""
        member(ctx)
        return load(ctx, "application", application_id)

    @query
    def form(self, ctx: Context, application_id: str) -> ApplicationForm:
        """The form, for its holder and SEMAS."""
        holder_or_staff(ctx, load(ctx, "application", application_id), Kind.SEMAS)
        return read_private(ctx, _PAIR, application_id, ApplicationForm)

    @query
    def decision(self, ctx: Context, application_id: str) -> ReviewDecision:
        """The review's result, for its holder and SEMAS."""
        holder_or_staff(ctx, load(ctx, "application", application_id), Kind.SEMAS)
        return read_private(ctx, _PAIR, f"{application_id}.decision", ReviewDecision)

    @query
    def letter(self, ctx: Context, application_id: str) -> SignedLetter:
        """The confirmation letter, for its holder and SEMAS."""
        holder_or_staff(ctx, load(ctx, "application", application_id), Kind.SEMAS)
        return read_private(ctx, _PAIR, f"{application_id}.letter", SignedLetter)

    def _write(
        self, ctx: Context, action: str, application_id: str, on: date, form: ApplicationForm
    ) -> Record:
        holder = applicant(ctx)
        require(form.holder == holder, "NOT_HOLDER", "an application is made by its own holder")
        known = find(ctx, "application", application_id)
        if known is None:
            record = create(
                ctx, action, "application", application_id, parties=_PARTIES, on=on, holder=holder
            )
        else:
            holder_of(ctx, known)
            require(
                known.state == "draft",
                "EDIT_AFTER_SUBMISSION",
                "an application cannot be edited once it is handed in",
            )
            record = advance(ctx, known, action, on)
        keep(ctx, _PAIR, application_id, form)
        return record


def _held(ctx: Context, form: ApplicationForm) -> tuple[str, ...]:
    """The kinds of documents that the form's receipts prove."""
    for reference in form.documents:
        kind = ruled(catalogue().document, reference.kind)
        letter = verified(
            ctx,
            reference.receipt,
            LetterKind.EVIDENCE,
            kind.issuer,
            None,
            subject=reference.document_id,
            role="issuer",
        )
        body = said(letter, ReceiptBody)
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
