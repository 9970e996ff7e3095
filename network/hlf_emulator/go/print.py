"""Messages as Go prints them into a text; 3.1 and 2.5 are built with different libraries for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from hlf_emulator.version import Version

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def go_print(message: Message, version: Version) -> str:
    """One line: ``a:{b:"x"}`` with today's library, ``a:<b:"x" > `` with the one before."""
    if version.angle_brackets:
        return "".join(f"{field} " for field in _fields(message, version))
    return " ".join(_fields(message, version))


def _fields(message: Message, version: Version) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in _items(field, value):
            yield f"{field.name}:{_value(field, item, version)}"


def _items(field: FieldDescriptor, value: Any) -> list[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type._concrete_class
        return [entry(key=key, value=value[key]) for key in sorted(value)]
    return list(value) if field.label == FieldDescriptor.LABEL_REPEATED else [value]


def _value(field: FieldDescriptor, value: Any, version: Version) -> str:
    if isinstance(value, Message):
        inner = go_print(value, version)
        return f"<{inner}>" if version.angle_brackets else f"{{{inner}}}"
    if isinstance(value, str):
        return _quoted(value.encode(), version)
    if isinstance(value, bytes):
        return _quoted(value, version)
    if isinstance(value, bool):
        return str(value).lower()
    if field.enum_type is not None and value in field.enum_type.values_by_number:
        return str(field.enum_type.values_by_number[value].name)
    return str(value)


def _quoted(content: bytes, version: Version) -> str:
    if version.angle_brackets:
        pieces = [_octet(octet, "\\{:03o}") for octet in content]
    else:
        text = content.decode(errors="surrogateescape")
        pieces = [_octet(_code(each), "\\x{:02x}") if _code(each) < 0x100 else each for each in text]
    return f'"{"".join(pieces)}"'


def _code(character: str) -> int:
    """An octet's value; what is beyond one stands for itself."""
    code = ord(character)
    return code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code if code < 0x80 else 0x100


def _octet(octet: int, escape: str) -> str:
    character = chr(octet)
    if character in _SHORT:
        return _SHORT[character]
    return character if 0x20 <= octet < 0x7F else escape.format(octet)
