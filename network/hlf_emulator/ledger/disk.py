"""Files that a crash leaves whole: what was written is either there or it is not.

A disk that is full ends a write with `DiskError` and changes nothing. Real Fabric's nodes panic there
(orderer/common/multichannel/blockwriter.go, gossip/state/state.go); here a node goes on reading, refuses to
write, and goes on writing once there is space.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RETRY = 0.5
"""Seconds until a write that the disk did not take is tried again."""


class DiskError(Exception):
    """The disk did not take a write; the file is as it was before."""


class Disk:
    """How one node's files are written.

    sync: whether what must survive a crash of the machine, not just of the process, is waited for.
    refusing: a fault asked for, every write fails as on a full disk while it is True.
    """

    def __init__(self, *, sync: bool = True) -> None:
        self.sync = sync
        self.refusing = False

    def check(self) -> None:
        """Raise DiskError while writes are refused."""
        if self.refusing:
            raise DiskError(os.strerror(errno.ENOSPC))

    def write(self, descriptor: int, content: bytes, position: int) -> None:
        """Write all of it at `position`, the end of the file, or nothing. Raises DiskError."""
        self.check()
        written = 0
        try:
            while written < len(content):
                written += os.pwrite(descriptor, content[written:], position + written)
        except OSError as error:
            # Where this fails too, the rest is overwritten by the next record, or cut at the next opening.
            with suppress(OSError):
                os.ftruncate(descriptor, position)
            raise DiskError(error.strerror) from error

    def flush(self, descriptor: int) -> None:
        """Return when what was written would survive a crash of the machine. Raises DiskError."""
        try:
            if self.sync:
                # macOS has no fdatasync.
                getattr(os, "fdatasync", os.fsync)(descriptor)
        except OSError as error:
            raise DiskError(error.strerror) from error

    def replace(self, path: Path, content: bytes) -> None:
        """Give a file new content, the old or the new at any moment. Raises DiskError."""
        self.check()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                self.write(descriptor, content, 0)
                self.flush(descriptor)
            finally:
                os.close(descriptor)
            partial.replace(path)
            self.flush_folder(path.parent)
        except OSError as error:
            raise DiskError(error.strerror) from error

    def flush_folder(self, folder: Path) -> None:
        """Return when the names in a folder would survive a crash of the machine."""
        if self.sync:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def transaction(self, database: sqlite3.Connection) -> Iterator[None]:
        """All that is executed inside, or nothing of it. Raises DiskError where the disk is the reason."""
        self.check()
        try:
            database.execute("BEGIN")
            yield
            database.execute("COMMIT")
        except BaseException as error:
            # A failed COMMIT may have rolled back by itself.
            if database.in_transaction:
                database.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and _is_of_the_disk(error):
                raise DiskError(str(error)) from error
            raise


def _is_of_the_disk(error: sqlite3.OperationalError) -> bool:
    # The lower byte is the primary result code.
    return error.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    )
