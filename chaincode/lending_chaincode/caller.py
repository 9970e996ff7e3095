"""Who may call: the organization's kind, the caller's role, the holder of a record.

Belonging to an organization is never enough. The applicants' node serves all applicants, so a record is
reached by the `holder` attribute of the caller's certificate; an institution's staff carry a `role`; whatever
governs a channel is for a member's administrators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from hlf_chaincode import Context, ContractError, Requirement, requires
from lending_chaincode.books import named
from lending_domain.funds import catalogue
from lending_domain.records import Record

F = TypeVar("F", bound=Callable[..., Any])


class Kind(StrEnum):
    """What an organization is, told by its MSP id."""

    APPLICANTS = "applicants"
    SEMAS = "semas"
    MSS = "mss"
    ISSUER = "issuer"
    FOUNDATION = "foundation"
    BANK = "bank"
    OTHER = "other"


# The certificate attribute `role` that an institution's staff carry.
_STAFF_ROLE = {
    Kind.SEMAS: "officer",
    Kind.MSS: "officer",
    Kind.BANK: "officer",
    Kind.FOUNDATION: "evaluator",
    Kind.ISSUER: "issuer",
}


def kind_of(msp_id: str) -> Kind:
    """The kind of an organization; OTHER for one that has no part in lending."""
    if msp_id in (Kind.APPLICANTS, Kind.SEMAS, Kind.MSS):
        return Kind(msp_id)
    if msp_id.startswith("foundation-"):
        return Kind.FOUNDATION
    if msp_id.startswith("bank-"):
        return Kind.BANK
    if any(document.issuer == msp_id for document in catalogue().documents.values()):
        return Kind.ISSUER
    return Kind.OTHER


def staff(ctx: Context, *kinds: Kind) -> str:
    """The caller's MSP id, if it is one of these kinds and the caller carries its staff role."""
    msp_id = ctx.client.msp_id
    kind = kind_of(msp_id)
    if kind not in kinds:
        names = " or ".join(kinds)
        raise ContractError("NOT_PERMITTED", f"this is for {names}, not for {msp_id}")
    if ctx.client.attribute("role") != _STAFF_ROLE.get(kind):
        raise ContractError("NOT_PERMITTED", f"the caller's certificate lacks the role {_STAFF_ROLE[kind]}")
    return msp_id


def officer(ctx: Context) -> str:
    """Who calls, as a digest of name and issuer: both survive re-enrolment, and a second certificate makes
    no second officer."""
    return hashlib.sha256(ctx.client.id.encode()).hexdigest()


def administrator(ctx: Context, *kinds: Kind) -> str:
    """The MSP id, if the caller administers an organization of these kinds (any, if none is named)."""
    msp_id = ctx.client.msp_id
    if kinds and kind_of(msp_id) not in kinds:
        raise ContractError("NOT_PERMITTED", f"this is for {' or '.join(kinds)}, not for {msp_id}")
    if ctx.client.role != "admin":
        raise ContractError("NOT_PERMITTED", "this is for an administrator of the organization")
    return msp_id


def applicant(ctx: Context) -> str:
    """The holder in the caller's certificate, if the caller is an applicant."""
    holder = ctx.client.attribute("holder")
    if kind_of(ctx.client.msp_id) is not Kind.APPLICANTS:
        raise ContractError("NOT_PERMITTED", f"this is for applicants, not for {ctx.client.msp_id}")
    if not holder:
        raise ContractError("NOT_PERMITTED", "the caller's certificate names no holder")
    if kind_of(holder) is not Kind.OTHER:
        # Sealing keys of holders and organizations stand in one directory.
        raise ContractError("NOT_PERMITTED", "the caller's certificate gives an organization as its holder")
    return holder


def holder_of(ctx: Context, record: Record) -> str:
    """The caller's holder, if it owns the record."""
    holder = applicant(ctx)
    if record.holder is None or record.holder != holder:
        raise ContractError("NOT_HOLDER", f"the {record.type} belongs to another holder")
    return holder


def party(ctx: Context, record: Record, *kinds: Kind) -> str:
    """The caller's MSP id, if its organization owns the record and the caller is staff there."""
    msp_id = staff(ctx, *kinds)
    if msp_id not in record.parties:
        raise ContractError("NOT_PARTY", f"{msp_id} is no party to this {record.type}")
    return msp_id


def holder_or_party(ctx: Context, record: Record, *kinds: Kind) -> str:
    """The caller's MSP id, if the caller holds the record or is staff of an owning organization."""
    if kind_of(ctx.client.msp_id) is Kind.APPLICANTS:
        holder_of(ctx, record)
        return ctx.client.msp_id
    return party(ctx, record, *kinds)


def check_channel(ctx: Context, name: str) -> None:
    """Refuse a call on another channel."""
    if ctx.channel != name:
        raise ContractError("WRONG_CHANNEL", f"this is done on {name}")


# The same as decorators of contract functions. A record is the one that the argument `<type>_id` names.


def on_channel(name: str) -> Callable[[F], F]:
    """For calls on this channel."""
    return requires(Requirement(f"channel {name}", lambda ctx: check_channel(ctx, name)))


def by_staff(*kinds: Kind) -> Callable[[F], F]:
    """For staff of these kinds of organizations."""
    return requires(Requirement(f"staff of {' or '.join(kinds)}", lambda ctx: staff(ctx, *kinds)))


def by_administrator(*kinds: Kind) -> Callable[[F], F]:
    """For administrators of these kinds of organizations (of any, if none is named)."""
    return requires(
        Requirement(
            f"administrator of {' or '.join(kinds) or 'a member'}", lambda ctx: administrator(ctx, *kinds)
        )
    )


def by_applicant(function: F) -> F:
    """For applicants, who have a holder."""
    return requires(Requirement("applicant", applicant))(function)


def by_holder(record_type: str) -> Callable[[F], F]:
    """For the holder of the record."""
    return requires(
        Requirement(f"holder of the {record_type}", lambda ctx: holder_of(ctx, named(ctx, record_type)))
    )


def by_party(record_type: str, *kinds: Kind) -> Callable[[F], F]:
    """For staff of the organizations that own the record, if they are of these kinds."""
    text = f"owner of the {record_type}, staff of {' or '.join(kinds)}"
    return requires(Requirement(text, lambda ctx: party(ctx, named(ctx, record_type), *kinds)))


def by_holder_or_party(record_type: str, *kinds: Kind) -> Callable[[F], F]:
    """For the holder of the record, and staff of the organizations that own it."""
    text = f"holder of the {record_type}, or owner of it and staff of {' or '.join(kinds)}"
    return requires(Requirement(text, lambda ctx: holder_or_party(ctx, named(ctx, record_type), *kinds)))
