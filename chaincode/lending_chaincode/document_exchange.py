"""Sealing keys, consents and sealed documents, on `application`; what is handed on from there."""

from __future__ import annotations

import re
from datetime import date

from hlf_chaincode import Context, ContractError, Private, query, transaction
from lending_chaincode.books import (
    PAIR,
    advance,
    allowed,
    create,
    dated,
    keep_new,
    load,
    read_private,
    refuse_all,
    require,
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
    by_staff,
    kind_of,
    on_channel,
    staff,
)
from lending_chaincode.correspondence import receipted, sealed_to, verified
from lending_chaincode.hand_over import HandOver
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, RecordView
from lending_domain.records_documents import (
    RETENTION_BASIS,
    Consent,
    SealedDocument,
    access_violations,
    consent_violations,
    release_date,
)

_DOCUMENTS = f"{PAIR}_documents"
_INSTITUTIONS = (Kind.SEMAS, Kind.FOUNDATION, Kind.BANK, Kind.ISSUER, Kind.MSS)
_X25519 = re.compile(r"[0-9a-f]{64}")


class DocumentExchange(HandOver):
    """One request to an issuer; the applicant uploads nothing, and the foundation gets the same documents."""

    name = "document-exchange"

    @transaction
    def register_sealing_key(self, ctx: Context, key: SignedLetter) -> RecordView:
        """Put the caller's X25519 key, signed by the caller's own certificate, into the directory."""
        msp_id = ctx.client.msp_id
        by_one = kind_of(msp_id) is Kind.APPLICANTS
        owner = applicant(ctx) if by_one else staff(ctx, *_INSTITUTIONS)
        letter = verified(ctx, key, LetterKind.KEY, msp_id, None, subject=owner)
        require(
            key.certificate.strip() == ctx.client.certificate_pem.decode().strip(),
            "KEY_SIGNATURE",
            "a sealing key is signed with the certificate of the caller who registers it",
        )
        public_key = str(letter.body.get("public_key"))
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
        record = create(
            ctx,
            "consent",
            consent_id,
            parties=("applicants", "semas"),
            on=business_date,
            holder=holder,
        )
        keep_new(ctx, PAIR, consent_id, consent)
        return view(record)

    @transaction
    @by_holder("consent")
    def revoke_consent(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Withdraw a consent: the next access under it is refused."""
        return view(advance(ctx, load(ctx, "consent", consent_id), business_date))

    @transaction
    @by_party("consent", Kind.SEMAS)
    def end_relation(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Say on which day the relation under a consent ended: retention runs from there."""
        return view(advance(ctx, load(ctx, "consent", consent_id), business_date))

    @query
    @by_holder_or_party("consent", Kind.SEMAS)
    def consent(self, ctx: Context, consent_id: str) -> Consent:
        """A consent, for its holder and for SEMAS."""
        return read_private(ctx, PAIR, consent_id, Consent)

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
        issuer, given = ctx.client.msp_id, load(ctx, "consent", consent_id)
        require(given.state == "given", "CONSENT_REVOKED", "the consent is not in force")
        unchanged(ctx, PAIR, consent_id, consent)
        refuse_all(access_violations(consent, document.kind, "semas", business_date))
        sealed_to(document, {"semas", consent.holder})
        commitment = receipted(ctx, document, document_id, consent_id, consent.holder, issuer)
        record = create(
            ctx,
            "document",
            document_id,
            parties=("applicants", "semas"),
            on=business_date,
            holder=given.holder,
            references={"consent": consent_id, "issuer": issuer},
            commitments={"document": commitment},
        )
        keep_new(ctx, _DOCUMENTS, document_id, document)
        return view(record)

    @transaction
    @by_holder("document")
    def confirm_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """The applicant confirms a document that an issuer deposited."""
        return view(advance(ctx, load(ctx, "document", document_id), business_date))

    @query
    def document(self, ctx: Context, document_id: str) -> Record:
        """The public record of a document, for any member."""
        return load(ctx, "document", document_id)

    @query
    @by_holder_or_party("document", Kind.SEMAS)
    def sealed_document(self, ctx: Context, document_id: str, business_date: date) -> SealedDocument:
        """The sealed document; SEMAS needs a consent in force, the holder does not."""
        document = read_private(ctx, _DOCUMENTS, document_id, SealedDocument)
        if kind_of(ctx.client.msp_id) is Kind.SEMAS:
            dated(ctx, business_date)
            consent_id = load(ctx, "document", document_id).references["consent"]
            state = load(ctx, "consent", consent_id).state
            require(state == "given", "CONSENT_REVOKED", "the consent is not in force")
            given = read_private(ctx, PAIR, consent_id, Consent)
            refuse_all(access_violations(given, document.kind, "semas", business_date))
        return document

    @transaction
    @by_holder_or_party("document", Kind.SEMAS)
    def destroy_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """Purge a document whose retention period has passed; the commitment stays and links to nothing."""
        record = load(ctx, "document", document_id)
        allowed(ctx, record)
        consent = load(ctx, "consent", record.references["consent"])
        ended = consent.on if consent.state == "ended" else None
        if ended is None:
            raise ContractError("RETENTION", f"the relation has not ended; {RETENTION_BASIS}")
        first = release_date(ended)
        require(business_date >= first, "RETENTION", f"to be kept until {first}; {RETENTION_BASIS}")
        ctx.private(_DOCUMENTS).purge(document_id)
        return view(advance(ctx, record, business_date))
