"""The call as a lending contract sees it: the records that it is about, and how they are kept.

A two-party private value is never read where it is changed: one endorser may lag and the two would disagree.
The client passes the present value in the transient field, here it is compared with its hash on the channel,
and Fabric's version check does the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta, timezone
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

import hlf_chaincode
from hlf_chaincode import ContractError, key_policy
from hlf_chaincode.lazy import lazy
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require, require_id
from lending_domain.records import Charter, Record, RecordView, encode, read_record
from lending_domain.states import LIVES, NEW, Step

T = TypeVar("T", bound=BaseModel)

CHARTER_KEY = "charter"
_KOREA = timezone(timedelta(hours=9))
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Living(Protocol):
    """What has a life in `states.LIVES`."""

    @property
    def type(self) -> str: ...
    @property
    def state(self) -> str: ...


class Context(hlf_chaincode.Context):
    """One call. What is committed does not change in its course, so it is read once."""

    @lazy
    def kind(self) -> Kind:
        """What the caller's organization is."""
        return kind_of(self.client.msp_id)

    @lazy
    def charter(self) -> Charter:
        """The charter in force."""
        charter = self.state.get_json(CHARTER_KEY, Charter)
        if charter is None:
            raise ContractError("NO_CHARTER", "the channel's members have not voted a charter here yet")
        return charter

    @lazy
    def today(self) -> date:
        """The transaction's day in Korea."""
        return self.timestamp.astimezone(_KOREA).date()

    def dated(self, on: date, after: date | None = None) -> date:
        """The signed business date, if it is neither in the future, too old, nor before the record's last."""
        lookback = self.charter.business_date_lookback_days
        require(on <= self.today, "DATE_IN_FUTURE", "the business date lies after the transaction's time")
        require(
            (self.today - on).days <= lookback,
            "DATE_TOO_OLD",
            f"the business date lies more than {lookback} days before the transaction's time",
        )
        require(
            after is None or on >= after,
            "DATE_BACKWARDS",
            "the business date lies before the last one of this record",
        )
        return on

    def find(self, record_type: str, record_id: str) -> Record | None:
        """A record, or None."""
        key = key_of(record_type, require_id(record_id, f"{record_type}_id"))
        if key not in self._found:
            raw = self.state.get(key)
            try:
                self._found[key] = None if raw is None else read_record(raw)
            except ValueError as error:
                raise ContractError(
                    "RECORD_VERSION", f"this contract cannot read the {record_type}'s version"
                ) from error
        return self._found[key]

    def load(self, record_type: str, record_id: str) -> Record:
        """A record that must exist."""
        record = self.find(record_type, record_id)
        if record is None:
            raise ContractError("UNKNOWN_RECORD", f"there is no {record_type} of this id on this channel")
        return record

    def named(self, record_type: str) -> Record:
        """The record that the call's argument `<type>_id` names; it must exist."""
        return self.load(record_type, self.arguments[f"{record_type}_id"])

    def records(self, record_type: str, state: str = "") -> Iterator[Record]:
        """The records of a type in a state, or in any if it is empty."""
        for one in self.state.range(f"{record_type}/", f"{record_type}0"):
            record = read_record(one.value)
            if state in ("", record.state):
                yield record

    def allowed(self, record: Living, action: str = "") -> Step:
        """What the action (the function called, unless named) does, if the record's state allows it."""
        action = action or self.function
        step = LIVES[record.type][action]
        require(
            record.state in step.sources,
            "WRONG_STATE",
            f"{action} needs a {record.type} that is {' or '.join(filter(None, step.sources)) or 'new'}; "
            f"this one is {record.state}",
        )
        return step

    def ready(self, record_type: str, record_id: str) -> Record:
        """The record, if its state allows the function called."""
        record = self.load(record_type, record_id)
        self.allowed(record)
        return record

    def create(
        self,
        record_type: str,
        record_id: str,
        on: date,
        parties: Sequence[str],
        *,
        holder: str | None = None,
        references: Mapping[str, str] = _NOTHING,
        commitments: Mapping[str, str] = _NOTHING,
        dates: Mapping[str, date] | None = None,
    ) -> RecordView:
        """Write a record that did not exist, as the function called begins it, and lock it to its parties."""
        known = self.find(record_type, record_id)
        require(known is None, "ALREADY_EXISTS", f"there is a {record_type} of this id already")
        step = LIVES[record_type][self.function]
        if NEW not in step.sources or step.target is None:
            raise ContractError("WRONG_STATE", f"{self.function} does not begin a {record_type}")
        record = Record(
            type=record_type,
            id=record_id,
            state=step.target,
            parties=tuple(parties),
            holder=holder,
            on=self.dated(on),
            references=dict(references),
            commitments=dict(commitments),
            dates=None if dates is None else dict(dates),
        )
        begun = self._write(record)
        self.state.set_policy(key_of(record_type, record_id), key_policy(parties))
        return begun

    def advance(
        self,
        record: Record,
        on: date,
        *,
        action: str = "",
        state: str = "",
        references: Mapping[str, str] = _NOTHING,
        commitments: Mapping[str, str] = _NOTHING,
        dates: Mapping[str, date] = _NOTHING,
    ) -> RecordView:
        """Write the record's next version: in the state that the action leads to, or `state` where the rules
        say it."""
        target = self.allowed(record, action).target
        return self._write(
            record.model_copy(
                update={
                    "state": state or target or record.state,
                    "on": self.dated(on, record.on),
                    "references": {**record.references, **references},
                    "commitments": {**record.commitments, **commitments},
                    "dates": {**(record.dates or {}), **dates} or None,
                }
            )
        )

    def _write(self, record: Record) -> RecordView:
        self.state.put(key_of(record.type, record.id), encode(record))
        return record.view

    @lazy
    def _found(self) -> dict[str, Record | None]:
        return {}

    def keep(self, collection: str, key: str, value: BaseModel) -> None:
        """Store a private value as canonical JSON."""
        self.private(collection).put(key, encode(value))

    def keep_new(self, collection: str, key: str, value: BaseModel) -> None:
        """Store the first private value of a record: one of another type may share collection and id."""
        require(
            self.private(collection).hash(key) is None,
            "ALREADY_EXISTS",
            "the collection holds a value under this id already",
        )
        self.keep(collection, key, value)

    def unchanged(self, collection: str, key: str, value: BaseModel) -> None:
        """Refuse when a value passed in the transient field is not the one that the collection holds."""
        known = self.private(collection).hash(key)
        require(known is not None, "UNKNOWN_RECORD", "the collection holds no such value")
        require(
            known == hashlib.sha256(encode(value)).digest(),
            "STALE_VALUE",
            "the value passed is not the one on the channel: read it again",
        )

    def opened(self, record_type: str, record_id: str, value: BaseModel, action: str = "") -> Record:
        """The record, if the action is allowed and the collection of its parties holds this value."""
        record = self.load(record_type, record_id)
        self.allowed(record, action)
        self.unchanged(pair(*record.parties), record.id, value)
        return record

    def read(self, collection: str, key: str, model: type[T]) -> T:
        """A private value, read at this peer: for queries, and where the only endorser is the owner."""
        value = self.private(collection).get_json(key, model)
        if value is None:
            raise ContractError("UNKNOWN_RECORD", "the collection holds no such value")
        return value


def key_of(record_type: str, record_id: str) -> str:
    """The public key of a record."""
    return f"{record_type}/{record_id}"


def pair(first: str, second: str) -> str:
    """The collection of two organizations, named in the order of the topology."""
    return f"{first}_{second}"


PARTIES = ("applicants", "semas")
"""The two who share what an applicant hands in."""
PAIR = pair(*PARTIES)
