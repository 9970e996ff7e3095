"""Where things stand in a channel's blocks, in as little memory as Python allows.

What grows with every transaction for ever is here: some 150 bytes for each id, eight for each write of a key
and for each block.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass

from hlf_emulator.state import Version


@dataclass(frozen=True, slots=True)
class TransactionPlace:
    """Where a transaction id was first committed, and its validation code."""

    block: int
    index: int
    code: int


class LedgerIndex:
    """Transactions by id, writes by key, blocks by the hash of their header."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._writes: dict[tuple[str, str], array[int]] = {}
        self._headers = array("Q")

    def add_transaction(self, transaction_id: str, place: TransactionPlace) -> None:
        """Remember the first place of an id."""
        packed = place.block << 40 | place.index << 8 | place.code
        self._places.setdefault(_digest(transaction_id), packed)

    def place(self, transaction_id: str) -> TransactionPlace | None:
        packed = self._places.get(_digest(transaction_id))
        if packed is None:
            return None
        return TransactionPlace(packed >> 40, packed >> 8 & 0xFFFFFFFF, packed & 0xFF)

    def __contains__(self, transaction_id: str) -> bool:
        return _digest(transaction_id) in self._places

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


def _digest(transaction_id: str) -> bytes:
    """Sixteen bytes of an id: of the SHA-256 that it is, or of one of whatever else a client wrote."""
    try:
        content = bytes.fromhex(transaction_id)
    except ValueError:
        content = b""
    # bytes.fromhex takes spaces and capitals too, which make another id.
    if len(content) != 32 or content.hex() != transaction_id:
        content = hashlib.sha256(b"\x00" + transaction_id.encode()).digest()
    return content[:16]
