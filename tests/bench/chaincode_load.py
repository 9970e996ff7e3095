"""Our server under a scripted peer: hundreds of calls in flight, none lost, memory, and what a start costs.

The peer is this process: it asks, answers whatever the chaincode asks, and counts what comes back for each
transaction. Latencies are between its own write and read, so they hold the peer's share too.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import yaml
from fabric_protos.peer import chaincode_shim_pb2, proposal_response_pb2

from hlf_chaincode.abilities import Abilities
from tests.bench.networks import ROOT, TOPOLOGY
from tests.bench.record import Record
from tests.bench.shims import cpu
from tests.unit.hlf_chaincode.fake_peer import transaction as transaction_message

Message = chaincode_shim_pb2.ChaincodeMessage
_VALUE = b"x" * 200
_PUTS = "tests.bench.workload:Puts"
_MEGABYTE = 1024 * 1024
_SECONDS = 60.0


@dataclass
class Load:
    """What came of a number of calls: how often each was answered, and the seconds that each took."""

    asked: int
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def amiss(self) -> int:
        """Calls that were not answered once and well."""
        twice = sum(count - 1 for count in self.answers.values())
        return self.asked - len(self.answers) + twice + self.refused

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return 1000 * sorted(self.latencies)[int(share * (len(self.latencies) - 1))]


def measure() -> Iterator[Record]:
    """Losses and rate at 500 in flight, the spread at 100, memory over 100,000 calls, a start."""
    with served([_PUTS]) as (process, (address,)):
        asyncio.run(_load(address, 50, 500))
        load = asyncio.run(_load(address, 500, 10_000))
        title = f"500 in flight, {load.asked:,} calls"
        yield Record.of(f"{title}: lost, refused or answered twice", load.amiss, "", goal=0)
        yield Record.of(f"{title}: rate", load.asked / load.seconds, "tx/s")
        load = asyncio.run(_load(address, 100, 5_000))
        p50, p99 = load.percentile(0.5), load.percentile(0.99)
        yield Record.of(
            "100 in flight: p99 beside p50", p99, "ms", baseline=p50, goal=3, judge="ratio at most"
        )
        before = resident(process.pid)
        load = asyncio.run(_load(address, 100, 100_000))
        yield Record.of(
            f"memory after {load.asked:,} calls more",
            resident(process.pid) / _MEGABYTE,
            "MiB",
            baseline=before / _MEGABYTE,
            goal=1.05,
            judge="ratio at most",
        )
    costs = []
    for _ in range(3):
        with served(*([each] for each in _lending())) as (process, _addresses):
            costs.append(cpu(process.pid))
    yield Record.of("import and ready, five chaincodes: CPU", min(costs), "s", goal=0.6)


def _lending() -> list[str]:
    document: dict[str, Any] = yaml.safe_load(TOPOLOGY.read_text(encoding="utf-8"))
    found = {
        chaincode["contract"]: None
        for channel in document["channels"].values()
        for chaincode in channel["chaincodes"].values()
    }
    return list(found)[:5]


@contextmanager
def served(*chaincodes: list[str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Our server's process and its addresses, one for the contracts of each chaincode."""
    servers = [
        {"address": "127.0.0.1:0", "package_id": f"bench:{number}", "contracts": contracts, "tls": None}
        for number, contracts in enumerate(chaincodes)
    ]
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        config = Path(folder) / "chaincode.json"
        config.write_text(json.dumps({"servers": servers}), encoding="utf-8")
        command = [sys.executable, "-m", "hlf_chaincode.server", "--config", str(config)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                word, *addresses = process.stdout.readline().split()
                if word != "ready":
                    raise RuntimeError("the chaincode server did not start")
                yield process, addresses
            finally:
                process.terminate()


def resident(pid: int) -> int:
    """Bytes that a process has in memory (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


async def _load(address: str, in_flight: int, count: int) -> Load:
    """`count` calls, at most `in_flight` at a time; gives up when nothing has come for a minute."""
    load = Load(count)
    begun: dict[str, float] = {}
    numbers = iter(range(count))
    outbox: asyncio.Queue[Message] = asyncio.Queue()

    def begin() -> None:
        number = next(numbers, None)
        if number is not None:
            name = f"tx{number}"
            outbox.put_nowait(transaction_message(name, b"put", b"key%d" % number, _VALUE))
            begun[name] = time.perf_counter()

    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )()
        await stream.read()
        await stream.write(Message(type=Message.REGISTERED))
        await stream.write(Message(type=Message.READY, payload=Abilities(1000, 1000).to_payload()))

        async def write() -> None:
            while True:
                await stream.write(await outbox.get())

        writer = asyncio.create_task(write())
        started = time.perf_counter()
        for _ in range(in_flight):
            begin()
        while sum(load.answers.values()) < count:
            try:
                message = await asyncio.wait_for(stream.read(), _SECONDS)
            except TimeoutError:
                break
            if message.type != Message.COMPLETED:
                outbox.put_nowait(
                    Message(type=Message.RESPONSE, txid=message.txid, channel_id=message.channel_id)
                )
                continue
            load.answers[message.txid] += 1
            load.latencies.append(time.perf_counter() - begun.pop(message.txid, time.perf_counter()))
            load.refused += proposal_response_pb2.Response.FromString(message.payload).status != 200
            begin()
        load.seconds = time.perf_counter() - started
        writer.cancel()
        stream.cancel()
    return load
