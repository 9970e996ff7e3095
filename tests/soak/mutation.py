"""Broken copies of a protobuf message: broken in a nested field, the lengths around it made right again."""

from __future__ import annotations

import random
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTREME = (0, 1, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


@dataclass
class _Field:
    number: int
    kind: int
    value: int | bytes


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A copy with one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        content = _mutate(content, chance, 0)
    return content


def _mutate(content: bytes, chance: random.Random, depth: int) -> bytes:
    fields = _parse(content)
    if not fields or depth > 12 or chance.random() < 0.08:
        return _spoil(content, chance)
    place = chance.randrange(len(fields))
    field = fields[place]
    what = chance.random()
    if what < 0.06:
        del fields[place]
    elif what < 0.12:
        fields.insert(place, _Field(field.number, field.kind, field.value))
    elif what < 0.18:
        field.number = chance.choice((field.number + 1, chance.randint(1, 40), 2**29 - 1))
    elif isinstance(field.value, bytes):
        field.value = _mutate(field.value, chance, depth + 1)
    else:
        field.value = chance.choice((*_EXTREME, field.value ^ (1 << chance.randrange(32))))
    return b"".join(map(_encode, fields))


def _spoil(content: bytes, chance: random.Random) -> bytes:
    """Bytes that need not be a message any more."""
    what = chance.randrange(6)
    if what == 0 or not content:
        return chance.randbytes(chance.choice((1, 3, 20, 200)))
    place = chance.randrange(len(content))
    if what == 1:
        return content[:place]
    if what == 2:
        return content + chance.randbytes(chance.randint(1, 8))
    if what == 3:
        return b""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 4))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _parse(content: bytes) -> list[_Field]:
    """The fields of what may be a message; none where it is not."""
    fields: list[_Field] = []
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        if position < 0 or not key >> 3:
            return []
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == _VARINT:
            value, position = _varint(content, position)
            if position < 0:
                return []
        else:
            length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
            if kind == _BYTES:
                length, position = _varint(content, position)
            if length is None or position < 0 or position + length > len(content):
                return []
            value = content[position : position + length]
            position += length
        fields.append(_Field(number, kind, value))
    return fields


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """(number, where it ends), which is -1 when there is none."""
    number = shift = 0
    while position < len(content) and shift < 64:
        octet = content[position]
        position += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number, position
        shift += 7
    return 0, -1


def _encode(field: _Field) -> bytes:
    key = _encoded_varint(field.number << 3 | field.kind)
    if isinstance(field.value, int):
        return key + _encoded_varint(field.value)
    return key + (_encoded_varint(len(field.value)) if field.kind == _BYTES else b"") + field.value


def _encoded_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
