"""Functions of a contract: arguments and results by their annotations, checks before, hooks around."""

from __future__ import annotations

import datetime
import enum
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from .context import Context
from .errors import ContractError
from .requires import Ownership, Requirement, ownerships_of, requirements_of
from .values.codec import DecodeError, Decoder, base_type, decoder, fitter, parse_json, to_json
from .values.exact_json import plain

_T = TypeVar("_T")
_TEXTS = (datetime.date, datetime.datetime, datetime.time, uuid.UUID)


class _PrivateMarker:
    """Marks a parameter that comes from the transient field."""

    def __repr__(self) -> str:
        return "private"


_PRIVATE = _PrivateMarker()
Private = Annotated[_T, _PRIVATE]
"""``terms: Private[Terms]``: filled from transient["terms"] as JSON (``bytes`` as they are). In the body
the value is a plain ``Terms``."""


class Hooks(Protocol):
    """What a contract is asked around each of its functions, and the context that they are given."""

    @property
    def context(self) -> type[Context]: ...

    def before(self, ctx: Context) -> None: ...

    def after(self, ctx: Context, result: Any) -> None: ...


@dataclass(frozen=True)
class Mark:
    """What the decorator of a function says."""

    read_only: bool
    name: str = ""
    init: bool = False


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function: where its value comes from and how it is read.

    Text and bytes come as they are, everything else as JSON; what JSON would put in quotes (dates, times,
    UUIDs, enumerations of texts) comes with or without them.
    """

    name: str
    annotation: Any
    private: bool
    required: bool
    raw: type | None
    unquoted: bool
    decode: Decoder

    def value(self, data: bytes) -> Any:
        """The argument's bytes as a value; DecodeError when they do not fit."""
        if self.raw is bytes:
            return data
        if self.raw is str or (self.unquoted and not data.startswith(b'"')):
            try:
                text = data.decode()
            except UnicodeDecodeError:
                raise DecodeError("expected UTF-8 text") from None
            return self.decode(text, "")
        return self.decode(parse_json(data), "")

    def data(self, value: Any) -> bytes:
        """A value as a client sends it: the reverse of ``value``. Text and bytes that are no value of the
        annotation go as they are."""
        if self.raw is None and isinstance(value, (str, bytes, bytearray)) and self._reads(value):
            return to_json(value)
        return encode_argument(value)

    def _reads(self, value: str | bytes | bytearray) -> bool:
        try:
            return bool(self.decode(plain(value), "") == value)
        except DecodeError:
            return False


@dataclass(frozen=True)
class Function:
    """One callable function of a contract."""

    contract: str
    name: str
    call: Callable[..., Any]
    read_only: bool
    init: bool
    parameters: tuple[Parameter, ...]
    returns: Any
    encode: Callable[[Any], bytes]
    signature: str
    requirements: tuple[Requirement, ...]
    ownerships: tuple[Ownership, ...]

    def run(self, ctx: Context, contract: Hooks) -> bytes:
        """Check the call, read its arguments, run the function between the contract's hooks; the result."""
        if self.init and not ctx.is_init:
            raise ContractError("NOT_INIT", f"{self.name} is for the chaincode's initialization (--isInit)")
        ctx.read_arguments = self.arguments
        contract.before(ctx)
        for requirement in self.requirements:
            requirement.check(ctx)
        for ownership in self.ownerships:
            ownership.check(ctx)
        result = self.call(ctx, **ctx.arguments)
        contract.after(ctx, result)
        return self.encode(result)

    def arguments(self, args: Sequence[bytes], transient: Mapping[str, bytes]) -> dict[str, Any]:
        """Values by parameter name; ContractError INVALID_ARGUMENT (with the signature) otherwise."""
        values: dict[str, Any] = {}
        public = [parameter for parameter in self.parameters if not parameter.private]
        if len(args) != len(public):
            self._check_number(len(args), public)
        for parameter, data in zip(public, args, strict=False):
            values[parameter.name] = self._read(parameter, data, "")
        for parameter in self.parameters:
            if parameter.private and parameter.name in transient:
                values[parameter.name] = self._read(parameter, transient[parameter.name], "transient ")
            elif parameter.private and parameter.required:
                raise self._refusal(f"transient field {parameter.name!r} is missing")
        return values

    def encode_arguments(self, values: Iterable[Any]) -> list[bytes]:
        """Values as a client sends them, by the function's own annotations; what is too much as it is."""
        public = (parameter for parameter in self.parameters if not parameter.private)
        return [
            parameter.data(value) if (parameter := next(public, None)) else encode_argument(value)
            for value in values
        ]

    def _check_number(self, given: int, public: Sequence[Parameter]) -> None:
        required = sum(parameter.required for parameter in public)
        if not required <= given <= len(public):
            wanted = str(required) if required == len(public) else f"{required} to {len(public)}"
            raise self._refusal(f"expected {wanted} argument(s), got {given}")

    def _read(self, parameter: Parameter, data: bytes, source: str) -> Any:
        try:
            return parameter.value(data)
        except DecodeError as error:
            raise self._refusal(f"{source}{parameter.name}: {error}") from None

    def _refusal(self, reason: str) -> ContractError:
        return ContractError("INVALID_ARGUMENT", f"{reason}; signature: {self.signature}")


def result_encoder(annotation: Any) -> Callable[[Any], bytes]:
    """How a function's result goes on the wire: text and bytes as they are, nothing for None, else JSON.

    The encoder raises TypeError for a value that does not fit the annotation: what a function says it
    returns is what may become public.
    """
    kind = base_type(annotation)
    if kind is Any or kind is inspect.Signature.empty:
        return unannotated_result
    if kind is None or kind is type(None):
        return lambda value: _fitting(b"", value is None, value)
    if kind is bytes:
        return lambda value: _fitting(value, isinstance(value, (bytes, bytearray)), value)
    if kind is str:
        return lambda value: _fitting(str(value).encode(), isinstance(value, str), value)
    fit = fitter(annotation)
    return lambda value: to_json(fit(value))


def unannotated_result(value: Any) -> bytes:
    """A result without an annotation: as an argument would be, and nothing for None."""
    return b"" if value is None else encode_argument(value)


def _fitting(data: bytes, fits: bool, value: Any) -> bytes:
    if not fits:
        raise TypeError(f"a result of type {type(value).__name__} does not fit the annotation")
    return bytes(data)


def decode_result(data: bytes, annotation: Any) -> Any:
    """The reverse of ``result_encoder``, for tests and Python clients."""
    kind = base_type(annotation)
    if kind is bytes or kind is inspect.Signature.empty:
        return data
    if kind is str:
        return data.decode()
    if kind is None or kind is type(None):
        return None
    return decoder(annotation)(parse_json(data), "")


def encode_argument(value: Any) -> bytes:
    """An argument on the wire: text and bytes as they are, else JSON."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode() if type(value) is str else to_json(value)


def functions_of(contract_name: str, contract: Hooks) -> Iterable[Function]:
    """The marked methods of a contract; TypeError where one cannot be served, naming it and the reason."""
    for attribute, declared in inspect.getmembers(type(contract), inspect.isroutine):
        mark = getattr(declared, "_hlf_mark", None)
        if mark is None:
            continue
        method = getattr(contract, attribute)
        where = f"{type(contract).__name__}.{attribute}"
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"{where}: contract functions are plain def")
        yield _function(contract_name, mark.name or attribute, method, mark, where)


def _function(contract_name: str, name: str, method: Any, mark: Mark, where: str) -> Function:
    try:
        hints = typing.get_type_hints(method.__func__, include_extras=True)
    except NameError as error:
        raise TypeError(f"{where}: {error}: annotations are looked up in the contract's module") from error
    declared = list(inspect.signature(method).parameters.values())
    if not declared:
        raise TypeError(f"{where}: the first parameter is the context")
    given, wanted = method.__self__.context, hints.get(declared[0].name)
    if isinstance(wanted, type) and not issubclass(given, wanted):
        raise TypeError(f"{where}: the contract's context is {given.__name__}, not {wanted.__name__}")
    parameters = []
    for parameter in declared[1:]:
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(f"{where}: {parameter.name} must be a plain parameter")
        if parameter.name not in hints:
            raise TypeError(f"{where}: {parameter.name} has no annotation")
        try:
            parameters.append(_parameter(parameter, hints[parameter.name]))
        except TypeError as error:
            raise TypeError(f"{where}: {parameter.name}: {error}") from error
    returns = hints.get("return", inspect.Signature.empty)
    ownerships = ownerships_of(method)
    for ownership in ownerships:
        unknown = [name for name in ownership.arguments if name not in {p.name for p in parameters}]
        if unknown:
            raise TypeError(f"{where}: the owner is told by {unknown[0]}, which is no parameter")
    shown = ", ".join(
        f"{p.name}: {'Private[' if p.private else ''}{type_name(p.annotation)}{']' if p.private else ''}"
        + ("" if p.required else " = …")
        for p in parameters
    )
    signature = f"{name}({shown}) -> {type_name(returns)}"
    try:
        encode = result_encoder(returns)
    except TypeError as error:
        raise TypeError(f"{where}: result: {error}") from error
    return Function(
        contract=contract_name,
        name=name,
        call=method,
        read_only=mark.read_only,
        init=mark.init,
        parameters=tuple(parameters),
        returns=returns,
        encode=encode,
        signature=signature,
        requirements=requirements_of(method),
        ownerships=ownerships,
    )


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    annotation, private = _without_marker(hint)
    kind = base_type(annotation)
    raw = kind if kind is bytes or (kind is str and not private) else None
    return Parameter(
        name=parameter.name,
        annotation=annotation,
        private=private,
        required=parameter.default is inspect.Parameter.empty,
        raw=raw,
        unquoted=kind in _TEXTS or _is_enumeration_of_texts(kind),
        decode=decoder(annotation),
    )


def _is_enumeration_of_texts(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Literal:
        return all(isinstance(choice, str) for choice in typing.get_args(kind))
    return (
        isinstance(kind, type)
        and issubclass(kind, enum.Enum)
        and all(isinstance(member.value, str) for member in kind)
    )


def _without_marker(hint: Any) -> tuple[Any, bool]:
    extras: list[Any] = []
    inner = hint
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
    if _mentions_private(inner):
        # Taken for a public argument, what is meant to be private would end in a block.
        raise TypeError(
            "Private[…] goes around the whole annotation: Private[T | None], not Private[T] | None"
        )
    kept = [extra for extra in extras if extra is not _PRIVATE]
    if len(kept) == len(extras):
        return hint, False
    return (Annotated[(inner, *kept)] if kept else inner), True


def _mentions_private(annotation: Any) -> bool:
    return annotation is _PRIVATE or any(map(_mentions_private, typing.get_args(annotation)))


def type_name(annotation: Any) -> str:
    """The annotation as a signature shows it: without modules, without constraints."""
    kind = base_type(annotation)
    if kind is inspect.Signature.empty:
        return "Any"
    if kind is None or kind is type(None):
        return "None"
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_name, arguments))
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if arguments:
        shown = ", ".join("…" if one is Ellipsis else type_name(one) for one in arguments)
        return f"{getattr(origin, '__name__', origin)}[{shown}]"
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
