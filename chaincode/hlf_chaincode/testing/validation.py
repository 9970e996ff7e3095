"""What a committing peer checks: endorsement policies, then versions."""

from __future__ import annotations

from collections.abc import Sequence

from ..policy import VALIDATION_PARAMETER
from .policies import Policy, parse_policy, policy_from_bytes, satisfied
from .world import ReadWriteSet, World

VALID = "VALID"
ENDORSEMENT_POLICY_FAILURE = "ENDORSEMENT_POLICY_FAILURE"
MVCC_READ_CONFLICT = "MVCC_READ_CONFLICT"
PHANTOM_READ_CONFLICT = "PHANTOM_READ_CONFLICT"


class BlockPolicies:
    """Endorsement checks of one block, against the state before it.

    A key-level policy that an earlier valid transaction of the block changed invalidates later writes to
    that key, as in Fabric.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._changed: set[tuple[str, str] | tuple[str, str, bytes]] = set()

    def check(self, chaincode: str, rwset: ReadWriteSet, endorsers: Sequence[str]) -> str:
        """VALID or ENDORSEMENT_POLICY_FAILURE: key policy, else the collection's, else the chaincode's."""
        signers = [(endorser, "peer") for endorser in endorsers]
        for namespace in {chaincode} | rwset.namespaces():
            if not self._namespace(namespace, rwset, signers):
                return ENDORSEMENT_POLICY_FAILURE
        self._changed.update(rwset.metadata)
        self._changed.update(rwset.hashed_metadata)
        return VALID

    def _namespace(self, namespace: str, rwset: ReadWriteSet, signers: Sequence[tuple[str, str]]) -> bool:
        definition = self._world.definitions[namespace]
        wider: list[Policy] = []
        checked = False
        for public in sorted({k for k in (*rwset.writes, *rwset.metadata) if k[0] == namespace}):
            entry = self._world.entry(*public)
            policy = entry.metadata.get(VALIDATION_PARAMETER) if entry else None
            if public in self._changed or (policy and not satisfied(policy_from_bytes(policy), signers)):
                return False
            checked = checked or bool(policy)
            if not policy:
                wider.append(definition.policy)
        hashed_keys = {k for k in (*rwset.hashed_writes, *rwset.hashed_metadata) if k[0] == namespace}
        for hashed in sorted(hashed_keys):
            entry = self._world.hashed_entry(*hashed)
            policy = entry.metadata.get(VALIDATION_PARAMETER) if entry else None
            if hashed in self._changed or (policy and not satisfied(policy_from_bytes(policy), signers)):
                return False
            checked = checked or bool(policy)
            if not policy:
                own = definition.collections[hashed[1]].endorsement_policy
                wider.append(parse_policy(own) if own else definition.policy)
        if not wider and not checked:
            wider.append(definition.policy)
        return all(satisfied(policy, signers) for policy in wider)


def check_versions(world: World, rwset: ReadWriteSet) -> str:
    """VALID, MVCC_READ_CONFLICT or PHANTOM_READ_CONFLICT against the state as it stands now."""
    for (namespace, key), version in rwset.reads.items():
        entry = world.entry(namespace, key)
        if (entry.version if entry else None) != version:
            return MVCC_READ_CONFLICT
    for scan in rwset.scans:
        found = [(key, entry.version) for key, entry in world.scan(scan.namespace, scan.start, scan.end)]
        if not scan.exhausted:
            last = scan.results[-1][0].encode() if scan.results else b""
            found = [item for item in found if item[0].encode() <= last]
        if tuple(found) != scan.results:
            return PHANTOM_READ_CONFLICT
    for (namespace, collection, hashed), version in rwset.hashed_reads.items():
        entry = world.hashed_entry(namespace, collection, hashed)
        if (entry.version if entry else None) != version:
            return MVCC_READ_CONFLICT
    return VALID
