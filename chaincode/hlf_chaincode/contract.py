"""Contracts: classes whose marked methods are callable from a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .context import Context
from .errors import ContractError
from .functions import (
    Function,
    Mark,
    Private,
    decode_result,
    encode_argument,
    functions_of,
    result_encoder,
    unannotated_result,
)
from .metadata import METADATA_FUNCTION, describe
from .values.codec import to_json

if TYPE_CHECKING:
    from .determinism.guard import Guard

__all__ = [
    "METADATA_FUNCTION",
    "Contract",
    "Function",
    "Private",
    "Registry",
    "decode_result",
    "encode_argument",
    "query",
    "result_encoder",
    "transaction",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_KNOWN_LENGTH = 1000  # characters; a refusal travels in metadata, of which many clients take 8 KiB


@overload
def transaction(function: _F) -> _F: ...


@overload
def transaction(*, name: str = "", init: bool = False) -> Callable[[_F], _F]: ...


def transaction(function: _F | None = None, *, name: str = "", init: bool = False) -> _F | Callable[[_F], _F]:
    """Mark a method as a function that may write.

    ``name`` is its name on the wire (default: the method's). An ``init`` function runs only as the
    chaincode's initialization, which a definition with ``--init-required`` asks for before anything else.
    """
    return _marked(function, Mark(read_only=False, name=name, init=init))


@overload
def query(function: _F) -> _F: ...


@overload
def query(*, name: str = "") -> Callable[[_F], _F]: ...


def query(function: _F | None = None, *, name: str = "") -> _F | Callable[[_F], _F]:
    """Mark a method as a function that cannot write; an attempt to is refused even when it is submitted."""
    return _marked(function, Mark(read_only=True, name=name))


def _marked(function: _F | None, mark: Mark) -> _F | Callable[[_F], _F]:
    def set_mark(marked: _F) -> _F:
        marked._hlf_mark = mark  # type: ignore[attr-defined]
        return marked

    return set_mark if function is None else set_mark(function)


class Contract:
    """Base of contracts. ``name`` is the contract's name on the wire (default: the class's), ``version`` what
    its metadata says, ``context`` what its functions and hooks are given: a subclass of Context with what
    they share.

    One instance serves all calls, from several threads at once: a contract keeps no state of its own.
    """

    name: str = ""
    version: str = ""
    context: type[Context] = Context

    def before(self, ctx: Context) -> None:
        """Called before each function, and before its callers and arguments are checked; raise ContractError
        to refuse. ``ctx.function`` is what is called."""

    def after(self, ctx: Context, result: Any) -> None:
        """Called with each function's result, before it is encoded; raise ContractError to refuse."""

    def refusal(self, ctx: Context, error: Exception) -> ContractError | None:
        """Called with what a function, a check or another hook raised that is no ContractError: the refusal
        that it means to the caller, for example where a library that knows no chaincode raises its own.

        None, as it stands here, is none: the error goes on.
        """

    def unknown(self, ctx: Context) -> Any:
        """Called for a function that the contract does not have; ``ctx.args`` are as sent, and it may write.

        As it stands here, nothing is called: the caller is told which functions there are.
        """
        raise ContractError("UNKNOWN_FUNCTION", f"the contract has no function {ctx.function[:100]!r}")


class Registry:
    """The functions of a chaincode's contracts, found by name; the first contract is the default.

    ``guard`` has each call watched for what another endorser's run might do otherwise (see ``guard``).
    """

    def __init__(self, contracts: Iterable[type[Contract] | Contract], *, guard: bool = False) -> None:
        self.functions: dict[tuple[str, str], Function] = {}
        self.contracts: list[Contract] = []
        self._named: dict[str, Contract] = {}
        for given in contracts:
            contract = given() if isinstance(given, type) else given
            name = contract.name or type(contract).__name__
            if name in self._named:
                raise ValueError(f"two contracts are named {name!r}")
            self._named[name] = contract
            self.contracts.append(contract)
            for function in functions_of(name, contract):
                if (name, function.name) in self.functions:
                    raise ValueError(f"two functions of {name} are named {function.name!r}")
                self.functions[name, function.name] = function
        if not self._named:
            raise ValueError("a chaincode has at least one contract")
        self._guard: Guard | None = None
        if guard:
            # Imported here: a server without it starts without paying for it.
            from .determinism.guard import Guard

            self._guard = Guard(frozenset(type(one).__module__.partition(".")[0] for one in self.contracts))

    def find(self, name: str) -> Function:
        """The function called ``function`` or ``contract:function``; ContractError UNKNOWN_FUNCTION.

        Without a contract the default one is looked through first, then the others in their order.
        """
        contract, _, function = name.rpartition(":")
        for candidate in [contract] if contract else self._named:
            found = self.functions.get((candidate, function))
            if found:
                return found
        raise ContractError("UNKNOWN_FUNCTION", f"no function {name[:100]!r}; known: {self._known(function)}")

    def call(self, ctx: Context, allow_writes: Callable[[bool], None]) -> bytes:
        """Run the function that the arguments name; its result as bytes.

        ``allow_writes`` is told, before the function runs, whether it may write. An initialization without
        arguments asks for nothing and is answered with nothing.
        """
        if not ctx.args:
            if ctx.is_init:
                return b""
            raise ContractError("UNKNOWN_FUNCTION", "the call names no function")
        name = ctx.args[0].decode(errors="replace")
        if name == METADATA_FUNCTION:
            allow_writes(False)
            return to_json(self.metadata())
        if self._guard is None:
            return self._call(ctx, name, allow_writes)
        with self._guard.watching():
            return self._call(ctx, name, allow_writes)

    def metadata(self) -> dict[str, Any]:
        """Contracts, functions, parameters and results, in the form of Fabric's contract metadata."""
        return describe(self._named, self.functions.values())

    def _call(self, ctx: Context, name: str, allow_writes: Callable[[bool], None]) -> bytes:
        function: Function | None
        try:
            function = self.find(name)
            contract = self._named[function.contract]
        except ContractError:
            handler = self._handler(name)
            if handler is None:
                raise
            function, contract = None, handler
        ctx = ctx.of_kind(contract.context)
        try:
            if function is None:
                ctx.function = name.rpartition(":")[2]
                contract.before(ctx)
                return unannotated_result(contract.unknown(ctx))
            ctx.function = function.name
            allow_writes(not function.read_only)
            return function.run(ctx, contract)
        except ContractError:
            raise
        except Exception as error:
            refusal = contract.refusal(ctx, error)
            if refusal is None:
                raise
            raise refusal from error

    def _known(self, wanted: str) -> str:
        """Every signature; where that would be too long, those of the likeliest names, then the names."""
        known = "; ".join(found.signature for found in self.functions.values())
        if len(known) <= _KNOWN_LENGTH:
            return known
        # Imported here: a server whose callers make no mistakes starts without it.
        import difflib

        names = list(dict.fromkeys(name for _, name in self.functions))
        close = difflib.get_close_matches(wanted, names)
        likely = [found.signature for found in self.functions.values() if found.name in close]
        return f"{'; '.join([*likely, ', '.join(names)])[:_KNOWN_LENGTH]}…"

    def _handler(self, name: str) -> Contract | None:
        """The contract that takes calls of unknown functions itself, if there is one for this name."""
        wanted = name.rpartition(":")[0] or next(iter(self._named))
        contract = self._named.get(wanted)
        return contract if contract is not None and type(contract).unknown is not Contract.unknown else None
