"""What runs flows: the one place that waits, in a synchronous and an asynchronous form."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from hlf.commits import AsyncCommits, SyncCommits
from hlf.effects import Call, Closed, Effect, Expect, Flow, Pause, RpcFailure, Sign, Wait
from hlf.errors import EventError
from hlf.rpc import Stubs, closed_errors, rpc_failure

if TYPE_CHECKING:
    from hlf.endpoint import Channel, Endpoint
    from hlf.streams import AsyncEventStream, EventStream

T = TypeVar("T")


class SyncDriver:
    """Runs flows on a grpc.Channel, blocking; several threads may share one.

    ``alternates`` are other peers for event streams; ``peer`` is this one's address, where it is known.
    """

    def __init__(self, channel: Channel, *, alternates: Sequence[Endpoint] = (), peer: str = "") -> None:
        self.channel = channel
        self.peer = peer
        self.alternates = tuple(alternates)
        self._stubs = Stubs(channel)
        self._others: dict[int, SyncDriver] = {}
        self._streams: weakref.WeakSet[EventStream[Any]] = weakref.WeakSet()
        self._commits = SyncCommits(self)
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: Any = None
        failure: RpcFailure | None = None
        try:
            while True:
                effect = flow.send(answer) if failure is None else flow.throw(failure)
                answer = failure = None
                try:
                    answer = self._perform(effect)
                except grpc.RpcError as error:
                    failure = rpc_failure(error)
                except Closed as closed:
                    failure = closed
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Call):
            return self._call(effect)
        if isinstance(effect, Expect):
            return self._commits.expect(effect)
        if isinstance(effect, Wait):
            done = threading.Event()
            effect.watch.on_done(done.set)
            done.wait(effect.timeout)
            return effect.watch.block
        if isinstance(effect, Pause):
            if self._closing.wait(effect.seconds):
                raise Closed
            return None
        return effect.signer.sign(effect.message)

    def _call(self, call: Call) -> Any:
        try:
            return self._stubs(call)
        except closed_errors() as error:
            if self._closing.is_set() or "closed" in str(error):
                raise Closed from error
            raise

    def at(self, turn: int) -> SyncDriver:
        """Return the driver of the peer whose turn it is: this one, then the alternates, and so on."""
        place = turn % (1 + len(self.alternates))
        if not place:
            return self
        with self._lock:
            if place not in self._others:
                endpoint = self.alternates[place - 1]
                self._others[place] = SyncDriver(endpoint.connect(), peer=endpoint.address)
            return self._others[place]

    def adopt(self, stream: EventStream[Any]) -> None:
        """Have a stream closed together with this driver; EventError if that is closed."""
        with self._lock:
            self._streams.add(stream)
        if self._closing.is_set():
            raise EventError("the gateway has been closed", code="CANCELLED")

    def close(self) -> None:
        """End what runs on this driver, and close the connections that it made itself."""
        self._closing.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.close()
        self._commits.close()
        with self._lock:
            for other in self._others.values():
                other.close()
                channel: Any = other.channel
                channel.close()


class AsyncDriver:
    """Runs flows on a grpc.aio.Channel; any number of tasks of one event loop may share one.

    ``alternates`` are other peers for event streams; ``peer`` is this one's address, where it is known.
    """

    def __init__(self, channel: Channel, *, alternates: Sequence[Endpoint] = (), peer: str = "") -> None:
        self.channel = channel
        self.peer = peer
        self.alternates = tuple(alternates)
        self._stubs = Stubs(channel)
        self._others: dict[int, AsyncDriver] = {}
        self._streams: weakref.WeakSet[AsyncEventStream[Any]] = weakref.WeakSet()
        self._commits = AsyncCommits(self)
        self._closing = asyncio.Event()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: Any = None
        failure: RpcFailure | None = None
        try:
            while True:
                effect = flow.send(answer) if failure is None else flow.throw(failure)
                answer = failure = None
                try:
                    if isinstance(effect, Call):
                        answer = await self._call(effect)
                        if answer is None:  # what grpc.aio makes of bytes that are no such message
                            failure = RpcFailure("INTERNAL", "the answer cannot be read")
                    elif isinstance(effect, Sign):
                        answer = effect.signer.sign_any(effect.message)
                        if not isinstance(answer, bytes):
                            answer = await answer
                    else:
                        answer = await self._perform(effect)
                except grpc.RpcError as error:
                    failure = rpc_failure(error)
                except Closed as closed:
                    failure = closed
                except asyncio.CancelledError as error:
                    # Raised for calls in flight on a channel that is closed, too: nobody cancelled this task.
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    failure = Closed()
                    failure.__cause__ = error
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _perform(self, effect: Expect | Wait | Pause) -> Any:
        if isinstance(effect, Expect):
            return await self._commits.expect(effect)
        if isinstance(effect, Wait):
            await self._wait(effect)
            return effect.watch.block
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), effect.seconds)
            raise Closed
        return None

    async def _wait(self, effect: Wait) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        effect.watch.on_done(wake)
        timer = loop.call_later(effect.timeout, wake)
        try:
            await done
        finally:
            timer.cancel()

    def _call(self, call: Call) -> Any:
        try:
            return self._stubs(call)
        except closed_errors() as error:
            if self._closing.is_set() or "closed" in str(error):
                raise Closed from error
            raise

    def at(self, turn: int) -> AsyncDriver:
        """Return the driver of the peer whose turn it is: this one, then the alternates, and so on."""
        place = turn % (1 + len(self.alternates))
        if not place:
            return self
        if place not in self._others:
            endpoint = self.alternates[place - 1]
            self._others[place] = AsyncDriver(endpoint.connect_async(), peer=endpoint.address)
        return self._others[place]

    def adopt(self, stream: AsyncEventStream[Any]) -> None:
        """Have a stream closed together with this driver; EventError if that is closed."""
        self._streams.add(stream)
        if self._closing.is_set():
            raise EventError("the gateway has been closed", code="CANCELLED")

    async def close(self) -> None:
        """End what runs on this driver, and close the connections that it made itself."""
        self._closing.set()
        for stream in list(self._streams):
            stream.close()
        await self._commits.close()
        for other in self._others.values():
            await other.close()
            await other.channel.close()
