"""Seconds to a consortium that is up with new keys and everything deployed, and to a loan carried through.

The clock runs round the whole program, `hlf network up`: interpreter and imports count, as for whoever
types it. The baseline is the same three programs' interpreters and imports alone.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hlf_network import Consortium
from hlf_network.errors import NetworkError
from hlf_network.processes import recorded
from hlf_network.runtime import make
from tests.bench.record import Record

ROOT = Path(__file__).parents[2]
TOPOLOGY = ROOT / "network" / "topology.yaml"
GOALS = {"emulator": 5.0, "docker": 45.0}
_PROGRAMS = (
    "hlf_network.cli",
    "hlf_emulator.__main__",
    "hlf_chaincode.server, lending_chaincode.credit_evaluation, lending_chaincode.loan_execution",
)

_DEMO = """
import pathlib, sys
from lending.demo.run import main
state, build = map(pathlib.Path, sys.argv[1:])
sys.exit(main("emulator", state, build=build))
"""


def emulator(rounds: int = 3) -> Iterator[Record]:
    """The emulator, warm: wall-clock seconds, and CPU seconds of every process it takes."""
    name = "consortium up, emulator"
    measured = [_once("emulator") for _ in range(rounds)]
    seconds, cpu = (min(values) for values in zip(*measured, strict=True))
    yield Record.of(name, seconds, "s", baseline=_imports(), goal=GOALS["emulator"])
    yield Record.of(f"{name}: CPU of all processes", cpu, "s")


def docker() -> Iterator[Record]:
    """Real Fabric, where an engine with its images answers."""
    name, goal = "consortium up, Docker", GOALS["docker"]
    topology = Consortium(TOPOLOGY, ROOT / "build" / "none").topology
    try:
        nodes = make("docker", topology.network, "bench", ROOT / "build" / "none")
        try:
            nodes.check(topology.fabric)
        finally:
            nodes.close()
    except NetworkError as error:
        yield Record.not_run(name, "s", goal, error.message)
        return
    seconds, _ = _once("docker")
    yield Record.of(name, seconds, "s", goal=goal)


def demo() -> Iterator[Record]:
    """`make demo` once everything is installed: the whole program, from its start to its report."""
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        state, build = Path(folder) / "state", Path(folder) / "build"
        began = time.monotonic()
        try:
            subprocess.run(
                [sys.executable, "-c", _DEMO, str(state), str(build)],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds = time.monotonic() - began
        finally:
            Consortium(TOPOLOGY, state).down()
    yield Record.of("the demonstration, emulator", seconds, "s", goal=30)


@contextmanager
def consortium(topology: Path, runtime: str = "emulator") -> Iterator[Consortium]:
    """A network that is up for the length of the block, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        network = Consortium(topology, Path(folder) / "state", runtime=runtime)
        try:
            network.up()
            yield network
        finally:
            network.down()


def _once(runtime: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        state = Path(folder) / "state"
        command = [sys.executable, "-m", "hlf_network.cli", "network", "--topology", str(TOPOLOGY)]
        before, began = os.times(), time.monotonic()
        try:
            subprocess.run(
                [*command, "--state", str(state), "up", "--runtime", runtime],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds, after = time.monotonic() - began, os.times()
            own = after.children_user + after.children_system - before.children_user - before.children_system
            return seconds, own + sum(_cpu(one.pid) for one in recorded(state / "run"))
        finally:
            Consortium(TOPOLOGY, state).down()


def _cpu(pid: int | None) -> float:
    """CPU seconds of a running process (Linux; elsewhere 0)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _imports() -> float:
    async def run(modules: str) -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {modules}")
        if await process.wait():
            raise RuntimeError(f"cannot import {modules}")

    async def together() -> float:
        began = time.monotonic()
        await asyncio.gather(*map(run, _PROGRAMS))
        return time.monotonic() - began

    return min(asyncio.run(together()) for _ in range(2))
