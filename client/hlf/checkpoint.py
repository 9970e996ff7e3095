"""Where an event listener has got to, in memory or in a file, so that it goes on there after a restart.

Record an event after it has been dealt with; a listener that dies in between sees that event again::

    with FileCheckpoint("listener.json") as checkpoint:
        for event in network.chaincode_events("basic", checkpoint=checkpoint):
            deal_with(event)
            checkpoint.record(event)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from hlf.errors import ConfigurationError
from hlf.events import ChaincodeEvent
from hlf.wire.deliver import Position


def _lock(file: IO[str]) -> None:
    """Lock a file for this process until it is closed; BlockingIOError if another one holds it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Checkpoint:
    """A position: the block in which the next event is expected, and the transaction last dealt with in it.

    ``block_number`` is None before anything was recorded.
    """

    def __init__(self) -> None:
        self.block_number: int | None = None
        self.transaction_id = ""

    @property
    def start(self) -> Position:
        """Where a block stream goes on: a block number, or "next" before anything was recorded."""
        return "next" if self.block_number is None else self.block_number

    def record(self, event: ChaincodeEvent) -> None:
        """Note that an event has been dealt with."""
        self.move(event.block_number, event.transaction_id)

    def record_block(self, number: int) -> None:
        """Note that a whole block has been dealt with."""
        self.move(number + 1)

    def move(self, block_number: int, transaction_id: str = "") -> None:
        """Set the position."""
        self.block_number, self.transaction_id = block_number, transaction_id


class FileCheckpoint(Checkpoint):
    """A position kept in a file, written whole or not at all; one process at a time may hold it.

    Files of the Go and Node SDKs are read and go on being readable for the Go SDK.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self._path = Path(path)
        try:
            self._lock = self._path.with_name(self._path.name + ".lock").open("w")
        except OSError as error:
            raise ConfigurationError(f"cannot be locked: {error.strerror}", file=str(path)) from error
        try:
            _lock(self._lock)
            self._load()
        except BlockingIOError as error:
            self._lock.close()
            raise ConfigurationError("another process holds this checkpoint", file=str(path)) from error
        except OSError as error:
            self._lock.close()
            raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(path)) from error
        except ConfigurationError:
            self._lock.close()
            raise

    def _load(self) -> None:
        if not self._path.exists() or not self._path.stat().st_size:
            return
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
            number, transaction_id = state.get("blockNumber"), state.get("transactionId") or ""
            self.block_number = None if number is None else int(number)
            self.transaction_id = str(transaction_id)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError("is not a checkpoint", file=str(self._path)) from error
        if not self.block_number and not self.transaction_id:
            self.block_number = None  # what the Go SDK writes before anything was recorded

    def move(self, block_number: int, transaction_id: str = "") -> None:
        """Set the position and write it."""
        super().move(block_number, transaction_id)
        temporary = self._path.with_name(self._path.name + ".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"blockNumber": block_number, "transactionId": transaction_id}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def close(self) -> None:
        """Let another process have the file."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
