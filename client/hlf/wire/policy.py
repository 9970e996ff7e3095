"""Endorsement and channel policies: Fabric's text form, in both directions.

Source: common/policies.proto, msp/msp_principal.proto and the policy language of `peer lifecycle chaincode`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fabric_protos.common import policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.peer import policy_pb2

_ROLES = {
    "member": msp_principal_pb2.MSPRole.MEMBER,
    "admin": msp_principal_pb2.MSPRole.ADMIN,
    "client": msp_principal_pb2.MSPRole.CLIENT,
    "peer": msp_principal_pb2.MSPRole.PEER,
    "orderer": msp_principal_pb2.MSPRole.ORDERER,
}
_ROLE_NAMES = {number: name for name, number in _ROLES.items()}
_GATES = {"and", "or", "outof"}
_RULES = {
    "ANY": policies_pb2.ImplicitMetaPolicy.ANY,
    "ALL": policies_pb2.ImplicitMetaPolicy.ALL,
    "MAJORITY": policies_pb2.ImplicitMetaPolicy.MAJORITY,
}
_PRINCIPAL = re.compile(r"([A-Za-z0-9.-]+)\.(\w+)")
_IMPLICIT_META = re.compile(r"\s*(ANY|ALL|MAJORITY)\s+(\S+)\s*")
_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z]+)|(?P<number>\d+)|'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<sign>[(),]))"""
)

# A rule in text ("MAJORITY Admins", "AND('A.peer','B.peer')") or an already built policy.
PolicySource = str | policies_pb2.Policy


class PolicySyntaxError(ValueError):
    """A policy that cannot be read. `position` is the offset of the offending character in `text`."""

    def __init__(self, reason: str, text: str, position: int) -> None:
        super().__init__(f"{reason} at position {position} of policy {text!r}")
        self.reason = reason
        self.text = text
        self.position = position


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str
    position: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise PolicySyntaxError(f"unexpected {text[start]!r}", text, start)
        kind = match.lastgroup or ""
        start = match.start(kind) - (1 if kind in {"single", "double"} else 0)
        found.append(_Token("string" if kind in {"single", "double"} else kind, match[kind], start))
        position = match.end()
    found.append(_Token("end", "", len(text)))
    return found


class _Parser:
    """Recursive descent over `GATE(P, …)`.

    Principals get Fabric's numbers (policydsl): a gate's inner gates are evaluated before the principals
    beside them, so that an approval made here and one made by `peer lifecycle` are the same bytes.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0
        self.identities: list[msp_principal_pb2.MSPPrincipal] = []

    def parse(self) -> policies_pb2.SignaturePolicy:
        rule = self._expression()
        self._take("end", "the end of the policy")
        return rule

    def _fail(self, reason: str, token: _Token) -> PolicySyntaxError:
        return PolicySyntaxError(reason, self._text, token.position)

    def _take(self, kind: str, expected: str, value: str | None = None) -> _Token:
        token = self._tokens[self._next]
        if token.kind != kind or (value is not None and token.value != value):
            seen = "the end" if token.kind == "end" else repr(token.value)
            raise self._fail(f"expected {expected}, found {seen}", token)
        self._next += 1
        return token

    def _expression(self) -> policies_pb2.SignaturePolicy:
        token = self._principal_token()
        if token is not None:
            return self._principal(token)
        name = self._take("name", "AND(…), OR(…), OutOf(…) or 'MSP.role'")
        gate = name.value.lower()
        if gate not in _GATES:
            raise self._fail(f"unknown gate {name.value!r}", name)
        self._take("sign", "'('", "(")
        count: _Token | None = None
        if gate == "outof":
            count = self._tokens[self._next]
            # Fabric accepts the number in quotes as well.
            if count.kind not in {"number", "string"} or not count.value.isdigit():
                raise self._fail("OutOf needs a number first", count)
            self._next += 1
            self._take("sign", "','", ",")
        parts = [self._principal_token() or self._expression()]
        while self._tokens[self._next].value == "," and self._tokens[self._next].kind == "sign":
            self._next += 1
            parts.append(self._principal_token() or self._expression())
        self._take("sign", "',' or ')'", ")")
        rules = [self._principal(part) if isinstance(part, _Token) else part for part in parts]
        if gate == "and":
            return n_out_of(len(rules), rules)
        if count is None:
            return n_out_of(1, rules)
        needed = int(count.value)
        # Fabric lets n + 1 through, a policy nobody can satisfy; that is never meant.
        if not 1 <= needed <= len(rules):
            raise self._fail(f"{needed} out of {len(rules)} cannot be asked for", count)
        return n_out_of(needed, rules)

    def _principal_token(self) -> _Token | None:
        """The principal that stands next, not numbered yet; None where something else does."""
        token = self._tokens[self._next]
        if token.kind != "string":
            return None
        self._next += 1
        return token

    def _principal(self, token: _Token) -> policies_pb2.SignaturePolicy:
        match = _PRINCIPAL.fullmatch(token.value)
        if match is None:
            raise self._fail(f"principal {token.value!r} is not 'MSP.role'", token)
        if match[2] not in _ROLES:
            raise self._fail(f"unknown role {match[2]!r} (one of {', '.join(_ROLES)})", token)
        self.identities.append(role_principal(match[1], match[2]))
        return policies_pb2.SignaturePolicy(signed_by=len(self.identities) - 1)


def n_out_of(n: int, rules: Iterable[policies_pb2.SignaturePolicy]) -> policies_pb2.SignaturePolicy:
    """The gate that wants `n` of `rules` satisfied."""
    return policies_pb2.SignaturePolicy(n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=n, rules=rules))


def role_principal(msp_id: str, role: str) -> msp_principal_pb2.MSPPrincipal:
    """The principal "any `role` of `msp_id`"; role is member, admin, client, peer or orderer."""
    message = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=_ROLES[role])
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE, principal=message.SerializeToString()
    )


def identity_principal(msp_id: str, certificate: bytes) -> msp_principal_pb2.MSPPrincipal:
    """The principal that is one identity: `certificate` in PEM, compared byte by byte."""
    message = identities_pb2.SerializedIdentity(mspid=msp_id, id_bytes=certificate)
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.IDENTITY,
        principal=message.SerializeToString(),
    )


def parse_policy(text: str) -> policies_pb2.SignaturePolicyEnvelope:
    """Read `AND(…)`, `OR(…)`, `OutOf(n, …)` over `'MSP.role'`, gates in upper, lower or mixed case.

    Raises PolicySyntaxError, which names the position. Unlike Fabric, a single `'MSP.role'` is accepted
    (as 1 of 1) and a number that no signatures can reach is not.
    """
    parser = _Parser(text)
    rule = parser.parse()
    if rule.WhichOneof("Type") == "signed_by":
        rule = n_out_of(1, [rule])
    return policies_pb2.SignaturePolicyEnvelope(version=0, rule=rule, identities=parser.identities)


def _format_principal(principal: msp_principal_pb2.MSPPrincipal) -> str:
    kind = msp_principal_pb2.MSPPrincipal
    if principal.principal_classification == kind.ROLE:
        role = msp_principal_pb2.MSPRole.FromString(principal.principal)
        return f"'{role.msp_identifier}.{_ROLE_NAMES.get(role.role, role.role)}'"
    if principal.principal_classification == kind.IDENTITY:
        identity = identities_pb2.SerializedIdentity.FromString(principal.principal)
        return f"'{identity.mspid}.identity:{hashlib.sha256(identity.id_bytes).hexdigest()[:16]}'"
    if principal.principal_classification == kind.ORGANIZATION_UNIT:
        unit = msp_principal_pb2.OrganizationUnit.FromString(principal.principal)
        return f"'{unit.msp_identifier}.unit:{unit.organizational_unit_identifier}'"
    return f"'classification:{principal.principal_classification}'"


def _format_rule(
    rule: policies_pb2.SignaturePolicy, identities: Sequence[msp_principal_pb2.MSPPrincipal]
) -> str:
    if rule.WhichOneof("Type") == "signed_by":
        if not 0 <= rule.signed_by < len(identities):
            return f"'missing:{rule.signed_by}'"
        return _format_principal(identities[rule.signed_by])
    gate = rule.n_out_of
    parts = [_format_rule(part, identities) for part in gate.rules]
    if gate.n == 1:
        return f"OR({','.join(parts)})"
    if gate.n == len(parts):
        return f"AND({','.join(parts)})"
    return f"OutOf({','.join([str(gate.n), *parts])})"


def format_policy(envelope: policies_pb2.SignaturePolicyEnvelope) -> str:
    """The text of a signature policy.

    `parse_policy` reads it back when every principal is a role; single identities are shown as
    `'MSP.identity:FINGERPRINT'`, which is for people only.
    """
    return _format_rule(envelope.rule, envelope.identities)


def signature_policy(source: str | policies_pb2.SignaturePolicyEnvelope) -> policies_pb2.Policy:
    """A configuration policy that wants signatures."""
    envelope = parse_policy(source) if isinstance(source, str) else source
    return policies_pb2.Policy(type=policies_pb2.Policy.SIGNATURE, value=envelope.SerializeToString())


def implicit_meta(rule: str, sub_policy: str) -> policies_pb2.Policy:
    """A configuration policy over the sub-groups' policies: rule is ANY, ALL or MAJORITY."""
    if rule not in _RULES:
        raise PolicySyntaxError("expected ANY, ALL or MAJORITY", rule, 0)
    meta = policies_pb2.ImplicitMetaPolicy(rule=_RULES[rule], sub_policy=sub_policy)
    return policies_pb2.Policy(type=policies_pb2.Policy.IMPLICIT_META, value=meta.SerializeToString())


def config_policy(source: PolicySource) -> policies_pb2.Policy:
    """`"MAJORITY Admins"` as an implicit meta policy, `"AND('A.peer','B.peer')"` as a signature policy."""
    if isinstance(source, policies_pb2.Policy):
        return source
    match = _IMPLICIT_META.fullmatch(source)
    return implicit_meta(match[1], match[2]) if match else signature_policy(source)


def format_config_policy(policy: policies_pb2.Policy) -> str:
    """The text of a configuration policy, as `config_policy` reads it."""
    if policy.type == policies_pb2.Policy.IMPLICIT_META:
        meta = policies_pb2.ImplicitMetaPolicy.FromString(policy.value)
        return f"{policies_pb2.ImplicitMetaPolicy.Rule.Name(meta.rule)} {meta.sub_policy}"
    if policy.type == policies_pb2.Policy.SIGNATURE:
        return format_policy(policies_pb2.SignaturePolicyEnvelope.FromString(policy.value))
    return f"type {policy.type}"


def application_policy(source: str) -> policy_pb2.ApplicationPolicy:
    """A chaincode's or a collection's endorsement policy: a rule, or a channel policy's path."""
    if source.startswith("/"):
        return policy_pb2.ApplicationPolicy(channel_config_policy_reference=source)
    return policy_pb2.ApplicationPolicy(signature_policy=parse_policy(source))


def format_application_policy(policy: policy_pb2.ApplicationPolicy) -> str:
    """The text `application_policy` reads; empty for a policy that is not set."""
    kind = policy.WhichOneof("Type")
    if kind == "signature_policy":
        return format_policy(policy.signature_policy)
    return policy.channel_config_policy_reference if kind else ""


def msp_ids(envelope: policies_pb2.SignaturePolicyEnvelope) -> tuple[str, ...]:
    """The organizations that a signature policy names by role, in order of appearance, each once."""
    found: dict[str, None] = {}
    for principal in envelope.identities:
        if principal.principal_classification == msp_principal_pb2.MSPPrincipal.ROLE:
            found[msp_principal_pb2.MSPRole.FromString(principal.principal).msp_identifier] = None
    return tuple(found)
