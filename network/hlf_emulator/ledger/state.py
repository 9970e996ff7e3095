"""Versioned key-value state with snapshots.

One store holds public state and the hashes of private state of a channel; another one, per peer, holds the
private values. Keys are strings, or bytes where Fabric keeps the hash of a key.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"
"""The metadata entry that holds a key-level endorsement policy."""


class Version(NamedTuple):
    """Where a value was written: block number and the transaction's place in it."""

    block: int
    transaction: int


class Space(NamedTuple):
    """A chaincode's public state (`collection` empty) or one of its collections."""

    namespace: str
    collection: str = ""


Key = str | bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value (for hashed state: the value's hash), with the version of its last write."""

    value: bytes
    version: Version
    metadata: tuple[tuple[str, bytes], ...] = ()

    @property
    def validation_parameter(self) -> bytes | None:
        """The encoded key-level policy, or None."""
        return dict(self.metadata).get(VALIDATION_PARAMETER)


@dataclass
class Batch:
    """Writes of one block: None removes a key."""

    block: int
    writes: dict[tuple[Space, Key], Entry | None] = field(default_factory=dict)


class State:
    """The newest values, and what is needed to read as of an earlier block.

    A snapshot is the number of blocks applied when it was taken. Older values are kept while a snapshot
    is held by `hold`.
    """

    def __init__(self) -> None:
        self.height = 0
        self._spaces: dict[Space, dict[Key, Entry]] = {}
        self._keys: dict[Space, list[str]] = {}
        self._undo: dict[int, dict[tuple[Space, Key], Entry | None]] = {}
        self._held: dict[int, int] = {}

    def hold(self, height: int | None = None) -> int:
        """Keep values readable as of `height` (default: now) until `release`."""
        snapshot = self.height if height is None else min(height, self.height)
        self._held[snapshot] = self._held.get(snapshot, 0) + 1
        return snapshot

    def release(self, snapshot: int) -> None:
        count = self._held.get(snapshot, 0) - 1
        if count > 0:
            self._held[snapshot] = count
            return
        self._held.pop(snapshot, None)
        oldest = min(self._held, default=self.height)
        for block in [block for block in self._undo if block < oldest]:
            del self._undo[block]

    def get(self, space: Space, key: Key, snapshot: int | None = None) -> Entry | None:
        if snapshot is not None and snapshot < self.height:
            for block in range(snapshot, self.height):
                undone = self._undo.get(block)
                if undone is not None and (space, key) in undone:
                    return undone[space, key]
        return self._spaces.get(space, {}).get(key)

    def range(
        self, space: Space, start: str, end: str, snapshot: int | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """Entries with `start <= key < end` in byte order; an empty bound is open."""
        for key in self._candidates(space, start, end, snapshot):
            entry = self.get(space, key, snapshot)
            if entry is not None:
                yield key, entry

    def _candidates(self, space: Space, start: str, end: str, snapshot: int | None) -> list[str]:
        keys = self._keys.get(space, [])
        first = bisect_left(keys, start) if start else 0
        last = bisect_left(keys, end) if end else len(keys)
        found = keys[first:last]
        if snapshot is not None and snapshot < self.height:
            removed = {
                key
                for block in range(snapshot, self.height)
                for where, key in self._undo.get(block, ())
                if where == space and isinstance(key, str) and key >= start and (not end or key < end)
            }
            if removed:
                return sorted(removed.union(found))
        return found

    def apply(self, batch: Batch) -> None:
        """Write a block's batch; `height` becomes the block's number plus one."""
        undo: dict[tuple[Space, Key], Entry | None] = {}
        for (space, key), entry in batch.writes.items():
            values = self._spaces.setdefault(space, {})
            undo[space, key] = values.get(key)
            if entry is None:
                if values.pop(key, None) is not None and isinstance(key, str):
                    keys = self._keys[space]
                    del keys[bisect_left(keys, key)]
            else:
                if key not in values and isinstance(key, str):
                    insort(self._keys.setdefault(space, []), key)
                values[key] = entry
        self.height = batch.block + 1
        if self._held:
            kept = self._undo.setdefault(batch.block, undo)
            for where, entry in undo.items():
                kept.setdefault(where, entry)

    def entries(self) -> Iterator[tuple[Space, Key, Entry]]:
        """Everything, for audits and tests."""
        for space, values in self._spaces.items():
            for key, entry in values.items():
                yield space, key, entry
