"""One peer's private data of one channel, on disk: values, the write sets of blocks, transient data."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fabric_protos.ledger.rwset import rwset_pb2

from hlf_emulator.ledger.disk import Disk
from hlf_emulator.ledger.rwset import key_hash, parse_private, sha256
from hlf_emulator.ledger.state import Batch, Entry, Key, Space, State, Version

_SCHEMA = """
CREATE TABLE IF NOT EXISTS height (blocks INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS value (
    namespace TEXT, collection TEXT, key BLOB, value BLOB, block INTEGER, tx INTEGER,
    PRIMARY KEY (namespace, collection, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (
    block INTEGER, tx INTEGER, namespace TEXT, collection TEXT, rwset BLOB,
    PRIMARY KEY (block, tx, namespace, collection)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (
    block INTEGER, tx INTEGER, namespace TEXT, collection TEXT, hash BLOB,
    PRIMARY KEY (block, tx, namespace, collection)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transient (
    txid TEXT, namespace TEXT, collection TEXT, height INTEGER, rwset BLOB
);
CREATE INDEX IF NOT EXISTS transient_txid ON transient (txid);
"""
# Fabric's ledger.pvtdataStore default, peer.gossip.pvtData.transientstoreMaxBlockRetention.
TRANSIENT_RETENTION = 20_000


@dataclass(frozen=True, slots=True)
class PrivateWrites:
    """What a valid transaction wrote to one collection; `rwset` is None when nobody had it at hand."""

    version: Version
    transaction_id: str
    space: Space
    private_hash: bytes
    rwset: bytes | None


@dataclass
class PrivateBlock:
    """All that one block does to a peer's private data."""

    number: int
    writes: list[PrivateWrites] = field(default_factory=list)
    # Of transactions that are not valid: kept beside the block, and never read by a chaincode.
    kept: list[PrivateWrites] = field(default_factory=list)
    purges: dict[tuple[Space, bytes], Version] = field(default_factory=dict)
    expired: list[tuple[Space, bytes, Version]] = field(default_factory=list)
    transaction_ids: list[str] = field(default_factory=list)


class PrivateStore:
    """A SQLite file per peer and channel; deleted values are overwritten, not just unlinked.

    The number of blocks that the peer has committed is kept here, in the same transaction as their data.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        # In WAL mode a commit is one write to the operating system, which a killed process does not lose.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT blocks FROM height").fetchone()
        if row is None:
            self._db.execute("INSERT INTO height VALUES (0)")
        self.state = State()
        self._keys: dict[tuple[Space, bytes], str] = {}
        self._load(row[0] if row else 0)

    @property
    def height(self) -> int:
        """The number of blocks whose private data is stored."""
        return self.state.height

    def close(self) -> None:
        self._db.close()

    def _load(self, height: int) -> None:
        batch = Batch(height - 1)
        query = "SELECT namespace, collection, key, value, block, tx FROM value"
        for namespace, collection, key, value, block, tx in self._db.execute(query):
            space, name = Space(namespace, collection), key.decode()
            batch.writes[space, name] = Entry(value, Version(block, tx))
            self._keys[space, key_hash(name)] = name
        self.state.apply(batch)

    # Transient data: endorsed, not yet in a block

    def keep_transient(self, transaction_id: str, height: int, parts: Iterable[tuple[Space, bytes]]) -> None:
        """Store the private write sets of an endorsed proposal. Raises DiskError."""
        with self._disk.transaction(self._db):
            self._db.executemany(
                "INSERT INTO transient VALUES (?, ?, ?, ?, ?)",
                [
                    (transaction_id, space.namespace, space.collection, height, rwset)
                    for space, rwset in parts
                ],
            )

    async def sync(self) -> None:
        """Return when what was stored before the call would survive a crash of the machine.

        Raises DiskError.
        """
        if self._disk.sync:
            await asyncio.get_running_loop().run_in_executor(None, self._flush_log)

    def _flush_log(self) -> None:
        # All that SQLite has committed is in its log or, once that was emptied, already synced by SQLite.
        descriptor = os.open(f"{self._path}-wal", os.O_RDONLY)
        try:
            self._disk.flush(descriptor)
        finally:
            os.close(descriptor)

    def find_transient(self, transaction_id: str, space: Space, digest: bytes) -> bytes | None:
        """The endorsed write set with that SHA-256, or None."""
        rows = self._db.execute(
            "SELECT rwset FROM transient WHERE txid = ? AND namespace = ? AND collection = ?",
            (transaction_id, space.namespace, space.collection),
        )
        return next((rwset for (rwset,) in rows if sha256(rwset) == digest), None)

    # Blocks

    def find_written(self, version: Version, space: Space, digest: bytes) -> bytes | None:
        """The write set stored for a committed transaction, if its SHA-256 is still `digest`."""
        row = self._db.execute(
            "SELECT rwset FROM written WHERE block = ? AND tx = ? AND namespace = ? AND collection = ?",
            (version.block, version.transaction, space.namespace, space.collection),
        ).fetchone()
        return row[0] if row and sha256(row[0]) == digest else None

    def commit(self, block: PrivateBlock) -> None:
        """Store a block's private data and raise the height. Atomic. Raises DiskError."""
        batch = Batch(block.number)
        with self._disk.transaction(self._db):
            for written in block.writes:
                self._write(batch, written)
            self._db.executemany(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?)",
                [(*kept.version, *kept.space, kept.rwset) for kept in block.kept],
            )
            for (space, digest), version in block.purges.items():
                self._forget(batch, space, digest, version, purge=True)
            for space, digest, version in block.expired:
                self._forget(batch, space, digest, version, purge=False)
            self._db.executemany(
                "DELETE FROM transient WHERE txid = ?", [(txid,) for txid in block.transaction_ids]
            )
            if block.number % 100 == 0:
                horizon = block.number - TRANSIENT_RETENTION
                self._db.execute("DELETE FROM transient WHERE height < ?", (horizon,))
            self._db.execute("UPDATE height SET blocks = ?", (block.number + 1,))
        for (space, key), entry in batch.writes.items():
            if entry is not None and isinstance(key, str):
                self._keys[space, key_hash(key)] = key
        self.state.apply(batch)
        if block.purges or block.expired:
            # Until then the log beside the file still holds what was overwritten in it.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def missing(self) -> list[tuple[Version, Space, bytes]]:
        """Write sets of committed transactions that no member had at hand: (version, space, SHA-256)."""
        rows = self._db.execute("SELECT block, tx, namespace, collection, hash FROM missing")
        return [(Version(block, tx), Space(ns, coll), digest) for block, tx, ns, coll, digest in rows]

    def miss(self, version: Version, space: Space, digest: bytes) -> None:
        """Note a write set of an earlier block that is to be looked for."""
        self._db.execute("INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?)", (*version, *space, digest))

    def reconcile(
        self, version: Version, space: Space, rwset: bytes, current: Iterable[tuple[bytes, Version]]
    ) -> None:
        """Take a write set found later; values are written where `current` still has that version."""
        live = {digest for digest, newest in current if newest == version}
        batch = Batch(self.height - 1)
        with self._disk.transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?)", (*version, *space, rwset)
            )
            for write in parse_private(rwset).writes:
                if not write.is_delete and key_hash(write.key) in live:
                    self._put(batch, space, write.key, write.value, version)
            self._db.execute(
                "DELETE FROM missing WHERE block = ? AND tx = ? AND namespace = ? AND collection = ?",
                (*version, *space),
            )
        for where, key in batch.writes:
            if isinstance(key, str):
                self._keys[where, key_hash(key)] = key
        self.state.apply(batch)

    def block(self, number: int) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """The private write sets stored for a block, by the transaction's place in it."""
        found: dict[int, rwset_pb2.TxPvtReadWriteSet] = {}
        query = "SELECT tx, namespace, collection, rwset FROM written WHERE block = ? ORDER BY tx, namespace"
        for tx, namespace, collection, rwset in self._db.execute(query, (number,)):
            target = found.setdefault(tx, rwset_pb2.TxPvtReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV))
            if not target.ns_pvt_rwset or target.ns_pvt_rwset[-1].namespace != namespace:
                target.ns_pvt_rwset.add(namespace=namespace)
            target.ns_pvt_rwset[-1].collection_pvt_rwset.add(collection_name=collection, rwset=rwset)
        return found

    def entries(self) -> Iterator[tuple[Space, Key, Entry]]:
        """Every private value the peer holds."""
        return self.state.entries()

    def _write(self, batch: Batch, written: PrivateWrites) -> None:
        version, space = written.version, written.space
        if written.rwset is None:
            self._db.execute(
                "INSERT OR REPLACE INTO missing VALUES (?, ?, ?, ?, ?)",
                (*version, *space, written.private_hash),
            )
            return
        self._db.execute(
            "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?)", (*version, *space, written.rwset)
        )
        content = parse_private(written.rwset)
        for write in content.writes:
            if write.is_delete:
                self._delete(batch, space, write.key)
            else:
                self._put(batch, space, write.key, write.value, version)
        keys = {write.key for write in content.writes}
        for metadata in content.metadata_writes:
            if metadata.key in keys:
                continue
            entry = self._lookup(batch, space, metadata.key)
            if entry is not None:
                self._put(batch, space, metadata.key, entry.value, version)

    def _lookup(self, batch: Batch, space: Space, key: str) -> Entry | None:
        if (space, key) in batch.writes:
            return batch.writes[space, key]
        return self.state.get(space, key)

    def _put(self, batch: Batch, space: Space, key: str, value: bytes, version: Version) -> None:
        batch.writes[space, key] = Entry(value, version)
        self._db.execute(
            "INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?, ?, ?)", (*space, key.encode(), value, *version)
        )

    def _delete(self, batch: Batch, space: Space, key: str) -> None:
        batch.writes[space, key] = None
        self._db.execute(
            "DELETE FROM value WHERE namespace = ? AND collection = ? AND key = ?", (*space, key.encode())
        )

    def _forget(self, batch: Batch, space: Space, digest: bytes, version: Version, *, purge: bool) -> None:
        """Remove a key's value and its traces: of all writes up to `version`, or those of `version` alone."""
        key = self._keys.get((space, digest))
        if key is None:
            key = next(
                (
                    name
                    for where, name in batch.writes
                    if where == space and isinstance(name, str) and key_hash(name) == digest
                ),
                None,
            )
        entry = self._lookup(batch, space, key) if key is not None else None
        if key is not None and entry is not None and entry.version <= version:
            self._delete(batch, space, key)
        if purge:
            self._erase(space, digest, version)
        else:
            # All that a transaction wrote to a collection ends at once.
            self._db.execute(
                "DELETE FROM written WHERE block = ? AND tx = ? AND namespace = ? AND collection = ?",
                (*version, *space),
            )

    def _erase(self, space: Space, digest: bytes, version: Version) -> None:
        """Take a key out of all write sets up to `version`; one that has no other stays, empty."""
        rows = self._db.execute(
            "SELECT block, tx, rwset FROM written "
            "WHERE namespace = ? AND collection = ? AND (block, tx) <= (?, ?)",
            (*space, *version),
        ).fetchall()
        for block, tx, rwset in rows:
            content = parse_private(rwset)
            kept = [write for write in content.writes if key_hash(write.key) != digest]
            if len(kept) == len(content.writes):
                continue
            del content.writes[:]
            content.writes.extend(kept)
            self._db.execute(
                "UPDATE written SET rwset = ? "
                "WHERE block = ? AND tx = ? AND namespace = ? AND collection = ?",
                (content.SerializeToString(), block, tx, *space),
            )
