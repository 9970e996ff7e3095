"""One peer's stream: the socket and the threads around a ``Session``."""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ..errors import ContractError, PeerError, ProtocolError, StreamClosed
from ..observer import CallFacts, Observer, Outcome, observe_call, observe_stream
from ..session import Answer, Begin, Call, CallKey, Send, Session
from ..stub import Message
from .logs import CALLS, log_call
from .workers import Workers

MESSAGE_LIMIT = 100 * 1024 * 1024
"""Bytes; what Fabric's peers and shims allow."""

TIME_LIMIT = 25.0
"""Seconds that a call may take: less than the 30 s of a peer (chaincode.executetimeout)."""

# Messages that may wait to be written before no more are read: who does not read is not read either.
_BACKLOG = 10_000
_TOO_LARGE = f"a message of %d bytes is over the limit of {MESSAGE_LIMIT}"
_LOG = logging.getLogger(__name__)


class Wire(Protocol):
    """A stream of messages; ``read`` gives ``end`` when the peer has closed its side, ``close`` closes ours.

    ``read`` and ``write`` may be gRPC's own methods: one coroutine less for each message.
    """

    end: Any
    read: Callable[[], Awaitable[Any]]
    write: Callable[[Message], Awaitable[Any]]

    async def close(self) -> None: ...


class _Running:
    """A call between its arrival and its answer: a job for a thread, which waits in it for the peer.

    What the function has written and the peer not heard of yet is sent once it has ``returned``: by the event
    loop, for which no thread has to wait.
    """

    __slots__ = (
        "_answers",
        "_end",
        "_stream",
        "abandoned",
        "arrived",
        "asking",
        "call",
        "report",
        "returned",
    )

    def __init__(self, stream: Stream, call: Call, report: Callable[[Outcome], None] | None) -> None:
        self.call = call
        self.report = report
        self.arrived = time.monotonic()
        self.abandoned = False
        self.asking = False
        self.returned = False
        self._stream = stream
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._end: StreamClosed | None = None

    # in the call's thread

    def run(self) -> Message | None:
        if self._end is not None:
            return None
        try:
            return self._sendable(self.call.begin(self.exchange))
        except StreamClosed:
            return None
        except BaseException as error:  # noqa: BLE001 - sys.exit in a contract too: the peer must hear
            _LOG.error("%s in a contract function", type(error).__name__)
            return self.call.refused("failed", f"INTERNAL: {type(error).__name__}")

    def exchange(self, request: Message) -> Message:
        if self._end is None:
            if (size := request.ByteSize()) > MESSAGE_LIMIT:
                raise PeerError(_TOO_LARGE % size)
            self._stream.workers.post(self._stream.request, self, request)
            if (answer := self._answers.get()) is not None:
                return answer
        # Whatever the call asks next gets the same end.
        raise self._end or StreamClosed("the call is over")

    # on the event loop

    def give(self, answer: Message) -> None:
        # What was not asked for must not be taken for the answer to the next request.
        if not self.asking:
            return
        self.asking = False
        if self.returned:
            self._stream.answer(self, self._sendable(self.call.proceed(answer)))
        else:
            self._answers.put(answer)

    def close(self, reason: str) -> None:
        self._end = StreamClosed(reason)
        self._answers.put(None)

    def ended(self, result: Message | None) -> None:
        self.returned = True
        self._stream.answer(self, result)

    def tell(self, status: int, reason: str) -> None:
        if self.report is not None:
            self.report(Outcome(status, reason, time.monotonic() - self.arrived))

    # on either

    def _sendable(self, message: Message) -> Message:
        """The message itself, or the refusal that stands for one over the limit."""
        if (size := message.ByteSize()) <= MESSAGE_LIMIT:
            return message
        if message.type != Message.COMPLETED:
            return self.call.refused("peer", _TOO_LARGE % size)
        return self.call.refused("failed", f"the result is over the limit of {MESSAGE_LIMIT} bytes")


class Stream:
    """Reads and writes on the event loop, runs calls on ``workers``; one writer.

    A call that takes longer than ``time_limit`` seconds is answered 500 TIMEOUT in its place, and its further
    requests are refused. ``drain`` ends the stream once the calls under way have answered; a call that
    arrives meanwhile is left to the peer, which sees the stream end.
    """

    def __init__(
        self,
        session: Session,
        wire: Wire,
        workers: Workers,
        *,
        time_limit: float = TIME_LIMIT,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.workers = workers
        self._session = session
        self._wire = wire
        self._time_limit = time_limit
        self._observers = observers
        self._loop = asyncio.get_running_loop()
        self._outgoing: deque[Message | None] = deque()
        # What the writer waits for where there is nothing to write.
        self._more: asyncio.Future[None] = self._loop.create_future()
        self._room = asyncio.Event()
        # In the order of arrival, and so of their time limits.
        self._calls: dict[CallKey, _Running] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._draining = False

    @property
    def in_flight(self) -> int:
        """Calls that have not answered yet."""
        return len(self._calls)

    async def run(self) -> None:
        """Serve the stream until either side ends it."""
        ended = observe_stream(self._observers, self._session.package_id)
        for action in self._session.open():
            self._act(action)
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if not writer.done():
                self._send(None)
                await writer
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            for running in list(self._calls.values()):
                self._lose(running, "the peer's stream has ended")
            for task in (reader, writer):
                task.cancel()
            ends = await asyncio.gather(reader, writer, return_exceptions=True)
            ended()
        for end in ends:
            if isinstance(end, Exception):
                _LOG.info("stream ended: %s", type(end).__name__)

    def drain(self) -> None:
        """Answer what is under way, then end the stream."""
        self._draining = True
        self._end_when_idle()

    def request(self, running: _Running, request: Message) -> None:
        """Send what a call asks of the peer."""
        # From a call that is over, the peer would answer it to the one that took its place.
        if self._calls.get(running.call.key) is running:
            running.asking = True
            self._send(request)

    def answer(self, running: _Running, message: Message | None) -> None:
        """Send what follows a function's return, if the peer still waits: a last write, or what ends the
        call."""
        if self._calls.get(running.call.key) is not running:
            return
        if message is not None and message.type != Message.COMPLETED:
            self.request(running, message)
            return
        del self._calls[running.call.key]
        if message is not None:
            self._send(message)
        running.tell(running.call.status, running.call.reason)
        self._end_when_idle()

    async def _read(self) -> None:
        read, end, receive = self._wire.read, self._wire.end, self._session.receive
        while (message := await read()) is not end:
            try:
                for action in receive(message):
                    self._act(action)
            except ProtocolError as error:
                _LOG.warning("%s", error)
                self._send(Message(type=Message.ERROR, payload=str(error).encode(), txid=message.txid))
                return
            while len(self._outgoing) > _BACKLOG:
                self._room.clear()
                await self._room.wait()

    async def _write(self) -> None:
        write, outgoing = self._wire.write, self._outgoing
        while True:
            while outgoing:
                if (message := outgoing.popleft()) is None:
                    await self._wire.close()
                    return
                await write(message)
            self._room.set()
            self._more = self._loop.create_future()
            await self._more

    def _send(self, message: Message | None) -> None:
        self._outgoing.append(message)
        if not self._more.done():
            self._more.set_result(None)

    def _act(self, action: Send | Begin | Answer) -> None:
        if isinstance(action, Answer):
            if (running := self._calls.get(action.key)) is not None:
                running.give(action.message)
        elif isinstance(action, Begin):
            self._begin(action.call)
        else:
            self._send(action.message)

    def _begin(self, call: Call) -> None:
        if self._draining:
            return
        # The peer gave up on an earlier call of the same transaction and was asked again: that one is over.
        if (earlier := self._calls.get(call.key)) is not None:
            self._lose(earlier, "the peer has begun the transaction anew")
        running = self._calls[call.key] = _Running(self, call, self._observed(call))
        if not self.workers.submit(running):
            del self._calls[call.key]
            self._refuse(running, "busy", ContractError("BUSY", "too many calls wait for a thread"))
        elif self._alarm is None and self._time_limit:
            self._alarm = self._loop.call_later(self._time_limit, self._expire)

    def _observed(self, call: Call) -> Callable[[Outcome], None] | None:
        if not self._observers and not CALLS.isEnabledFor(logging.INFO):
            return None
        channel, transaction_id = call.key
        facts = CallFacts(self._session.package_id, channel, transaction_id, call.function)
        told = observe_call(self._observers, facts)

        def report(outcome: Outcome) -> None:
            log_call(facts, outcome)
            told(outcome)

        return report

    def _expire(self) -> None:
        """Answer the calls whose time is over, and set the alarm for the next."""
        self._alarm = None
        now = time.monotonic()
        for running in list(self._calls.values()):
            left = running.arrived + self._time_limit - now
            if left > 0:
                self._alarm = self._loop.call_later(left, self._expire)
                break
            self._drop(running, "the call has taken too long")
            limit = f"no result within {self._time_limit:g} s"
            self._refuse(running, "timeout", ContractError("TIMEOUT", limit))
        self._end_when_idle()

    def _refuse(self, running: _Running, reason: str, error: ContractError) -> None:
        self._send(running.call.refused(reason, str(error), error.payload()))
        running.tell(500, reason)

    def _lose(self, running: _Running, reason: str) -> None:
        self._drop(running, reason)
        running.tell(0, "lost")

    def _drop(self, running: _Running, reason: str) -> None:
        """Wait no longer for a call."""
        del self._calls[running.call.key]
        running.close(reason)
        if not running.returned:
            self.workers.give_up(running)

    def _end_when_idle(self) -> None:
        if self._draining and not self._calls:
            self._send(None)
