"""Which attributes a registrar may give (lib/attr/attribute.go of fabric-ca). Pure."""

from collections.abc import Sequence

from hlf_emulator.ca.identity import (
    AFFILIATION,
    AFFILIATION_MANAGER,
    DELEGATE_ROLES,
    ENROLLMENT_ID,
    GEN_CRL,
    INTERMEDIATE_CA,
    REGISTRAR_ATTRIBUTES,
    REVOKER,
    ROLES,
    TYPE,
    Attribute,
    Identity,
    contains_star,
)
from hlf_emulator.go.values import GoValueError, parse_bool

_POWERS = frozenset({REVOKER, INTERMEDIATE_CA, GEN_CRL, AFFILIATION_MANAGER})
_LISTS = frozenset({ROLES, DELEGATE_ROLES, REGISTRAR_ATTRIBUTES})
_FIXED = frozenset({ENROLLMENT_ID, TYPE, AFFILIATION})


def may_give(registrar: Identity, requested: Sequence[Attribute], receiver: Identity | None) -> bool:
    """Whether every attribute may be given; ``receiver`` is None for an identity that is yet to be."""
    return all(_may_give(registrar, each, requested, receiver) for each in requested)


def _may_give(
    registrar: Identity, wanted: Attribute, requested: Sequence[Attribute], receiver: Identity | None
) -> bool:
    allowed = registrar.attribute(REGISTRAR_ATTRIBUTES)
    if not allowed or not _matches(wanted.name, _listed(allowed)):
        return False
    if wanted.name not in _POWERS | _LISTS:
        # Fixed ones are the CA's to give, and other names with its prefix are reserved.
        return wanted.name not in _FIXED and not wanted.name.startswith("hf.")
    own = registrar.attribute(wanted.name)
    if own is None:
        return False
    if wanted.name in _POWERS:
        return _power(own, wanted.value)
    if not wanted.value:
        return True
    if wanted.name == REGISTRAR_ATTRIBUTES:
        return _right_to_attributes(_listed(own), wanted, requested, receiver)
    if not contains_star(own) and not _subset(wanted.value, own):
        return False
    return wanted.name != DELEGATE_ROLES or _delegates_own_roles(requested, receiver)


def _power(own: str, wanted: str) -> bool:
    try:
        return parse_bool(own) and (not wanted or parse_bool(wanted) in {True, False})
    except GoValueError:
        return False


def _right_to_attributes(
    own: Sequence[str], wanted: Attribute, requested: Sequence[Attribute], receiver: Identity | None
) -> bool:
    """Within one's own right, and reserved ones only where the receiver has them or gets them."""
    for name in _listed(wanted.value):
        if not _matches(name, own):
            return False
        if not name.startswith("hf.") or any(each.name == name for each in requested):
            continue
        if receiver is None or receiver.attribute(name) is None:
            return False
    return True


def _delegates_own_roles(requested: Sequence[Attribute], receiver: Identity | None) -> bool:
    roles = _given(requested, ROLES)
    if not roles and receiver is not None:
        roles = receiver.attribute(ROLES) or ""
    return contains_star(roles) or _subset(_given(requested, DELEGATE_ROLES), roles)


def _given(requested: Sequence[Attribute], name: str) -> str:
    return next((each.value for each in requested if each.name == name), "")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(
        name.startswith(pattern.rstrip("*")) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )


def _subset(small: str, big: str) -> bool:
    members = {each.lower() for each in big.split(",")}
    return all(each.lower() in members for each in small.split(",") if each)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]
