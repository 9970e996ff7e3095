"""The file of blocks: torn and damaged records, durable writes, a disk that takes nothing more."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.ledger.disk import Disk, DiskError


def block(number: int, size: int = 40) -> common_pb2.Block:
    made = common_pb2.Block()
    made.header.number = number
    made.header.previous_hash = bytes([number]) * 32
    made.data.data.append(bytes([number + 1]) * size)
    return made


def filled(path: Path, count: int) -> bytes:
    """The content of a file of `count` blocks."""
    file = BlockFile(path)
    for number in range(count):
        file.append(block(number))
    file.close()
    return path.read_bytes()


def check(path: Path, height: int) -> None:
    """The file has these blocks, takes the next one, and keeps it."""
    file = BlockFile(path)
    assert file.height == file.durable == height
    for number in range(height):
        assert file.read(number) == block(number)
    file.append(block(height))
    file.close()
    again = BlockFile(path)
    assert again.height == height + 1
    assert again.read(height) == block(height)
    assert again.cut == 0
    again.close()


def test_blocks_are_there_after_reopening(tmp_path: Path) -> None:
    filled(tmp_path / "blocks", 3)
    check(tmp_path / "blocks", 3)


@pytest.mark.parametrize("number", [-1, 2])
def test_only_numbers_below_the_height_are_read(tmp_path: Path, number: int) -> None:
    filled(tmp_path / "blocks", 2)
    file = BlockFile(tmp_path / "blocks")
    with pytest.raises(IndexError):
        file.read(number)
    file.close()


def test_a_last_record_torn_at_any_byte_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    before = len(filled(path, 2))
    path.unlink()
    whole = filled(path, 3)
    for end in range(before + 1, len(whole)):
        path.write_bytes(whole[:end])
        file = BlockFile(path, Disk(sync=False))
        assert (file.height, file.cut) == (2, end - before), end
        file.close()
        assert path.stat().st_size == before
    check(path, 2)


def test_a_last_record_with_any_bit_flipped_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    before = len(filled(path, 1))
    path.unlink()
    whole = filled(path, 2)
    for position in range(before, len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            file = BlockFile(path, Disk(sync=False))
            assert file.height == 1, (position, bit)
            file.close()
    check(path, 1)


def test_a_hole_full_of_zeros_is_no_block(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    path.write_bytes(filled(path, 2) + bytes(4096))
    check(path, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's address space")
def test_a_length_beyond_the_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    path.write_bytes(filled(path, 2) + b"\xff" * 20)
    limit = 512 * 1024 * 1024 + _address_space()
    with _limited(resource.RLIMIT_AS, limit):
        check(path, 2)


def test_damage_in_the_middle_ends_the_chain_there_and_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "blocks"
    damaged = bytearray(filled(path, 4))
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    check(path, 2)
    assert "are no block" in caplog.text


def test_what_is_waited_for_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)

    async def run() -> None:
        file = BlockFile(tmp_path / "blocks")
        for number in range(3):
            file.append(block(number))
        assert (file.height, file.durable) == (3, 0)
        waiting = asyncio.ensure_future(file.sync())
        await asyncio.sleep(0)
        file.append(block(3))
        await waiting
        # One wait for three blocks; the fourth came too late for it.
        assert (file.height, file.durable, len(flushed)) == (4, 3, 1)
        await file.sync()
        assert (file.durable, len(flushed)) == (4, 2)
        file.close()

    asyncio.run(run())


def test_without_sync_nothing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        file = BlockFile(tmp_path / "blocks", Disk(sync=False))
        for name in ("fsync", "fdatasync"):
            monkeypatch.delattr(os, name)
        file.append(block(0))
        assert file.durable == 1
        await file.sync()
        file.close()

    asyncio.run(run())


def test_a_failed_sync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def run() -> None:
        file = BlockFile(tmp_path / "blocks")
        file.append(block(0))
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", fail)
            with pytest.raises(DiskError, match="Input/output error"):
                await file.sync()
        assert file.durable == 0
        with pytest.raises(DiskError, match="Input/output error"):
            file.append(block(1))
        file.close()

    asyncio.run(run())


def test_a_full_disk_is_an_error_and_the_chain_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    size = len(filled(path, 3))
    with _limited(resource.RLIMIT_FSIZE, size + 30):
        file = BlockFile(path)
        for _ in range(2):
            with pytest.raises(DiskError, match="File too large"):
                file.append(block(3))
            assert file.height == 3
            assert path.stat().st_size == size
        assert file.read(2) == block(2)
    file.append(block(3))
    file.close()
    check(path, 4)


def test_a_full_disk_leaves_the_old_content_of_a_small_file(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "node.json"
    disk.replace(path, b"old")
    with _limited(resource.RLIMIT_FSIZE, 100), pytest.raises(DiskError):
        disk.replace(path, b"x" * 200)
    assert path.read_bytes() == b"old"
    disk.replace(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_disk_that_refuses_takes_no_write(tmp_path: Path) -> None:
    disk = Disk()
    file = BlockFile(tmp_path / "blocks", disk)
    file.append(block(0))
    disk.refusing = True
    with pytest.raises(DiskError, match="No space left on device"):
        file.append(block(1))
    with pytest.raises(DiskError, match="No space left on device"):
        disk.replace(tmp_path / "other", b"")
    assert file.read(0) == block(0)
    disk.refusing = False
    file.append(block(1))
    file.close()
    check(tmp_path / "blocks", 2)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    disk = Disk()
    database = sqlite3.connect(tmp_path / "db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL").fetchall()
    database.execute("CREATE TABLE t (v BLOB)")
    with disk.transaction(database):
        database.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError), disk.transaction(database):
        database.execute("INSERT INTO t VALUES (2)")
        raise KeyError
    # A page cache larger than the limit, so that it is the COMMIT that fails.
    with _limited(resource.RLIMIT_FSIZE, 100_000), pytest.raises(DiskError), disk.transaction(database):
        database.execute("INSERT INTO t VALUES (?)", (bytes(500_000),))
    assert database.execute("SELECT v FROM t").fetchall() == [(1,)]
    with disk.transaction(database):
        database.execute("INSERT INTO t VALUES (3)")
    assert database.execute("SELECT v FROM t").fetchall() == [(1,), (3,)]
    with pytest.raises(sqlite3.OperationalError), disk.transaction(database):
        database.execute("INSERT INTO nowhere VALUES (1)")
    database.close()


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.hlf_emulator.storage.test_blockfile import *
file = BlockFile(Path({path!r}), Disk(sync=False))
number = file.height
while True:
    file.append(block(number % 200, 5000))
    number += 1
    print(number, flush=True)
"""


def test_kill_9_in_the_middle_of_writing_loses_nothing_appended(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    root = str(Path(__file__).parents[4])
    said = 0
    for wanted in (5, 40, 200):
        script = _WRITER.format(root=root, path=str(path))
        writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root)
        assert writer.stdout is not None
        for line in writer.stdout:
            said = int(line)
            if said >= wanted:
                writer.send_signal(signal.SIGKILL)
        writer.stdout.close()
        assert writer.wait(20) == -signal.SIGKILL
        file = BlockFile(path, Disk(sync=False))
        assert file.height >= said >= wanted
        for number in range(file.height):
            assert file.read(number) == block(number % 200, 5000)
        file.close()


@contextmanager
def _limited(what: int, amount: int) -> Iterator[None]:
    """A limit on this process; a file too large is then an error instead of a signal."""
    soft, hard = resource.getrlimit(what)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(what, (amount, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def _address_space() -> int:
    """Bytes of address space that this process has taken (Linux; elsewhere 0)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
