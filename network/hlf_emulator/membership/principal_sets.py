"""Which sets of principals satisfy a policy, as service discovery derives them.

Follows common/policies/inquire: the sets of a signature policy are the ways to choose n of its parts, an
implicit meta policy is first turned into a signature policy, and policies that must hold together are merged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

from hlf_emulator.membership.policies import ImplicitMetaPolicy, Policy, SignaturePolicy, principal_msp


@dataclass(frozen=True)
class Principal:
    """A principal that can be compared. ``role`` is None for units and single identities."""

    kind: int
    content: bytes
    msp_id: str
    role: int | None

    @classmethod
    def of(cls, principal: msp_principal_pb2.MSPPrincipal) -> "Principal":
        """From the wire."""
        role: int | None = None
        if principal.principal_classification == msp_principal_pb2.MSPPrincipal.ROLE:
            role = msp_principal_pb2.MSPRole.FromString(principal.principal).role
        return cls(principal.principal_classification, principal.principal, principal_msp(principal), role)

    def message(self) -> msp_principal_pb2.MSPPrincipal:
        """Back to the wire."""
        return msp_principal_pb2.MSPPrincipal(
            principal_classification=self.kind,  # type: ignore[arg-type]
            principal=self.content,
        )

    def is_a(self, other: "Principal") -> bool:
        """Whether everyone who satisfies this one satisfies ``other``."""
        if self.msp_id != other.msp_id:
            return False
        if other.role == msp_principal_pb2.MSPRole.MEMBER:
            return True
        return self.kind == other.kind and self.content == other.content


PrincipalSet = tuple[Principal, ...]


def satisfied_by(policy: Policy) -> list[PrincipalSet]:
    """Every minimal choice of principals that satisfies ``policy``; empty when none can."""
    if isinstance(policy, SignaturePolicy):
        principals = [Principal.of(item) for item in policy.envelope.identities]
        return _reduce(_rule_sets(policy.envelope.rule, principals))
    if isinstance(policy, ImplicitMetaPolicy):
        parts = [satisfied_by(part) for part in policy.parts]
        return _reduce(_n_of(policy.threshold, parts))
    return []


def merge(first: Sequence[PrincipalSet], second: Sequence[PrincipalSet]) -> list[PrincipalSet]:
    """Sets that satisfy both policies whose sets are given; a principal serves both where it can."""
    return _reduce(_union(one, other) for one in first for other in second)


def _rule_sets(rule: policies_pb2.SignaturePolicy, principals: Sequence[Principal]) -> list[PrincipalSet]:
    kind = rule.WhichOneof("Type")
    if kind == "signed_by":
        return [(principals[rule.signed_by],)] if 0 <= rule.signed_by < len(principals) else []
    if kind == "n_out_of":
        return _n_of(rule.n_out_of.n, [_rule_sets(part, principals) for part in rule.n_out_of.rules])
    return []


def _n_of(count: int, parts: Sequence[Sequence[PrincipalSet]]) -> list[PrincipalSet]:
    chosen: list[PrincipalSet] = []
    for group in combinations(parts, max(count, 0)):
        sets: list[PrincipalSet] = [()]
        for part in group:
            sets = [one + other for one in sets for other in part]
        chosen.extend(sets)
    return chosen


def _union(one: PrincipalSet, other: PrincipalSet) -> PrincipalSet:
    """``one`` covered by ``other`` as far as it goes, the more specific principal staying."""
    result = list(other)
    used: set[int] = set()
    for principal in one:
        index = _find(result, used, principal)
        if index is None:
            used.add(len(result))
            result.append(principal)
            continue
        used.add(index)
        if not result[index].is_a(principal):
            result[index] = principal
    return tuple(result)


def _find(candidates: Sequence[Principal], used: set[int], principal: Principal) -> int | None:
    for covers in (True, False):
        for index, candidate in enumerate(candidates):
            if index in used:
                continue
            if candidate.is_a(principal) if covers else principal.is_a(candidate):
                return index
    return None


def _key(principal: Principal) -> tuple[str, int, bytes]:
    return (principal.msp_id, principal.kind, principal.content)


def _reduce(sets: Iterable[PrincipalSet]) -> list[PrincipalSet]:
    """Without repetitions and without sets that contain another."""
    unique = sorted({tuple(sorted(item, key=_key)) for item in sets}, key=len)
    kept: list[PrincipalSet] = []
    for candidate in unique:
        if not any(_contains(candidate, smaller) for smaller in kept if len(smaller) < len(candidate)):
            kept.append(candidate)
    return kept


def _contains(larger: PrincipalSet, smaller: PrincipalSet) -> bool:
    remaining = list(larger)
    for principal in smaller:
        if principal not in remaining:
            return False
        remaining.remove(principal)
    return True
