"""Committed state of one channel: public and hashed, equal at all peers; private values, one store a peer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ..policy import Rule, parse_policy
from .policies import satisfied

_K = TypeVar("_K", str, bytes)

Version = tuple[int, int]
"""Block number and position in the block."""


@dataclass(frozen=True)
class CollectionSpec:
    """A private data collection, with Fabric's fields.

    ``policy`` is a member policy (``"OR('A.member', 'B.member')"``) or the members' MSP ids.
    """

    name: str
    policy: str | Sequence[str]
    required_peers: int = 0
    max_peers: int = 1
    block_to_live: int = 0
    member_only_read: bool = True
    member_only_write: bool = True
    endorsement_policy: str | None = None

    @property
    def members(self) -> frozenset[str]:
        """The MSP ids of the members."""
        named = self.policy
        return frozenset(parse_policy(named).organizations if isinstance(named, str) else named)

    def admits(self, caller: tuple[str, str]) -> bool:
        """Whether a caller ``(msp id, role)`` is a member; under ``'A.peer'`` A's clients are not."""
        if isinstance(self.policy, str):
            return satisfied(parse_policy(self.policy), [caller])
        return caller[0] in self.policy


@dataclass(frozen=True)
class Definition:
    """A chaincode as the channel knows it."""

    name: str
    policy: Rule
    collections: dict[str, CollectionSpec]
    init_required: bool = False
    version: str = "1.0"


@dataclass
class Entry:
    """A committed key (or hashed key): value (or value hash), version, metadata."""

    value: bytes
    version: Version
    metadata: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Write:
    """A committed write, for the history."""

    transaction_id: str
    value: bytes | None
    seconds: int
    nanos: int


@dataclass(frozen=True)
class Scan:
    """A range that was read: what it gave, and whether it was read to its end.

    ``end`` is excluded where it was, else the last key that was read.
    """

    namespace: str
    start: str
    end: str
    results: tuple[tuple[str, Version], ...]
    exhausted: bool


@dataclass
class ReadWriteSet:
    """What one execution read and wants to write. Hashed entries are keyed by SHA-256 of the key."""

    reads: dict[tuple[str, str], Version | None] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    writes: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    metadata: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    hashed_reads: dict[tuple[str, str, bytes], Version | None] = field(default_factory=dict)
    hashed_writes: dict[tuple[str, str, bytes], bytes | None] = field(default_factory=dict)
    hashed_metadata: dict[tuple[str, str, bytes], dict[str, bytes]] = field(default_factory=dict)
    purges: set[tuple[str, str, bytes]] = field(default_factory=set)
    private_writes: dict[tuple[str, str, str], bytes | None] = field(default_factory=dict)

    def public_part(self) -> dict[str, object]:
        """What the proposal response carries, by name: equal at every endorser or the client refuses."""
        return {name: value for name, value in vars(self).items() if name != "private_writes"}

    def namespaces(self) -> set[str]:
        """The chaincodes written to."""
        written = (self.writes, self.metadata, self.hashed_writes, self.hashed_metadata)
        return {key[0] for part in written for key in part}


def key_hash(key: str) -> bytes:
    """SHA-256 of a private key."""
    return hashlib.sha256(key.encode()).digest()


class World:
    """The stores behind every peer of a channel."""

    def __init__(self, channel: str, organizations: Sequence[str]) -> None:
        self.channel = channel
        self.height = 1
        self.definitions: dict[str, Definition] = {}
        self.public: dict[str, dict[str, Entry]] = {}
        self.hashed: dict[tuple[str, str], dict[bytes, Entry]] = {}
        self.history: dict[tuple[str, str], list[Write]] = {}
        self.private: dict[str, dict[tuple[str, str], dict[str, Entry]]] = {o: {} for o in organizations}

    def entry(self, namespace: str, key: str) -> Entry | None:
        """A public key."""
        return self.public.get(namespace, {}).get(key)

    def hashed_entry(self, namespace: str, collection: str, hashed_key: bytes) -> Entry | None:
        """A private key's hash."""
        return self.hashed.get((namespace, collection), {}).get(hashed_key)

    def private_entry(self, organization: str, namespace: str, collection: str, key: str) -> Entry | None:
        """A private key at one organization's peer."""
        return self.private[organization].get((namespace, collection), {}).get(key)

    def scan(self, namespace: str, start: str, end: str) -> list[tuple[str, Entry]]:
        """Public keys from start (included) to end (excluded), in the order of their UTF-8 bytes."""
        return in_range(self.public.get(namespace, {}), start, end)

    def apply(self, rwset: ReadWriteSet, version: Version, write: Write) -> None:
        """Commit one valid transaction."""
        for (namespace, key), value in rwset.writes.items():
            _set(self.public.setdefault(namespace, {}), key, value, version)
            self.history.setdefault((namespace, key), []).append(replace(write, value=value))
        for (namespace, key), metadata in rwset.metadata.items():
            _set_metadata(self.public.get(namespace, {}), key, metadata, version)
        for (namespace, collection, hashed), value in rwset.hashed_writes.items():
            _set(self.hashed.setdefault((namespace, collection), {}), hashed, value, version)
        for (namespace, collection, hashed), metadata in rwset.hashed_metadata.items():
            store = self.hashed.get((namespace, collection), {})
            _set_metadata(store, hashed, metadata, version)
            self._follow_metadata(namespace, collection, hashed, version)
        for (namespace, collection, key), value in rwset.private_writes.items():
            spec = self.definitions[namespace].collections[collection]
            for organization in spec.members & self.private.keys():
                store_of = self.private[organization].setdefault((namespace, collection), {})
                _set(store_of, key, value, version)

    def expire(self) -> None:
        """Drop private data whose block-to-live has passed, value and hash."""
        for definition in self.definitions.values():
            for spec in definition.collections.values():
                if not spec.block_to_live:
                    continue
                place = (definition.name, spec.name)
                stores: list[dict[bytes, Entry] | dict[str, Entry]] = [self.hashed.get(place, {})]
                stores += [private.get(place, {}) for private in self.private.values()]
                for store in stores:
                    old = [
                        key
                        for key, entry in store.items()
                        if entry.version[0] + spec.block_to_live + 1 < self.height
                    ]
                    for key in old:
                        del store[key]  # type: ignore[arg-type]

    def _follow_metadata(self, namespace: str, collection: str, hashed: bytes, version: Version) -> None:
        # A metadata write moves the hashed key's version; members' private copies follow it.
        for stores in self.private.values():
            for key, entry in stores.get((namespace, collection), {}).items():
                if key_hash(key) == hashed:
                    entry.version = version


def in_range(store: dict[str, Entry], start: str, end: str) -> list[tuple[str, Entry]]:
    """The entries of a range, ordered as LevelDB orders keys."""
    low, high = start.encode(), end.encode()
    found = [
        (key.encode(), key, entry)
        for key, entry in store.items()
        if key.encode() >= low and (not high or key.encode() < high)
    ]
    return [(key, entry) for _, key, entry in sorted(found, key=lambda item: item[0])]


def _set(store: dict[_K, Entry], key: _K, value: bytes | None, version: Version) -> None:
    if value is None:
        store.pop(key, None)
        return
    known = store.get(key)
    store[key] = Entry(value, version, known.metadata if known else {})


def _set_metadata(store: dict[_K, Entry], key: _K, metadata: dict[str, bytes], version: Version) -> None:
    known = store.get(key)
    if known is None:
        return
    known.metadata = {name: value for name, value in {**known.metadata, **metadata}.items() if value}
    known.version = version
