"""From guidance to the confirmation letter, on `application`."""

from __future__ import annotations

import hashlib
from datetime import date

from hlf_chaincode import Context, Private, query, transaction
from lending_chaincode.books import (
    PAIR,
    advance,
    create,
    find,
    keep,
    load,
    opened,
    read_private,
    refuse_all,
    require,
    ruled,
    unchanged,
    view,
)
from lending_chaincode.caller import (
    Kind,
    applicant,
    by_applicant,
    by_holder,
    by_holder_or_party,
    by_party,
    holder_of,
    kind_of,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.correspondence import said, verified
from lending_domain.duplicates import business_number
from lending_domain.funds import FirmProfile, FundAnswer, application_violations, catalogue, guidance
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, RecordView, encode
from lending_domain.records_application import ApplicationForm, ReviewDecision
from lending_domain.records_letters import ConfirmationBody, ReceiptBody

_PARTIES = ("applicants", "semas")
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
        return view(_write(ctx, application_id, business_date, form))

    @transaction
    @by_applicant
    def apply(
        self, ctx: Context, application_id: str, business_date: date, form: Private[ApplicationForm]
    ) -> RecordView:
        """Hand the application in. The same form handed in twice is one application."""
        known = find(ctx, "application", application_id)
        if known is not None and known.state == "applied":
            holder_of(ctx, known)
            same = ctx.private(PAIR).hash(application_id) == hashlib.sha256(encode(form)).digest()
            _editable(same)
            return view(known)
        ruled(business_number, form.firm.business_number)
        held = _held(ctx, form)
        found = ruled(application_violations, form.profile, form.fund, form.amount_krw, business_date, held)
        refuse_all([one for one in found if one.code in _FORMAL])
        _lender(form)
        return view(_write(ctx, application_id, business_date, form))

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
        record = opened(ctx, "application", application_id, form, action)
        if decision.approved:
            amount, held = decision.amount_krw, _held(ctx, form)
            refuse_all(ruled(application_violations, form.profile, form.fund, amount, business_date, held))
            covered = amount <= form.amount_krw
            require(covered, "AMOUNT_OVER_LIMIT", "more is confirmed than was applied for")
            valid = decision.valid_until >= business_date
            require(valid, "BAD_ARGUMENT", "the confirmation has expired already")
        else:
            require(bool(decision.reasons), "NO_REASON", "a refusal gives its reasons")
            require(decision.amount_krw == 0, "BAD_ARGUMENT", "a refusal confirms no amount")
        changed = advance(ctx, record, business_date, action=action)
        keep(ctx, PAIR, f"{application_id}.decision", decision)
        return view(changed)

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
        record = opened(ctx, "application", application_id, form)
        unchanged(ctx, PAIR, f"{application_id}.decision", decision)
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
        keep(ctx, PAIR, f"{application_id}.letter", letter)
        return view(advance(ctx, record, business_date))

    @transaction
    @by_holder("application")
    def withdraw(self, ctx: Context, application_id: str, business_date: date) -> RecordView:
        """Take an application back before it is reviewed."""
        return view(advance(ctx, load(ctx, "application", application_id), business_date))

    @query
    def application(self, ctx: Context, application_id: str) -> Record:
        """The public record, for any member."""
        return load(ctx, "application", application_id)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def form(self, ctx: Context, application_id: str) -> ApplicationForm:
        """The form, for its holder and SEMAS."""
        return read_private(ctx, PAIR, application_id, ApplicationForm)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def decision(self, ctx: Context, application_id: str) -> ReviewDecision:
        """The review's result, for its holder and SEMAS."""
        return read_private(ctx, PAIR, f"{application_id}.decision", ReviewDecision)

    @query
    @by_holder_or_party("application", Kind.SEMAS)
    def letter(self, ctx: Context, application_id: str) -> SignedLetter:
        """The confirmation letter, for its holder and SEMAS."""
        return read_private(ctx, PAIR, f"{application_id}.letter", SignedLetter)


def _write(ctx: Context, application_id: str, on: date, form: ApplicationForm) -> Record:
    holder = applicant(ctx)
    require(form.holder == holder, "NOT_HOLDER", "an application is made by its own holder")
    known = find(ctx, "application", application_id)
    if known is None:
        record = create(ctx, "application", application_id, parties=_PARTIES, on=on, holder=holder)
    else:
        holder_of(ctx, known)
        _editable(known.state == "draft")
        record = advance(ctx, known, on)
    keep(ctx, PAIR, application_id, form)
    return record


def _editable(is_so: bool) -> None:
    require(is_so, "EDIT_AFTER_SUBMISSION", "an application cannot be edited once it is handed in")


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
