"""Parsed JSON to values by annotation, with the standard library alone.

Error texts name the place and what was expected, and never repeat the value.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import re
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .exact_json import DecodeError, plain

Decoder = Callable[[Any, str], Any]

INEXACT = "float is not exact: annotate with Decimal or int"

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


def base_type(annotation: Any) -> Any:
    """The annotation without NewType and Annotated around it."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        else:
            return annotation


def compile_reader(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    """The reader of an annotation; TypeError where it has no exact form. ``known``: dataclasses met."""
    annotation = base_type(annotation)
    if annotation is Any or annotation is object:
        return _anything
    if annotation is None or annotation is type(None):
        return _none
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if annotation is float:
        raise TypeError(INEXACT)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        members = typing.get_args(annotation)
        _refuse_ambiguity(members)
        return _union([compile_reader(member, known) for member in members])
    if origin is typing.Literal:
        return _literal(typing.get_args(annotation))
    if annotation in (list, tuple) or origin in (list, tuple, Sequence):
        return _sequence(annotation, known)
    if annotation is dict or origin in (dict, Mapping):
        return _mapping(annotation, known)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enumeration(annotation)
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _dataclass(annotation, known)
    raise TypeError(f"{annotation!r} has no exact JSON form")


def _anything(value: Any, _place: str) -> Any:
    return value


def _none(value: Any, place: str) -> None:
    if value is not None:
        raise expected(place, "null")


def _boolean(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise expected(place, "true or false")
    return value


def _integer(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise expected(place, "an integer")
    return value


def _string(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise expected(place, "a string")
    return value


def _bytes(value: Any, place: str) -> bytes:
    text = _string(value, place)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise expected(place, "base64") from None


def _decimal(value: Any, place: str) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, decimal.Decimal)):
        raise expected(place, "a decimal number")
    try:
        number = decimal.Decimal(value)
    except decimal.InvalidOperation:
        raise expected(place, "a decimal number") from None
    if not number.is_finite():
        raise expected(place, "a finite decimal number")
    return number


def _date(value: Any, place: str) -> datetime.date:
    text = _string(value, place)
    try:
        if len(text) != 10:
            raise ValueError
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise expected(place, "a date YYYY-MM-DD") from None


def _datetime(value: Any, place: str) -> datetime.datetime:
    text = _string(value, place)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        # Without an offset each reader would take it for another moment.
        raise expected(place, "a date and time in ISO 8601 with its offset")
    return moment


def _time(value: Any, place: str) -> datetime.time:
    text = _string(value, place)
    try:
        return datetime.time.fromisoformat(text)
    except ValueError:
        raise expected(place, "a time in ISO 8601") from None


def _uuid(value: Any, place: str) -> uuid.UUID:
    text = _string(value, place)
    try:
        return uuid.UUID(text)
    except ValueError:
        raise expected(place, "a UUID") from None


_SCALARS: Mapping[Any, Decoder] = {
    bool: _boolean,
    int: _integer,
    str: _string,
    bytes: _bytes,
    decimal.Decimal: _decimal,
    datetime.date: _date,
    datetime.datetime: _datetime,
    datetime.time: _time,
    uuid.UUID: _uuid,
}


# Scalars by how JSON shows them: of two that look alike, a value could come back as the other.
_FORMS: Mapping[Any, str] = {
    int: "number",
    decimal.Decimal: "string or number",
    **dict.fromkeys((str, bytes, datetime.date, datetime.datetime, datetime.time, uuid.UUID), "string"),
}


def _refuse_ambiguity(members: Sequence[Any]) -> None:
    forms = [form for member in members for form in _FORMS.get(base_type(member), "").split(" or ") if form]
    if len(forms) != len(set(forms)):
        raise TypeError("a union of types that look alike in JSON does not tell them apart")


def _union(members: list[Decoder]) -> Decoder:
    def decode(value: Any, place: str) -> Any:
        reasons = []
        for member in members:
            try:
                return member(value, place)
            except DecodeError as error:
                reasons.append(str(error))
        raise DecodeError(" or ".join(dict.fromkeys(reasons)))

    return decode


def _literal(choices: tuple[Any, ...]) -> Decoder:
    def decode(value: Any, place: str) -> Any:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise expected(place, "one of " + ", ".join(map(str, choices)))

    return decode


def _sequence(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    arguments = typing.get_args(annotation)
    build: Callable[[list[Any]], Any] = (
        tuple if (typing.get_origin(annotation) or annotation) is tuple else list
    )
    if build is tuple and arguments and arguments[-1] is not Ellipsis:
        members = [compile_reader(argument, known) for argument in arguments]

        def fixed(value: Any, place: str) -> Any:
            if not isinstance(value, list) or len(value) != len(members):
                raise expected(place, f"a list of {len(members)}")
            pairs = zip(members, value, strict=True)
            return tuple(member(item, f"{place}[{index}]") for index, (member, item) in enumerate(pairs))

        return fixed
    member = compile_reader(arguments[0] if arguments else Any, known)

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, list):
            raise expected(place, "a list")
        return build([member(item, f"{place}[{index}]") for index, item in enumerate(value)])

    return decode


def _mapping(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    arguments = typing.get_args(annotation) or (str, Any)
    read_key = compile_reader(arguments[0], known)
    read_value = compile_reader(arguments[1], known)
    integer_keys = base_type(arguments[0]) is int

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise expected(place, "an object")
        result = {}
        # Names come from the caller and may hold anything: a place does not repeat them.
        name_place, value_place = f"{place} (name)".strip(), f"{place}.*".lstrip(".")
        for name, item in value.items():
            key = int(name) if integer_keys and _INTEGER.fullmatch(name) else name
            result[read_key(key, name_place)] = read_value(item, value_place)
        if len(result) != len(value):
            raise expected(place, "each name once")
        return result

    return decode


def _enumeration(annotation: type[enum.Enum]) -> Decoder:
    by_value = {json.dumps(plain(member)): member for member in annotation}
    choices = ", ".join(by_value)

    def decode(value: Any, place: str) -> Any:
        try:
            return by_value[json.dumps(plain(value))]
        except (KeyError, TypeError):
            raise expected(place, f"one of {choices}") from None

    return decode


def _dataclass(annotation: type[Any], known: dict[Any, Decoder]) -> Decoder:
    if annotation in known:
        return known[annotation]
    members: dict[str, Decoder] = {}
    required: set[str] = set()

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise expected(place, "an object")
        prefix = f"{place}." if place else ""
        unknown = sorted(value.keys() - members.keys())
        missing = sorted(required - value.keys())
        if unknown or missing:
            texts = [f"{prefix}{name}: missing" for name in missing]
            # Names that nobody declared come from the caller and may hold anything: they are counted.
            texts += [f"{place or 'object'}: {len(unknown)} unknown field(s)"] if unknown else []
            raise DecodeError("; ".join(texts))
        return annotation(**{name: members[name](item, prefix + name) for name, item in value.items()})

    # Registered before its members are read: a dataclass may contain itself.
    known[annotation] = decode
    hints = typing.get_type_hints(annotation, include_extras=True)
    for field in dataclasses.fields(annotation):
        if not field.init:
            continue
        members[field.name] = compile_reader(hints[field.name], known)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.add(field.name)
    return decode


def expected(place: str, what: str) -> DecodeError:
    """The error of a value that is something else."""
    return DecodeError(f"{place}: expected {what}" if place else f"expected {what}")
