"""Evidence handed to a foundation, and letters relayed, on `referral` (and letters on `application`)."""

from __future__ import annotations

from datetime import date

from hlf_chaincode import Context, Private, query, transaction
from lending_chaincode.books import (
    PAIR,
    advance,
    allowed,
    create,
    dated,
    find,
    keep_new,
    load,
    pair,
    read_private,
    refuse_all,
    require,
    ruled,
    view,
)
from lending_chaincode.caller import (
    Kind,
    applicant,
    by_holder_or_party,
    by_party,
    by_staff,
    check_channel,
    kind_of,
    on_channel,
    staff,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.correspondence import receipted, said, sealed_to, use_once, verified
from lending_domain.funds import catalogue
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import RecordView
from lending_domain.records_documents import (
    RETENTION_BASIS,
    EvidenceBundle,
    SealedLetter,
    access_violations,
    release_date,
)
from lending_domain.records_letters import EvidenceBody, RevocationBody


class HandOver(Chartered):
    """What SEMAS hands to a foundation under a consent, and the sealed letters that it passes on."""

    @transaction
    @on_channel("referral")
    @by_staff(Kind.SEMAS)
    def forward_evidence(
        self,
        ctx: Context,
        bundle_id: str,
        foundation: str,
        business_date: date,
        bundle: Private[EvidenceBundle],
    ) -> RecordView:
        """SEMAS hands documents, re-sealed, to one foundation, with a letter that lists them."""
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
            sealed_to(document, {foundation, bundle.consent.holder})
            require(
                document.consent_id == bundle.consent_id,
                "NOT_IN_CONSENT",
                "a document is under another consent",
            )
            issuer = ruled(catalogue().document, document.kind).issuer
            commitment = receipted(
                ctx, document, document.document_id, bundle.consent_id, bundle.consent.holder, issuer
            )
            commitments[document.document_id] = commitment
        listed = {one.document_id: one.commitment for one in body.documents}
        require(listed == commitments, "LETTER_MISMATCH", "the letter lists other documents")
        record = create(
            ctx,
            "bundle",
            bundle_id,
            parties=(foundation,),
            on=business_date,
            references={"consent": bundle.consent_id},
            commitments=commitments,
        )
        use_once(ctx, bundle.letter, ("semas", foundation), bundle_id)
        keep_new(ctx, pair("semas", foundation), bundle_id, bundle)
        return view(record)

    @transaction
    @on_channel("referral")
    @by_staff(Kind.SEMAS)
    def record_revocation(
        self,
        ctx: Context,
        consent_id: str,
        foundation: str,
        business_date: date,
        letter: Private[SignedLetter],
    ) -> RecordView:
        """Carry a consent's revocation to the foundation: its next access is refused."""
        _foundation(foundation)
        known = verified(
            ctx, letter, LetterKind.REVOCATION, "semas", foundation, subject=consent_id, role="officer"
        )
        said(known, RevocationBody)
        record = create(
            ctx,
            "revocation",
            consent_id,
            parties=("semas", foundation),
            on=business_date,
        )
        use_once(ctx, letter, ("semas", foundation), consent_id)
        return view(record)

    @query
    @by_party("bundle", Kind.FOUNDATION)
    def evidence(self, ctx: Context, bundle_id: str, business_date: date) -> EvidenceBundle:
        """The documents handed to the caller's foundation."""
        foundation, record = ctx.client.msp_id, load(ctx, "bundle", bundle_id)
        dated(ctx, business_date)
        _not_revoked(ctx, record.references["consent"])
        bundle = read_private(ctx, pair("semas", foundation), bundle_id, EvidenceBundle)
        for document in bundle.documents:
            refuse_all(access_violations(bundle.consent, document.kind, foundation, business_date))
        return bundle

    @transaction
    @by_party("bundle", Kind.FOUNDATION)
    def destroy_evidence(
        self, ctx: Context, bundle_id: str, business_date: date, ended_on: date
    ) -> RecordView:
        """Purge what a foundation was handed, once retention since the end of the relation has passed."""
        foundation, record = ctx.client.msp_id, load(ctx, "bundle", bundle_id)
        allowed(ctx, record)
        require(
            record.on is not None and ended_on >= record.on,
            "DATE_BACKWARDS",
            "the relation cannot have ended before the evidence was handed over",
        )
        first = release_date(ended_on)
        require(business_date >= first, "RETENTION", f"to be kept until {first}; {RETENTION_BASIS}")
        ctx.private(pair("semas", foundation)).purge(bundle_id)
        return view(advance(ctx, record, business_date))

    @transaction
    def relay_letter(
        self, ctx: Context, relay_id: str, recipient: str, business_date: date, sealed: Private[SealedLetter]
    ) -> RecordView:
        """Pass a sealed letter on: an explanation, the answer to a review. SEMAS cannot read it."""
        parties, holder, sender, collection = _ends(ctx, recipient)
        record = create(
            ctx,
            "relay",
            relay_id,
            parties=parties,
            on=business_date,
            holder=holder,
            references={"from": sender, "to": recipient},
        )
        keep_new(ctx, collection, relay_id, sealed)
        return view(record)

    @query
    @by_holder_or_party("relay", Kind.SEMAS, Kind.FOUNDATION)
    def relayed_letter(self, ctx: Context, relay_id: str) -> SealedLetter:
        """A relayed letter, for either end."""
        record = load(ctx, "relay", relay_id)
        return read_private(ctx, pair(*record.parties), relay_id, SealedLetter)


def _foundation(name: str) -> None:
    require(kind_of(name) is Kind.FOUNDATION, "BAD_ARGUMENT", "the recipient is no foundation")


def _not_revoked(ctx: Context, consent_id: str) -> None:
    require(find(ctx, "revocation", consent_id) is None, "CONSENT_REVOKED", "the consent has been revoked")


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
        return ("applicants", "semas"), holder, sender, PAIR
    check_channel(ctx, "referral")
    sender = staff(ctx, Kind.SEMAS, Kind.FOUNDATION)
    foundation = recipient if caller is Kind.SEMAS else sender
    _foundation(foundation)
    require(
        {sender, recipient} == {"semas", foundation},
        "WRONG_RECIPIENT",
        "letters here go between semas and foundations",
    )
    return ("semas", foundation), None, sender, pair("semas", foundation)
