"""Who may call: the organization's kind, the caller's role, the holder of a record.

Belonging to an organization is never enough. The applicants' node serves all applicants, so a record is
reached by the `holder` attribute of the caller's certificate; an institution's staff carry a `role`; whatever
governs a channel is for a member's administrators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from hlf_chaincode import Requirement, requires
from lending_chaincode.context import Context
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require
from lending_domain.records import Record

F = TypeVar("F", bound=Callable[..., Any])


# The certificate attribute `role` that an institution's staff carry.
_STAFF_ROLE = {
    Kind.SEMAS: "officer",
    Kind.MSS: "officer",
    Kind.BANK: "officer",
    Kind.FOUNDATION: "evaluator",
    Kind.ISSUER: "issuer",
}


def organization(ctx: Context, *kinds: Kind) -> str:
    """The caller's MSP id, if it is one of these kinds (of any, if none is named)."""
    msp_id = ctx.client.msp_id
    fits = not kinds or ctx.kind in kinds
    require(fits, "NOT_PERMITTED", f"this is for {' or '.join(kinds)}, not for {msp_id}")
    return msp_id


def staff(ctx: Context, *kinds: Kind) -> str:
    """The caller's MSP id, if it is one of these kinds and the caller carries its staff role."""
    msp_id, role = organization(ctx, *kinds), _STAFF_ROLE.get(ctx.kind)
    carried = ctx.client.attribute("role") == role
    require(carried, "NOT_PERMITTED", f"the caller's certificate lacks the role {role}")
    return msp_id


def administrator(ctx: Context, *kinds: Kind) -> str:
    """The caller's MSP id, if it is one of these kinds and the caller administers the organization."""
    msp_id = organization(ctx, *kinds)
    administers = ctx.client.role == "admin"
    require(administers, "NOT_PERMITTED", "this is for an administrator of the organization")
    return msp_id


def applicant(ctx: Context) -> str:
    """The holder in the caller's certificate, if the caller is an applicant."""
    organization(ctx, Kind.APPLICANTS)
    holder = ctx.client.attribute("holder") or ""
    require(bool(holder), "NOT_PERMITTED", "the caller's certificate names no holder")
    # Sealing keys of holders and organizations stand in one directory.
    someone = kind_of(holder) is Kind.OTHER
    require(someone, "NOT_PERMITTED", "the caller's certificate gives an organization as its holder")
    return holder


def officer(ctx: Context) -> str:
    """Who calls, as a digest of name and issuer: both survive re-enrolment, and a second certificate makes
    no second officer."""
    return hashlib.sha256(ctx.client.id.encode()).hexdigest()


def holder_of(ctx: Context, record: Record) -> str:
    """The caller's holder, if it owns the record."""
    holder = applicant(ctx)
    require(record.holder == holder, "NOT_HOLDER", f"the {record.type} belongs to another holder")
    return holder


def party(ctx: Context, record: Record, *kinds: Kind) -> str:
    """The caller's MSP id, if its organization owns the record and the caller is staff there."""
    msp_id = staff(ctx, *kinds)
    require(msp_id in record.parties, "NOT_PARTY", f"{msp_id} is no party to this {record.type}")
    return msp_id


def holder_or_party(ctx: Context, record: Record, *kinds: Kind) -> str:
    """The caller's holder or MSP id, if it owns the record and the caller is the holder or staff there."""
    return holder_of(ctx, record) if ctx.kind is Kind.APPLICANTS else party(ctx, record, *kinds)


def check_channel(ctx: Context, name: str) -> None:
    """Refuse a call on another channel."""
    require(ctx.channel == name, "WRONG_CHANNEL", f"this is done on {name}")


# The same as decorators of contract functions. A record is the one that the argument `<type>_id` names.

by_applicant = requires(Requirement("applicant", applicant))
"""For applicants, who have a holder."""


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


def by_holder(record_type: str) -> Callable[[F], F]:
    """For the holder of the record."""
    return requires(
        Requirement(f"holder of the {record_type}", lambda ctx: holder_of(ctx, ctx.named(record_type)))
    )


def by_party(record_type: str, *kinds: Kind) -> Callable[[F], F]:
    """For staff of the organizations that own the record, if they are of these kinds."""
    text = f"owner of the {record_type}, staff of {' or '.join(kinds)}"
    return requires(Requirement(text, lambda ctx: party(ctx, ctx.named(record_type), *kinds)))


def by_holder_or_party(record_type: str, *kinds: Kind) -> Callable[[F], F]:
    """For the holder of the record, and staff of the organizations that own it."""
    text = f"holder of the {record_type}, or owner of it and staff of {' or '.join(kinds)}"
    return requires(Requirement(text, lambda ctx: holder_or_party(ctx, ctx.named(record_type), *kinds)))
