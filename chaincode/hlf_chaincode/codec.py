"""Exact JSON: values to bytes and back by their annotations, never through binary floating point.

Numbers with a fraction or an exponent are read as Decimal and Decimals are written as JSON strings. Built-in
types, dataclasses and enums need the standard library only; annotations that contain a pydantic model or
``Annotated`` constraints are handed to pydantic, which is imported at that moment. Error messages name the
place and what was expected, and never repeat the value.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Decoder = Callable[[Any, str], Any]
_Made = TypeVar("_Made")

_INEXACT = "float is not exact: annotate with Decimal or int"


class DecodeError(ValueError):
    """A value that does not fit its annotation; the text holds the place and the expectation only."""


def parse_json(data: bytes | str) -> Any:
    """JSON text as Python values: Decimal for fractions; duplicate names, NaN and Infinity are refused."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        return json.loads(
            text, parse_float=decimal.Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object
        )
    except RecursionError:
        raise DecodeError("JSON nested too deeply") from None
    except DecodeError:
        raise
    except ValueError:
        # The decoder's own text may quote the input, so it is not repeated.
        raise DecodeError("not valid JSON") from None


def to_json(value: Any) -> bytes:
    """A value as compact UTF-8 JSON; TypeError for floats, sets and what has no JSON form."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def from_json(data: bytes | str, annotation: Any) -> Any:
    """JSON text as a value of the annotation; DecodeError when it does not fit."""
    return decoder(annotation)(parse_json(data), "")


def decoder(annotation: Any) -> Decoder:
    """The function ``(parsed JSON, place) -> value`` for an annotation; TypeError if it has no exact form."""
    return _once(_new_decoder, annotation)


def fitter(annotation: Any) -> Callable[[Any], Any]:
    """The function that checks a Python value against an annotation and gives what of it goes into JSON.

    It raises TypeError; the text names places and expectations, never values.
    """
    return _once(_new_fitter, annotation)


def _once(make: Callable[[Any], _Made], annotation: Any) -> _Made:
    try:
        hash(annotation)
    except TypeError:
        # Constraints that cannot be hashed: made anew each time.
        return make(annotation)
    made: _Made = _made_once(make, annotation)
    return made


@functools.lru_cache(maxsize=2048)
def _made_once(make: Callable[[Any], Any], annotation: Any) -> Any:
    # A pydantic adapter takes a millisecond to make, and contracts decode with the same few all the time.
    return make(annotation)


def _new_decoder(annotation: Any) -> Decoder:
    if _wants_pydantic(annotation, set()):
        return _pydantic_decoder(annotation)
    return _compile(annotation, {})


def _new_fitter(annotation: Any) -> Callable[[Any], Any]:
    if _wants_pydantic(annotation, set()):
        return _pydantic_fitter(annotation)
    decode = _compile(annotation, {})

    def fit(value: Any) -> Any:
        try:
            return decode(parse_json(to_json(value)), "")
        except DecodeError as error:
            raise TypeError(f"the result does not fit its annotation: {error}") from None

    return fit


def base_type(annotation: Any) -> Any:
    """The annotation without NewType and Annotated around it."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        else:
            return annotation


# --- encoding


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, (str, int)):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise TypeError("NaN and Infinity have no JSON form")
        return str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="json", by_alias=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_name(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        raise TypeError("a float is not exact: use Decimal or an integer in the smallest unit")
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


def _name(key: Any) -> str:
    plain = _plain(key)
    if isinstance(plain, bool) or not isinstance(plain, (str, int)):
        raise TypeError("a JSON object's names are strings")
    return str(plain)


# --- decoding


def _refuse_constant(name: str) -> Any:
    raise DecodeError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DecodeError("a JSON object has the same name twice")
    return result


def _expected(place: str, what: str) -> DecodeError:
    return DecodeError(f"{place}: expected {what}" if place else f"expected {what}")


def _wants_pydantic(annotation: Any, seen: set[Any]) -> bool:
    if isinstance(annotation, typing.NewType):
        return _wants_pydantic(annotation.__supertype__, seen)
    if typing.get_origin(annotation) is typing.Annotated:
        return True
    if isinstance(annotation, type):
        if hasattr(annotation, "__pydantic_core_schema__"):
            return True
        if dataclasses.is_dataclass(annotation) and annotation not in seen:
            seen.add(annotation)
            hints = typing.get_type_hints(annotation, include_extras=True)
            return any(_wants_pydantic(hint, seen) for hint in hints.values())
    return any(
        _wants_pydantic(argument, seen)
        for argument in typing.get_args(annotation)
        if not isinstance(argument, (str, int, bytes))
    )


def _pydantic_decoder(annotation: Any) -> Decoder:
    # Imported here: contracts without models start without paying for pydantic.
    import pydantic

    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
    _refuse_floats(annotation, set())

    def decode(value: Any, place: str) -> Any:
        try:
            # Through JSON text, so that strict models take dates and enums; fractions go as strings, so that
            # a Decimal field gets every digit.
            return adapter.validate_json(to_json(value))
        except pydantic.ValidationError as error:
            raise DecodeError(_explain(error, place)) from None

    return decode


def _pydantic_fitter(annotation: Any) -> Callable[[Any], Any]:
    import pydantic

    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
    _refuse_floats(annotation, set())

    def fit(value: Any) -> Any:
        try:
            # Dumped by the annotation's own schema: what a subclass adds does not go out.
            return adapter.dump_python(adapter.validate_python(value), mode="json", by_alias=True)
        except pydantic.ValidationError as error:
            raise TypeError(f"the result does not fit its annotation: {_explain(error, '')}") from None

    return fit


def _refuse_floats(annotation: Any, seen: set[type]) -> None:
    """Raise TypeError for a float anywhere in what pydantic reads: it would round without a word."""
    annotation = base_type(annotation)
    if annotation is float:
        raise TypeError(_INEXACT)
    if isinstance(annotation, type) and annotation not in seen:
        seen.add(annotation)
        # The adapter has been made, so a model's fields have their types by now.
        for field in getattr(annotation, "model_fields", {}).values():
            _refuse_floats(field.annotation, seen)
        if dataclasses.is_dataclass(annotation):
            for hint in typing.get_type_hints(annotation).values():
                _refuse_floats(hint, seen)
    for argument in typing.get_args(annotation):
        _refuse_floats(argument, seen)


def _explain(error: Any, place: str) -> str:
    texts = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join([place, *map(str, item["loc"])] if place else map(str, item["loc"]))
        texts.append(f"{where}: {item['msg']}" if where else item["msg"])
    return "; ".join(texts)


def _compile(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    annotation = base_type(annotation)
    if annotation is Any or annotation is object:
        return _anything
    if annotation is None or annotation is type(None):
        return _none
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if annotation is float:
        raise TypeError(_INEXACT)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _union([_compile(member, known) for member in typing.get_args(annotation)])
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
        raise _expected(place, "null")


def _boolean(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _expected(place, "true or false")
    return value


def _integer(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected(place, "an integer")
    return value


def _string(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _expected(place, "a string")
    return value


def _bytes(value: Any, place: str) -> bytes:
    try:
        return base64.b64decode(_string(value, place), validate=True)
    except binascii.Error:
        raise _expected(place, "base64") from None


def _decimal(value: Any, place: str) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, decimal.Decimal)):
        raise _expected(place, "a decimal number")
    try:
        number = decimal.Decimal(value)
    except decimal.InvalidOperation:
        raise _expected(place, "a decimal number") from None
    if not number.is_finite():
        raise _expected(place, "a finite decimal number")
    return number


def _date(value: Any, place: str) -> datetime.date:
    text = _string(value, place)
    try:
        if len(text) != 10:
            raise ValueError
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise _expected(place, "a date YYYY-MM-DD") from None


def _datetime(value: Any, place: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(_string(value, place))
    except ValueError:
        raise _expected(place, "a date and time in ISO 8601") from None


def _time(value: Any, place: str) -> datetime.time:
    try:
        return datetime.time.fromisoformat(_string(value, place))
    except ValueError:
        raise _expected(place, "a time in ISO 8601") from None


def _uuid(value: Any, place: str) -> uuid.UUID:
    try:
        return uuid.UUID(_string(value, place))
    except ValueError:
        raise _expected(place, "a UUID") from None


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
        raise _expected(place, "one of " + ", ".join(map(str, choices)))

    return decode


def _sequence(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    arguments = typing.get_args(annotation)
    build: Callable[[list[Any]], Any] = (
        tuple if (typing.get_origin(annotation) or annotation) is tuple else list
    )
    if build is tuple and arguments and arguments[-1] is not Ellipsis:
        members = [_compile(argument, known) for argument in arguments]

        def fixed(value: Any, place: str) -> Any:
            if not isinstance(value, list) or len(value) != len(members):
                raise _expected(place, f"a list of {len(members)}")
            pairs = zip(members, value, strict=True)
            return tuple(member(item, f"{place}[{index}]") for index, (member, item) in enumerate(pairs))

        return fixed
    member = _compile(arguments[0] if arguments else Any, known)

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, list):
            raise _expected(place, "a list")
        return build([member(item, f"{place}[{index}]") for index, item in enumerate(value)])

    return decode


def _mapping(annotation: Any, known: dict[Any, Decoder]) -> Decoder:
    arguments = typing.get_args(annotation) or (str, Any)
    read_key = _compile(arguments[0], known)
    read_value = _compile(arguments[1], known)
    integer_keys = base_type(arguments[0]) is int

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise _expected(place, "an object")
        result = {}
        for key, item in value.items():
            name = key
            if integer_keys:
                name = int(key) if key.lstrip("-").isascii() and key.lstrip("-").isdigit() else key
            result[read_key(name, f"{place} (name)")] = read_value(item, f"{place}.{key}" if place else key)
        return result

    return decode


def _enumeration(annotation: type[enum.Enum]) -> Decoder:
    by_value = {json.dumps(_plain(member)): member for member in annotation}
    choices = ", ".join(by_value)

    def decode(value: Any, place: str) -> Any:
        try:
            return by_value[json.dumps(_plain(value))]
        except (KeyError, TypeError):
            raise _expected(place, f"one of {choices}") from None

    return decode


def _dataclass(annotation: type[Any], known: dict[Any, Decoder]) -> Decoder:
    if annotation in known:
        return known[annotation]
    members: dict[str, Decoder] = {}
    required: set[str] = set()

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise _expected(place, "an object")
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
        members[field.name] = _compile(hints[field.name], known)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.add(field.name)
    return decode
