"""Policies: signature policies, implicit meta policies and the channel's policy tree.

Texts and matching follow common/policies and common/cauthdsl: an identity counts once, principals are
matched greedily in the order the policy names them, invalid signatures are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fabric_protos.common import configtx_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2

from hlf_emulator.membership.msp import Cache, MspError, MspIdentity, MspManager

CHANNEL_READERS = "/Channel/Application/Readers"
CHANNEL_WRITERS = "/Channel/Application/Writers"
CHANNEL_ADMINS = "/Channel/Application/Admins"
_REMEMBERED = 5_000


class PolicyError(Exception):
    """A policy was not satisfied; the text is Fabric's."""


class SignedData(NamedTuple):
    """`signature` by the serialized `identity` over `data`."""

    data: bytes
    identity: bytes
    signature: bytes


class Policy(Protocol):
    """Anything that a set of validated identities satisfies or not."""

    def evaluate(self, identities: Sequence[MspIdentity]) -> None:
        """Raise PolicyError unless `identities` satisfy the policy."""


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """A `SignaturePolicyEnvelope`."""

    envelope: policies_pb2.SignaturePolicyEnvelope

    def evaluate(self, identities: Sequence[MspIdentity]) -> None:
        if not self._matches(self.envelope.rule, identities, [False] * len(identities)):
            raise PolicyError("signature set did not satisfy policy")

    def _matches(
        self, rule: policies_pb2.SignaturePolicy, identities: Sequence[MspIdentity], used: list[bool]
    ) -> bool:
        kind = rule.WhichOneof("Type")
        if kind == "signed_by":
            if not 0 <= rule.signed_by < len(self.envelope.identities):
                return False
            principal = self.envelope.identities[rule.signed_by]
            for index, identity in enumerate(identities):
                if not used[index] and identity.satisfies(principal):
                    used[index] = True
                    return True
            return False
        if kind == "n_out_of":
            verified = 0
            for part in rule.n_out_of.rules:
                attempt = list(used)
                if self._matches(part, identities, attempt):
                    verified += 1
                    used[:] = attempt
            return verified >= rule.n_out_of.n
        return False

    def organizations(self) -> list[str]:
        """The MSP ids that the policy's principals name, in order, each once."""
        return list(dict.fromkeys(filter(None, map(principal_msp, self.envelope.identities))))


@dataclass(frozen=True, slots=True)
class ImplicitMetaPolicy:
    """ANY, ALL or MAJORITY of the like-named policies one level below."""

    name: str
    threshold: int
    parts: tuple[Policy, ...]

    def evaluate(self, identities: Sequence[MspIdentity]) -> None:
        remaining = self.threshold
        for part in self.parts:
            if remaining <= 0:
                return
            try:
                part.evaluate(identities)
                remaining -= 1
            except PolicyError:
                continue
        if remaining > 0:
            raise PolicyError(
                f"implicit policy evaluation failed - {self.threshold - remaining} sub-policies were "
                f"satisfied, but this policy requires {self.threshold} of the '{self.name}' sub-policies "
                "to be satisfied"
            )


@dataclass(frozen=True, slots=True)
class RejectPolicy:
    """Stands for a policy that does not exist."""

    name: str

    def evaluate(self, identities: Sequence[MspIdentity]) -> None:  # noqa: ARG002 - refuses whoever asks
        raise PolicyError(f"no such policy: '{self.name}'")


@dataclass
class PolicyGroup:
    """One configuration group's policies and the groups below it."""

    path: str
    policies: dict[str, Policy] = field(default_factory=dict)
    groups: dict[str, PolicyGroup] = field(default_factory=dict)


class Policies:
    """The policy tree of a channel; paths are absolute, such as `/Channel/Application/Writers`."""

    def __init__(self, root: configtx_pb2.ConfigGroup, msps: MspManager) -> None:
        self._msps = msps
        self._root = _build(root, "/Channel")
        # What policies say of the same signers does not change: neither does the configuration they are of.
        self._verdicts: Cache[tuple[str, tuple[MspIdentity, ...]], str] = Cache(_REMEMBERED)

    def policy(self, path: str) -> Policy:
        """The policy at `path`; one that refuses everybody when there is none."""
        group, parts = self._root, path.strip("/").split("/")
        if not path.startswith("/Channel/") or len(parts) < 2:
            return RejectPolicy(path)
        for name in parts[1:-1]:
            below = group.groups.get(name)
            if below is None:
                return RejectPolicy("/".join(parts[1:]))
            group = below
        return group.policies.get(parts[-1]) or RejectPolicy("/".join(parts[1:]))

    def exists(self, path: str) -> bool:
        return not isinstance(self.policy(path), RejectPolicy)

    def evaluate(self, path: str, signed: Sequence[SignedData]) -> None:
        """Raise PolicyError unless the signatures satisfy the policy at `path`."""
        identities = self.identities(signed)
        key = path, tuple(identities)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = ""
            try:
                self.policy(path).evaluate(identities)
            except PolicyError as refusal:
                verdict = str(refusal)
            self._verdicts.put(key, verdict)
        if verdict:
            raise PolicyError(verdict)

    def evaluate_policy(self, policy: Policy, signed: Sequence[SignedData]) -> None:
        policy.evaluate(self.identities(signed))

    def identities(self, signed: Sequence[SignedData]) -> list[MspIdentity]:
        """The distinct identities whose signatures verify; others are skipped, as Fabric does."""
        found: dict[bytes, MspIdentity] = {}
        for item in signed:
            try:
                identity = self._msps.deserialize(item.identity)
                if identity.der in found:
                    continue
                identity.verify(item.data, item.signature)
            except MspError:
                # A signature that does not count is no fault of the set (policies/policy.go:363).
                continue
            found[identity.der] = identity
        return list(found.values())


def principal_msp(principal: msp_principal_pb2.MSPPrincipal) -> str:
    """The MSP id that a role, unit or identity principal names; empty for others."""
    kind = principal.principal_classification
    if kind == msp_principal_pb2.MSPPrincipal.ROLE:
        return msp_principal_pb2.MSPRole.FromString(principal.principal).msp_identifier
    if kind == msp_principal_pb2.MSPPrincipal.ORGANIZATION_UNIT:
        return msp_principal_pb2.OrganizationUnit.FromString(principal.principal).msp_identifier
    if kind == msp_principal_pb2.MSPPrincipal.IDENTITY:
        return identities_pb2.SerializedIdentity.FromString(principal.principal).mspid
    return ""


def members_policy(msp_ids: Sequence[str]) -> SignaturePolicy:
    """One signature by a member of any of the organizations."""
    envelope = policies_pb2.SignaturePolicyEnvelope()
    envelope.rule.n_out_of.n = 1
    for index, msp_id in enumerate(msp_ids):
        role = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.MEMBER)
        envelope.identities.add(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE, principal=role.SerializeToString()
        )
        envelope.rule.n_out_of.rules.add().signed_by = index
    return SignaturePolicy(envelope)


def majority_of_members_policy(msp_ids: Sequence[str]) -> ImplicitMetaPolicy:
    """More than half of the organizations, each by any member."""
    parts = tuple(members_policy([msp_id]) for msp_id in msp_ids)
    return ImplicitMetaPolicy("Members", len(parts) // 2 + 1, parts)


def _build(group: configtx_pb2.ConfigGroup, path: str) -> PolicyGroup:
    built = PolicyGroup(path)
    for name, below in sorted(_items(group.groups)):
        built.groups[name] = _build(below, f"{path}/{name}")
    for name in group.policies:
        policy = group.policies[name].policy
        if policy.type == policies_pb2.Policy.SIGNATURE:
            built.policies[name] = SignaturePolicy(
                policies_pb2.SignaturePolicyEnvelope.FromString(policy.value)
            )
        elif policy.type == policies_pb2.Policy.IMPLICIT_META:
            meta = policies_pb2.ImplicitMetaPolicy.FromString(policy.value)
            parts = tuple(
                below.policies.get(meta.sub_policy) or RejectPolicy(meta.sub_policy)
                for below in built.groups.values()
            )
            built.policies[name] = ImplicitMetaPolicy(meta.sub_policy, _threshold(meta, len(parts)), parts)
        else:
            raise PolicyError(f"policy {path}/{name} has unknown type {policy.type}")
    return built


def _items(
    groups: Mapping[str, configtx_pb2.ConfigGroup],
) -> list[tuple[str, configtx_pb2.ConfigGroup]]:
    return [(name, groups[name]) for name in groups]


def _threshold(meta: policies_pb2.ImplicitMetaPolicy, parts: int) -> int:
    if parts == 0:
        return 0
    if meta.rule == policies_pb2.ImplicitMetaPolicy.ANY:
        return 1
    if meta.rule == policies_pb2.ImplicitMetaPolicy.ALL:
        return parts
    return parts // 2 + 1
