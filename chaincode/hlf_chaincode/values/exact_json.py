"""JSON text without loss: fractions as Decimal, no name twice, no NaN, no float.

Decimals, dates and UUIDs are written as JSON strings, bytes as base64, an aware datetime with its offset.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Mapping
from typing import Any


class DecodeError(ValueError):
    """A value that does not fit its annotation; the text holds the place and the expectation only."""


def parse_json(data: bytes | str) -> Any:
    """JSON text as Python values: Decimal for fractions; duplicate names, NaN and Infinity are refused."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(
            text, parse_float=decimal.Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object
        )
        if "\\u" in text:
            # Half a character by its escape could be held and never be written again.
            json.dumps(value, ensure_ascii=False, default=str).encode()
        return value
    except RecursionError:
        raise DecodeError("JSON nested too deeply") from None
    except DecodeError:
        raise
    except ValueError:
        # The decoder's own text may quote the input, so it is not repeated.
        raise DecodeError("not valid JSON") from None


def to_json(value: Any) -> bytes:
    """A value as compact UTF-8 JSON; TypeError for what has no exact form: floats, sets, naive datetimes."""
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TypeError("a text holds half a character: it has no UTF-8 form") from None


def plain(value: Any) -> Any:
    """The value as str, int, bool, None, list and dict; TypeError where that would lose something."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, (str, int)):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise TypeError("NaN and Infinity have no JSON form")
        return str(value)
    if isinstance(value, datetime.datetime) and value.utcoffset() is None:
        raise TypeError("a datetime without an offset names no moment: make it aware")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json", by_alias=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        named = {json_name(key): plain(item) for key, item in value.items()}
        if len(named) != len(value):
            raise TypeError("two keys have the same name in JSON")
        return named
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        raise TypeError("a float is not exact: use Decimal or an integer in the smallest unit")
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


def json_name(key: Any) -> str:
    """A mapping's key as the name of a JSON object's member."""
    name = plain(key)
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise TypeError("a JSON object's names are strings")
    return str(name)


def _refuse_constant(name: str) -> Any:
    raise DecodeError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DecodeError("a JSON object has the same name twice")
    return result
