"""What a committing peer checks: endorsement policies, then versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..policy import VALIDATION_PARAMETER, Rule, parse_policy, read_policy
from .describe import shown_key, version_text
from .policies import satisfied, shown_policy
from .world import Entry, ReadWriteSet, Scan, Version, World

VALID = "VALID"
ENDORSEMENT_POLICY_FAILURE = "ENDORSEMENT_POLICY_FAILURE"
MVCC_READ_CONFLICT = "MVCC_READ_CONFLICT"
PHANTOM_READ_CONFLICT = "PHANTOM_READ_CONFLICT"


class Verdict(NamedTuple):
    """A validation code, and the reason for one that is not VALID."""

    code: str
    reason: str = ""


class _Judge(NamedTuple):
    """A policy that a transaction must meet, and whose it is."""

    policy: Rule
    whose: str


class BlockPolicies:
    """Endorsement checks of one block, against the state before it.

    A key-level policy that an earlier valid transaction of the block changed invalidates later writes to
    that key, as in Fabric.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._changed: set[tuple[str, str] | tuple[str, str, bytes]] = set()

    def check(self, chaincode: str, rwset: ReadWriteSet, endorsers: Sequence[str]) -> Verdict:
        """VALID or ENDORSEMENT_POLICY_FAILURE: key policy, else the collection's, else the chaincode's."""
        signers = [(endorser, "peer") for endorser in endorsers]
        written = (*rwset.writes, *rwset.metadata, *rwset.hashed_writes, *rwset.hashed_metadata)
        for place in written:
            if place in self._changed:
                reason = f"an earlier transaction of the block changed the policy of a key of {place[0]}"
                return Verdict(ENDORSEMENT_POLICY_FAILURE, reason)
        for namespace in sorted({chaincode} | rwset.namespaces()):
            for judge in self._judges(namespace, rwset):
                if not satisfied(judge.policy, signers):
                    reason = f"{shown_policy(judge.policy)}, the policy of {judge.whose}, is not met by "
                    return Verdict(ENDORSEMENT_POLICY_FAILURE, reason + ", ".join(endorsers))
        self._changed.update(rwset.metadata)
        self._changed.update(rwset.hashed_metadata)
        return Verdict(VALID)

    def _judges(self, namespace: str, rwset: ReadWriteSet) -> Iterator[_Judge]:
        definition = self._world.definitions[namespace]
        own = _Judge(definition.policy, f"the chaincode {namespace}")
        judged = False
        for public in sorted({k for k in (*rwset.writes, *rwset.metadata) if k[0] == namespace}):
            judged = True
            yield _key_judge(self._world.entry(*public), f"the key {shown_key(public[1])}") or own
        hashed_keys = {k for k in (*rwset.hashed_writes, *rwset.hashed_metadata) if k[0] == namespace}
        for hashed in sorted(hashed_keys):
            judged = True
            policy = definition.collections[hashed[1]].endorsement_policy
            wider = _Judge(parse_policy(policy), f"the collection {hashed[1]}") if policy else own
            entry = self._world.hashed_entry(*hashed)
            yield _key_judge(entry, f"a key of the collection {hashed[1]}") or wider
        if not judged:
            yield own


def _key_judge(entry: Entry | None, whose: str) -> _Judge | None:
    policy = entry.metadata.get(VALIDATION_PARAMETER) if entry else None
    return _Judge(read_policy(policy), whose) if policy else None


def check_versions(world: World, rwset: ReadWriteSet) -> Verdict:
    """VALID, MVCC_READ_CONFLICT or PHANTOM_READ_CONFLICT against the state as it stands now."""
    for (namespace, key), version in rwset.reads.items():
        entry = world.entry(namespace, key)
        if _version(entry) != version:
            return _conflict(f"{namespace} {shown_key(key)}", version, entry)
    for scan in rwset.scans:
        if _now(world, scan) != scan.results:
            reason = f"{scan.namespace} {shown_key(scan.start)} to {shown_key(scan.end)} has other keys now"
            return Verdict(PHANTOM_READ_CONFLICT, reason)
    for (namespace, collection, hashed), version in rwset.hashed_reads.items():
        entry = world.hashed_entry(namespace, collection, hashed)
        if _version(entry) != version:
            return _conflict(f"a key of {namespace}/{collection}", version, entry)
    return Verdict(VALID)


def _now(world: World, scan: Scan) -> tuple[tuple[str, Version], ...]:
    found = world.scan(scan.namespace, scan.start, scan.end if scan.exhausted else "")
    last = scan.end.encode()
    return tuple((key, entry.version) for key, entry in found if scan.exhausted or key.encode() <= last)


def _version(entry: Entry | None) -> Version | None:
    return entry.version if entry else None


def _conflict(what: str, read: Version | None, entry: Entry | None) -> Verdict:
    reason = f"{what} was read {_at(read)}, and is {_at(_version(entry))} now"
    return Verdict(MVCC_READ_CONFLICT, reason)


def _at(version: Version | None) -> str:
    return f"at {version_text(version)}" if version else "absent"
