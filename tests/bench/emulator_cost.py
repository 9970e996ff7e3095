"""The emulator of two organizations: transactions a second, CPU for each, and opening old blocks."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import uvloop
from fabric_protos.common import common_pb2

from hlf import AsyncGateway
from hlf.effects import Commits
from hlf.profile import load_profile
from hlf.wire.blocks import header_hash
from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.ledger.disk import Disk
from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.membership.msp import Verifier
from tests.bench.networks import ROOT
from tests.bench.record import Record
from tests.soak.emulated import CHAINCODE, CHANNEL, Emulated, emulated

IN_FLIGHT = 50
GOAL = 200.0
_BLOCKS = 10_000
_OPEN_GOAL = 5.0


def measure(count: int = 2000, rounds: int = 2) -> Iterator[Record]:
    """Every transaction is endorsed by two organizations, ordered by four nodes, committed by two peers.

    The client learns of commits by a call for each transaction, as the official SDKs do, then by a stream of
    filtered blocks, which is its own way for high rates. It shares the two cores with what it measures, and
    runs on the same event loop.
    """
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder, emulated(Path(folder)) as running:
        for commits in get_args(Commits):
            measured = uvloop.run(_rates(running, count, rounds, commits))
            rate, cpu = max(rate for rate, _ in measured), min(cpu for _, cpu in measured)
            name = f"emulator, two organizations, {IN_FLIGHT} in flight, commits by {commits}"
            yield Record.of(name, rate, "tx/s", goal=GOAL, judge="at least")
            yield Record.of(f"{name}: its CPU for each", cpu, "ms")
    yield Record.of(f"{_BLOCKS:,} blocks opened: CPU", _opening(), "s", goal=_OPEN_GOAL)


async def _rates(
    running: Emulated, count: int, rounds: int, commits: Commits = "stream"
) -> list[tuple[float, float]]:
    """(transactions a second, CPU milliseconds of the emulator for each) of every round."""
    profile = load_profile(running.network.profile_path("org-a"))
    identity = running.identity("org-a")
    async with AsyncGateway.from_profile(profile, identity, commits=commits) as gateway:
        contract = gateway.network(CHANNEL).contract(CHAINCODE)

        async def worker(name: str, number: int) -> None:
            for turn in range(number):
                await contract.submit("put", f"{name}-{turn}", "x" * 100)

        async def together(name: str, number: int) -> None:
            await asyncio.gather(*(worker(f"{commits}-{name}-{each}", number) for each in range(IN_FLIGHT)))

        await together("warm", 4)
        measured = []
        for turn in range(rounds):
            began, before = time.monotonic(), running.cpu()
            await together(f"round-{turn}", count // IN_FLIGHT)
            done = count // IN_FLIGHT * IN_FLIGHT
            seconds, cpu = time.monotonic() - began, running.cpu() - before
            measured.append((done / seconds, cpu * 1000 / done))
        return measured


def _opening() -> float:
    """CPU seconds to a channel's ledger, replayed from a file of blocks that real Fabric made."""
    recorded = ROOT / "tests" / "data" / "blocks"
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        file = BlockFile(Path(folder) / "blocks", Disk(sync=False))
        block = common_pb2.Block()
        for number in range(_BLOCKS):
            previous = header_hash(block.header)
            name = f"referral-{min(number, 7)}.pb"
            if number <= 7:
                block = common_pb2.Block.FromString((recorded / name).read_bytes())
            else:
                block.header.number, block.header.previous_hash = number, previous
            file.append(block)
        file.close()
        began = time.process_time()
        ledger = SharedLedger(Path(folder), "referral", Verifier(), Disk(sync=False))
        seconds = time.process_time() - began
        ledger.close()
    return seconds
