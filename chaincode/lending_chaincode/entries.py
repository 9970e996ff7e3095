"""Events of a loan's log as they come in with a call."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

from hlf_chaincode import ContractError
from lending_chaincode.refusals import require
from lending_domain.loan_events import AnyEvent
from lending_domain.records_servicing import Entry

E = TypeVar("E", bound=AnyEvent)


def event_of(entry: Entry, kind: type[E], on: date) -> E:
    """The entry's event, which must be of the function's kind and dated the business date."""
    event = entry.event
    if not isinstance(event, kind):
        raise ContractError("BAD_ARGUMENT", f"this function records a {kind.__name__.lower()}")
    require(event.on == on, "BAD_ARGUMENT", "the event is dated the business date")
    return event
