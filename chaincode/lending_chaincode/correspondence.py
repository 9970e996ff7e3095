"""Letters received: signature, chain, addressee, expiry, single use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hlf_chaincode import Context, ContractError, key_policy
from lending_chaincode.books import charter_of, refuse_all, require
from lending_domain.canonical import canonical
from lending_domain.letters import Letter, LetterKind, SignedLetter, verify_letter

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
) -> Letter:
    """The letter, if it is of this kind, signed by `issuer` under its own CA, and addressed to `addressee`.

    Judged at the transaction's time. role: the certificate attribute that the signer needs.
    """
    refuse_all(
        verify_letter(
            signed,
            charter_of(ctx).anchors,
            ctx.timestamp,
            addressee,
            kind=kind,
            issuer=issuer,
            attributes={"role": role} if role else None,
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
    ctx.state.set_policy(key, key_policy(list(parties)))


def said(letter: Letter, model: type[B]) -> B:
    """What the letter says, in its kind's form."""
    try:
        return model.model_validate(letter.body)
    except ValidationError as error:
        # Its text would repeat the letter's private fields.
        places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        raise ContractError("LETTER_MISMATCH", f"the letter's body is not in form: {places}") from None
