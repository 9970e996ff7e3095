"""Canonical JSON: one value, one sequence of bytes, on every endorser and in every year.

UTF-8, NFC-normalised text, no escapes beyond what JSON demands, keys sorted by code point, no white
space, no binary fractions (a Decimal travels as a string), times in UTC. Close to RFC 8785, but for numbers:
integers of any size are kept exact.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def plain(value: object) -> Json:
    """`value` as JSON's own types. TypeError for a float, bytes, a naive time or a key that is no text."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="python"))
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("a Decimal in canonical JSON must be finite")
        return format(value, "f")
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, frozenset | set):
        raise TypeError("a set has no order; canonical JSON needs a sequence")
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError("a time in canonical JSON needs its zone")
    text = value.astimezone(UTC).isoformat(timespec="microseconds" if value.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _object(value: Mapping[Any, object]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, item in value.items():
        name = key.value if isinstance(key, Enum) else key
        if not isinstance(name, str):
            raise TypeError("a key in canonical JSON must be text")
        name = unicodedata.normalize("NFC", name)
        if name in result:
            raise TypeError("two keys are the same after normalisation")
        result[name] = plain(item)
    return result


def canonical(value: object) -> bytes:
    """The canonical bytes of `value`. TypeError as for `plain`."""
    return json.dumps(
        plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, in hex. Unsalted: for public values only."""
    return hashlib.sha256(canonical(value)).hexdigest()


def parse(data: bytes | str) -> Json:
    """JSON without fractions and without a key given twice; ValueError otherwise."""

    def refuse_number(_: str) -> Json:
        raise ValueError("canonical JSON has no fractions")

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(items)
        if len(result) != len(items):
            raise ValueError("a key is given twice")
        return result

    text = data.decode() if isinstance(data, bytes) else data
    value: Json = json.loads(
        text, parse_float=refuse_number, parse_constant=refuse_number, object_pairs_hook=pairs
    )
    return value
