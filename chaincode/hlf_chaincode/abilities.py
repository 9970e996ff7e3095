"""What a peer offers with READY: protos.ChaincodeAdditionalParams, read and written by hand.

The published Python messages lack this one. Its four fields are varints: use_write_batch (1),
max_size_write_batch (2), use_get_multiple_keys (3), max_size_get_multiple_keys (4).
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import ProtocolError

# Like the Go shim: a peer that offers a feature takes at least a hundred at a time.
_SMALLEST_LIMIT = 100


class Abilities(NamedTuple):
    """How many writes and keys go into one message; zero means the plain calls of Fabric 2.5."""

    write_batch: int = 0
    multiple_keys: int = 0

    @classmethod
    def from_payload(cls, payload: bytes) -> Abilities:
        """Read a READY message's payload (empty from a 2.5 peer)."""
        fields = _varints(payload)
        return cls(
            max(fields.get(2, 0), _SMALLEST_LIMIT) if fields.get(1) else 0,
            max(fields.get(4, 0), _SMALLEST_LIMIT) if fields.get(3) else 0,
        )

    def to_payload(self) -> bytes:
        """The payload a peer with these abilities sends."""
        numbers = (bool(self.write_batch), self.write_batch, bool(self.multiple_keys), self.multiple_keys)
        return b"".join(
            bytes([number << 3]) + _varint(int(value)) for number, value in enumerate(numbers, 1) if value
        )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varints(data: bytes) -> dict[int, int]:
    fields: dict[int, int] = {}
    position = 0
    while position < len(data):
        tag, position = _read(data, position)
        if tag & 7 != 0:
            raise ProtocolError("READY carries a field that is not a number")
        fields[tag >> 3], position = _read(data, position)
    return fields


def _read(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ProtocolError("READY's payload is cut short")
