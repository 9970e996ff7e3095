"""The same workload on our runtime and on the official ones for Node and Python, behind the same peer.

A proposal writes one key and sets an event; one peer endorses it, N at a time, nothing is ordered. The
client's signatures are made before the clock runs. `python -m tests.bench.shims docker` does it on real
Fabric. CPU is the chaincode process's own: a ratio of two of them holds on a machine that others use, while
rates and latencies are also those of the peer, the client and whatever else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import grpc
import grpc.aio
import pytest
import yaml
from fabric_protos.peer import proposal_pb2, proposal_response_pb2

from hlf.identity import SigningIdentity
from hlf.wire.proposal import build_proposal
from hlf_network import Consortium
from hlf_network.access import Access
from tests.bench.networks import consortium
from tests.bench.record import Record, table
from tests.networks import TOPOLOGY
from tests.official import toolkits
from tests.official.serving import CHANNEL, Served, served

Signed = proposal_pb2.SignedProposal
COUNTS: Mapping[int, int] = {1: 150, 50: 1000, 100: 1000, 500: 2000}
"""In flight -> transactions of a round."""
_ROUNDS = 4
_WARM = 300
_SECONDS = 60.0
_OURS, _NODE, _PYTHON = "hlf_chaincode", "Node shim", "Python shim"


_TOOLKITS: Mapping[str, Callable[[], toolkits.Toolkit]] = {
    _NODE: toolkits.node,
    _PYTHON: toolkits.python,
    _OURS: toolkits.ours,
}


@dataclass(frozen=True)
class Run:
    """One level of one runtime: endorsements a second, CPU milliseconds and seconds for each, failures."""

    rate: float
    cpu: float
    latencies: list[float]
    failed: int
    of: int

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def measure(runtime: str = "emulator") -> Iterator[Record]:
    """Rates, CPU and latencies of each runtime at each number in flight, those of Node beside them."""
    found: dict[str, dict[int, Run]] = {}
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dure-bench-")))
        network = stack.enter_context(consortium(_topology(folder), runtime))
        chaincodes: dict[str, Served] = {}
        for name, make in _TOOLKITS.items():
            try:
                toolkit = make()
            except pytest.skip.Exception as reason:
                absent[name] = str(reason)
                continue
            contracts = ["tests.bench.workload:Puts"] if name == _OURS else []
            chaincodes[name] = stack.enter_context(served(toolkit, network, folder, contracts=contracts))
        found = asyncio.run(_all(network, chaincodes))
    for name in (_OURS, _PYTHON):
        if name in found:
            yield from _records(runtime, name, found[name], found.get(_NODE), absent)
    for name, why in absent.items():
        yield Record.not_run(f"{name}, {runtime}", "tx/s", None, why)


def _topology(folder: Path) -> Path:
    """The slice, whose peers give a chaincode that lost a transaction up sooner."""
    document: dict[str, Any] = yaml.safe_load(TOPOLOGY.read_text(encoding="utf-8"))
    document["python_path"] = [str(TOPOLOGY.parent)]
    document["execute_timeout"] = "10s"
    path = folder / "topology.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def _records(
    runtime: str, name: str, runs: dict[int, Run], node: dict[int, Run] | None, absent: Mapping[str, str]
) -> Iterator[Record]:
    """Each of `runs` beside Node's, where that was to be had; of ours, the rates of all levels are judged."""
    for level, run in runs.items():
        beside = node[level] if node else None
        title = f"{name}, {runtime}, {level} in flight"
        figures: tuple[tuple[str, Callable[[Run], float], str], ...] = (
            ("rate", lambda each: each.rate, "tx/s"),
            ("CPU for each", lambda each: each.cpu, "ms"),
            ("p50", lambda each: each.percentile(0.5), "ms"),
            ("p99", lambda each: each.percentile(0.99), "ms"),
        )
        for figure, of, unit in figures:
            yield Record.of(f"{title}: {figure}", of(run), unit, baseline=of(beside) if beside else None)
        goal = 0 if name == _OURS else None
        yield Record.of(f"{title}: failed of {run.of:,}", run.failed, "", goal=goal)
    if name == _OURS:
        title = f"{name}, {runtime}: rate, geometric mean of all levels"
        if node is None:
            yield Record.not_run(f"{title}, beside Node", "tx/s", 1, absent[_NODE])
        else:
            ours, theirs = (geometric_mean(run.rate for run in each.values()) for each in (runs, node))
            yield Record.of(title, ours, "tx/s", baseline=theirs, goal=1, judge="ratio at least")


async def _all(network: Consortium, chaincodes: Mapping[str, Served]) -> dict[str, dict[int, Run]]:
    """Level by level, the runtimes in turn: what else the machine does falls on all of them."""
    way = Access(network.layout)
    identity = way.identity("org-a", "user")
    found: dict[str, dict[int, Run]] = {name: {} for name in chaincodes}
    async with way.endpoint(network.layout.gateway("org-a")).connect_async() as channel:
        propose = channel.unary_unary(
            "/protos.Endorser/ProcessProposal",
            request_serializer=Signed.SerializeToString,
            response_deserializer=proposal_response_pb2.ProposalResponse.FromString,
        )

        async def run(name: str, level: int, count: int) -> Run:
            chaincode = chaincodes[name]
            return await _round(propose, _proposals(identity, chaincode.name, count), level, chaincode.pid)

        for name in chaincodes:
            await run(name, 10, _WARM)
        for level, count in COUNTS.items():
            runs: dict[str, list[Run]] = {name: [] for name in chaincodes}
            for _ in range(_ROUNDS):
                for name, done in runs.items():
                    # What loses transactions is not asked again: each takes the peer's time limit.
                    if not any(each.failed for each in done):
                        done.append(await run(name, level, count))
            for name, done in runs.items():
                found[name][level] = _best(done)
    return found


def _best(runs: list[Run]) -> Run:
    """The rate, CPU and latencies of the better run of each, and all failures."""
    failed, of = sum(run.failed for run in runs), sum(run.of for run in runs)
    latencies = min((run.latencies for run in runs), key=sum)
    return Run(max(run.rate for run in runs), min(run.cpu for run in runs), latencies, failed, of)


def _proposals(identity: SigningIdentity, chaincode: str, count: int) -> list[Signed]:
    made = []
    for number in range(count):
        arguments = [b"put", b"key-%d" % number, b"x" * 200]
        proposal = build_proposal(
            identity.identity, CHANNEL, chaincode, arguments, {}, os.urandom(24), time.time_ns()
        ).proposal
        made.append(Signed(proposal_bytes=proposal, signature=identity.sign(proposal)))
    return made


async def _round(
    propose: Callable[..., grpc.aio.UnaryUnaryCall], proposals: list[Signed], level: int, pid: int
) -> Run:
    waiting = iter(proposals)
    latencies: list[float] = []
    failed = 0

    async def worker() -> None:
        nonlocal failed
        for proposal in waiting:
            began = time.perf_counter()
            try:
                answer = await propose(proposal, timeout=_SECONDS)
            except grpc.aio.AioRpcError:
                failed += 1
                continue
            if answer.response.status == 200:
                latencies.append(time.perf_counter() - began)
            else:
                failed += 1

    began, before = time.perf_counter(), cpu(pid)
    await asyncio.gather(*(worker() for _ in range(level)))
    seconds, spent = time.perf_counter() - began, cpu(pid) - before
    count = len(proposals)
    return Run(len(latencies) / seconds, spent * 1000 / count, latencies, failed, count)


def cpu(pid: int) -> float:
    """CPU seconds of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure on the runtime that is named, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.shims", description=__doc__)
    parser.add_argument("runtime", choices=["emulator", "docker"], nargs="?", default="emulator")
    sys.stdout.write(table(measure(parser.parse_args().runtime)) + "\n")


if __name__ == "__main__":
    main()
