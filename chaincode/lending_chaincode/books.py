"""How records are kept: public record, private value, business date, state, event.

A two-party private value is never read where it is changed: one endorser may lag and the two would disagree.
The client passes the present value in the transient field, here it is compared with its hash on the channel,
and Fabric's version check does the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta, timezone
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from hlf_chaincode import Context, ContractError, key_policy
from lending_domain.canonical import parse
from lending_domain.records import Charter, Record, RecordView, encode, read_record
from lending_domain.states import LIVES, NEW
from lending_domain.violations import Refused, Violation

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

KOREA = timezone(timedelta(hours=9))
CHARTER_KEY = "charter"
_ID = re.compile(r"[0-9a-f]{32}")


def require_id(value: str, name: str) -> str:
    """An id of 128 random bits in hexadecimal; ids are private keys too, so they must not be guessable."""
    if not _ID.fullmatch(value):
        raise ContractError("BAD_ARGUMENT", f"{name} must be 32 lower-case hexadecimal digits")
    return value


def require(condition: bool, code: str, message: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise ContractError(code, message)


def refuse_all(violations: Sequence[Violation]) -> None:
    """Refuse for the first of the violations, and name all of them in the fields."""
    if violations:
        first = violations[0]
        found = [{"code": one.code, "field": one.field, "ko": one.ko, "en": one.en} for one in violations]
        raise ContractError(first.code, first.en, violations=found)


def ruled(rule: Callable[..., R], *args: Any, **named: Any) -> R:
    """A domain rule's answer; its refusal becomes the contract's."""
    try:
        return rule(*args, **named)
    except Refused as refusal:
        refuse_all(refusal.violations)
        raise


def charter_of(ctx: Context) -> Charter:
    """The charter in force."""
    raw = ctx.state.get(CHARTER_KEY)
    if raw is None:
        raise ContractError("NO_CHARTER", "the channel's members have not voted a charter here yet")
    return Charter.model_validate(parse(raw))


def dated(ctx: Context, on: date, after: date | None = None) -> date:
    """The signed business date, if it is neither in the future, too old, nor before the record's last one."""
    today = ctx.timestamp.astimezone(KOREA).date()
    lookback = charter_of(ctx).business_date_lookback_days
    require(on <= today, "DATE_IN_FUTURE", "the business date lies after the transaction's time")
    require(
        (today - on).days <= lookback,
        "DATE_TOO_OLD",
        f"the business date lies more than {lookback} days before the transaction's time",
    )
    require(
        after is None or on >= after,
        "DATE_BACKWARDS",
        "the business date lies before the last one of this record",
    )
    return on


def key_of(record_type: str, record_id: str) -> str:
    """The public key of a record."""
    return f"{record_type}/{record_id}"


def find(ctx: Context, record_type: str, record_id: str) -> Record | None:
    """A public record, or None."""
    raw = ctx.state.get(key_of(record_type, require_id(record_id, f"{record_type}_id")))
    try:
        return None if raw is None else read_record(raw)
    except ValueError as error:
        raise ContractError(
            "RECORD_VERSION", f"this contract cannot read the {record_type}'s version"
        ) from error


def load(ctx: Context, record_type: str, record_id: str) -> Record:
    """A public record that must exist."""
    record = find(ctx, record_type, record_id)
    if record is None:
        raise ContractError("UNKNOWN_RECORD", f"there is no {record_type} of this id on this channel")
    return record


def named(ctx: Context, record_type: str) -> Record:
    """The record that the call's argument `<type>_id` names; it must exist."""
    return load(ctx, record_type, ctx.arguments[f"{record_type}_id"])


def create(
    ctx: Context,
    record_type: str,
    record_id: str,
    *,
    parties: Sequence[str],
    on: date,
    holder: str | None = None,
    references: dict[str, str] | None = None,
    commitments: dict[str, str] | None = None,
    dates: dict[str, date] | None = None,
) -> Record:
    """Write a record that did not exist, as the function called begins it, and lock it to its parties."""
    require(
        find(ctx, record_type, record_id) is None,
        "ALREADY_EXISTS",
        f"there is a {record_type} of this id already",
    )
    step = LIVES[record_type][ctx.function]
    if NEW not in step.sources or step.target is None:
        raise ContractError("WRONG_STATE", f"{ctx.function} does not begin a {record_type}")
    record = Record(
        type=record_type,
        id=record_id,
        state=step.target,
        parties=tuple(parties),
        holder=holder,
        on=dated(ctx, on),
        references=references or {},
        commitments=commitments or {},
        dates=dates,
    )
    key = key_of(record_type, record_id)
    ctx.state.put(key, encode(record))
    ctx.state.set_policy(key, key_policy(parties))
    return record


class Living(Protocol):
    """What has a life in `states.LIVES`."""

    @property
    def type(self) -> str: ...
    @property
    def state(self) -> str: ...


def allowed(ctx: Context, record: Living, action: str = "") -> None:
    """Refuse an action (the function called, unless named) that the record's state does not allow."""
    action = action or ctx.function
    sources = LIVES[record.type][action].sources
    require(
        record.state in sources,
        "WRONG_STATE",
        f"{action} needs a {record.type} that is {' or '.join(filter(None, sources)) or 'new'}; "
        f"this one is {record.state}",
    )


def advance(
    ctx: Context,
    record: Record,
    on: date,
    *,
    action: str = "",
    state: str | None = None,
    references: dict[str, str] | None = None,
    commitments: dict[str, str] | None = None,
    dates: dict[str, date] | None = None,
) -> Record:
    """Write the record's next version: the state that the action leads to, or `state` where the rules say."""
    allowed(ctx, record, action)
    target = state or LIVES[record.type][action or ctx.function].target or record.state
    changed = record.model_copy(
        update={
            "state": target,
            "on": dated(ctx, on, record.on),
            "references": {**record.references, **(references or {})},
            "commitments": {**record.commitments, **(commitments or {})},
            "dates": {**(record.dates or {}), **(dates or {})} or None,
        }
    )
    ctx.state.put(key_of(record.type, record.id), encode(changed))
    return changed


def view(record: Record) -> RecordView:
    """What a function that writes returns, and so what its event says: id and state, nothing else."""
    return RecordView(id=record.id, state=record.state)


def pair(first: str, second: str) -> str:
    """The collection of two organizations, named in the order of the topology."""
    return f"{first}_{second}"


PAIR = pair("applicants", "semas")


def keep(ctx: Context, collection: str, key: str, value: BaseModel) -> None:
    """Store a private value as canonical JSON."""
    ctx.private(collection).put(key, encode(value))


def keep_new(ctx: Context, collection: str, key: str, value: BaseModel) -> None:
    """Store the first private value of a record: a record of another type may share collection and id."""
    require(
        ctx.private(collection).hash(key) is None,
        "ALREADY_EXISTS",
        "the collection holds a value under this id already",
    )
    keep(ctx, collection, key, value)


def unchanged(ctx: Context, collection: str, key: str, value: BaseModel) -> None:
    """Refuse when a value passed in the transient field is not the one that the collection holds."""
    known = ctx.private(collection).hash(key)
    require(known is not None, "UNKNOWN_RECORD", "the collection holds no such value")
    require(
        known == hashlib.sha256(encode(value)).digest(),
        "STALE_VALUE",
        "the value passed is not the one on the channel: read it again",
    )


def opened(ctx: Context, record_type: str, record_id: str, value: BaseModel, action: str = "") -> Record:
    """The record, if the action is allowed and the collection of its parties holds this value."""
    record = load(ctx, record_type, record_id)
    allowed(ctx, record, action)
    unchanged(ctx, pair(*record.parties), record.id, value)
    return record


def read_private(ctx: Context, collection: str, key: str, model: type[T]) -> T:
    """A private value, read at this peer: for queries, and where the only endorser is the owner."""
    raw = ctx.private(collection).get(key)
    if raw is None:
        raise ContractError("UNKNOWN_RECORD", "the collection holds no such value")
    try:
        return model.model_validate(parse(raw))
    except ValidationError as error:
        # Its text would repeat private fields.
        raise ContractError("BAD_RECORD", "the stored value has another form") from error
