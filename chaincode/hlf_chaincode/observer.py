"""What metrics, traces and logs are told about streams and calls.

The runtime imports none of them: whoever wants to know implements ``Observer`` (``hlf_chaincode.metrics``,
``hlf_chaincode.tracing``) and is handed to the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Which call it is. ``function`` is ``contract:function``, or "" where the chaincode has none of the name
    that was asked for: such a name is the caller's text, and may hold anything."""

    package_id: str
    channel: str
    transaction_id: str
    function: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: the status of its response, and how long it took from its arrival, in seconds.

    ``reason``: ``ok``; ``refused`` (a ContractError); ``peer`` (the peer's ERROR); ``failed`` (any other
    exception); ``timeout``; ``busy`` (too many calls waited); ``lost`` (nobody waited any more, status 0).
    """

    status: int
    reason: str
    seconds: float


class Observer(Protocol):
    """Told on the event loop, so that both methods return at once and raise nothing."""

    def stream(self, package_id: str) -> Callable[[], None]:
        """A peer's stream has begun; the function that is returned is called when it ends."""

    def call(self, call: CallFacts) -> Callable[[Outcome], None]:
        """A call has arrived; the function that is returned is called once, when it has been answered."""


def observe_stream(observers: Sequence[Observer], package_id: str) -> Callable[[], None]:
    """Tell all observers of a stream; the result tells them of its end."""
    ends = [observer.stream(package_id) for observer in observers]

    def ended() -> None:
        for end in ends:
            end()

    return ended


def observe_call(observers: Sequence[Observer], call: CallFacts) -> Callable[[Outcome], None]:
    """Tell all observers of a call; the result tells them how it ended."""
    ends = [observer.call(call) for observer in observers]

    def ended(outcome: Outcome) -> None:
        for end in ends:
            end(outcome)

    return ended
