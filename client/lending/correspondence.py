"""Letters as institutions write them: signed after the transaction that they speak of has committed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hlf.identity import SigningIdentity
from lending.institution import Committed, new_id, new_salt
from lending_domain.letters import Letter, LetterKind, SignedLetter, sign_letter

VALID_FOR = timedelta(days=30)


def write_letter(
    signer: SigningIdentity,
    kind: LetterKind,
    addressee: str,
    subject: str,
    body: Mapping[str, Any],
    *,
    about: Committed | None = None,
    issued_at: datetime | None = None,
    valid_for: timedelta = VALID_FOR,
) -> SignedLetter:
    """Write and sign a letter.

    subject: id of the record it speaks of. about: the committed transaction behind it, named for auditors.
    issued_at: default the present, whole seconds.
    """
    issued = issued_at or datetime.now(UTC).replace(microsecond=0)
    letter = Letter(
        kind=kind,
        id=new_id(),
        issuer=signer.msp_id,
        addressee=addressee,
        subject=subject,
        channel=about.channel if about else "",
        transaction_id=about.transaction_id if about else "",
        issued_at=issued,
        expires_at=issued + valid_for,
        body=dict(body),
        nonce=new_salt(),
    )
    return sign_letter(letter, signer.sign, signer.certificate)
