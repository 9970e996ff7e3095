"""Salted commitments: the ledger holds these and nothing from which a person or a firm could be guessed."""

import hashlib
import hmac

from lending_domain.canonical import canonical
from lending_domain.values import Hex256, Nonce, Value

_LABEL = b"dure commitment 1\x00"


class Commitment(Value):
    """A commitment and its salt: what the holder of the opening keeps next to the value."""

    commitment: Hex256
    salt: Nonce


def commit(value: object, salt: bytes) -> str:
    """SHA-256 over label, salt and the value's canonical JSON, in hex.

    salt: at least 16 random bytes, made by the client (a contract has no randomness of its own) and kept
    with the value by those entitled to open it. ValueError when it is shorter.
    """
    if len(salt) < 16:
        raise ValueError("a commitment's salt needs at least 128 bits")
    return hashlib.sha256(_LABEL + len(salt).to_bytes(2, "big") + salt + canonical(value)).hexdigest()


def opens(commitment: str, value: object, salt: bytes) -> bool:
    """Whether `value` and `salt` open the commitment."""
    return len(salt) >= 16 and hmac.compare_digest(commitment.encode(), commit(value, salt).encode())
