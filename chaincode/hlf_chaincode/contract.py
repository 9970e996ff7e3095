"""Contracts: classes whose marked methods are callable from a channel."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from .codec import DecodeError, Decoder, base_type, decoder, fitter, parse_json, to_json
from .context import Context
from .errors import ContractError

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")

METADATA_FUNCTION = "org.hyperledger.fabric:GetMetadata"


class _PrivateMarker:
    """Marks a parameter that comes from the transient field."""

    def __repr__(self) -> str:
        return "private"


_PRIVATE = _PrivateMarker()
Private = Annotated[_T, _PRIVATE]
"""``terms: Private[Terms]``: filled from transient["terms"] as JSON (``bytes`` as they are). In the body
the value is a plain ``Terms``."""


@dataclass(frozen=True)
class _Mark:
    read_only: bool


def transaction(function: _F) -> _F:
    """Mark a method as a function that may write."""
    function._hlf_mark = _Mark(read_only=False)  # type: ignore[attr-defined]
    return function


def query(function: _F) -> _F:
    """Mark a method as a function that cannot write; an attempt to is refused even when it is submitted."""
    function._hlf_mark = _Mark(read_only=True)  # type: ignore[attr-defined]
    return function


class Contract:
    """Base of contracts. ``name`` is the contract's name on the wire (default: the class's).

    One instance serves all calls, from several threads at once: a contract keeps no state of its own.
    """

    name: str = ""

    def before(self, ctx: Context) -> None:
        """Called before each function; raise ContractError to refuse."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function: where its value comes from and how it is read."""

    name: str
    annotation: Any
    private: bool
    required: bool
    default: Any
    raw: type | None
    decode: Decoder

    def value(self, data: bytes) -> Any:
        """The argument's bytes as a value; DecodeError when they do not fit."""
        if self.raw is bytes:
            return data
        if self.raw is str:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                raise DecodeError("expected UTF-8 text") from None
            return self.decode(text, "")
        return self.decode(parse_json(data), "")


@dataclass(frozen=True)
class Function:
    """One callable function of a contract."""

    contract: str
    name: str
    call: Callable[..., Any]
    read_only: bool
    parameters: tuple[Parameter, ...]
    returns: Any
    encode: Callable[[Any], bytes]
    signature: str

    def arguments(self, args: Sequence[bytes], transient: Mapping[str, bytes]) -> dict[str, Any]:
        """Values by parameter name; ContractError INVALID_ARGUMENT (with the signature) otherwise."""
        values: dict[str, Any] = {}
        public = [parameter for parameter in self.parameters if not parameter.private]
        required = sum(parameter.required for parameter in public)
        if not required <= len(args) <= len(public):
            wanted = str(required) if required == len(public) else f"{required} to {len(public)}"
            raise self._refusal(f"expected {wanted} argument(s), got {len(args)}")
        for parameter, data in zip(public, args, strict=False):
            values[parameter.name] = self._read(parameter, data, "")
        for parameter in self.parameters:
            if parameter.private and parameter.name in transient:
                values[parameter.name] = self._read(parameter, transient[parameter.name], "transient ")
            elif parameter.private and parameter.required:
                raise self._refusal(f"transient field {parameter.name!r} is missing")
        return values

    def _read(self, parameter: Parameter, data: bytes, source: str) -> Any:
        try:
            return parameter.value(data)
        except DecodeError as error:
            raise self._refusal(f"{source}{parameter.name}: {error}") from None

    def _refusal(self, reason: str) -> ContractError:
        return ContractError("INVALID_ARGUMENT", f"{reason}; signature: {self.signature}")


class Registry:
    """The functions of a chaincode's contracts, found by name; the first contract is the default."""

    def __init__(self, contracts: Iterable[type[Contract] | Contract]) -> None:
        self.functions: dict[tuple[str, str], Function] = {}
        self.contracts: list[Contract] = []
        names: list[str] = []
        for given in contracts:
            contract = given() if isinstance(given, type) else given
            name = contract.name or type(contract).__name__
            if name in names:
                raise ValueError(f"two contracts are named {name!r}")
            names.append(name)
            self.contracts.append(contract)
            for function in _functions(name, contract):
                self.functions[name, function.name] = function
        if not names:
            raise ValueError("a chaincode has at least one contract")
        self._names = names

    def find(self, name: str) -> Function:
        """The function called ``function`` or ``contract:function``; ContractError UNKNOWN_FUNCTION."""
        contract, _, function = name.rpartition(":")
        for candidate in [contract] if contract else self._names:
            found = self.functions.get((candidate, function))
            if found:
                return found
        known = "; ".join(found.signature for found in self.functions.values())
        raise ContractError("UNKNOWN_FUNCTION", f"no function {name[:100]!r}; known: {known}")

    def call(self, ctx: Context, allow_writes: Callable[[bool], None]) -> bytes:
        """Run the function that the arguments name; its result as bytes.

        ``allow_writes`` is told, before the function runs, whether it may write.
        """
        if not ctx.args:
            raise ContractError("UNKNOWN_FUNCTION", "the call names no function")
        name = ctx.args[0].decode(errors="replace")
        if name == METADATA_FUNCTION:
            return to_json(self.metadata())
        function = self.find(name)
        allow_writes(not function.read_only)
        values = function.arguments(ctx.args[1:], ctx.transient)
        owner = function.call.__self__  # type: ignore[attr-defined]
        owner.before(ctx)
        return function.encode(function.call(ctx, **values))

    def metadata(self) -> dict[str, Any]:
        """Names, parameters and results of all functions."""
        contracts: dict[str, Any] = {}
        for (contract, _), function in self.functions.items():
            entry = contracts.setdefault(contract, {"name": contract, "transactions": []})
            entry["transactions"].append(
                {
                    "name": function.name,
                    "tag": ["evaluate" if function.read_only else "submit"],
                    "signature": function.signature,
                    "parameters": [
                        {"name": p.name, "type": _type_name(p.annotation), "transient": p.private}
                        for p in function.parameters
                    ],
                    "returns": _type_name(function.returns),
                }
            )
        return {"contracts": contracts}


def result_encoder(annotation: Any) -> Callable[[Any], bytes]:
    """How a function's result goes on the wire: text and bytes as they are, nothing for None, else JSON.

    The encoder raises TypeError for a value that does not fit the annotation: what a function says it
    returns is what may become public.
    """
    kind = base_type(annotation)
    if kind is Any or kind is inspect.Signature.empty:
        return _plain_result
    if kind is None or kind is type(None):
        return lambda value: _fitting(b"", value is None, value)
    if kind is bytes:
        return lambda value: _fitting(value, isinstance(value, (bytes, bytearray)), value)
    if kind is str:
        return lambda value: _fitting(str(value).encode(), isinstance(value, str), value)
    fit = fitter(annotation)
    return lambda value: to_json(fit(value))


def _plain_result(value: Any) -> bytes:
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


def _functions(contract_name: str, contract: Contract) -> Iterable[Function]:
    for name, declared in inspect.getmembers(type(contract), inspect.isroutine):
        mark = getattr(declared, "_hlf_mark", None)
        if mark is None:
            continue
        method = getattr(contract, name)
        where = f"{type(contract).__name__}.{name}"
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"{where}: contract functions are plain def")
        yield _function(contract_name, name, method, mark, where)


def _function(contract_name: str, name: str, method: Any, mark: _Mark, where: str) -> Function:
    try:
        hints = typing.get_type_hints(method.__func__, include_extras=True)
    except NameError as error:
        raise TypeError(f"{where}: {error}: annotations are looked up in the contract's module") from error
    declared = list(inspect.signature(method).parameters.values())
    if not declared:
        raise TypeError(f"{where}: the first parameter is the context")
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
    shown = ", ".join(
        f"{p.name}: {'Private[' if p.private else ''}{_type_name(p.annotation)}{']' if p.private else ''}"
        + ("" if p.required else " = …")
        for p in parameters
    )
    signature = f"{name}({shown}) -> {_type_name(returns)}"
    try:
        encode = result_encoder(returns)
    except TypeError as error:
        raise TypeError(f"{where}: result: {error}") from error
    return Function(
        contract=contract_name,
        name=name,
        call=method,
        read_only=mark.read_only,
        parameters=tuple(parameters),
        returns=returns,
        encode=encode,
        signature=signature,
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
        default=parameter.default,
        raw=raw,
        decode=decoder(annotation),
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


def _type_name(annotation: Any) -> str:
    kind = base_type(annotation)
    if kind is inspect.Signature.empty:
        return "Any"
    if kind is None or kind is type(None):
        return "None"
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__name__
    return str(kind).replace("typing.", "")
