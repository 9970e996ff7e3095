"""Values by annotations that hold pydantic models or constraints. pydantic is imported when one is met."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import typing
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .exact_json import DecodeError, json_name
from .readers import INEXACT, Decoder, base_type, expected

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_WRITTEN_AS_TEXT = (str, bytes, datetime.date, datetime.time, uuid.UUID)


def wants_pydantic(annotation: Any, seen: set[Any]) -> bool:
    """Whether pydantic reads the annotation: a model or ``Annotated`` somewhere in it."""
    if isinstance(annotation, typing.NewType):
        return wants_pydantic(annotation.__supertype__, seen)
    if typing.get_origin(annotation) is typing.Annotated:
        return True
    if isinstance(annotation, type):
        if hasattr(annotation, "__pydantic_core_schema__"):
            return True
        if dataclasses.is_dataclass(annotation) and annotation not in seen:
            seen.add(annotation)
            hints = typing.get_type_hints(annotation, include_extras=True)
            return any(wants_pydantic(hint, seen) for hint in hints.values())
    return any(
        wants_pydantic(argument, seen)
        for argument in typing.get_args(annotation)
        if not isinstance(argument, (str, int, bytes))
    )


def model_decoder(annotation: Any) -> Decoder:
    """The reader of an annotation by pydantic, in strict mode; TypeError for floats in it."""
    # Imported here: contracts without models start without paying for pydantic.
    import pydantic

    adapter = _adapter(annotation)
    parts = list(_parts(annotation, set()))
    _refuse_floats(parts)
    keyed = any(map(_has_other_names, parts))

    def decode(value: Any, place: str) -> Any:
        fractions: list[decimal.Decimal] = []

        def in_quotes(fraction: decimal.Decimal) -> str:
            # pydantic would read a number with a fraction through float.
            fractions.append(fraction)
            return str(fraction)

        text = json.dumps([value], default=in_quotes)
        try:
            (found,) = adapter.validate_json(text, strict=True)
        except pydantic.ValidationError:
            # After a validator that runs before pydantic's own, strict mode takes no Decimal and no date from
            # JSON. So once more as pydantic likes it, and then nothing may have become something else.
            try:
                (found,) = adapter.validate_json(text)
            except pydantic.ValidationError as error:
                raise DecodeError(_explain(error, place)) from None
            _check_kept(value, found, place)
        else:
            if fractions or keyed:
                _check_kept(value, found, place)
        return found

    return decode


def model_fitter(annotation: Any) -> Callable[[Any], Any]:
    """What of a value goes into JSON, by pydantic, in strict mode; TypeError where it does not fit."""
    import pydantic
    from pydantic_core import PydanticSerializationError

    adapter = _adapter(annotation)
    _refuse_floats(_parts(annotation, set()))

    def fit(value: Any) -> Any:
        try:
            # Dumped by the annotation's own schema: what a subclass adds does not go out.
            checked = adapter.validate_python([value], strict=True)
            return adapter.dump_python(checked, mode="json", by_alias=True, warnings="error")[0]
        except pydantic.ValidationError as error:
            raise TypeError(f"the result does not fit its annotation: {_explain(error, '')}") from None
        except PydanticSerializationError:
            # Its text would repeat the value.
            raise TypeError("the result does not fit its annotation") from None

    return fit


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """pydantic's reader and writer of a list with one such value; only around a list can it be told how bytes
    go into JSON. A model says for itself (pydantic's default is UTF-8 text)."""
    import pydantic

    config = pydantic.ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
    return pydantic.TypeAdapter(list[annotation], config=config)


def _parts(annotation: Any, seen: set[type]) -> Iterator[Any]:
    """The annotation and all that it holds. The adapter has been made: a model's fields have their types."""
    annotation = base_type(annotation)
    yield annotation
    inner = list(typing.get_args(annotation))
    if isinstance(annotation, type) and annotation not in seen:
        seen.add(annotation)
        inner += [field.annotation for field in getattr(annotation, "model_fields", {}).values()]
        if dataclasses.is_dataclass(annotation):
            inner += typing.get_type_hints(annotation).values()
    for part in inner:
        yield from _parts(part, seen)


def _refuse_floats(parts: Iterable[Any]) -> None:
    # pydantic would round without a word.
    if any(part is float for part in parts):
        raise TypeError(INEXACT)


def _has_other_names(part: Any) -> bool:
    keys = typing.get_args(part)
    return typing.get_origin(part) in (dict, Mapping) and base_type(keys[0]) is not str


def _check_kept(value: Any, found: Any, place: str) -> None:
    """DecodeError where pydantic made of the JSON what it does not say: 5 of "5" or of true, a text of a
    number, one key of "1" and "01"."""
    if isinstance(found, enum.Enum):
        found = found.value
    if isinstance(value, dict):
        for name, item in _members(value, found, place):
            _check_kept(value[name], item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        # What is no sequence was made by a validator of the model's own.
        for index, item in enumerate(found if isinstance(found, (list, tuple)) else ()):
            _check_kept(value[index], item, f"{place}[{index}]")
    elif isinstance(found, bool) or isinstance(value, bool):
        if found is not value:
            raise expected(place, "true or false" if isinstance(found, bool) else "an integer")
    elif isinstance(found, int) and not isinstance(value, int):
        raise expected(place, "an integer")
    elif isinstance(found, _WRITTEN_AS_TEXT) and not isinstance(value, str):
        raise expected(place, "a string")


def _members(value: dict[str, Any], found: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The members of an object that pydantic has read, by the names in the JSON."""
    if isinstance(found, Mapping):
        names = [json_name(key) for key in found]
        if set(names) != value.keys() or len(names) != len(value):
            raise expected(place, "each name once, as it would be written")
        yield from zip(names, found.values(), strict=True)
        return
    fields = getattr(type(found), "model_fields", {})
    for name, item in getattr(found, "__dict__", {}).items():
        alias = (fields[name].alias if name in fields else None) or name
        if alias in value:
            yield alias, item


def _explain(error: Any, place: str) -> str:
    texts = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        # A name that no field has comes from the caller and may hold anything.
        known = item["loc"][1:-1] if item["type"] == "extra_forbidden" else item["loc"][1:]
        where = ".".join([place, *map(str, known)] if place else map(str, known))
        texts.append(f"{where}: {item['msg']}" if where else item["msg"])
    return "; ".join(texts)
