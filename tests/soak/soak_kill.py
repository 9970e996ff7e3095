"""kill -9 of the emulator under load, again and again: what was acknowledged is there, once, at each peer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from hlf import AsyncGateway, FabricError
from hlf.effects import Timeouts
from hlf.profile import load_profile
from hlf_network import Consortium
from hlf_network.waiting import wait_until
from tests.networks import TOPOLOGY
from tests.soak.emulated import CHAINCODE, CHANNEL, ORGANIZATIONS, VALID, Chain, Emulated, emulated
from tests.soak.survival import check_survival

KILLS = 50
SETUP_KILLS = 15
WORKERS = 16
COLLECTION = "org-a_org-b"
_SEED = 4


@dataclass
class Promised:
    """What the clients were told: by transaction id, the key that was written and its value."""

    public: dict[str, tuple[str, str]] = field(default_factory=dict)
    private: dict[str, tuple[str, str]] = field(default_factory=dict)


async def load(emulated: Emulated, life: int, promised: Promised, seconds: float) -> None:
    """Submit until the process dies, which is `seconds` after the first answer."""
    profile = load_profile(emulated.network.profile_path("org-a"))
    answered = asyncio.Event()
    timeouts = Timeouts(5, 5, 5, 5)
    async with AsyncGateway.from_profile(profile, emulated.identity("org-a"), timeouts=timeouts) as gateway:
        contract = gateway.network(CHANNEL).contract(CHAINCODE)

        async def put(key: str, value: str) -> None:
            outcome = await contract.execute("put", key, value)
            promised.public[outcome.transaction_id] = key, value

        async def share(key: str, value: str) -> None:
            transient = {"value": f'"{value}"'.encode()}
            outcome = await contract.execute("share", COLLECTION, key, transient=transient)
            promised.private[outcome.transaction_id] = key, value

        async def worker(number: int) -> None:
            for turn in range(1_000_000):
                key, value = f"k-{life}-{number}-{turn}", f"v-{life}-{number}-{turn}"
                submit: Awaitable[None] = share(key, value) if (turn + number) % 4 == 3 else put(key, value)
                try:
                    await submit
                except FabricError:
                    # The process is dead: whether this one was committed, nobody was told.
                    return
                answered.set()

        working = [asyncio.create_task(worker(number)) for number in range(WORKERS)]
        async with asyncio.timeout(60):
            await answered.wait()
        await asyncio.sleep(seconds)
        emulated.kill()
        async with asyncio.timeout(60):
            await asyncio.gather(*working)


def tear(running: Emulated, chance: random.Random) -> None:
    """Cut the end of the peers' block file off, as a crash of the machine may: nobody waits for its disk."""
    file = running.state / "data" / "ledgers" / "channels" / CHANNEL / "blocks"
    size = file.stat().st_size
    os.truncate(file, size - chance.randrange(1, min(size, 100_000)))


# What each peer has of the channel, and what it says when it is asked


def check(emulated: Emulated, chains: dict[str, Chain], promised: Promised) -> None:
    for organization, chain in chains.items():
        with emulated.gateway(organization) as gateway:
            chain.follow(gateway)
        for transaction in (*promised.public, *promised.private):
            assert chain.codes.get(transaction) == VALID, f"{organization} lost {transaction}"
        assert not chain.repeated, f"{organization} has {chain.repeated} twice"


def read_all(emulated: Emulated, promised: Promised) -> None:
    for organization in ORGANIZATIONS:
        with emulated.gateway(organization) as gateway:
            contract = gateway.network(CHANNEL).contract(CHAINCODE)
            only = {"endorsing_organizations": [organization]}
            for key, value in promised.public.values():
                assert contract.evaluate("get", key, **only) == value.encode()
            for key, value in promised.private.values():
                assert contract.evaluate("shared", COLLECTION, key, **only) == value.encode()


def private_data(emulated: Emulated, organization: str, height: int) -> dict[tuple[int, int], bytes]:
    """The write sets of the common collection, by block and transaction."""
    with (
        emulated.gateway(organization) as gateway,
        gateway.network(CHANNEL).private_blocks(start=0, stop=height - 1) as blocks,
    ):
        return {
            (item.block.header.number, place): collection.rwset
            for item in blocks
            for place, written in item.private_data_map.items()
            for namespace in written.ns_pvt_rwset
            for collection in namespace.collection_pvt_rwset
            if collection.collection_name == COLLECTION
        }


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    promised = Promised()
    chains = {organization: Chain() for organization in ORGANIZATIONS}
    with emulated(tmp_path) as running:
        for life in range(KILLS):
            asyncio.run(load(running, life, promised, chance.uniform(0, 0.8)))
            if life % 2:
                tear(running, chance)
            running.start()
            check(running, chains, promised)
        assert chains["org-a"].hashes == chains["org-b"].hashes
        assert chains["org-a"].codes == chains["org-b"].codes
        read_all(running, promised)
        height = len(chains["org-a"].hashes)
        ours, theirs = (private_data(running, organization, height) for organization in ORGANIZATIONS)
        assert ours == theirs
        assert len(ours) >= len(promised.private) > 0
        assert "Traceback" not in running.log
        told = f"{len(promised.public)} public and {len(promised.private)} private values"
        sys.stdout.write(f"{KILLS} kills, {height} blocks, {told}: all there, none twice\n")


def test_a_network_killed_while_it_is_set_up_is_repaired(tmp_path: Path) -> None:
    """Joining, installing, approving and committing die at random moments; the next `up` goes on."""
    chance = random.Random(_SEED)
    state = tmp_path / "state"
    network = Consortium(TOPOLOGY, state, runtime="emulator")
    running = Emulated(network, state)
    command = [sys.executable, "-m", "hlf_network.cli", "network", "--topology", str(TOPOLOGY)]
    killed = 0
    try:
        while killed < SETUP_KILLS:
            upping = subprocess.Popen(
                [*command, "--state", str(state), "up", "--runtime", "emulator"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_until(lambda: running.process.pid is not None, 60, lambda: "the emulator does not start")
            # Longer each time, so that later kills meet later steps.
            with contextlib.suppress(subprocess.TimeoutExpired):
                upping.wait(chance.uniform(0, 0.3) * (killed + 1))
            running.kill()
            killed += 1
            # Whatever it waited for, it says that its nodes are gone and ends, unless it had ended before.
            assert upping.wait(60) in {0, 1}
        network.up()
        check_survival(running)
    finally:
        network.down()
