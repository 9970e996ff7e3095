"""Commits of a channel's transactions from one stream of filtered blocks, instead of a call for each.

The stream is up before the first transaction is submitted: it begins with the newest block, whose arrival
shows that every later one will come. Broken off, it goes on with the last block that it saw, which shows the
same again; meanwhile, and where the peer refuses it, the answers come from CommitStatus. A block reaches a
stream only when the peer's state has it (core/ledger/kvledger, blocksItr.Next), so that, as after
CommitStatus, a query of the same peer sees what the transaction wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fabric_protos.peer.events_pb2 import FilteredBlock

from hlf.commitlog import CommitLog, Watch
from hlf.effects import Expect, Flow, Session
from hlf.errors import FabricError
from hlf.events import FilteredBlocks
from hlf.streams import AsyncEventStream, EventStream

if TYPE_CHECKING:
    from hlf.drivers import AsyncDriver, SyncDriver

_LOGGER = logging.getLogger(__name__)
_UP_WITHIN = 5.0  # seconds that a transaction waits for a new stream at most
_TRY_AGAIN = 30.0  # seconds after which a stream that was refused is asked for again


class CommitBlocks(FilteredBlocks):
    """Filtered blocks from the newest on, told to a log; opened again at the last one seen.

    At no other peer: a transaction that is said to be committed must show in the gateway's own queries.
    """

    any_peer = False

    def __init__(self, session: Session, channel: str, log: CommitLog) -> None:
        super().__init__(session, channel, start="newest", tls_cert_hash=session.tls_certificate_hash)
        self._log = log

    def anchor(self) -> Flow[None]:
        """Nothing is lost before the first block: until then no transaction is watched."""
        yield from ()

    def decode(self, answer: Any) -> Iterator[FilteredBlock]:
        """Tell the log of one answer's block."""
        for block in super().decode(answer):
            self._next = block.number
            self._log.block(block)
            yield block

    def interrupted(self) -> None:
        """The stream broke off."""
        self._log.doubt()


class _Channel:
    """One channel's log, and when its stream was given up."""

    def __init__(self) -> None:
        self.log = CommitLog()
        self.given_up: float | None = None

    def due(self, session: Session) -> bool:
        """Whether a stream that was given up is to be asked for again."""
        return self.given_up is not None and session.monotonic() - self.given_up >= _TRY_AGAIN

    def give_up(self, session: Session, error: FabricError | None) -> None:
        """Leave everything to CommitStatus for a while."""
        self.given_up = session.monotonic()
        self.log.doubt()
        if error is not None:
            _LOGGER.warning(
                "no commit stream (%s %s): commits are asked for one by one",
                type(error).__name__,
                getattr(error, "status", "") or getattr(error, "code", ""),
            )


class SyncCommits:
    """The commit streams of a gateway, each read by a thread of its own."""

    def __init__(self, driver: SyncDriver) -> None:
        self._driver = driver
        self._channels: dict[tuple[str, bytes], _Channel] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def expect(self, effect: Expect) -> Watch | None:
        """Watch for a transaction, once its channel's stream is up; None while that is in doubt."""
        log = self._channel(effect).log
        if not log.decided:
            decided = threading.Event()
            log.on_decided(decided.set)
            decided.wait(min(effect.timeout, _UP_WITHIN))
        return log.watch(effect.transaction_id)

    def _channel(self, effect: Expect) -> _Channel:
        key = effect.channel, effect.session.identity.serialized()
        channel = self._channels.get(key)
        if channel is not None and not channel.due(effect.session):
            return channel
        with self._lock:
            channel = self._channels.get(key)
            if channel is None or channel.due(effect.session):
                channel = self._channels[key] = _Channel()
                reader = threading.Thread(
                    target=self._read,
                    args=(channel, effect),
                    name=f"commits of {effect.channel}",
                    daemon=True,
                )
                self._threads.append(reader)
                reader.start()
            return channel

    def _read(self, channel: _Channel, effect: Expect) -> None:
        blocks = CommitBlocks(effect.session, effect.channel, channel.log)
        failure = None
        try:
            with EventStream(self._driver, blocks, reconnect=True) as stream:
                for _block in stream:
                    pass
        except FabricError as error:
            failure = error
        finally:
            channel.give_up(effect.session, failure)

    def close(self) -> None:
        """Wait for the readers, whose streams have been closed."""
        with self._lock:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()


class AsyncCommits:
    """The commit streams of a gateway, each read by a task of its own."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver
        self._channels: dict[tuple[str, bytes], _Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def expect(self, effect: Expect) -> Watch | None:
        """Watch for a transaction, once its channel's stream is up; None while that is in doubt."""
        key = effect.channel, effect.session.identity.serialized()
        channel = self._channels.get(key)
        if channel is None or channel.due(effect.session):
            channel = self._channels[key] = _Channel()
            reader = asyncio.create_task(self._read(channel, effect), name=f"commits of {effect.channel}")
            self._tasks.add(reader)
            reader.add_done_callback(self._tasks.discard)
        if not channel.log.decided:
            decided = asyncio.Event()
            channel.log.on_decided(decided.set)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(decided.wait(), min(effect.timeout, _UP_WITHIN))
        return channel.log.watch(effect.transaction_id)

    async def _read(self, channel: _Channel, effect: Expect) -> None:
        blocks = CommitBlocks(effect.session, effect.channel, channel.log)
        failure = None
        try:
            async with AsyncEventStream(self._driver, blocks, reconnect=True) as stream:
                async for _block in stream:
                    pass
        except FabricError as error:
            failure = error
        finally:
            channel.give_up(effect.session, failure)

    async def close(self) -> None:
        """Wait for the readers, whose streams have been closed."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
