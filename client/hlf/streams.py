"""What runs subscriptions: event streams to iterate over, in a synchronous and an asynchronous form.

Both hold one answer at a time, so a slow consumer slows the peer and not its own memory. A stream that was
opened with ``reconnect=True`` goes on after the last event handed out when its connection breaks, without
loss or repetition, for as long as it takes; else, and on a refusal, EventError ends it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
from google.protobuf.message import Message

from hlf.drivers import AsyncDriver, SyncDriver, rpc_failure
from hlf.effects import Flow
from hlf.errors import EventError
from hlf.events import Subscription
from hlf.hints import hint_for

E = TypeVar("E")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class _Stream(Generic[E]):
    """State that both forms share."""

    def __init__(self, channel: Any, subscription: Subscription[E], *, reconnect: bool) -> None:
        self.subscription = subscription
        self._channel = channel
        self._reconnect = reconnect and subscription.resumable
        self._ready: deque[E] = deque()
        self._call: Any = None
        self._closed = False
        self._pause = _FIRST_PAUSE

    def _opening(self) -> Flow[Message]:
        if self._reconnect:
            yield from self.subscription.anchor()
        return (yield from self.subscription.open())

    def _start(self, request: Message, request_stream: Any) -> Any:
        subscription = self.subscription
        kind = self._channel.stream_stream if subscription.bidirectional else self._channel.unary_stream
        stub = kind(
            subscription.method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=subscription.response.FromString,
        )
        return stub(request_stream if subscription.bidirectional else request)

    def _failed(self, error: grpc.RpcError | EventError) -> float:
        """Return how long to wait before opening the stream again, or raise EventError."""
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
        if not self._reconnect or not event_error.retryable:
            self._closed = True
            raise event_error from None
        self._call = None
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause

    def _take(self) -> E:
        self._pause = _FIRST_PAUSE
        return self._ready.popleft()

    def close(self) -> None:
        """End the stream; iteration stops, in other threads too. Harmless when repeated."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()


class EventStream(_Stream[E], Iterator[E]):
    """Events to iterate over. ``close()`` it, or use it in a ``with`` statement."""

    def __init__(self, driver: SyncDriver, subscription: Subscription[E], *, reconnect: bool) -> None:
        super().__init__(driver.channel, subscription, reconnect=reconnect)
        self._driver = driver
        self._woken = threading.Event()
        self._open()

    def _open(self) -> None:
        request = self._driver.run(self._opening())
        self._call = self._start(request, iter([request]))
        if self._closed:
            self._call.cancel()

    def __next__(self) -> E:
        while True:
            if self._ready and not self._closed:
                return self._take()
            if self._closed or self.subscription.exhausted:
                raise StopIteration
            try:
                if self._call is None:
                    self._open()
                self._ready.extend(self.subscription.decode(next(self._call)))
            except StopIteration:
                self._closed = True
            except (grpc.RpcError, EventError) as error:
                if not self._closed:
                    self._woken.wait(self._failed(error))

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

    def __init__(self, driver: AsyncDriver, subscription: Subscription[E], *, reconnect: bool) -> None:
        super().__init__(driver.channel, subscription, reconnect=reconnect)
        self._driver = driver

    async def _open(self) -> None:
        request = await self._driver.run(self._opening())
        self._call = self._start(request, iter([request]))
        if self._closed:
            self._call.cancel()

    async def __anext__(self) -> E:
        while True:
            if self._ready and not self._closed:
                return self._take()
            if self._closed or self.subscription.exhausted:
                raise StopAsyncIteration
            try:
                if self._call is None:
                    await self._open()
                answer = await self._call.read()
                if answer is grpc.aio.EOF:
                    self._closed = True
                else:
                    self._ready.extend(self.subscription.decode(answer))
            except (grpc.RpcError, EventError) as error:
                if not self._closed:
                    await asyncio.sleep(self._failed(error))
            except asyncio.CancelledError:
                # close() raises this in the reader too; a reader that was itself cancelled stays so.
                if not self._closed:
                    self.close()
                    raise
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise

    async def __aenter__(self) -> Self:
        if self._call is None:
            await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
