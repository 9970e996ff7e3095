"""The blocks that a channel's orderers have made: they are shown once nobody can take them back."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from fabric_protos.common import common_pb2

from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.ledger.disk import RETRY, DiskError

_LOG = logging.getLogger(__name__)


class BlockLog:
    """Writes blocks in the background and wakes those who wait for them.

    Blocks made while the disk is being waited for share the next wait: one for each round, whatever the load.
    What the disk does not take is tried again; `problem` says so meanwhile.
    """

    def __init__(self, channel: str, file: BlockFile) -> None:
        self._channel = channel
        self._file = file
        self._unwritten: deque[common_pb2.Block] = deque()
        self._grown = asyncio.Event()
        self._syncing: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self.problem: DiskError | None = None

    @property
    def height(self) -> int:
        """The number of blocks that would survive a crash."""
        return self._file.durable

    def read(self, number: int) -> common_pb2.Block:
        """Block ``number``. Raises IndexError when there is none."""
        return self._file.read(number)

    async def wait_height(self, height: int) -> None:
        """Return when there are at least ``height`` blocks."""
        while self.height < height:
            await self._grown.wait()

    def add(self, block: common_pb2.Block) -> None:
        """Take the next block."""
        self._unwritten.append(block)
        if self._retry is None:
            self._write()

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        if self._syncing is not None:
            self._syncing.cancel()
        if self._retry is not None:
            self._retry.cancel()
        try:
            self._append()
        except DiskError as error:
            _LOG.error("channel %s: %d blocks are lost: %s", self._channel, len(self._unwritten), error)
        self._file.close()

    def _append(self) -> None:
        while self._unwritten:
            self._file.append(self._unwritten[0])
            self._unwritten.popleft()

    def _write(self) -> None:
        self._retry = None
        try:
            self._append()
        except DiskError as error:
            self._report(error)
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._write)
            return
        if self.problem is not None:
            _LOG.info("channel %s: blocks are written again", self._channel)
            self.problem = None
        if self._file.durable == self._file.height:
            self._announce()
        elif self._syncing is None:
            self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def _sync(self) -> None:
        try:
            while self._file.durable < self._file.height:
                await self._file.sync()
                self._announce()
        except DiskError as error:
            # The file takes nothing any more; the blocks it has are read on.
            self._report(error)
        finally:
            self._syncing = None

    def _announce(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def _report(self, error: DiskError) -> None:
        if self.problem is None:
            _LOG.error("channel %s: no block can be written: %s", self._channel, error)
        self.problem = error
