"""Where things stand in a channel's blocks, in as little memory as Python allows.

What grows with every transaction for ever is here: under thirty bytes for each id, eight for each write of a
key and for each block.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from dataclasses import dataclass

from hlf_emulator.ledger.state import Version

_PLACE = struct.Struct(">IIB")
_ID_BYTES = 16
_ENTRY = _ID_BYTES + _PLACE.size


@dataclass(frozen=True, slots=True)
class TransactionPlace:
    """Where a transaction id was first committed, and its validation code."""

    block: int
    index: int
    code: int


class LedgerIndex:
    """Transactions by id, writes by key, blocks by the hash of their header."""

    def __init__(self) -> None:
        # By the first twelve bits of an id, entries one after another: (sixteen bytes of the id, place).
        self._places: dict[int, bytearray] = {}
        self._writes: dict[tuple[str, str], array[int]] = {}
        self._headers = array("Q")

    def add_transaction(self, transaction_id: str, place: TransactionPlace) -> None:
        """Remember the first place of an id."""
        digest = _digest(transaction_id)
        entries = self._places.setdefault(_bucket(digest), bytearray())
        if _find(entries, digest) < 0:
            entries += digest + _PLACE.pack(place.block, place.index, place.code)

    def place(self, transaction_id: str) -> TransactionPlace | None:
        digest = _digest(transaction_id)
        entries = self._places.get(_bucket(digest), bytearray())
        found = _find(entries, digest)
        return None if found < 0 else TransactionPlace(*_PLACE.unpack_from(entries, found + _ID_BYTES))

    def __contains__(self, transaction_id: str) -> bool:
        digest = _digest(transaction_id)
        return _find(self._places.get(_bucket(digest), bytearray()), digest) >= 0

    def add_write(self, namespace: str, key: str, version: Version) -> None:
        """Remember that a key was written, deletions included."""
        versions = self._writes.setdefault((namespace, key), array("Q"))
        versions.append(version.block << 32 | version.transaction)

    def writes(self, namespace: str, key: str) -> list[Version]:
        """Versions of all writes of a key, oldest first."""
        packed = self._writes.get((namespace, key), ())
        return [Version(version >> 32, version & 0xFFFFFFFF) for version in packed]

    def add_block(self, header_hash: bytes) -> None:
        """Remember the hash of the next block's header."""
        self._headers.append(int.from_bytes(header_hash[:8], "big"))

    def blocks(self, header_hash: bytes) -> list[int]:
        """Blocks whose header may have that hash: the first eight bytes are all that is kept."""
        wanted = int.from_bytes(header_hash[:8], "big")
        return [number for number, known in enumerate(self._headers) if known == wanted]


def _bucket(digest: bytes) -> int:
    return digest[0] << 4 | digest[1] >> 4


def _find(entries: bytearray, digest: bytes) -> int:
    """Where an id's entry begins; -1 where there is none."""
    found = entries.find(digest)
    while found % _ENTRY and found >= 0:
        found = entries.find(digest, found + 1)
    return found


def _digest(transaction_id: str) -> bytes:
    """Sixteen bytes of an id: of the SHA-256 that it is, or of one of whatever else a client wrote."""
    try:
        content = bytes.fromhex(transaction_id)
    except ValueError:
        content = b""
    # bytes.fromhex takes spaces and capitals too, which make another id.
    if len(content) != 32 or content.hex() != transaction_id:
        content = hashlib.sha256(b"\x00" + transaction_id.encode()).digest()
    return content[:_ID_BYTES]
