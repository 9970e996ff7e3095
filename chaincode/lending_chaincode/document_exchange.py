"""Sealing keys, consents and sealed documents, on `application`; what is handed on from there."""

from __future__ import annotations

import re
from datetime import date

from hlf_chaincode import ContractError, Private, Requirement, query, requires, transaction
from lending_chaincode.caller import (
    applicant,
    by_applicant,
    by_holder,
    by_holder_or_party,
    by_party,
    by_staff,
    on_channel,
    staff,
)
from lending_chaincode.context import PAIR, PARTIES, Context
from lending_chaincode.correspondence import issuer_of, receipted, sealed_to, signed_by_caller, verify
from lending_chaincode.hand_over import HandOver, check_retention
from lending_chaincode.organizations import Kind
from lending_chaincode.refusals import refuse_all, require
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, RecordView
from lending_domain.records_documents import (
    RETENTION_BASIS,
    Consent,
    SealedDocument,
    access_violations,
    consent_violations,
)

_DOCUMENTS = f"{PAIR}_documents"
_INSTITUTIONS = (Kind.SEMAS, Kind.FOUNDATION, Kind.BANK, Kind.ISSUER, Kind.MSS)
_X25519 = re.compile(r"[0-9a-f]{64}")


def _owner(ctx: Context) -> str:
    """Whose sealing key the caller's is: the holder's, or the institution's."""
    return applicant(ctx) if ctx.kind is Kind.APPLICANTS else staff(ctx, *_INSTITUTIONS)


class DocumentExchange(HandOver):
    """One request to an issuer; the applicant uploads nothing, and the foundation gets the same documents."""

    name = "document-exchange"

    @transaction
    @requires(Requirement("applicant, or staff of an institution", _owner))
    def register_sealing_key(self, ctx: Context, key: SignedLetter) -> RecordView:
        """Put the caller's X25519 key, signed by the caller's own certificate, into the directory."""
        owner = _owner(ctx)
        verify(ctx, key, LetterKind.KEY, ctx.client.msp_id, None, subject=owner)
        require(
            signed_by_caller(ctx, key),
            "KEY_SIGNATURE",
            "a sealing key is signed with the certificate of the caller who registers it",
        )
        public_key = str(key.letter.body.get("public_key"))
        require(bool(_X25519.fullmatch(public_key)), "BAD_ARGUMENT", "an X25519 key has 64 hex digits")
        ctx.state.put(f"sealing-key/{owner}", key.to_bytes())
        return RecordView(id=owner, state="current")

    @query
    def sealing_key(self, ctx: Context, owner: str) -> SignedLetter:
        """The key of an organization or holder, as its owner signed it."""
        raw = ctx.state.get(f"sealing-key/{owner}") if owner else None
        if raw is None:
            raise ContractError("UNKNOWN_RECORD", "this owner has registered no sealing key")
        return SignedLetter.from_bytes(raw)

    @transaction
    @on_channel("application")
    @by_applicant
    def give_consent(
        self, ctx: Context, consent_id: str, business_date: date, consent: Private[Consent]
    ) -> RecordView:
        """Record the applicant's consent."""
        holder = applicant(ctx)
        require(consent.holder == holder, "NOT_HOLDER", "a consent is given by its own holder")
        require(consent.given_on == business_date, "BAD_ARGUMENT", "a consent is given on the business date")
        refuse_all(consent_violations(consent))
        given = ctx.create("consent", consent_id, business_date, PARTIES, holder=holder)
        ctx.keep_new(PAIR, consent_id, consent)
        return given

    @transaction
    @by_holder("consent")
    def revoke_consent(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Withdraw a consent: the next access under it is refused."""
        return ctx.advance(ctx.load("consent", consent_id), business_date)

    @transaction
    @by_party("consent", Kind.SEMAS)
    def end_relation(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Say on which day the relation under a consent ended: retention runs from there."""
        return ctx.advance(ctx.load("consent", consent_id), business_date)

    @query
    @by_holder_or_party("consent", Kind.SEMAS)
    def consent(self, ctx: Context, consent_id: str) -> Consent:
        """A consent, for its holder and for SEMAS."""
        return ctx.read(PAIR, consent_id, Consent)

    @transaction
    @on_channel("application")
    @by_staff(Kind.ISSUER)
    def deposit_document(
        self,
        ctx: Context,
        document_id: str,
        consent_id: str,
        business_date: date,
        document: Private[SealedDocument],
        consent: Private[Consent],
    ) -> RecordView:
        """An issuer deposits one document, sealed to SEMAS and the applicant, with its signed receipt."""
        issuer, given = ctx.client.msp_id, _in_force(ctx, consent_id)
        ctx.unchanged(PAIR, consent_id, consent)
        refuse_all(access_violations(consent, document.kind, "semas", business_date))
        sealed_to(document, {"semas", consent.holder})
        issues = issuer_of(document.kind) == issuer
        require(issues, "NOT_PERMITTED", f"{issuer} does not issue documents of this kind")
        commitment = receipted(ctx, document, document_id, consent_id, consent.holder)
        deposited = ctx.create(
            "document",
            document_id,
            business_date,
            PARTIES,
            holder=given.holder,
            references={"consent": consent_id, "issuer": issuer},
            commitments={"document": commitment},
        )
        ctx.keep_new(_DOCUMENTS, document_id, document)
        return deposited

    @transaction
    @by_holder("document")
    def confirm_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """The applicant confirms a document that an issuer deposited."""
        return ctx.advance(ctx.load("document", document_id), business_date)

    @query
    def document(self, ctx: Context, document_id: str) -> Record:
        """The public record of a document, for any member."""
        return ctx.load("document", document_id)

    @query
    @by_holder_or_party("document", Kind.SEMAS)
    def sealed_document(self, ctx: Context, document_id: str, business_date: date) -> SealedDocument:
        """The sealed document; SEMAS needs a consent in force, the holder does not."""
        document = ctx.read(_DOCUMENTS, document_id, SealedDocument)
        if ctx.kind is Kind.SEMAS:
            ctx.dated(business_date)
            given = _in_force(ctx, ctx.load("document", document_id).references["consent"])
            consent = ctx.read(PAIR, given.id, Consent)
            refuse_all(access_violations(consent, document.kind, "semas", business_date))
        return document

    @transaction
    @by_holder_or_party("document", Kind.SEMAS)
    def destroy_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """Purge a document whose retention period has passed; the commitment stays and links to nothing."""
        record = ctx.ready("document", document_id)
        consent = ctx.load("consent", record.references["consent"])
        if consent.state != "ended" or consent.on is None:
            raise ContractError("RETENTION", f"the relation has not ended; {RETENTION_BASIS}")
        check_retention(business_date, consent.on)
        ctx.private(_DOCUMENTS).purge(document_id)
        return ctx.advance(record, business_date)


def _in_force(ctx: Context, consent_id: str) -> Record:
    consent = ctx.load("consent", consent_id)
    require(consent.state == "given", "CONSENT_REVOKED", "the consent is not in force")
    return consent
