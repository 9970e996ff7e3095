"""Signature policies: parsing and evaluation as Fabric's cauthdsl does it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

_TOKEN = re.compile(
    r"\s*(?:(?P<name>AND|OR|OutOf)\s*\(|(?P<number>\d+)|'(?P<principal>[^']+)'|(?P<mark>[,)]))"
)
_ROLES = ("member", "admin", "client", "peer", "orderer")


@dataclass(frozen=True)
class SignedBy:
    """One signature of an identity with this role in this organization."""

    msp_id: str
    role: str

    def matches(self, signer: tuple[str, str]) -> bool:
        """Whether ``(msp id, role)`` satisfies the principal."""
        return signer[0] == self.msp_id and self.role in ("member", signer[1])


@dataclass(frozen=True)
class OutOf:
    """``count`` of the rules."""

    count: int
    rules: tuple[Policy, ...]


Policy = SignedBy | OutOf


def parse_policy(text: str) -> Policy:
    """Read ``AND('A.peer', OR('B.member', 'C.admin'))`` and ``OutOf(2, …)``; ValueError when malformed."""
    policy, rest = _parse(text, 0)
    if text[rest:].strip():
        raise ValueError(f"policy: unexpected text at position {rest}: {text!r}")
    return policy


def policy_from_bytes(data: bytes) -> Policy:
    """Read a marshalled common.SignaturePolicyEnvelope over role principals."""
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(data)
    principals = []
    for identity in envelope.identities:
        if identity.principal_classification != msp_principal_pb2.MSPPrincipal.ROLE:
            raise ValueError("only role principals are understood")
        role = msp_principal_pb2.MSPRole.FromString(identity.principal)
        principals.append(SignedBy(role.msp_identifier, _ROLES[role.role]))
    return _from_rule(envelope.rule, principals)


def policy_text(policy: Policy) -> str:
    """A policy as ``parse_policy`` reads it."""
    if isinstance(policy, SignedBy):
        return f"'{policy.msp_id}.{policy.role}'"
    rules = [policy_text(rule) for rule in policy.rules]
    if policy.count == len(rules):
        return f"AND({', '.join(rules)})" if len(rules) > 1 else rules[0]
    if policy.count == 1:
        return f"OR({', '.join(rules)})"
    return f"OutOf({policy.count}, {', '.join(rules)})"


def members(policy: Policy) -> frozenset[str]:
    """The organizations a policy names."""
    if isinstance(policy, SignedBy):
        return frozenset([policy.msp_id])
    return frozenset(member for rule in policy.rules for member in members(rule))


def satisfied(policy: Policy, signers: Sequence[tuple[str, str]]) -> bool:
    """Whether the signers ``(msp id, role)`` satisfy a policy; each signature counts once."""
    return _evaluate(policy, signers, [False] * len(signers))


def _evaluate(policy: Policy, signers: Sequence[tuple[str, str]], used: list[bool]) -> bool:
    if isinstance(policy, SignedBy):
        for index, signer in enumerate(signers):
            if not used[index] and policy.matches(signer):
                used[index] = True
                return True
        return False
    verified = 0
    for rule in policy.rules:
        trial = list(used)
        if _evaluate(rule, signers, trial):
            verified += 1
            used[:] = trial
    return verified >= policy.count


def _from_rule(rule: policies_pb2.SignaturePolicy, principals: Sequence[SignedBy]) -> Policy:
    if rule.WhichOneof("Type") == "signed_by":
        return principals[rule.signed_by]
    return OutOf(rule.n_out_of.n, tuple(_from_rule(inner, principals) for inner in rule.n_out_of.rules))


def _parse(text: str, position: int) -> tuple[Policy, int]:
    token = _TOKEN.match(text, position)
    if token is None:
        raise ValueError(f"policy: cannot read position {position} of {text!r}")
    if token["principal"]:
        msp_id, _, role = token["principal"].rpartition(".")
        if not msp_id or role not in _ROLES:
            raise ValueError(f"policy: {token['principal']!r} is not ORGANIZATION.ROLE")
        return SignedBy(msp_id, role), token.end()
    if not token["name"]:
        raise ValueError(f"policy: expected AND, OR, OutOf or a principal at position {position} of {text!r}")
    count: int | None = None
    rules: list[Policy] = []
    position = token.end()
    while True:
        number = _TOKEN.match(text, position)
        if token["name"] == "OutOf" and count is None and number is not None and number["number"]:
            count, position = int(number["number"]), number.end()
        else:
            rule, position = _parse(text, position)
            rules.append(rule)
        mark = _TOKEN.match(text, position)
        if mark is None or not mark["mark"]:
            raise ValueError(f"policy: expected ',' or ')' at position {position} of {text!r}")
        position = mark.end()
        if mark["mark"] == ")":
            break
    wanted = {"AND": len(rules), "OR": 1}.get(token["name"], count)
    if not rules or wanted is None or wanted > len(rules):
        raise ValueError(f"policy: cannot be satisfied: {text!r}")
    return OutOf(wanted, tuple(rules)), position
