"""What flows yield, fail with and take from their surroundings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from google.protobuf.message import Message

from hlf.commitlog import Watch
from hlf.errors import GatewayError, PeerDetail
from hlf.hints import hint_for
from hlf.identity import Identity, SigningIdentity
from hlf.observer import Observer

T = TypeVar("T")
G = TypeVar("G", bound=GatewayError)


class Call(NamedTuple):
    """One unary RPC: the answer is a ``response``, a failure is thrown in as RpcFailure."""

    method: str
    request: Message
    response: type[Message]
    timeout: float | None
    metadata: Sequence[tuple[str, str]] = ()


class Sign(NamedTuple):
    """A signature of ``signer`` over ``message``."""

    signer: SigningIdentity
    message: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Some seconds in which nothing is asked."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Expect:
    """Have the channel's commit stream watch for a transaction that is about to be submitted.

    The answer is a Watch; None while the stream is in doubt. Waits for the stream only when it is new, and
    no longer than ``timeout`` seconds.
    """

    session: Session
    channel: str
    transaction_id: str
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until a watch is done, at most ``timeout`` seconds."""

    watch: Watch
    timeout: float


Effect = Call | Sign | Pause | Expect | Wait
Flow = Generator[Effect, Any, T]
Commits = Literal["status", "stream"]


class RpcFailure(Exception):  # noqa: N818 - never reaches a caller: flows turn it into an error of hlf.errors
    """How an RPC failed: gRPC status by name, its text, and what each peer said."""

    def __init__(self, code: str, message: str, details: tuple[PeerDetail, ...] = ()) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details

    def to(self, kind: type[G], what: str, transaction_id: str, **more: Any) -> G:
        """Return the public error of this failure."""
        hint = hint_for(self.message, *(detail.message for detail in self.details))
        return kind(
            f"{what}: {self.message}",
            code=self.code,
            transaction_id=transaction_id,
            details=self.details,
            **{"hint": hint, **more},
        )


class Closed(RpcFailure):
    """The gateway, or the channel it was given, has been closed: nothing can be asked any more."""

    def __init__(self) -> None:
        super().__init__("CANCELLED", "the gateway has been closed")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds allowed for each phase when a call names no timeout.

    ``commit_status`` must outlast a change of the leading orderer, half a minute with default options.
    ``events`` is for a whole event stream, reconnecting included; None: for ever.
    """

    evaluate: float = 30.0
    endorse: float = 30.0
    submit: float = 30.0
    commit_status: float = 120.0
    events: float | None = None


def _nonce() -> bytes:
    return os.urandom(24)


@dataclass(frozen=True)
class Session:
    """What flows take from their surroundings: who signs, how long to wait, clocks and randomness.

    ``resend_after`` is how many seconds without a commit pass before the same transaction is sent again: an
    orderer's OK is not durable, and sending it twice is harmless. The next times it is twice, then four times
    as long. ``resend_unaccepted_after`` is the same
    where Submit was not answered OK. ``commits`` says where commits are learnt from: a CommitStatus call for
    each transaction, or one stream of filtered blocks for all of a channel. ``tls_certificate_hash`` is that
    of the client certificate in use, for deliver requests.
    """

    identity: Identity | SigningIdentity
    timeouts: Timeouts = field(default_factory=Timeouts)
    resend_after: float = 5.0
    resend_unaccepted_after: float = 2.0
    commits: Commits = "status"
    tls_certificate_hash: bytes = b""
    observers: Sequence[Observer] = ()
    monotonic: Callable[[], float] = time.monotonic
    time_ns: Callable[[], int] = time.time_ns
    nonce: Callable[[], bytes] = _nonce

    @property
    def hash(self) -> str:
        """The hash of this identity's signatures."""
        return self.identity.hash if isinstance(self.identity, SigningIdentity) else "sha256"


class Deadline:
    """Seconds left of an overall timeout, and the share of it that a phase may take."""

    def __init__(self, session: Session, timeout: float | None) -> None:
        self._clock = session.monotonic
        self._end = None if timeout is None else self._clock() + timeout

    def within(self, phase: float) -> float:
        """Return ``phase`` seconds, or what is left if that is less."""
        return phase if self._end is None else min(phase, self.rest(phase))

    def rest(self, phase: float) -> float:
        """Return all that is left, or ``phase`` seconds where there is no overall timeout."""
        return phase if self._end is None else max(0.0, self._end - self._clock())
