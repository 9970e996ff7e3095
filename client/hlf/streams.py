"""What runs subscriptions: event streams to iterate over, in a synchronous and an asynchronous form.

Both hold one answer at a time, so a slow consumer slows the peer and not its own memory. A stream that was
opened with ``reconnect=True`` goes on after the last event handed out when its connection breaks, at the
gateway's next peer for events if it has several, without loss or repetition, for as long as it takes; else,
and on a refusal, EventError ends it. ``status`` tells how a stream is doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import grpc
from google.protobuf.message import Message

from hlf.effects import Deadline, Flow
from hlf.errors import EventError
from hlf.events import Subscription
from hlf.hints import hint_for
from hlf.observer import Ended, Metadata, Outcome, RpcFacts, observe_stream
from hlf.rpc import closed_errors, rpc_failure

if TYPE_CHECKING:
    from hlf.drivers import AsyncDriver, SyncDriver

E = TypeVar("E")

_LOGGER = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream is doing.

    ``state``: new (not asked for yet), open, waiting (for the next try) or closed. ``peer``: the address of
    the peer asked last, "" where the gateway was given a channel. ``reconnects``: how often it was opened
    again. ``error``: what interrupted or ended it last.
    """

    state: Literal["new", "open", "waiting", "closed"]
    peer: str
    reconnects: int
    error: EventError | None


class _Stream(Generic[E]):
    """What both forms share: everything but waiting."""

    _driver: Any

    def __init__(self, subscription: Subscription[E], *, reconnect: bool, timeout: float | None) -> None:
        self.subscription = subscription
        self._reconnect = reconnect and subscription.resumable
        self._deadline = None if timeout is None else Deadline(subscription.session, timeout)
        self._ready: deque[E] = deque()
        self._call: Any = None
        self._closed = False
        self._pause = _FIRST_PAUSE
        self._due = 0.0
        self._turn = 0
        self._peer = ""
        self._opened = 0
        self._error: EventError | None = None
        self._ended: Ended | None = None
        self._began = 0.0
        self._answers = 0

    @property
    def status(self) -> StreamStatus:
        """How the stream is doing; to be asked for in any thread."""
        state: Literal["new", "open", "waiting", "closed"] = "open"
        if self._closed:
            state = "closed"
        elif self._call is None:
            state = "new" if self._error is None else "waiting"
        return StreamStatus(state, self._peer, max(0, self._opened - 1), self._error)

    def _opening(self) -> Flow[Message]:
        if self._reconnect:
            yield from self.subscription.anchor()
        return (yield from self.subscription.open())

    def _start(self, driver: Any, request: Message) -> None:
        subscription = self.subscription
        bidirectional = subscription.bidirectional
        kind = driver.channel.stream_stream if bidirectional else driver.channel.unary_stream
        try:
            stub = kind(
                subscription.method,
                request_serializer=type(request).SerializeToString,
                response_deserializer=subscription.response.FromString,
            )
            timeout = None if self._deadline is None else self._deadline.rest(0.0)
            metadata = self._observe()
            asked: Any = iter([request]) if bidirectional else request
            self._call = stub(asked, timeout=timeout, metadata=metadata or None)
        except closed_errors() as error:
            raise EventError("the gateway has been closed", code="CANCELLED") from error
        self._peer = driver.peer
        self._opened += 1
        if self._closed:
            self._call.cancel()

    def _observe(self) -> Metadata:
        session, metadata = self.subscription.session, Metadata()
        if session.observers:
            method = self.subscription.method.rpartition("/")[2]
            facts = RpcFacts(method, self.subscription.channel)
            self._ended = observe_stream(session.observers, facts, metadata)
            self._began, self._answers = session.monotonic(), 0
        return metadata

    def _tell(self, code: str) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(Outcome(code, self.subscription.session.monotonic() - self._began, self._answers))

    def _take_answer(self, answer: Message | None) -> None:
        if answer is None:  # what grpc.aio makes of bytes that are no such message
            raise EventError("the peer's answer cannot be read")
        self._answers += 1
        self._ready.extend(self.subscription.decode(answer))

    def _over(self) -> None:
        """The peer ended the stream without an error: as it should, or not."""
        if self.subscription.finished or self.subscription.exhausted:
            self._closed = True
            self._tell("OK")
            return
        raise EventError("the peer ended the event stream", code="UNAVAILABLE")

    def _failed(self, error: grpc.RpcError | EventError) -> None:
        """Set when to open the stream again, or raise EventError."""
        if isinstance(error, EventError):
            event_error = error
        else:
            failure = rpc_failure(error)
            event_error = EventError(
                f"the event stream ended: {failure.message} [{failure.code}]",
                code=failure.code,
                details=failure.details,
                hint=hint_for(failure.message),
            )
        self._error = event_error
        code = event_error.code or event_error.status
        self._tell(code)
        self.subscription.interrupted()
        if not self._reconnect or not event_error.retryable:
            self._closed = True
            raise event_error from None
        self._call = None
        if self.subscription.any_peer:
            self._turn += 1
        self._due, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        _LOGGER.warning(
            "the event stream of channel %s was interrupted [%s]; next try in %.1f s",
            self.subscription.channel,
            code,
            self._due,
        )

    def _take(self) -> E:
        self._pause = _FIRST_PAUSE
        return self._ready.popleft()

    def close(self) -> None:
        """End the stream; iteration stops, in other threads too. Harmless when repeated."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()
        self._tell("CANCELLED")


class EventStream(_Stream[E], Iterator[E]):
    """Events to iterate over. ``close()`` it, or use it in a ``with`` statement."""

    def __init__(
        self,
        driver: SyncDriver,
        subscription: Subscription[E],
        *,
        reconnect: bool,
        timeout: float | None = None,
    ) -> None:
        super().__init__(subscription, reconnect=reconnect, timeout=timeout)
        self._driver = driver
        self._woken = threading.Event()
        driver.adopt(self)
        try:
            self._open()
        except EventError as error:
            self._failed(error)

    def _open(self) -> None:
        driver = self._driver.at(self._turn)
        self._start(driver, driver.run(self._opening()))

    def __next__(self) -> E:
        while True:
            if self._ready and not self._closed:
                return self._take()
            if self._closed or self.subscription.exhausted:
                raise StopIteration
            try:
                if self._call is None:
                    if self._woken.wait(self._due):
                        continue
                    self._open()
                try:
                    answer = next(self._call)
                except StopIteration:
                    self._over()
                else:
                    self._take_answer(answer)
            except (grpc.RpcError, EventError) as error:
                if not self._closed:
                    self._failed(error)

    def close(self) -> None:
        """End the stream; iteration stops, in other threads too. Harmless when repeated."""
        super().close()
        self._woken.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncEventStream(_Stream[E], AsyncIterator[E]):
    """Events to iterate over with ``async for``. ``close()`` it, or use it in an ``async with`` statement."""

    def __init__(
        self,
        driver: AsyncDriver,
        subscription: Subscription[E],
        *,
        reconnect: bool,
        timeout: float | None = None,
    ) -> None:
        super().__init__(subscription, reconnect=reconnect, timeout=timeout)
        self._driver = driver
        self._woken = asyncio.Event()
        driver.adopt(self)

    async def _open(self) -> None:
        driver = self._driver.at(self._turn)
        self._start(driver, await driver.run(self._opening()))

    async def __anext__(self) -> E:
        while True:
            if self._ready and not self._closed:
                return self._take()
            if self._closed or self.subscription.exhausted:
                raise StopAsyncIteration
            try:
                if self._call is None:
                    if self._due and await self._rest():
                        continue
                    await self._open()
                answer = await self._call.read()
                if answer is grpc.aio.EOF:
                    self._over()
                else:
                    self._take_answer(answer)
            except (grpc.RpcError, EventError) as error:
                if not self._closed:
                    self._failed(error)
            except asyncio.CancelledError:
                # close() raises this in the reader too; a reader that was itself cancelled stays so.
                task = asyncio.current_task()
                if not self._woken.is_set() or (task is not None and task.cancelling()):
                    self.close()
                    raise

    async def _rest(self) -> bool:
        """Wait until the stream is due; True if it was closed meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._due)
        return self._woken.is_set()

    def close(self) -> None:
        """End the stream; iteration stops, in other tasks too. Harmless when repeated."""
        super().close()
        self._woken.set()

    async def __aenter__(self) -> Self:
        if self._call is None:
            try:
                await self._open()
            except EventError as error:
                self._failed(error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
