"""Simple and composite keys.

A composite key is U+0000, the object type, U+0000, then each attribute followed by U+0000. Simple keys
cannot start with U+0000, so the two never meet, and an open range over simple keys starts at U+0001.
"""

from __future__ import annotations

from collections.abc import Sequence

_NAMESPACE = "\x00"
_SEPARATOR = "\x00"
_LAST = "\U0010ffff"
_FIRST_SIMPLE = "\x01"


def composite_key(object_type: str, attributes: Sequence[str]) -> str:
    """Join an object type and its attributes; ValueError for U+0000 or U+10FFFF inside any of them."""
    if not object_type:
        raise ValueError("a composite key needs an object type")
    if isinstance(attributes, str):
        raise TypeError("the attributes of a composite key are a sequence of strings, not one string")
    for part in (object_type, *attributes):
        _check_part(part)
    return _NAMESPACE + object_type + _SEPARATOR + "".join(part + _SEPARATOR for part in attributes)


def split_composite_key(key: str) -> tuple[str, list[str]]:
    """The object type and attributes of a composite key; ValueError if it is a simple key."""
    if not key.startswith(_NAMESPACE) or not key.endswith(_SEPARATOR) or len(key) < 2:
        raise ValueError("not a composite key")
    object_type, *attributes = key[1:-1].split(_SEPARATOR)
    return object_type, attributes


def partial_range(object_type: str, attributes: Sequence[str]) -> tuple[str, str]:
    """Start and end (exclusive) of all composite keys that begin with these parts."""
    start = composite_key(object_type, attributes)
    return start, start + _LAST


def simple_range(start: str, end: str) -> tuple[str, str]:
    """Start and end of a range over simple keys; an open start leaves composite keys out."""
    for key in (start, end):
        if key.startswith(_NAMESPACE):
            raise ValueError("a range over simple keys cannot start or end at a composite key")
    return start or _FIRST_SIMPLE, end


def all_composite_range() -> tuple[str, str]:
    """Start and end of all composite keys."""
    return _NAMESPACE, _NAMESPACE + _LAST


def check_key(key: str) -> str:
    """The key itself; ValueError when it is empty or not encodable as UTF-8."""
    if not isinstance(key, str):
        raise TypeError("a key is a string")
    if not key:
        raise ValueError("key must not be an empty string")
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a key must be encodable as UTF-8") from error
    return key


def _check_part(part: str) -> None:
    if not isinstance(part, str):
        raise TypeError("a composite key is made of strings")
    check_key(part) if part else None
    for position, character in enumerate(part):
        if character in (_SEPARATOR, _LAST):
            raise ValueError(
                f"input contains unicode U+{ord(character):04X} starting at position [{position}]: "
                "U+0000 and U+10FFFF are not allowed in a composite key"
            )
