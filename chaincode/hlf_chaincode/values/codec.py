"""Exact JSON: values to bytes and back by their annotations, never through binary floating point.

Numbers with a fraction or an exponent are read as Decimal and Decimals are written as JSON strings. Built-in
types, dataclasses and enums need the standard library only; annotations that contain a pydantic model or
``Annotated`` constraints are handed to pydantic, in its strict mode, which is imported at that moment. Error
messages name the place and what was expected, and never repeat the value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .exact_json import DecodeError, parse_json, to_json
from .models import model_decoder, model_fitter, wants_pydantic
from .readers import Decoder, base_type, compile_reader

__all__ = ["DecodeError", "Decoder", "base_type", "decoder", "fitter", "from_json", "parse_json", "to_json"]

_Made = TypeVar("_Made")


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
    if wants_pydantic(annotation, set()):
        return model_decoder(annotation)
    return compile_reader(annotation, {})


def _new_fitter(annotation: Any) -> Callable[[Any], Any]:
    if wants_pydantic(annotation, set()):
        return model_fitter(annotation)
    decode = compile_reader(annotation, {})

    def fit(value: Any) -> Any:
        try:
            return decode(parse_json(to_json(value)), "")
        except DecodeError as error:
            raise TypeError(f"the result does not fit its annotation: {error}") from None

    return fit
