"""An identity of a Fabric CA's registry, and who may act on which others. Pure.

lib/server/user/user.go, lib/serverrequestcontext.go and lib/attr/attribute.go of fabric-ca.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hlf_emulator.go.values import GoValueError, parse_bool

ROLES = "hf.Registrar.Roles"
DELEGATE_ROLES = "hf.Registrar.DelegateRoles"
REGISTRAR_ATTRIBUTES = "hf.Registrar.Attributes"
REVOKER = "hf.Revoker"
INTERMEDIATE_CA = "hf.IntermediateCA"
GEN_CRL = "hf.GenCRL"
AFFILIATION_MANAGER = "hf.AffiliationMgr"
ENROLLMENT_ID = "hf.EnrollmentID"
TYPE = "hf.Type"
AFFILIATION = "hf.Affiliation"

REVOKED = -1
_LONGEST_SECRET = 72  # bytes that bcrypt, which Fabric CA uses, takes
# Cheap beside what guards real users: it is paid on the loop that serves peers, and guards nobody real.
_COST = {"n": 2**8, "r": 8, "p": 1}


class SecretTooLongError(ValueError):
    """Longer than Fabric CA can keep."""


@dataclass(frozen=True)
class Attribute:
    """``ecert``: in every certificate unless the request asks for certain attributes."""

    name: str
    value: str
    ecert: bool = False

    def to_json(self) -> dict[str, object]:
        """As in answers; Go leaves out what is false."""
        shown: dict[str, object] = {"name": self.name, "value": self.value}
        return {**shown, "ecert": True} if self.ecert else shown


@dataclass(frozen=True)
class Identity:
    """``state``: enrollments so far, or REVOKED. ``secret``: salt and hash."""

    name: str
    type: str
    affiliation: str
    attributes: tuple[Attribute, ...]
    max_enrollments: int
    secret: bytes
    state: int = 0
    attempts: int = 0

    @property
    def distinct(self) -> tuple[Attribute, ...]:
        """One attribute of each name, the last given."""
        return tuple({attribute.name: attribute for attribute in self.attributes}.values())

    def attribute(self, name: str) -> str | None:
        """An attribute's value, or None."""
        return next((each.value for each in self.distinct if each.name == name), None)

    def has(self, power: str) -> bool:
        """Whether an attribute is one of Go's words for true."""
        try:
            return parse_bool(self.attribute(power) or "")
        except GoValueError:
            return False

    def within(self, affiliation: str) -> bool:
        """Whether its affiliation is the one given, or above it."""
        own = self.affiliation
        return own in {"", affiliation} or affiliation.startswith(f"{own}.")

    def registers(self, kind: str) -> bool:
        """Whether its roles let it act on identities of that type. Blanks between roles count."""
        roles = self.attribute(ROLES)
        if not roles:
            return False
        if contains_star(roles):
            return True
        return (kind or "client").lower() in (role.lower() for role in roles.split(","))

    def manages(self, other: "Identity") -> bool:
        """Whether it may see and change the other."""
        return self.within(other.affiliation) and self.registers(other.type)

    def changed(self, attributes: Iterable[Attribute]) -> "Identity":
        """With attributes added, changed or (where the value is empty) removed."""
        return replace(self, attributes=merge(self.attributes, attributes))


def merge(current: Iterable[Attribute], changes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """The attributes after a change; a change to an empty value removes (user.go, GetNewAttributes)."""
    result = list(current)
    for change in changes:
        at = next((index for index, each in enumerate(result) if each.name == change.name), None)
        if at is None:
            result += [change] if change.value else []
        elif change.value:
            result[at] = change
        else:
            del result[at]
    return tuple(result)


def contains_star(listed: str) -> bool:
    """Whether ``*`` is in a list separated by commas."""
    return "*" in (each.strip() for each in listed.split(","))


def hash_secret(secret: str) -> bytes:
    """Salt and scrypt hash. Raises SecretTooLongError."""
    text = secret.encode()
    if len(text) > _LONGEST_SECRET:
        raise SecretTooLongError("bcrypt: password length exceeds 72 bytes")
    salt = os.urandom(16)
    return salt + hashlib.scrypt(text, salt=salt, **_COST)


def secret_matches(secret: str, hashed: bytes) -> bool:
    """Whether a secret is the one that was hashed."""
    salt, kept = hashed[:16], hashed[16:]
    return hmac.compare_digest(hashlib.scrypt(secret.encode(), salt=salt, **_COST), kept)
