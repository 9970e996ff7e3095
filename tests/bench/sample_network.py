"""What a developer waits for: the sample network, a fresh channel with a contract on it, one transaction."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hlf_network.testing import Channel, FabricNetwork
from tests.bench.record import Record
from tests.unit.hlf_emulator.product.assets import Assets

_CHANNELS, _SUBMITS, _STARTS = 15, 200, 4


def measure() -> Iterator[Record]:
    """Starts by the command; channels and transactions as the pytest plugin makes them."""
    with tempfile.TemporaryDirectory() as folder:
        starts = [_start(Path(folder) / str(number)) for number in range(_STARTS)]
        yield Record.of("start of the sample network, warm", min(starts[1:]), "s", goal=1.5)
        yield from _in_tests(Path(folder) / "tests")


def _start(state: Path) -> float:
    command = [sys.executable, "-m", "hlf_network.cli", "emulator"]
    up = [*command, "up", "--detach", "--free-ports", "--state", str(state)]
    began = time.perf_counter()
    subprocess.run(up, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    subprocess.run([*command, "down", "--state", str(state)], check=True, stdout=subprocess.DEVNULL)
    return took


def _in_tests(folder: Path) -> Iterator[Record]:
    reading, writing = os.pipe()
    network = FabricNetwork.start(folder, reading)
    try:
        channels, contracts = [], []
        for _number in range(_CHANNELS):
            began = time.perf_counter()
            channel = network.create_channel()
            made = time.perf_counter()
            channel.deploy([Assets])
            contracts.append(time.perf_counter() - began)
            channels.append(made - began)
            channel.drop()
        yield Record.of("fresh channel, p50", statistics.median(channels), "s", goal=0.3)
        yield Record.of("fresh channel with a contract, p50", statistics.median(contracts), "s", goal=0.3)
        serial = _serial(network.create_channel())
        yield Record.of("serial submit, 2 ms batches, p50", 1000 * statistics.median(serial), "ms", goal=25)
    finally:
        network.close()
        os.close(reading)
        os.close(writing)


def _serial(channel: Channel) -> list[float]:
    contract = channel.contract(channel.deploy([Assets]))
    took = []
    for number in range(_SUBMITS):
        began = time.perf_counter()
        contract.submit("put", f"a{number}", "1")
        took.append(time.perf_counter() - began)
    return took
