"""One peer's stream: the socket and the threads around a ``Session``."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

from .errors import PeerError, ProtocolError, StreamClosed
from .session import Answer, Begin, Call, CallKey, Send, Session
from .stub import Message

MESSAGE_LIMIT = 100 * 1024 * 1024
"""Bytes; what Fabric's peers and shims allow."""

_ANSWER_SECONDS = 120.0
_LOG = logging.getLogger(__name__)


class Wire(Protocol):
    """A stream of messages; ``read`` gives None when the peer has closed its side."""

    async def read(self) -> Message | None: ...

    async def write(self, message: Message) -> None: ...


class _Waiting:
    """The thread of one call, waiting for an answer."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._end: Exception | None = None

    def give(self, answer: Message | None) -> None:
        self._answers.put(answer)

    def ask(self, send: Callable[[], None]) -> Message:
        if self._end is None:
            send()
            try:
                answer = self._answers.get(timeout=_ANSWER_SECONDS)
            except queue.Empty:
                # It may still come, and must not be taken for the answer to another request.
                self._end = PeerError(f"the peer did not answer within {_ANSWER_SECONDS:.0f} s")
            else:
                if answer is not None:
                    return answer
                self._end = StreamClosed("the peer's stream has ended")
        # Whatever the call asks next gets the same end.
        raise self._end


class Stream:
    """Reads on the event loop, runs calls on the executor, writes by one writer.

    ``drain`` ends the stream once the calls under way have answered; a call that arrives meanwhile is left
    to the peer, which sees the stream end.
    """

    def __init__(self, session: Session, wire: Wire, executor: Executor) -> None:
        self._session = session
        self._wire = wire
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[Message | None] = asyncio.Queue()
        self._waiting: dict[CallKey, _Waiting] = {}
        self._draining = False

    @property
    def in_flight(self) -> int:
        """Calls that have not answered yet."""
        return len(self._waiting)

    async def run(self) -> None:
        """Serve the stream until either side ends it."""
        for action in self._session.open():
            self._act(action)
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if not writer.done():
                self._outgoing.put_nowait(None)
                await writer
        finally:
            for waiting in self._waiting.values():
                waiting.give(None)
            self._waiting.clear()
            for task in (reader, writer):
                task.cancel()
            ends = await asyncio.gather(reader, writer, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                _LOG.info("stream ended: %s", type(end).__name__)

    def drain(self) -> None:
        """Answer what is under way, then end the stream."""
        self._draining = True
        self._end_when_idle()

    async def _read(self) -> None:
        while (message := await self._wire.read()) is not None:
            try:
                for action in self._session.receive(message):
                    self._act(action)
            except ProtocolError as error:
                _LOG.warning("%s", error)
                self._outgoing.put_nowait(
                    Message(type=Message.ERROR, payload=str(error).encode(), txid=message.txid)
                )
                return

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            await self._wire.write(message)

    def _act(self, action: Send | Begin | Answer) -> None:
        if isinstance(action, Send):
            self._outgoing.put_nowait(action.message)
        elif isinstance(action, Begin):
            self._begin(action.call)
        elif (waiting := self._waiting.get(action.key)) is not None:
            waiting.give(action.message)

    def _begin(self, call: Call) -> None:
        if self._draining:
            return
        # The peer gave up on an earlier call of the same transaction and was asked again: that one is over.
        if (earlier := self._waiting.pop(call.key, None)) is not None:
            earlier.give(None)
        waiting = self._waiting[call.key] = _Waiting()
        self._executor.submit(self._run, call, waiting)

    def _run(self, call: Call, waiting: _Waiting) -> None:
        """In a thread of the executor."""

        def exchange(request: Message) -> Message:
            if request.ByteSize() > MESSAGE_LIMIT:
                raise PeerError(
                    f"a message of {request.ByteSize()} bytes is over the limit of {MESSAGE_LIMIT}"
                )
            return waiting.ask(lambda: self._from_thread(lambda: self._request(call.key, waiting, request)))

        answer: Message | None = None
        try:
            answer = call.run(exchange)
            if answer.ByteSize() > MESSAGE_LIMIT:
                answer = call.refused(f"the result is over the limit of {MESSAGE_LIMIT} bytes")
        except StreamClosed:
            _LOG.info("call %s: nobody waits for it any more", call.key[1][:8])
        except BaseException as error:  # noqa: BLE001 - sys.exit in a contract too: the peer must hear
            _LOG.error("%s in a contract function", type(error).__name__)
            answer = call.refused(f"INTERNAL: {type(error).__name__}")
        self._from_thread(lambda: self._end(call.key, waiting, answer))

    def _request(self, key: CallKey, waiting: _Waiting, request: Message) -> None:
        # From a call that is over, the peer would answer it to the one that took its place.
        if self._waiting.get(key) is waiting:
            self._outgoing.put_nowait(request)

    def _end(self, key: CallKey, waiting: _Waiting, answer: Message | None) -> None:
        if self._waiting.get(key) is not waiting:
            return
        del self._waiting[key]
        if answer is not None:
            self._outgoing.put_nowait(answer)
        self._end_when_idle()

    def _end_when_idle(self) -> None:
        if self._draining and not self._waiting:
            self._outgoing.put_nowait(None)

    def _from_thread(self, action: Callable[[], Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:
            # The loop has closed under a call that ran on: the server is gone, and with it who would hear.
            raise StreamClosed("the server has stopped") from None
