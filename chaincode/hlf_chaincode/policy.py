"""Key-level endorsement policies, for public and private keys.

``key_policy(["A", "B"])`` asks a peer of each organization. Rules say more::

    out_of(2, "A.peer", "B.peer", any_of("C.peer", "D.peer")).to_bytes()
    parse_policy("AND('A.peer', OR('B.peer', 'C.peer'))").to_bytes()

Each gives a common.SignaturePolicyEnvelope, byte for byte what Fabric's own builders make of the same
(package statebased of the Go shim, policydsl of the peer), so every endorser writes the same. A key-level
policy replaces the chaincode's or the collection's. An organization without a peer cannot endorse: a key
locked to it is locked for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from google.protobuf.message import DecodeError

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"

_ROLES = {
    "member": msp_principal_pb2.MSPRole.MEMBER,
    "admin": msp_principal_pb2.MSPRole.ADMIN,
    "client": msp_principal_pb2.MSPRole.CLIENT,
    "peer": msp_principal_pb2.MSPRole.PEER,
    "orderer": msp_principal_pb2.MSPRole.ORDERER,
}
_ROLE_NAMES = {number: name for name, number in _ROLES.items()}
# What policydsl takes for an MSP id.
_PRINCIPAL = re.compile(r"([A-Za-z0-9.-]+)\.(\w+)")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z]+)\s*\(|(?P<number>\d+)|(['\"])(?P<principal>[^'\"]*)\3|(?P<mark>[,)]))"
)


@dataclass(frozen=True)
class Principal:
    """One signature of an identity with this role in this organization."""

    msp_id: str
    role: str = "peer"

    def __post_init__(self) -> None:
        if self.role not in _ROLES:
            raise ValueError(f"unknown role {self.role!r}; known: {', '.join(_ROLES)}")

    def __str__(self) -> str:
        return f"'{self.msp_id}.{self.role}'"


@dataclass(frozen=True)
class Rule:
    """``count`` of the parts have to be satisfied, each by signatures of its own."""

    count: int
    parts: tuple[Principal | Rule, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.parts):
            raise ValueError(f"{self.count} out of {len(self.parts)} cannot be asked for")

    def __str__(self) -> str:
        parts = ", ".join(map(str, self.parts))
        if self.count == len(self.parts):
            return f"AND({parts})"
        return f"OR({parts})" if self.count == 1 else f"OutOf({self.count}, {parts})"

    @property
    def organizations(self) -> tuple[str, ...]:
        """The MSP ids named, sorted, each once."""
        return tuple(sorted({principal.msp_id for principal in _principals(self)}))

    def to_bytes(self) -> bytes:
        """A marshalled common.SignaturePolicyEnvelope, as policydsl would number its identities."""
        identities: list[Principal] = []
        return _envelope(_number(self, identities), identities)


Part = str | Principal | Rule
"""A part of a rule: ``"ORGANIZATION.role"``, a principal, or a rule."""


def out_of(count: int, *parts: Part) -> Rule:
    """At least ``count`` of the parts; ValueError when there are fewer or a text is not ORGANIZATION.role."""
    return Rule(count, tuple(_principal(part) if isinstance(part, str) else part for part in parts))


def all_of(*parts: Part) -> Rule:
    """Every part."""
    return out_of(len(parts), *parts)


def any_of(*parts: Part) -> Rule:
    """At least one part."""
    return out_of(1, *parts)


def majority_of(organizations: Sequence[str], role: str = "peer") -> Rule:
    """More than half of the organizations, sorted by MSP id."""
    members = _members(organizations)
    return Rule(len(members) // 2 + 1, tuple(Principal(member, role) for member in members))


def key_policy(organizations: Sequence[str], role: str = "peer") -> bytes:
    """A policy that asks one signature of each organization, sorted by MSP id as Fabric's builder does."""
    principals = tuple(Principal(member, role) for member in _members(organizations))
    return Rule(len(principals), principals).to_bytes()


def parse_policy(text: str) -> Rule:
    """Read ``AND(…)``, ``OR(…)``, ``OutOf(n, …)`` over ``'ORGANIZATION.role'``; ValueError when malformed."""
    rule, rest = _parse(text, 0)
    if text[rest:].strip() or isinstance(rule, Principal):
        raise ValueError(f"policy: expected one AND, OR or OutOf: {text!r}")
    return rule


def read_policy(policy: bytes) -> Rule:
    """What a marshalled policy asks for; ValueError when it is not one over roles."""
    try:
        envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
        rule = _read(envelope.rule, [_read_principal(identity) for identity in envelope.identities])
    except (DecodeError, IndexError, KeyError, ValueError) as error:
        raise ValueError("not a policy over roles") from error
    return rule if isinstance(rule, Rule) else Rule(1, (rule,))


def key_policy_organizations(policy: bytes) -> tuple[str, ...]:
    """The MSP ids that a marshalled policy names, sorted."""
    return read_policy(policy).organizations


def _members(organizations: Sequence[str]) -> list[str]:
    if isinstance(organizations, str) or not organizations:
        raise ValueError("a key policy names at least one organization, in a sequence")
    return sorted(set(organizations))


def _principals(rule: Rule) -> Iterator[Principal]:
    for part in rule.parts:
        if isinstance(part, Principal):
            yield part
        else:
            yield from _principals(part)


def _principal(text: str) -> Principal:
    match = _PRINCIPAL.fullmatch(text)
    if match is None or match[2] not in _ROLES:
        raise ValueError(f"{text!r} is not ORGANIZATION.role, with a role of {', '.join(_ROLES)}")
    return Principal(match[1], match[2])


def _number(rule: Rule, identities: list[Principal]) -> policies_pb2.SignaturePolicy:
    # policydsl evaluates inner rules before it numbers the principals beside them, and numbers each mention.
    inner = {
        index: _number(part, identities) for index, part in enumerate(rule.parts) if isinstance(part, Rule)
    }
    rules = []
    for index, part in enumerate(rule.parts):
        if isinstance(part, Principal):
            identities.append(part)
            rules.append(policies_pb2.SignaturePolicy(signed_by=len(identities) - 1))
        else:
            rules.append(inner[index])
    return policies_pb2.SignaturePolicy(
        n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=rule.count, rules=rules)
    )


def _envelope(rule: policies_pb2.SignaturePolicy, identities: Sequence[Principal]) -> bytes:
    principals = [
        msp_principal_pb2.MSPPrincipal(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
            principal=msp_principal_pb2.MSPRole(
                msp_identifier=identity.msp_id, role=_ROLES[identity.role]
            ).SerializeToString(deterministic=True),
        )
        for identity in identities
    ]
    envelope = policies_pb2.SignaturePolicyEnvelope(version=0, rule=rule, identities=principals)
    return envelope.SerializeToString(deterministic=True)


def _read(rule: policies_pb2.SignaturePolicy, principals: Sequence[Principal]) -> Principal | Rule:
    if rule.WhichOneof("Type") == "signed_by":
        if rule.signed_by < 0:
            raise IndexError("an identity is counted from 0")
        return principals[rule.signed_by]
    return Rule(rule.n_out_of.n, tuple(_read(inner, principals) for inner in rule.n_out_of.rules))


def _read_principal(identity: msp_principal_pb2.MSPPrincipal) -> Principal:
    if identity.principal_classification != msp_principal_pb2.MSPPrincipal.ROLE:
        raise ValueError("only role principals are understood")
    role = msp_principal_pb2.MSPRole.FromString(identity.principal)
    return Principal(role.msp_identifier, _ROLE_NAMES[role.role])


def _parse(text: str, position: int) -> tuple[Principal | Rule, int]:
    token = _TOKEN.match(text, position)
    if token is None:
        raise ValueError(f"policy: cannot read position {position} of {text!r}")
    if token["principal"] is not None:
        return _principal(token["principal"]), token.end()
    gate = (token["name"] or "").lower()
    if gate not in ("and", "or", "outof"):
        raise ValueError(f"policy: expected AND, OR, OutOf or a principal at position {position} of {text!r}")
    count: int | None = None
    parts: list[Principal | Rule] = []
    position = token.end()
    while True:
        number = _TOKEN.match(text, position)
        if gate == "outof" and count is None and number is not None and number["number"]:
            count, position = int(number["number"]), number.end()
        else:
            part, position = _parse(text, position)
            parts.append(part)
        mark = _TOKEN.match(text, position)
        if mark is None or not mark["mark"]:
            raise ValueError(f"policy: expected ',' or ')' at position {position} of {text!r}")
        position = mark.end()
        if mark["mark"] == ")":
            break
    wanted = {"and": len(parts), "or": 1}.get(gate, count)
    if wanted is None:
        raise ValueError(f"policy: OutOf begins with a number: {text!r}")
    return Rule(wanted, tuple(parts)), position
