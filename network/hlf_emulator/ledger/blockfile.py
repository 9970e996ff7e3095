"""An append-only file of blocks, readable by number, that survives a crash of the process or the machine."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import zlib
from array import array
from pathlib import Path
from typing import Protocol

from fabric_protos.common import common_pb2

from hlf_emulator.ledger.disk import Disk, DiskError

_RECORD = struct.Struct(">II")
_LOG = logging.getLogger(__name__)


class BlockSource(Protocol):
    """Another copy of a channel's blocks."""

    @property
    def height(self) -> int:
        """The number of blocks."""

    def block(self, number: int) -> common_pb2.Block:
        """Block ``number``. Raises IndexError when there is none."""


class BlockFile:
    """Blocks 0, 1, 2 … one after another: length, CRC-32, bytes.

    Every append is one write to the operating system, so a killed process loses nothing it has appended.
    `sync` waits for the disk as well. What a crash left of a last record is cut off when the file is opened
    again: `cut` is the number of bytes.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if fresh:
            self._disk.flush_folder(path.parent)
        self._ends = array("Q")
        self.cut = 0
        self._recover()
        self._durable = len(self._ends)
        self._broken: DiskError | None = None

    @property
    def height(self) -> int:
        """The number of blocks."""
        return len(self._ends)

    @property
    def durable(self) -> int:
        """The number of blocks that would survive a crash of the machine, as far as that is waited for."""
        return self._durable if self._disk.sync else len(self._ends)

    def append(self, block: common_pb2.Block) -> None:
        """Add the next block. Raises DiskError, and then it is not there."""
        if self._broken is not None:
            raise self._broken
        content = block.SerializeToString()
        record = _RECORD.pack(len(content), zlib.crc32(content)) + content
        end = self._end(self.height)
        self._disk.write(self._descriptor, record, end)
        self._ends.append(end + len(record))

    async def sync(self) -> None:
        """Return when all blocks appended before the call are durable. Raises DiskError.

        The event loop runs on meanwhile: what is appended meanwhile shares the next call.
        """
        if self._disk.sync:
            await asyncio.get_running_loop().run_in_executor(None, self.sync_now)

    def sync_now(self) -> None:
        """Return when all blocks appended before the call are durable. Raises DiskError."""
        height = self.height
        try:
            self._disk.flush(self._descriptor)
        except DiskError as error:
            # The system may have dropped what it could not write: a second call would answer success.
            self._broken = error
            raise
        self._durable = max(self._durable, height)

    def read(self, number: int) -> common_pb2.Block:
        """Block ``number``. Raises IndexError outside ``0 <= number < height``."""
        if not 0 <= number < len(self._ends):
            raise IndexError(f"no block {number}")
        start = self._end(number) + _RECORD.size
        return common_pb2.Block.FromString(os.pread(self._descriptor, self._ends[number] - start, start))

    def close(self) -> None:
        """Make it durable and let go of the file."""
        try:
            self._disk.flush(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _end(self, count: int) -> int:
        """Where the first `count` blocks end."""
        return self._ends[count - 1] if count else 0

    def _recover(self) -> None:
        size = os.fstat(self._descriptor).st_size
        position = 0
        while position + _RECORD.size <= size:
            length, checksum = _RECORD.unpack(os.pread(self._descriptor, _RECORD.size, position))
            end = position + _RECORD.size + length
            # No block is empty: eight zeros are what a file system leaves of a record that it lost.
            if length == 0 or end > size:
                break
            if zlib.crc32(os.pread(self._descriptor, length, position + _RECORD.size)) != checksum:
                break
            self._ends.append(end)
            position = end
        self.cut = size - position
        if self.cut:
            os.ftruncate(self._descriptor, position)
            _LOG.warning("%s: %d bytes after block %d are no block", self._path, self.cut, self.height - 1)


def restore(channel: str, blocks: BlockFile, copy: BlockSource) -> None:
    """Append what an orderer's file lacks, from a peer's copy: without what peers add to a block's metadata.

    Raises DiskError.
    """
    first = blocks.height
    for number in range(first, copy.height):
        block = copy.block(number)
        for slot in (common_pb2.TRANSACTIONS_FILTER, common_pb2.COMMIT_HASH):
            if slot < len(block.metadata.metadata):
                block.metadata.metadata[slot] = b""
        blocks.append(block)
    blocks.sync_now()
    _LOG.warning(
        "channel %s: the orderers take blocks %d to %d from a peer", channel, first, blocks.height - 1
    )
