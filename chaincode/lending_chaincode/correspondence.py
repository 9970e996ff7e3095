"""Letters received: signature, chain, addressee, expiry, single use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hlf_chaincode import Context, ContractError, key_policy
from lending_chaincode.books import charter_of, refuse_all, require, require_id, ruled
from lending_domain.canonical import canonical
from lending_domain.funds import catalogue
from lending_domain.letters import Letter, LetterKind, SignedLetter, verify_letter
from lending_domain.records_documents import SealedDocument
from lending_domain.records_letters import ReceiptBody

B = TypeVar("B", bound=BaseModel)


def verified(
    ctx: Context,
    signed: SignedLetter,
    kind: LetterKind,
    issuer: str,
    addressee: str | None,
    *,
    subject: str | None = None,
    role: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Letter:
    """The letter, if it is of this kind, signed by `issuer` under its own CA, and addressed to `addressee`.

    Judged at the transaction's time. role, attributes: what the signer's certificate has to carry.
    """
    refuse_all(
        verify_letter(
            signed,
            charter_of(ctx).anchors,
            ctx.timestamp,
            addressee,
            kind=kind,
            issuer=issuer,
            attributes={**(attributes or {}), **({"role": role} if role else {})},
        )
    )
    require(
        subject is None or signed.letter.subject == subject,
        "LETTER_MISMATCH",
        "the letter speaks of another record",
    )
    return signed.letter


def use_once(ctx: Context, signed: SignedLetter, parties: Sequence[str], used_for: str) -> None:
    """Mark the letter's subject as used on this channel for this kind; refuse a second use."""
    letter = signed.letter
    key = f"letter/{letter.kind}/{letter.issuer}/{letter.subject}"
    if ctx.state.get(key) is not None:
        raise ContractError("LETTER_USED", "this letter has been used already")
    ctx.state.put(key, canonical({"digest": signed.digest, "used_for": used_for, "version": 1}))
    ctx.state.set_policy(key, key_policy(parties))


def said(letter: Letter, model: type[B]) -> B:
    """What the letter says, in its kind's form."""
    try:
        return model.model_validate(letter.body)
    except ValidationError as error:
        # Its text would repeat the letter's private fields.
        places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        raise ContractError("LETTER_MISMATCH", f"the letter's body is not in form: {places}") from None


def sealed_to(document: SealedDocument, recipients: set[str]) -> None:
    """Refuse a document that others can open, or not all of these."""
    require(
        set(document.wrapped_keys) == recipients,
        "WRONG_RECIPIENT",
        "the document is not sealed to exactly the recipient named and the applicant",
    )


def receipted(
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
