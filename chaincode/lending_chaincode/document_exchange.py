"""Consents, sealed evidence and relayed letters, on `application` and `referral`."""

from __future__ import annotations

import re
from datetime import date

from hlf_chaincode import Context, ContractError, Private, query, transaction
from lending_chaincode.books import (
    advance,
    allowed,
    announce,
    business_date,
    create,
    find,
    keep_new,
    load,
    pair,
    read_private,
    refuse_all,
    require,
    require_id,
    ruled,
    unchanged,
)
from lending_chaincode.caller import (
    Kind,
    applicant,
    holder_of,
    holder_or_staff,
    kind_of,
    member,
    party,
    staff,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.correspondence import said, use_once, verified
from lending_domain.canonical import canonical
from lending_domain.funds import catalogue
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, RecordView
from lending_domain.records_documents import (
    RETENTION_BASIS,
    Consent,
    EvidenceBundle,
    SealedDocument,
    SealedLetter,
    access_violations,
    consent_violations,
    release_date,
)
from lending_domain.records_letters import EvidenceBody, ReceiptBody, RevocationBody

_PAIR = pair("applicants", "semas")
_DOCUMENTS = f"{_PAIR}_documents"
_X25519 = re.compile(r"[0-9a-f]{64}")


class DocumentExchange(Chartered):
    """One request to an issuer; the applicant uploads nothing, and the foundation gets the same documents."""

    name = "document-exchange"

    @transaction
    def register_sealing_key(self, ctx: Context, key: SignedLetter) -> RecordView:
        """Put the caller's X25519 key, signed by the caller's own certificate, into the directory."""
        msp_id = ctx.client.msp_id
        kind = kind_of(msp_id)
        owner = (
            applicant(ctx)
            if kind is Kind.APPLICANTS
            else staff(ctx, Kind.SEMAS, Kind.FOUNDATION, Kind.BANK, Kind.ISSUER, Kind.MSS)
        )
        letter = verified(ctx, key, LetterKind.KEY, msp_id, None, subject=owner)
        require(
            key.certificate.strip() == ctx.client.certificate_pem.decode().strip(),
            "KEY_SIGNATURE",
            "a sealing key is signed with the certificate of the caller who registers it",
        )
        public_key = str(letter.body.get("public_key"))
        require(bool(_X25519.fullmatch(public_key)), "BAD_ARGUMENT", "an X25519 key has 64 hex digits")
        ctx.state.put(f"sealing-key/{owner}", key.to_bytes())
        view = RecordView(id=owner, state="current")
        ctx.emit("register_sealing_key", canonical(view))
        return view

    @query
    def sealing_key(self, ctx: Context, owner: str) -> SignedLetter:
        """The key of an organization or holder, as its owner signed it."""
        raw = ctx.state.get(f"sealing-key/{owner}") if owner else None
        if raw is None:
            raise ContractError("UNKNOWN_RECORD", "this owner has registered no sealing key")
        return SignedLetter.from_bytes(raw)

    @transaction
    def give_consent(
        self, ctx: Context, consent_id: str, business_date: date, consent: Private[Consent]
    ) -> RecordView:
        """Record the applicant's consent."""
        _on(ctx, "application")
        holder = applicant(ctx)
        require(consent.holder == holder, "NOT_HOLDER", "a consent is given by its own holder")
        require(consent.given_on == business_date, "BAD_ARGUMENT", "a consent is given on the business date")
        refuse_all(consent_violations(consent))
        record = create(
            ctx,
            "give_consent",
            "consent",
            consent_id,
            parties=("applicants", "semas"),
            on=business_date,
            holder=holder,
        )
        keep_new(ctx, _PAIR, consent_id, consent)
        return announce(ctx, "give_consent", record)

    @transaction
    def revoke_consent(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Withdraw a consent: the next access under it is refused."""
        record = load(ctx, "consent", consent_id)
        holder_of(ctx, record)
        return announce(ctx, "revoke_consent", advance(ctx, record, "revoke_consent", business_date))

    @transaction
    def end_relation(self, ctx: Context, consent_id: str, business_date: date) -> RecordView:
        """Say on which day the relation under a consent ended: retention runs from there."""
        record = load(ctx, "consent", consent_id)
        party(ctx, record, Kind.SEMAS)
        return announce(ctx, "end_relation", advance(ctx, record, "end_relation", business_date))

    @query
    def consent(self, ctx: Context, consent_id: str) -> Consent:
        """A consent, for its holder and for SEMAS."""
        holder_or_staff(ctx, load(ctx, "consent", consent_id), Kind.SEMAS)
        return read_private(ctx, _PAIR, consent_id, Consent)

    @transaction
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
        _on(ctx, "application")
        issuer = staff(ctx, Kind.ISSUER)
        given = load(ctx, "consent", consent_id)
        require(given.state == "given", "CONSENT_REVOKED", "the consent is not in force")
        unchanged(ctx, _PAIR, consent_id, consent)
        refuse_all(access_violations(consent, document.kind, "semas", business_date))
        _sealed_to(document, {"semas", consent.holder})
        commitment = _receipt(ctx, document, document_id, consent_id, consent.holder, issuer)
        record = create(
            ctx,
            "deposit_document",
            "document",
            document_id,
            parties=("applicants", "semas"),
            on=business_date,
            holder=given.holder,
            references={"consent": consent_id, "issuer": issuer},
            commitments={"document": commitment},
        )
        keep_new(ctx, _DOCUMENTS, document_id, document)
        return announce(ctx, "deposit_document", record)

    @transaction
    def confirm_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """The applicant confirms a document that an issuer deposited."""
        record = load(ctx, "document", document_id)
        holder_of(ctx, record)
        return announce(ctx, "confirm_document", advance(ctx, record, "confirm_document", business_date))

    @query
    def document(self, ctx: Context, document_id: str) -> Record:
        """The public record of a document."""
        member(ctx)
        return load(ctx, "document", document_id)

    @query
    def sealed_document(self, ctx: Context, document_id: str, business_date: date) -> SealedDocument:
        """The sealed document; SEMAS needs a consent in force, the holder does not."""
        record = load(ctx, "document", document_id)
        caller = holder_or_staff(ctx, record, Kind.SEMAS)
        document = read_private(ctx, _DOCUMENTS, document_id, SealedDocument)
        if kind_of(caller) is Kind.SEMAS:
            _dated(ctx, business_date)
            consent_id = record.references["consent"]
            state = load(ctx, "consent", consent_id).state
            require(state == "given", "CONSENT_REVOKED", "the consent is not in force")
            given = read_private(ctx, _PAIR, consent_id, Consent)
            refuse_all(access_violations(given, document.kind, "semas", business_date))
        return document

    @transaction
    def destroy_document(self, ctx: Context, document_id: str, business_date: date) -> RecordView:
        """Purge a document whose retention period has passed; the commitment stays and links to nothing."""
        record = load(ctx, "document", document_id)
        holder_or_staff(ctx, record, Kind.SEMAS)
        allowed(record, "destroy_document")
        consent = load(ctx, "consent", record.references["consent"])
        ended = consent.on if consent.state == "ended" else None
        if ended is None:
            raise ContractError("RETENTION", f"the relation has not ended; {RETENTION_BASIS}")
        first = release_date(ended)
        require(business_date >= first, "RETENTION", f"to be kept until {first}; {RETENTION_BASIS}")
        ctx.private(_DOCUMENTS).purge(document_id)
        return announce(ctx, "destroy_document", advance(ctx, record, "destroy_document", business_date))

    @transaction
    def forward_evidence(
        self,
        ctx: Context,
        bundle_id: str,
        foundation: str,
        business_date: date,
        bundle: Private[EvidenceBundle],
    ) -> RecordView:
        """SEMAS hands documents, re-sealed, to one foundation, with a letter that lists them."""
        _on(ctx, "referral")
        staff(ctx, Kind.SEMAS)
        _foundation(foundation)
        letter = verified(
            ctx, bundle.letter, LetterKind.EVIDENCE, "semas", foundation, subject=bundle_id, role="officer"
        )
        body = said(letter, EvidenceBody)
        require(body.consent_id == bundle.consent_id, "LETTER_MISMATCH", "another consent is named")
        _not_revoked(ctx, bundle.consent_id)
        commitments = {}
        for document in bundle.documents:
            refuse_all(access_violations(bundle.consent, document.kind, foundation, business_date))
            _sealed_to(document, {foundation, bundle.consent.holder})
            require(
                document.consent_id == bundle.consent_id,
                "NOT_IN_CONSENT",
                "a document is under another consent",
            )
            issuer = ruled(catalogue().document, document.kind).issuer
            commitment = _receipt(
                ctx, document, document.document_id, bundle.consent_id, bundle.consent.holder, issuer
            )
            commitments[document.document_id] = commitment
        listed = {one.document_id: one.commitment for one in body.documents}
        require(listed == commitments, "LETTER_MISMATCH", "the letter lists other documents")
        record = create(
            ctx,
            "forward_evidence",
            "bundle",
            bundle_id,
            parties=(foundation,),
            on=business_date,
            references={"consent": bundle.consent_id},
            commitments=commitments,
        )
        use_once(ctx, bundle.letter, ("semas", foundation), bundle_id)
        keep_new(ctx, pair("semas", foundation), bundle_id, bundle)
        return announce(ctx, "forward_evidence", record)

    @transaction
    def record_revocation(
        self,
        ctx: Context,
        consent_id: str,
        foundation: str,
        business_date: date,
        letter: Private[SignedLetter],
    ) -> RecordView:
        """Carry a consent's revocation to the foundation: its next access is refused."""
        _on(ctx, "referral")
        staff(ctx, Kind.SEMAS)
        _foundation(foundation)
        known = verified(
            ctx, letter, LetterKind.REVOCATION, "semas", foundation, subject=consent_id, role="officer"
        )
        said(known, RevocationBody)
        record = create(
            ctx,
            "record_revocation",
            "revocation",
            consent_id,
            parties=("semas", foundation),
            on=business_date,
        )
        use_once(ctx, letter, ("semas", foundation), consent_id)
        return announce(ctx, "record_revocation", record)

    @query
    def evidence(self, ctx: Context, bundle_id: str, business_date: date) -> EvidenceBundle:
        """The documents handed to the caller's foundation."""
        record = load(ctx, "bundle", bundle_id)
        foundation = party(ctx, record, Kind.FOUNDATION)
        _dated(ctx, business_date)
        _not_revoked(ctx, record.references["consent"])
        bundle = read_private(ctx, pair("semas", foundation), bundle_id, EvidenceBundle)
        for document in bundle.documents:
            refuse_all(access_violations(bundle.consent, document.kind, foundation, business_date))
        return bundle

    @transaction
    def destroy_evidence(
        self, ctx: Context, bundle_id: str, business_date: date, ended_on: date
    ) -> RecordView:
        """Purge what a foundation was handed, once retention since the end of the relation has passed."""
        record = load(ctx, "bundle", bundle_id)
        foundation = party(ctx, record, Kind.FOUNDATION)
        allowed(record, "destroy_evidence")
        require(
            record.on is not None and ended_on >= record.on,
            "DATE_BACKWARDS",
            "the relation cannot have ended before the evidence was handed over",
        )
        first = release_date(ended_on)
        require(business_date >= first, "RETENTION", f"to be kept until {first}; {RETENTION_BASIS}")
        ctx.private(pair("semas", foundation)).purge(bundle_id)
        return announce(ctx, "destroy_evidence", advance(ctx, record, "destroy_evidence", business_date))

    @transaction
    def relay_letter(
        self, ctx: Context, relay_id: str, recipient: str, business_date: date, sealed: Private[SealedLetter]
    ) -> RecordView:
        """Pass a sealed letter on: an explanation, a request for review, an answer. SEMAS cannot read it."""
        parties, holder, sender, collection = _ends(ctx, recipient)
        record = create(
            ctx,
            "relay_letter",
            "relay",
            relay_id,
            parties=parties,
            on=business_date,
            holder=holder,
            references={"from": sender, "to": recipient},
        )
        keep_new(ctx, collection, relay_id, sealed)
        return announce(ctx, "relay_letter", record)

    @query
    def relayed_letter(self, ctx: Context, relay_id: str) -> SealedLetter:
        """A relayed letter, for either end."""
        record = load(ctx, "relay", relay_id)
        holder_or_staff(ctx, record, Kind.SEMAS, Kind.FOUNDATION)
        return read_private(ctx, pair(*record.parties), relay_id, SealedLetter)


def _on(ctx: Context, channel: str) -> None:
    require(ctx.channel == channel, "WRONG_CHANNEL", f"this is done on {channel}")


def _foundation(name: str) -> None:
    require(kind_of(name) is Kind.FOUNDATION, "BAD_ARGUMENT", "the recipient is no foundation")


def _dated(ctx: Context, on: date) -> None:
    business_date(ctx, on)


def _not_revoked(ctx: Context, consent_id: str) -> None:
    require(find(ctx, "revocation", consent_id) is None, "CONSENT_REVOKED", "the consent has been revoked")


def _sealed_to(document: SealedDocument, recipients: set[str]) -> None:
    require(
        set(document.wrapped_keys) == recipients,
        "WRONG_RECIPIENT",
        "the document is not sealed to exactly the recipient named and the applicant",
    )


def _receipt(
    ctx: Context, document: SealedDocument, document_id: str, consent_id: str, holder: str, issuer: str
) -> str:
    """The commitment in the issuer's receipt, which must speak of this very document."""
    require_id(document_id, "document_id")
    require(
        ruled(catalogue().document, document.kind).issuer == issuer,
        "NOT_PERMITTED",
        f"{issuer} does not issue documents of this kind",
    )
    letter = verified(
        ctx, document.receipt, LetterKind.EVIDENCE, issuer, None, subject=document_id, role="issuer"
    )
    body = said(letter, ReceiptBody)
    require(
        (document.document_id, document.consent_id) == (document_id, consent_id)
        and (body.holder, body.consent_id, body.document_kind) == (holder, consent_id, document.kind),
        "LETTER_MISMATCH",
        "the receipt speaks of another document",
    )
    return body.commitment


def _ends(ctx: Context, recipient: str) -> tuple[tuple[str, str], str | None, str, str]:
    """Parties, holder, sender and collection of a relayed letter."""
    caller = kind_of(ctx.client.msp_id)
    if ctx.channel == "application":
        if caller is Kind.APPLICANTS:
            require(recipient == "semas", "WRONG_RECIPIENT", "an applicant writes to semas here")
            holder = sender = applicant(ctx)
        else:
            sender = staff(ctx, Kind.SEMAS)
            require(kind_of(recipient) is Kind.OTHER, "WRONG_RECIPIENT", "semas writes to a holder here")
            holder = recipient
        return ("applicants", "semas"), holder, sender, _PAIR
    _on(ctx, "referral")
    sender = staff(ctx, Kind.SEMAS, Kind.FOUNDATION)
    foundation = recipient if caller is Kind.SEMAS else sender
    _foundation(foundation)
    require(
        {sender, recipient} == {"semas", foundation},
        "WRONG_RECIPIENT",
        "letters here go between semas and foundations",
    )
    return ("semas", foundation), None, sender, pair("semas", foundation)
