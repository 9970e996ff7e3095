"""An append-only file of blocks, readable by number, that survives the process being killed."""

import os
import struct
import zlib
from pathlib import Path

from fabric_protos.common import common_pb2

_RECORD = struct.Struct(">II")


class BlockFile:
    """Blocks 0, 1, 2 … one after another: length, CRC-32, bytes.

    Every append is one ``write`` to the operating system: a killed process loses nothing it has appended,
    and a record cut short by a crash of the machine is dropped when the file is opened again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._offsets: list[tuple[int, int]] = []
        self._end = 0
        self._recover()

    @property
    def height(self) -> int:
        """The number of blocks."""
        return len(self._offsets)

    def append(self, block: common_pb2.Block) -> None:
        """Add the next block."""
        content = block.SerializeToString()
        record = _RECORD.pack(len(content), zlib.crc32(content)) + content
        written = os.pwrite(self._descriptor, record, self._end)
        if written != len(record):
            raise OSError(f"wrote {written} of {len(record)} bytes of block {self.height}")
        self._offsets.append((self._end + _RECORD.size, len(content)))
        self._end += len(record)

    def read(self, number: int) -> common_pb2.Block:
        """Block ``number``. Raises IndexError outside ``0 <= number < height``."""
        if not 0 <= number < len(self._offsets):
            raise IndexError(f"no block {number}")
        offset, length = self._offsets[number]
        return common_pb2.Block.FromString(os.pread(self._descriptor, length, offset))

    def close(self) -> None:
        """Make it durable and let go of the file."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _recover(self) -> None:
        size = os.fstat(self._descriptor).st_size
        position = 0
        while position + _RECORD.size <= size:
            length, checksum = _RECORD.unpack(os.pread(self._descriptor, _RECORD.size, position))
            content = os.pread(self._descriptor, length, position + _RECORD.size)
            if len(content) != length or zlib.crc32(content) != checksum:
                break
            self._offsets.append((position + _RECORD.size, length))
            position += _RECORD.size + length
        if position != size:
            os.ftruncate(self._descriptor, position)
        self._end = position
