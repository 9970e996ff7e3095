"""Letters received: signature, chain, addressee, expiry, single use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import ValidationError

from hlf_chaincode import ContractError, key_policy
from lending_chaincode.context import Context
from lending_chaincode.refusals import refuse_all, require, require_id
from lending_domain.canonical import canonical
from lending_domain.funds import catalogue
from lending_domain.letters import Letter, LetterBody, LetterKind, SignedLetter, verify_letter
from lending_domain.records_documents import SealedDocument
from lending_domain.records_letters import ReceiptBody

B = TypeVar("B", bound=LetterBody)


def verify(
    ctx: Context,
    signed: SignedLetter,
    kind: LetterKind,
    issuer: str,
    addressee: str | None,
    *,
    subject: str | None = None,
    **attributes: str,
) -> None:
    """Refuse a letter that is not of this kind, signed by `issuer` under its own CA, addressed to `addressee`
    and, where one is named, about this subject.

    Judged at the transaction's time. attributes: what the signer's certificate has to carry.
    """
    anchors = ctx.charter.anchors
    refuse_all(
        verify_letter(
            signed, anchors, ctx.timestamp, addressee, kind=kind, issuer=issuer, attributes=attributes
        )
    )
    same = subject in (None, signed.letter.subject)
    require(same, "LETTER_MISMATCH", "the letter speaks of another record")


def verified(
    ctx: Context,
    signed: SignedLetter,
    body: type[B],
    issuer: str,
    addressee: str | None,
    *,
    subject: str | None = None,
    **attributes: str,
) -> B:
    """What a letter with this body says, once it is verified."""
    verify(ctx, signed, body.LETTER, issuer, addressee, subject=subject, **attributes)
    return said(signed.letter, body)


def said(letter: Letter, body: type[B]) -> B:
    """What the letter says, in its kind's form."""
    try:
        return body.model_validate(letter.body)
    except ValidationError as error:
        # Its text would repeat the letter's private fields.
        places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        raise ContractError("LETTER_MISMATCH", f"the letter's body is not in form: {places}") from None


def use_once(ctx: Context, signed: SignedLetter, parties: Sequence[str], used_for: str) -> None:
    """Mark the letter's subject as used on this channel for this kind; refuse a second use."""
    letter = signed.letter
    key = f"letter/{letter.kind}/{letter.issuer}/{letter.subject}"
    require(ctx.state.get(key) is None, "LETTER_USED", "this letter has been used already")
    ctx.state.put(key, canonical({"digest": signed.digest, "used_for": used_for, "version": 1}))
    ctx.state.set_policy(key, key_policy(parties))


def signed_by_caller(ctx: Context, signed: SignedLetter) -> bool:
    """Whether the caller's own certificate signed the letter."""
    return signed.certificate.strip() == ctx.client.certificate_pem.decode().strip()


def sealed_to(document: SealedDocument, recipients: set[str]) -> None:
    """Refuse a document that others can open, or not all of these."""
    require(
        set(document.wrapped_keys) == recipients,
        "WRONG_RECIPIENT",
        "the document is not sealed to exactly the recipient named and the applicant",
    )


def issuer_of(kind: str) -> str:
    """Who issues documents of a kind."""
    return catalogue().document(kind).issuer


def receipt(ctx: Context, signed: SignedLetter, kind: str, document_id: str) -> ReceiptBody:
    """What the issuer of such documents says of this one."""
    return verified(ctx, signed, ReceiptBody, issuer_of(kind), None, subject=document_id, role="issuer")


def receipted(ctx: Context, document: SealedDocument, document_id: str, consent_id: str, holder: str) -> str:
    """The commitment in the issuer's receipt, which must speak of this very document."""
    require_id(document_id, "document_id")
    body = receipt(ctx, document.receipt, document.kind, document_id)
    require(
        (document.document_id, document.consent_id) == (document_id, consent_id)
        and (body.holder, body.consent_id, body.document_kind) == (holder, consent_id, document.kind),
        "LETTER_MISMATCH",
        "the receipt speaks of another document",
    )
    return body.commitment
