"""Evidence handed to a foundation, and letters relayed, on `referral` (and letters on `application`)."""

from __future__ import annotations

from datetime import date

from hlf_chaincode import Private, query, transaction
from lending_chaincode.caller import (
    applicant,
    by_holder_or_party,
    by_party,
    by_staff,
    check_channel,
    on_channel,
    staff,
)
from lending_chaincode.charter import Chartered
from lending_chaincode.context import PARTIES, Context, pair
from lending_chaincode.correspondence import receipted, sealed_to, use_once, verified
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import refuse_all, require
from lending_domain.letters import SignedLetter
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
        body = verified(
            ctx, bundle.letter, EvidenceBody, "semas", foundation, subject=bundle_id, role="officer"
        )
        require(body.consent_id == bundle.consent_id, "LETTER_MISMATCH", "another consent is named")
        _not_revoked(ctx, bundle.consent_id)
        commitments = {}
        for document in bundle.documents:
            refuse_all(access_violations(bundle.consent, document.kind, foundation, business_date))
            sealed_to(document, {foundation, bundle.consent.holder})
            same = document.consent_id == bundle.consent_id
            require(same, "NOT_IN_CONSENT", "a document is under another consent")
            commitments[document.document_id] = receipted(
                ctx, document, document.document_id, bundle.consent_id, bundle.consent.holder
            )
        listed = {one.document_id: one.commitment for one in body.documents}
        require(listed == commitments, "LETTER_MISMATCH", "the letter lists other documents")
        forwarded = ctx.create(
            "bundle",
            bundle_id,
            business_date,
            (foundation,),
            references={"consent": bundle.consent_id},
            commitments=commitments,
        )
        use_once(ctx, bundle.letter, ("semas", foundation), bundle_id)
        ctx.keep_new(pair("semas", foundation), bundle_id, bundle)
        return forwarded

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
        verified(ctx, letter, RevocationBody, "semas", foundation, subject=consent_id, role="officer")
        parties = ("semas", foundation)
        revoked = ctx.create("revocation", consent_id, business_date, parties)
        use_once(ctx, letter, parties, consent_id)
        return revoked

    @query
    @by_party("bundle", Kind.FOUNDATION)
    def evidence(self, ctx: Context, bundle_id: str, business_date: date) -> EvidenceBundle:
        """The documents handed to the caller's foundation."""
        foundation, record = ctx.client.msp_id, ctx.load("bundle", bundle_id)
        ctx.dated(business_date)
        _not_revoked(ctx, record.references["consent"])
        bundle = ctx.read(pair("semas", foundation), bundle_id, EvidenceBundle)
        for document in bundle.documents:
            refuse_all(access_violations(bundle.consent, document.kind, foundation, business_date))
        return bundle

    @transaction
    @by_party("bundle", Kind.FOUNDATION)
    def destroy_evidence(
        self, ctx: Context, bundle_id: str, business_date: date, ended_on: date
    ) -> RecordView:
        """Purge what a foundation was handed, once retention since the end of the relation has passed."""
        foundation, record = ctx.client.msp_id, ctx.ready("bundle", bundle_id)
        require(
            record.on is not None and ended_on >= record.on,
            "DATE_BACKWARDS",
            "the relation cannot have ended before the evidence was handed over",
        )
        check_retention(business_date, ended_on)
        ctx.private(pair("semas", foundation)).purge(bundle_id)
        return ctx.advance(record, business_date)

    @transaction
    def relay_letter(
        self, ctx: Context, relay_id: str, recipient: str, business_date: date, sealed: Private[SealedLetter]
    ) -> RecordView:
        """Pass a sealed letter on: an explanation, the answer to a review. SEMAS cannot read it."""
        sender, holder, parties = _ends(ctx, recipient)
        ends = {"from": sender, "to": recipient}
        relayed = ctx.create("relay", relay_id, business_date, parties, holder=holder, references=ends)
        ctx.keep_new(pair(*parties), relay_id, sealed)
        return relayed

    @query
    @by_holder_or_party("relay", Kind.SEMAS, Kind.FOUNDATION)
    def relayed_letter(self, ctx: Context, relay_id: str) -> SealedLetter:
        """A relayed letter, for either end."""
        record = ctx.load("relay", relay_id)
        return ctx.read(pair(*record.parties), relay_id, SealedLetter)


def check_retention(on: date, ended_on: date) -> None:
    """Refuse to destroy, within the retention period, what was kept under a relation that ended."""
    first = release_date(ended_on)
    require(on >= first, "RETENTION", f"to be kept until {first}; {RETENTION_BASIS}")


def _foundation(name: str) -> None:
    require(kind_of(name) is Kind.FOUNDATION, "BAD_ARGUMENT", "the recipient is no foundation")


def _not_revoked(ctx: Context, consent_id: str) -> None:
    require(ctx.find("revocation", consent_id) is None, "CONSENT_REVOKED", "the consent has been revoked")


def _ends(ctx: Context, recipient: str) -> tuple[str, str | None, tuple[str, str]]:
    """Sender, holder and parties of a relayed letter."""
    if ctx.channel == "application":
        if ctx.kind is Kind.APPLICANTS:
            require(recipient == "semas", "WRONG_RECIPIENT", "an applicant writes to semas here")
            holder = applicant(ctx)
            return holder, holder, PARTIES
        sender = staff(ctx, Kind.SEMAS)
        require(kind_of(recipient) is Kind.OTHER, "WRONG_RECIPIENT", "semas writes to a holder here")
        return sender, recipient, PARTIES
    check_channel(ctx, "referral")
    sender = staff(ctx, Kind.SEMAS, Kind.FOUNDATION)
    foundation = recipient if ctx.kind is Kind.SEMAS else sender
    _foundation(foundation)
    require(
        {sender, recipient} == {"semas", foundation},
        "WRONG_RECIPIENT",
        "letters here go between semas and foundations",
    )
    return sender, None, ("semas", foundation)
