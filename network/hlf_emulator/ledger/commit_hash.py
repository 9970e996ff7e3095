"""The commit hash of a block: a digest of what its transactions wrote, chained from block to block.

Sources: core/ledger/kvledger/kv_ledger.go (addBlockCommitHash), txmgmt/txmgr/update_batch_bytes.go. Covered
are public writes and hashes of private ones, deletions included; not the channel's configuration, not
metadata, not what expires with the block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hlf_emulator.ledger.state import Batch, Key, Space, Version

# Tags of txmgr.KVWrite and of its place in txmgr.Updates: field number and wire type.
_NAMESPACE, _COLLECTION, _KEY, _VALUE, _VERSION = (bytes([number << 3 | 2]) for number in (1, 2, 3, 5, 6))
_IS_DELETE = bytes([4 << 3, 1])
_WRITES = bytes([1 << 3 | 2])


def commit_hash(
    codes: bytes, batch: Batch, deletions: Mapping[tuple[Space, Key], Version], previous: bytes
) -> bytes:
    """The 32 bytes for a block with validation `codes` that applies `batch`.

    `deletions` gives the version at which each removed key was removed by a transaction: what `batch` removes
    beyond them is left out. `previous` is empty for the first block after the genesis block.
    """
    updates = b"".join(_encode(batch, deletions))
    return hashlib.sha256(_varint(len(codes)) + codes + updates + previous).digest()


def _encode(batch: Batch, deletions: Mapping[tuple[Space, Key], Version]) -> Iterable[bytes]:
    """txmgr.Updates: a namespace's public writes, then its collections'; a repeated name is left out."""
    writes: list[tuple[Space, bytes, bytes | None, Version]] = []
    for (space, key), entry in batch.writes.items():
        encoded = key.encode() if isinstance(key, str) else key
        if entry is not None:
            writes.append((space, encoded, entry.value, entry.version))
        elif (space, key) in deletions:
            writes.append((space, encoded, None, deletions[space, key]))
    last = Space("")
    for space, key, value, version in sorted(writes, key=lambda write: write[:2]):
        write = bytearray()
        if space.namespace != last.namespace:
            write += _field(_NAMESPACE, space.namespace.encode())
        if space.collection and space != last:
            write += _field(_COLLECTION, space.collection.encode())
        last = space
        if key:
            write += _field(_KEY, key)
        if value is None:
            write += _IS_DELETE
        elif value:
            write += _field(_VALUE, value)
        write += _field(_VERSION, _ordered(version.block) + _ordered(version.transaction))
        yield _field(_WRITES, bytes(write))


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _ordered(number: int) -> bytes:
    """An integer whose encodings sort as the integers do (common/ledger/util/util.go)."""
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content
