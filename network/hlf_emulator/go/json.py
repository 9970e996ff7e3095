"""JSON into typed fields as Go's encoding/json does it, with its words for what it cannot take.

A Fabric CA repeats those words to its clients. Field names match without regard to case, unknown ones are
passed over, ``null`` leaves a field as it was.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hlf_emulator.go.json_scan import scan
from hlf_emulator.go.values import GoValueError, parse_time

_INT = range(-(2**63), 2**63)


class GoJsonError(ValueError):
    """What encoding/json says of the text."""


class _Fraction(str):
    """A number that is no integer, as it was written."""


_KINDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", _Fraction: "number"}


@dataclass(frozen=True)
class Type:
    """A Go type by its name in error texts, and what it makes of a value of one of ``kinds``."""

    name: str
    kinds: tuple[type, ...]
    empty: Callable[[], Any]
    element: "Type | None" = None
    struct: "Struct | None" = None


@dataclass(frozen=True)
class Struct:
    """A Go struct: ``fields`` by JSON name; ``embedded`` by the name of the struct they come from."""

    name: str
    fields: Mapping[str, Type] = field(default_factory=dict)
    embedded: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[str, str, Type] | None:
        """JSON name, path in error texts and type of the field that a key stands for."""
        for known, kind in self.fields.items():
            if known.lower() == name.lower():
                return known, known, kind
        for part, fields in self.embedded.items():
            for known, kind in fields.items():
                if known.lower() == name.lower():
                    return known, f"{part}.{known}", kind
        return None

    def empty(self) -> dict[str, Any]:
        """Every field with the value Go gives it."""
        every = dict(self.fields)
        for fields in self.embedded.values():
            every |= fields
        return {name: kind.empty() for name, kind in every.items()}


TEXT = Type("string", (str,), str)
INT = Type("int", (int,), int)
BOOL = Type("bool", (bool,), bool)
BIG_INT = Type("*big.Int", (int,), lambda: None)
TIME = Type("time.Time", (str,), lambda: None)


def list_of(element: Type, name: str = "") -> Type:
    """A slice; None while no list was given, which is not the same as an empty one."""
    return Type(name or f"[]{element.name}", (list,), lambda: None, element=element)


def of_struct(name: str, struct: Struct, *, pointer: bool = False) -> Type:
    """A nested struct; None while none was given, where it is a pointer."""
    return Type(name, (dict,), (lambda: None) if pointer else struct.empty, struct=struct)


def decode(text: bytes, struct: Struct, package: str) -> dict[str, Any]:
    """The fields of a struct that Go calls ``package.name``. Raises GoJsonError with Go's text."""
    problem = scan(text)
    if problem is not None:
        raise GoJsonError(problem)
    try:
        value = json.loads(text.decode(errors="replace"), parse_float=_Fraction)
    except (RecursionError, ValueError) as error:
        # Nested deeper than Python follows, or a number of thousands of digits: Go goes on for longer.
        raise GoJsonError("exceeded max depth") from error
    if value is None:
        return struct.empty()
    if not isinstance(value, dict):
        kind = _KINDS[type(value)]
        raise GoJsonError(f"json: cannot unmarshal {kind} into Go value of type {package}.{struct.name}")
    return _struct(value, struct, "")


def encode(value: Any) -> str:
    """JSON as Go writes it, on one line: the letters of HTML are escaped, others are not."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _struct(value: Mapping[str, Any], struct: Struct, path: str) -> dict[str, Any]:
    result = struct.empty()
    for name, item in value.items():
        found = struct.find(name)
        if found is not None and item is not None:
            known, where, kind = found
            result[known] = _value(item, kind, struct.name, f"{path}{where}")
    return result


def _value(value: Any, kind: Type, owner: str, path: str) -> Any:
    if kind is TIME:
        return _time(value)
    if type(value) not in kind.kinds or (kind is INT and value not in _INT):
        what = _KINDS[type(value)]
        if kind is INT and type(value) in {_Fraction, int}:
            what = f"number {value}"
        raise GoJsonError(
            f"json: cannot unmarshal {what} into Go struct field {owner}.{path} of type {kind.name}"
        )
    if kind.element is not None:
        element = kind.element
        return [element.empty() if item is None else _value(item, element, owner, path) for item in value]
    if kind.struct is not None:
        return _struct(value, kind.struct, f"{path}.")
    if isinstance(value, str):
        # Half of a surrogate pair is no letter: Go puts U+FFFD in its place.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _time(value: Any) -> Any:
    if not isinstance(value, str):
        raise GoJsonError("Time.UnmarshalJSON: input is not a JSON string")
    try:
        return parse_time(value)
    except GoValueError as error:
        raise GoJsonError(str(error)) from error
