"""Raft's rules: how its block cutter cuts, who leads, what is lost, and what its blocks say."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.orderer.etcdraft import metadata_pb2

from hlf.identity import verify
from hlf.wire.blocks import signatures_metadata, signed_bytes
from hlf.wire.configtx import genesis_block
from hlf.wire.consensus import RAFT, BatchSpec
from hlf.wire.verify import ChainVerifier
from hlf_emulator.membership.bundle import BatchLimits
from hlf_emulator.ordering.consensus import OrderingRequest
from hlf_emulator.ordering.orderer import Orderer, OrderingService
from hlf_emulator.ordering.raft import NO_LEADER, BlockCutter
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World

_LIMITS = BatchLimits(max_messages=3, preferred_max_bytes=100)
_DEADLINE = 5.0


def request(size: int, *, config: bool = False) -> OrderingRequest:
    return OrderingRequest(id=str(size), envelope=b"", size=size, is_config=config)


def cut(sizes: list[int]) -> tuple[list[list[int]], list[int]]:
    """The batches that a list of requests leads to, and what is pending after them."""
    cutter = BlockCutter()
    batches = [batch for size in sizes for batch in cutter.ordered(request(size), _LIMITS)]
    return [[each.size for each in batch] for batch in batches], [each.size for each in cutter.pending]


@pytest.mark.parametrize(
    ("sizes", "batches", "pending"),
    [
        ([10, 10], [], [10, 10]),
        ([10, 10, 10, 10], [[10, 10, 10]], [10]),
        ([60, 40], [], [60, 40]),
        ([60, 41], [[60]], [41]),
        ([10, 101, 10], [[10], [101]], [10]),
        ([101], [[101]], []),
        ([50, 50, 50], [[50, 50]], [50]),
    ],
)
def test_a_batch_is_cut(sizes: list[int], batches: list[list[int]], pending: list[int]) -> None:
    assert cut(sizes) == (batches, pending)


def test_a_configuration_is_a_batch_of_its_own() -> None:
    cutter = BlockCutter()
    cutter.ordered(request(10), _LIMITS)
    batches = cutter.ordered(request(20, config=True), _LIMITS)
    assert [[each.size for each in batch] for batch in batches] == [[10], [20]]
    assert not cutter.pending


@pytest.fixture(scope="module")
def raft_world(world: World) -> World:
    """The four orderers, of a channel that Raft orders."""
    spec = dataclasses.replace(world.spec, consensus=RAFT, batch=BatchSpec(max_messages=3, timeout="40ms"))
    return dataclasses.replace(world, genesis=genesis_block(spec, timestamp_ns=1, nonce=b"\x01" * 24))


def up(world: World, folder: Path) -> tuple[OrderingService, list[Orderer]]:
    service = world.service(folder)
    nodes = world.nodes(folder, service)
    for node in nodes:
        node.join(CHANNEL, world.genesis)
        node.running = True
    return service, nodes


async def height(service: OrderingService, wanted: int) -> None:
    async with asyncio.timeout(_DEADLINE):
        await service.sequencers[CHANNEL].wait_height(wanted)


def progress(block: common_pb2.Block) -> metadata_pb2.BlockMetadata:
    value = common_pb2.OrdererBlockMetadata.FromString(signatures_metadata(block).value)
    return metadata_pb2.BlockMetadata.FromString(
        common_pb2.Metadata.FromString(value.consenter_metadata).value
    )


def test_a_block_says_who_orders_and_carries_one_signature(raft_world: World, tmp_path: Path) -> None:
    async def scenario() -> list[common_pb2.Block]:
        service, nodes = up(raft_world, tmp_path)
        for number in (1, 2):
            assert nodes[number].broadcast(raft_world.envelope(nonce=bytes([number]))).status == 200
            await height(service, number + 1)
        return [service.sequencers[CHANNEL].block(number) for number in range(3)]

    chain = asyncio.run(scenario())
    verifier = ChainVerifier(chain[0])
    assert [verifier.problem(block) for block in chain[1:]] == ["", ""]
    first, second = progress(chain[1]), progress(chain[2])
    assert (list(first.consenter_ids), first.next_consenter_id) == ([1, 2, 3, 4], 5)
    # Four entries for the consenters, one for the leader's term, then one for each block.
    assert (first.raft_index, second.raft_index) == (6, 7)
    (signature,) = signatures_metadata(chain[1]).signatures
    assert not signature.identifier_header
    signed = signed_bytes(signatures_metadata(chain[1]), signature, chain[1].header)
    assert any(verify(each.certificate, signed, signature.signature) for each in raft_world.orderers.values())


def test_the_same_envelope_is_ordered_twice(raft_world: World, tmp_path: Path) -> None:
    async def scenario() -> int:
        service, nodes = up(raft_world, tmp_path)
        envelope = raft_world.envelope(nonce=b"twice")
        assert [nodes[0].broadcast(envelope).status for _ in range(2)] == [200, 200]
        await height(service, 2)
        return len(service.sequencers[CHANNEL].block(1).data.data)

    assert asyncio.run(scenario()) == 2


def test_without_a_majority_nobody_takes_anything(raft_world: World, tmp_path: Path) -> None:
    async def scenario() -> None:
        service, nodes = up(raft_world, tmp_path)
        sequencer = service.sequencers[CHANNEL]
        for node in nodes[:2]:
            node.running = False
        assert sequencer.errored
        refused = nodes[2].broadcast(raft_world.envelope(nonce=b"none"))
        assert (refused.status, refused.info) == (common_pb2.SERVICE_UNAVAILABLE, NO_LEADER)
        nodes[0].running = True
        assert not sequencer.errored
        assert nodes[2].broadcast(raft_world.envelope(nonce=b"some")).status == 200
        await height(service, 2)

    asyncio.run(scenario())


def test_a_leader_that_stops_takes_what_it_had_not_cut_with_it(raft_world: World, tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        service, nodes = up(raft_world, tmp_path)
        sequencer = service.sequencers[CHANNEL]
        nodes[0].broadcast(raft_world.envelope(nonce=b"lost"))
        leader = sequencer.consensus.leader  # type: ignore[attr-defined]  # only Raft has one
        for node in nodes:
            node.running = node.name != leader
        following = next(node for node in nodes if node.running)
        assert following.broadcast(raft_world.envelope(nonce=b"kept")).status == 200
        await height(service, 2)
        service.flush()
        return [len(sequencer.block(number).data.data) for number in range(1, sequencer.height)]

    assert asyncio.run(scenario()) == [1]


def test_the_numbering_goes_on_after_a_restart(raft_world: World, tmp_path: Path) -> None:
    async def first() -> int:
        service, nodes = up(raft_world, tmp_path)
        nodes[0].broadcast(raft_world.envelope(nonce=b"before"))
        await height(service, 2)
        number = progress(service.sequencers[CHANNEL].block(1)).raft_index
        service.close()
        return number

    async def second() -> int:
        service = raft_world.service(tmp_path)
        service.recover()
        nodes = raft_world.nodes(tmp_path, service)
        for node in nodes:
            node.running = True
        nodes[3].broadcast(raft_world.envelope(nonce=b"after"))
        await height(service, 3)
        block = service.sequencers[CHANNEL].block(2)
        service.close()
        return progress(block).raft_index

    before = asyncio.run(first())
    # A new leader's term begins with an entry of its own.
    assert asyncio.run(second()) == before + 2
