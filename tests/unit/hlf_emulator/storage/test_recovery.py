"""What the nodes do after a crash: orderers and peers give each other what one of them lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.ledger.disk import Disk, DiskError
from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.ledger.state import Space
from hlf_emulator.membership.msp import Verifier
from hlf_emulator.ordering.block_log import BlockLog
from hlf_emulator.ordering.orderer import OrderingService
from hlf_emulator.peer.block_feed import BlockFeed
from tests.unit.hlf_emulator.peer.peer_world import CHANNEL, SHARED, Code, Keys, World, make_keys, running

RECORDED = Path(__file__).parents[3] / "data" / "blocks"
BOTH = ("alpha", "beta")
SECRET = {"value": b'"private"'}


@pytest.fixture(scope="module")
def keys() -> Keys:
    return make_keys()


def ordered(number: int) -> common_pb2.Block:
    """A block as orderers have it."""
    block = common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes())
    for slot in (common_pb2.TRANSACTIONS_FILTER, common_pb2.COMMIT_HASH):
        if slot < len(block.metadata.metadata):
            block.metadata.metadata[slot] = b""
    return block


def private(world: World, organization: str, key: str) -> bytes | None:
    entry = world.channel(organization).ledger.private.state.get(Space("store", SHARED), key)
    return entry.value if entry else None


@pytest.mark.parametrize("left", [0, 1, 7])
def test_orderers_take_what_they_lost_from_the_peers(tmp_path: Path, left: int) -> None:
    async def run() -> None:
        ledger = SharedLedger(tmp_path / "peer", "referral", Verifier())
        file = BlockFile(tmp_path / "ordering" / "referral.blocks")
        for number in range(10):
            await ledger.commit(ordered(number))
            if number < left:
                file.append(ordered(number))
        file.close()
        service = OrderingService(tmp_path / "ordering", {}, Verifier(), None)
        service.recover({"referral": ledger})
        sequencer = service.sequencers["referral"]
        assert sequencer.height == 10
        assert [sequencer.block(number) for number in range(10)] == [ordered(n) for n in range(10)]
        service.close()
        ledger.close()

    asyncio.run(run())


class Orderers:
    """The one channel's blocks as the orderers have them."""

    def __init__(self, path: Path) -> None:
        self.log = BlockLog(CHANNEL, BlockFile(path))

    @property
    def height(self) -> int:
        return self.log.height

    def block(self, number: int) -> common_pb2.Block:
        return self.log.read(number)

    async def wait_height(self, height: int) -> None:
        await self.log.wait_height(height)

    async def wait_peers_height(self, height: int) -> None:
        await self.log.wait_height(height)

    async def wait_sequencer(self, _: str) -> Orderers:
        return self


def feed(world: World, orderers: Orderers, *organizations: str) -> list[BlockFeed]:
    feeds = []
    for name in organizations:
        made = BlockFeed(f"peer0.{name}", orderers)  # type: ignore[arg-type]
        made.follow(world.channel(name))
        feeds.append(made)
    return feeds


async def reached(world: World, height: int, *organizations: str) -> None:
    async with asyncio.timeout(10):
        for name in organizations:
            await world.channel(name).ledger.wait_height(height)


async def until(condition: Callable[[], bool], wake: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await wake()


def test_peers_take_again_what_their_files_lost_though_private_data_is_ahead(
    keys: Keys, tmp_path: Path
) -> None:
    async def run() -> None:
        async with running(keys, tmp_path / "state", deploy=("store",)) as world:
            assert await world.submit(BOTH, "put", "k", "v") == Code.VALID
            assert await world.submit(BOTH, "share", SHARED, "p", transient=SECRET) == Code.VALID
            ledger = world.shared.ledger(CHANNEL)
            height = ledger.height
            orderers = Orderers(tmp_path / "ordering")
            for number in range(height):
                orderers.log.add(ledger.block(number))
            await orderers.wait_height(height)
        file = tmp_path / "state" / "channels" / CHANNEL / "blocks"
        with file.open("r+b") as torn:
            torn.truncate(file.stat().st_size * 2 // 3)
        async with running(keys, tmp_path / "state", join=False) as world:
            lost = world.shared.ledger(CHANNEL)
            assert lost.height < height
            assert world.channel("alpha").ledger.height == lost.height
            waiting = asyncio.create_task(reached(world, height, "alpha", "beta", "gamma"))
            feeds = feed(world, orderers, "alpha", "beta", "gamma")
            await waiting
            assert lost.height == height
            assert private(world, "alpha", "p") == private(world, "beta", "p") == b"private"
            for one in feeds:
                await one.stop()
        orderers.log.close()

    asyncio.run(run())


def test_a_peer_that_has_more_than_the_orderers_stops(
    keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with running(keys, tmp_path / "state", deploy=("store",)) as world:
            orderers = Orderers(tmp_path / "ordering")
            orderers.log.add(keys.genesis)
            await orderers.wait_height(1)
            (one,) = feed(world, orderers, "alpha")
            await until(lambda: "the orderers have 1" in caplog.text, lambda: asyncio.sleep(0))
            await one.stop()
            orderers.log.close()

    asyncio.run(run())


def test_a_peer_whose_disk_is_full_stays_behind_and_catches_up(
    keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def run() -> None:
        async with running(keys, tmp_path / "state", deploy=("store",)) as world:
            ledger = world.shared.ledger(CHANNEL)
            orderers = Orderers(tmp_path / "ordering")
            for number in range(ledger.height):
                orderers.log.add(ledger.block(number))
            await orderers.wait_height(ledger.height)
            feeds = feed(world, orderers, *BOTH)
            _, envelope = await world.endorse(BOTH, "share", SHARED, "p", transient=SECRET)
            world.peers["beta"].disk.refusing = True
            before = ledger.height
            orderers.log.add(world.cut(envelope))
            await reached(world, before + 1, "alpha")
            assert world.channel("beta").ledger.height == before
            await until(lambda: "peer0.beta cannot write" in caplog.text, lambda: asyncio.sleep(0))
            # It goes on answering, but endorses nothing that it would have to keep.
            assert (await world.ask("beta", "get", "k")).response.status == 200
            refused = await world.ask("beta", "share", SHARED, "q", transient=SECRET)
            assert refused.response.status == 500
            assert refused.response.message == "error in simulation: No space left on device"
            world.peers["beta"].disk.refusing = False
            await reached(world, before + 1, "beta")
            assert private(world, "beta", "p") == b"private"
            await until(lambda: "peer0.beta writes blocks" in caplog.text, lambda: asyncio.sleep(0))
            for one in feeds:
                await one.stop()
            orderers.log.close()

    asyncio.run(run())


def test_a_block_that_the_disk_does_not_take_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def run() -> None:
        disk = Disk()
        log = BlockLog("referral", BlockFile(tmp_path / "blocks", disk))
        log.add(ordered(0))
        await log.wait_height(1)
        disk.refusing = True
        for number in (1, 2):
            log.add(ordered(number))
        assert isinstance(log.problem, DiskError)
        assert log.height == 1
        disk.refusing = False
        async with asyncio.timeout(10):
            await log.wait_height(3)
        assert log.problem is None
        log.close()
        assert caplog.text.count("no block can be written") == 1
        assert "blocks are written again" in caplog.text

    asyncio.run(run())
    again = BlockFile(tmp_path / "blocks")
    assert [again.read(number) for number in range(again.height)] == [ordered(n) for n in range(3)]
    again.close()


def test_blocks_made_while_the_disk_is_slow_share_one_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> int:
        calls = 0
        file = BlockFile(tmp_path / "blocks")
        flush = file.sync

        async def counted() -> None:
            nonlocal calls
            calls += 1
            await flush()

        monkeypatch.setattr(file, "sync", counted)
        log = BlockLog("referral", file)
        for number in range(8):
            log.add(ordered(number))
        async with asyncio.timeout(10):
            await log.wait_height(8)
        log.close()
        return calls

    assert asyncio.run(run()) == 1
