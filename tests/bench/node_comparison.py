"""The official Node Gateway SDK and hlf drive the same service and the same network, 50 in flight.

Each run is a process of its own that measures itself after a warm-up: CPU for each transaction, and
transactions a second. The scripted service answers at once, so it shows what the clients can do; the network
is that of the scenarios, where two peers endorse, on the emulator or on Fabric
(`python -m tests.bench.node_comparison docker`).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hlf import AsyncGateway, Endpoint, SigningIdentity
from hlf_network.access import Access
from tests.bench.networks import consortium
from tests.bench.record import Record, table
from tests.bench.scripted import service
from tests.official.toolkits import Toolkit, node
from tests.unit.hlf.fake_gateway import make_identity

IN_FLIGHT = 50
TOPOLOGY = Path(__file__).parents[1] / "data" / "scenario-topology.yaml"
CPU_GOAL = 0.25
_OURS = ("status", "stream")
_CPU, _RATE = "CPU for each transaction", "transactions at 50 in flight"


def measure(runtime: str = "emulator") -> Iterator[Record]:
    """Records of both comparisons; not run where Node or its packages cannot be had."""
    try:
        toolkit = node()
    except pytest.skip.Exception as why:
        yield Record.not_run(f"hlf beside the Node SDK: {_CPU}", "ms", CPU_GOAL, str(why))
        return
    identity = make_identity()
    with service(identity.certificate) as address:
        known = way(Endpoint(address), identity, "ch", "basic")
        yield from _compare(toolkit, "scripted service", known, 1000)
    with consortium(TOPOLOGY, runtime) as network:
        access = Access(network.layout)
        endpoint = access.endpoint(network.layout.gateway("org-a"))
        known = way(endpoint, access.identity("org-a", "user"), "trade", "assets")
        yield from _compare(toolkit, runtime, known, 600)


def way(endpoint: Endpoint, identity: SigningIdentity, channel: str, chaincode: str) -> dict[str, Any]:
    """What a program needs to find its way in."""
    assert identity.private_key is not None
    key = identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "address": endpoint.address,
        "tlsRoot": endpoint.tls_root_pem.decode() if endpoint.tls_root_pem else None,
        "mspId": identity.msp_id,
        "certificate": identity.certificate.decode(),
        "key": key.decode(),
        "channel": channel,
        "chaincode": chaincode,
        "inFlight": IN_FLIGHT,
    }


def _compare(toolkit: Toolkit, where: str, known: dict[str, Any], count: int) -> Iterator[Record]:
    commands = {"Node": [toolkit.client[0], "bench.mjs"]}
    commands |= {name: [sys.executable, "-m", "tests.bench.node_comparison", "ours", name] for name in _OURS}
    folders = {"Node": toolkit.folder} | dict.fromkeys(_OURS, Path(__file__).parents[2])
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(2):
        for name, command in commands.items():
            runs[name].append(_run(command, folders[name], {**known, "count": count, "warmUp": 200}))
    cpu = {name: min(1000 * one["cpuSeconds"] / one["transactions"] for one in runs[name]) for name in runs}
    rate = {name: max(one["transactions"] / one["seconds"] for one in runs[name]) for name in runs}
    for name in _OURS:
        what = f"hlf ({name}) beside the Node SDK, {where}"
        goal = CPU_GOAL if name == "stream" else None
        yield Record.of(
            f"{what}: {_CPU}", cpu[name], "ms", baseline=cpu["Node"], goal=goal, judge="ratio at most"
        )
        yield Record.of(
            f"{what}: {_RATE}", rate[name], "tx/s", baseline=rate["Node"], goal=rate["Node"], judge="at least"
        )


def _run(command: list[str], folder: Path, known: dict[str, Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as scratch:
        path = Path(scratch) / "way.json"
        path.touch(0o600)
        path.write_text(json.dumps({**known, "prefix": f"{os.urandom(4).hex()}-"}), encoding="utf-8")
        done = subprocess.run(
            [*command, str(path)], cwd=folder, check=False, capture_output=True, text=True, timeout=600
        )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-400:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def _ours(known: dict[str, Any], commits: Any) -> dict[str, float]:
    root = known["tlsRoot"]
    endpoint = Endpoint(known["address"], root.encode() if root else None)
    identity = SigningIdentity.from_pem(known["mspId"], known["certificate"].encode(), known["key"].encode())
    async with AsyncGateway(endpoint, identity, commits=commits) as gateway:
        contract = gateway.network(known["channel"]).contract(known["chaincode"])

        async def run(count: int, prefix: str) -> int:
            each = -(-count // known["inFlight"])

            async def worker(number: int) -> None:
                for n in range(each):
                    await contract.submit("put", f"{known['prefix']}{prefix}{number}-{n}", "x" * 200)

            await asyncio.gather(*map(worker, range(known["inFlight"])))
            return each * int(known["inFlight"])

        await run(known["warmUp"], "w")
        began, cpu = time.monotonic(), time.process_time()
        transactions = await run(known["count"], "k")
        return {
            "transactions": transactions,
            "seconds": time.monotonic() - began,
            "cpuSeconds": time.process_time() - cpu,
        }


def main(arguments: list[str]) -> None:
    """`ours COMMITS FILE` is one run of hlf; else the comparison, on the runtime that is named."""
    if arguments[:1] == ["ours"]:
        known = json.loads(Path(arguments[2]).read_text(encoding="utf-8"))
        sys.stdout.write(json.dumps(asyncio.run(_ours(known, arguments[1]))))
        return
    sys.stdout.write(table(measure(*arguments)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
