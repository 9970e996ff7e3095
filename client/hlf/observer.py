"""What metrics and traces are told about calls, RPCs and streams.

hlf imports neither: whoever wants to know implements ``Observer`` (`hlf.metrics`, `hlf.tracing`) and hands it
to the gateway. The chaincode runtime has the same shape: a method for what begins returns what to call when
it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Metadata = list[tuple[str, str]]
"""Headers of an RPC, such as traceparent: names in lower case."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A whole call of a contract: ``kind`` is evaluate, submit, submit_async or resume."""

    kind: str
    channel: str
    chaincode: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class RpcFacts:
    """One RPC, or one opening of a stream: ``method`` is Endorse, ChaincodeEvents, DeliverFiltered ..."""

    method: str
    channel: str
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: ``code`` is the gRPC status by name, CANCELLED where the caller went away; for a call
    that ended invalid, the validation code. ``seconds`` since its beginning; ``items``: answers received."""

    code: str
    seconds: float
    items: int = 0


Ended = Callable[[Outcome], None]


class Observer(Protocol):
    """Told in the caller's thread or task, so that all methods return at once and raise nothing."""

    def call(self, call: CallFacts) -> Ended:
        """A call begins; the function that is returned is called once, when it has ended."""

    def rpc(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """An RPC is about to be sent; headers may be added to ``metadata``."""

    def stream(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """A stream is about to be opened; it may be ended elsewhere than where it was opened."""


def observe_call(observers: Sequence[Observer], call: CallFacts) -> Ended:
    """Tell all observers of a call; the result tells them how it ended, the last one first."""
    return _all([observer.call(call) for observer in observers])


def observe_rpc(observers: Sequence[Observer], rpc: RpcFacts, metadata: Metadata) -> Ended:
    """Tell all observers of an RPC; the result tells them how it ended, the last one first."""
    return _all([observer.rpc(rpc, metadata) for observer in observers])


def observe_stream(observers: Sequence[Observer], rpc: RpcFacts, metadata: Metadata) -> Ended:
    """Tell all observers of a stream; the result tells them how it ended, the last one first."""
    return _all([observer.stream(rpc, metadata) for observer in observers])


def _all(ends: Sequence[Ended]) -> Ended:
    def ended(outcome: Outcome) -> None:
        for end in reversed(ends):
            end(outcome)

    return ended
