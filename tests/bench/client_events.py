"""Events that AsyncGateway decodes and hands out per CPU second, what importing hlf costs, and memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hlf import AsyncGateway, Endpoint, SigningIdentity
from tests.bench.bare import ARGUMENT
from tests.bench.record import Record
from tests.bench.scripted import service

EVENTS_GOAL, IMPORT_GOAL, GROWTH_GOAL = 10_000.0, 0.25, 4.0
_IN_FLIGHT = 50
_IMPORT = "import time; import hlf; print(time.process_time())"


def measure(identity: SigningIdentity, *, events: int = 50_000) -> Iterator[Record]:
    """Events per CPU second, and CPU seconds of an interpreter that imports hlf and ends."""
    with service(identity.certificate) as address:
        rate = asyncio.run(_events(address, identity, events))
    yield Record.of("events decoded and delivered", rate, "/CPU s", goal=EVENTS_GOAL, judge="at least")
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        _import(folder)  # compiles; what is installed has been compiled
        yield Record.of("import hlf", min(_import(folder) for _ in range(5)), "CPU s", goal=IMPORT_GOAL)


def memory(identity: SigningIdentity, *, count: int = 100_000) -> Iterator[Record]:
    """MiB that the process grows over ``count`` transactions, by commit stream, and over as many events."""
    with service(identity.certificate) as address:
        submits, events = asyncio.run(_growth(address, identity, count))
    yield Record.of(f"memory over {count} submits", submits, "MiB", goal=GROWTH_GOAL)
    yield Record.of(f"memory over {count} events", events, "MiB", goal=GROWTH_GOAL)


async def _events(address: str, identity: SigningIdentity, count: int) -> float:
    async with AsyncGateway(Endpoint(address), identity) as gateway:
        await _listen(gateway, 1000)
        began = time.process_time()
        await _listen(gateway, count)
        return count / (time.process_time() - began)


async def _listen(gateway: AsyncGateway, count: int) -> None:
    async with gateway.network("ch").chaincode_events("basic", start_block=0) as stream:
        for _ in range(count):
            await anext(stream)


async def _growth(address: str, identity: SigningIdentity, count: int) -> tuple[float, float]:
    async with AsyncGateway(Endpoint(address), identity, commits="stream") as gateway:
        contract = gateway.network("ch").contract("basic")

        async def worker(number: int) -> None:
            for _ in range(number):
                await contract.submit("Write", ARGUMENT)

        async def submit(number: int) -> None:
            await asyncio.gather(*(worker(number // _IN_FLIGHT) for _ in range(_IN_FLIGHT)))

        await submit(count // 10)
        before = _resident()
        await submit(count)
        submits = _resident() - before
        await _listen(gateway, count // 10)
        before = _resident()
        await _listen(gateway, count)
        return submits, _resident() - before


def _resident() -> float:
    """MiB of this process in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def _import(folder: str) -> float:
    """CPU seconds of a process that imports hlf; `folder` keeps its compiled modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = folder
    command = [sys.executable, "-c", _IMPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)
