"""50,000 transactions on keys that stay the same: what the process keeps of each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hlf import AsyncGateway
from hlf.profile import load_profile
from tests.soak.emulated import CHAINCODE, CHANNEL, Emulated, emulated
from tests.soak.survival import check_survival

TRANSACTIONS = 50_000
_WARM = 5_000
_IN_FLIGHT = 50
_ALLOWED = 100
"""Bytes that a transaction may leave in memory: its place, its writes' versions, its share of a block's."""


async def submit(running: Emulated, count: int) -> None:
    profile = load_profile(running.network.profile_path("org-a"))
    async with AsyncGateway.from_profile(profile, running.identity("org-a")) as gateway:
        contract = gateway.network(CHANNEL).contract(CHAINCODE)

        async def worker(number: int) -> None:
            for turn in range(count // _IN_FLIGHT):
                if turn % 10 == 9:
                    transient = {"value": f'"{turn}"'.encode()}
                    await contract.submit("share", "org-a_org-b", f"k-{number}", transient=transient)
                else:
                    await contract.submit("put", f"k-{number}", f"v-{turn}" + "x" * 100)

        await asyncio.gather(*(worker(number) for number in range(_IN_FLIGHT)))


def test_memory_is_flat(tmp_path: Path) -> None:
    with emulated(tmp_path) as running:
        asyncio.run(submit(running, _WARM))
        sizes = [running.memory()]
        for _ in range(5):
            asyncio.run(submit(running, TRANSACTIONS // 5))
            sizes.append(running.memory())
        shown = ", ".join(f"{size / 2**20:.1f}" for size in sizes)
        # Over the second half, so that caches of a bounded size have had time to fill.
        each = (sizes[5] - sizes[2]) / (TRANSACTIONS * 3 / 5)
        sys.stdout.write(
            f"MiB after warm-up and every fifth of {TRANSACTIONS}: {shown}; {each:.0f} bytes each\n"
        )
        check_survival(running)
        assert each < _ALLOWED
