"""Who may call a function: organization, role and attributes of the caller, and who owns a record.

The checks hold for calls from the channel; a contract that calls its own method has made them already. All of
them have to pass; the first that does not is the refusal. Fabric checks that the caller's certificate is a
member's; what it says is all that a contract knows of the caller.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .context import Context
from .errors import ContractError

_F = TypeVar("_F", bound=Callable[..., Any])
Owners = str | Collection[str] | None


@dataclass(frozen=True)
class Requirement:
    """One condition on the caller. ``text`` says it in a word or two, for the chaincode's metadata; ``check``
    is given the context, of the contract's own kind where it has one, and raises a refusal."""

    text: str
    check: Callable[[Any], object]


@dataclass(frozen=True)
class Ownership:
    """The caller has to be an owner; ``arguments`` are what of the function tells whose the record is."""

    of: Callable[..., Owners]
    arguments: tuple[str, ...]
    text: str
    caller: Callable[[Context], str | None]

    def check(self, ctx: Context) -> None:
        """ContractError NOT_OWNER unless the caller is an owner."""
        given = ctx.arguments
        owners = self.of(ctx, **{name: given[name] for name in self.arguments if name in given})
        caller = self.caller(ctx)
        if not caller or caller not in ([owners] if isinstance(owners, str) else owners or ()):
            raise ContractError("NOT_OWNER", "the caller does not own this record")


def requires(
    *checks: Callable[[Any], object] | Requirement,
    msp: str | Collection[str] = (),
    role: str | Collection[str] = (),
    attribute: str | Mapping[str, str] = "",
) -> Callable[[_F], _F]:
    """Admit callers who meet every condition; others are refused with ContractError NOT_PERMITTED.

    ``msp``: one of these organizations, by MSP id. ``role``: one of these roles that NodeOUs give a
    certificate (client, peer, admin, orderer). ``attribute``: the certificate has this attribute, or these
    with these values. A check is a function of the context that raises a refusal of its own; it finds
    what the call is about in ``ctx.arguments``. As a ``Requirement`` it has a text for the metadata.
    """
    found: list[Requirement] = []
    if msp:
        found.append(_one_of("msp", _listed(msp), lambda ctx: ctx.client.msp_id))
    if role:
        found.append(_one_of("role", _listed(role), lambda ctx: ctx.client.role))
    if isinstance(attribute, Mapping):
        found += [_attribute(name, value) for name, value in attribute.items()]
    elif attribute:
        found.append(_attribute(attribute, None))
    found += [one if isinstance(one, Requirement) else Requirement(_name(one), one) for one in checks]
    if not found:
        raise ValueError("requires() names no condition")

    def mark(function: _F) -> _F:
        # Decorators apply from the innermost: what is written first is checked first.
        function._hlf_requirements = (*found, *requirements_of(function))  # type: ignore[attr-defined]
        return function

    return mark


def owned(of: Callable[..., Owners], *, attribute: str = "", msp: bool = False) -> Callable[[_F], _F]:
    """Admit the owner of the record that a call is about; others are refused with ContractError NOT_OWNER.

    ``of(ctx, …)`` takes the context and, by their names, those of the function's parameters that it needs,
    and gives the owner or the owners (None: nobody); it raises what it likes where there is no such record.
    An owner is what ``ctx.client.id`` says (subject and issuer of a certificate), or the value of a
    certificate ``attribute``, which survives a new certificate, or with ``msp`` an organization.
    """
    if attribute and msp:
        raise ValueError("an owner is told by an attribute or by an organization")
    _, *arguments = inspect.signature(of).parameters

    def caller(ctx: Context) -> str | None:
        if attribute:
            return ctx.client.attribute(attribute)
        return ctx.client.msp_id if msp else ctx.client.id

    found = Ownership(of, tuple(arguments), attribute or ("msp" if msp else "id"), caller)

    def mark(function: _F) -> _F:
        function._hlf_ownerships = (found, *ownerships_of(function))  # type: ignore[attr-defined]
        return function

    return mark


def requirements_of(function: object) -> tuple[Requirement, ...]:
    """The conditions on a function's caller, in the order in which they are checked."""
    found: tuple[Requirement, ...] = getattr(function, "_hlf_requirements", ())
    return found


def ownerships_of(function: object) -> tuple[Ownership, ...]:
    """Whose records a function is about."""
    found: tuple[Ownership, ...] = getattr(function, "_hlf_ownerships", ())
    return found


def _name(check: object) -> str:
    name: str = getattr(check, "__name__", type(check).__name__)
    return name


def _listed(names: str | Collection[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    # A set's order would be another one in each process.
    return tuple(names if isinstance(names, Sequence) else sorted(names))


def _one_of(kind: str, names: tuple[str, ...], read: Callable[[Context], str]) -> Requirement:
    wanted = " or ".join(names)

    def check(ctx: Context) -> None:
        found = read(ctx)
        if found not in names:
            raise ContractError("NOT_PERMITTED", f"this is for {kind} {wanted}, not for {found or 'none'}")

    return Requirement(f"{kind} {wanted}", check)


def _attribute(name: str, value: str | None) -> Requirement:
    text = name if value is None else f"{name}={value}"

    def check(ctx: Context) -> None:
        found = ctx.client.attribute(name)
        if found is None or value not in (None, found):
            raise ContractError("NOT_PERMITTED", f"the caller's certificate lacks the attribute {text}")

    return Requirement(f"attribute {text}", check)
