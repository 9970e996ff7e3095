"""Transactions a second that the emulator of the ten-organization network commits, 50 in flight.

The slice's smallest contract runs on `execution` beside the consortium's own, under the channel's policy of
two organizations: every transaction is endorsed twice, ordered by four, committed by three peers.
The baseline is what P-256 alone would allow one core: the fewest signatures and verifications of a
transaction that Fabric's protocol has.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hlf import AsyncGateway, SigningIdentity
from hlf.identity import verify
from hlf.profile import load_profile
from hlf_network import Consortium
from tests.bench.networks import ROOT, TOPOLOGY, consortium
from tests.bench.record import Record

GOAL = 100.0
IN_FLIGHT = 50
_CHANNEL, _CHAINCODE, _BANK = "execution", "records", "bank-a"
# Client: proposal, transaction, commit status. Two endorsers. Blocks share the orderers' signatures.
_SIGNATURES = 5
# Each endorser the proposal; gateway the status request; orderer the transaction; three committers its
# creator and both endorsements.
_VERIFICATIONS = 2 + 1 + 1 + 3 * 3


def throughput(count: int = 1500) -> Iterator[Record]:
    """One record, from `count` transactions that write a key of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="dure-bench-") as folder,
        consortium(_topology(folder)) as network,
    ):
        identity = network.wallet(_BANK).get("officer")
        rate = asyncio.run(_rate(network, identity, count))
    yield Record.of(
        f"emulator, {IN_FLIGHT} in flight",
        rate,
        "tx/s",
        baseline=_bound(identity),
        goal=GOAL,
        judge="at least",
    )


def _topology(folder: str) -> Path:
    """The consortium's topology with one more chaincode."""
    document: dict[str, Any] = yaml.safe_load(TOPOLOGY.read_text(encoding="utf-8"))
    document["python_path"] = [str(ROOT / "tests" / "data")]
    document["channels"][_CHANNEL]["chaincodes"][_CHAINCODE] = {
        "contract": "slice.contract:Records",
        "policy": "AND(OR(banks), applicants)",
    }
    path = Path(folder) / "topology.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


async def _rate(network: Consortium, identity: SigningIdentity, count: int) -> float:
    profile = load_profile(network.profile_path(_BANK))
    async with AsyncGateway.from_profile(profile, identity) as gateway:
        contract = gateway.network(_CHANNEL).contract(_CHAINCODE)

        async def worker(name: str, number: int) -> None:
            for n in range(number):
                await contract.submit("put", f"{name}-{n}", "x" * 100)

        await asyncio.gather(*(worker(f"warm-{w}", 2) for w in range(IN_FLIGHT)))
        began = time.monotonic()
        await asyncio.gather(*(worker(f"key-{w}", count // IN_FLIGHT) for w in range(IN_FLIGHT)))
        return count // IN_FLIGHT * IN_FLIGHT / (time.monotonic() - began)


def _bound(identity: SigningIdentity, repeats: int = 300) -> float:
    message = b"x" * 2000
    signature = identity.sign(message)
    signing = _each(lambda: identity.sign(message), repeats)
    verifying = _each(lambda: verify(identity.certificate, message, signature), repeats)
    return 1 / (_SIGNATURES * signing + _VERIFICATIONS * verifying)


def _each(act: Any, repeats: int) -> float:
    began = time.process_time()
    for _ in range(repeats):
        act()
    return (time.process_time() - began) / repeats
