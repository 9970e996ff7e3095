"""The ordering service: quorum, batches, signatures, what Broadcast answers, and what a restart keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fabric_protos.common import common_pb2

from hlf.identity import verify
from hlf.wire.consensus import bft_quorum
from hlf_emulator.ordering.block_assembly import data_hash, header_bytes, header_hash
from hlf_emulator.ordering.orderer import Orderer, OrderingService
from hlf_emulator.ordering.smartbft import ALREADY_EXISTS, ALREADY_PROCESSED
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World

_DEADLINE = 5.0


def _up(world: World, folder: Path) -> tuple[OrderingService, list[Orderer]]:
    service = world.service(folder)
    nodes = world.nodes(folder, service)
    for node in nodes:
        node.join(CHANNEL, world.genesis)
        node.running = True
    return service, nodes


async def _height(service: OrderingService, height: int) -> None:
    async with asyncio.timeout(_DEADLINE):
        await service.sequencers[CHANNEL].wait_height(height)


def test_quorum_is_smartbft_s() -> None:
    assert [bft_quorum(size) for size in (1, 2, 3, 4, 5, 6, 7, 10)] == [1, 2, 2, 3, 4, 4, 5, 7]


def test_a_block_follows_its_predecessor_and_carries_a_quorum_of_signatures(
    world: World, tmp_path: Path
) -> None:
    async def scenario() -> common_pb2.Block:
        service, nodes = _up(world, tmp_path)
        envelope = world.envelope(nonce=b"one")
        assert [node.broadcast(envelope).status for node in nodes] == [common_pb2.SUCCESS] * 4
        await _height(service, 2)
        return service.sequencers[CHANNEL].block(1)

    block = asyncio.run(scenario())
    assert block.header.previous_hash == header_hash(world.genesis.header)
    assert block.header.data_hash == data_hash(list(block.data.data))
    assert len(block.data.data) == 1
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[common_pb2.SIGNATURES])
    assert common_pb2.OrdererBlockMetadata.FromString(metadata.value).last_config.index == 0
    signers = set()
    for signature in metadata.signatures:
        number = common_pb2.IdentifierHeader.FromString(signature.identifier_header).identifier
        signed = metadata.value + signature.identifier_header + header_bytes(block.header)
        assert verify(world.orderers[number].certificate, signed, signature.signature)
        signers.add(number)
    assert len(signers) == len(metadata.signatures) == 3


def test_a_full_batch_is_cut_at_once_and_the_rest_after_the_interval(world: World, tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        service, nodes = _up(world, tmp_path)
        for number in range(4):
            nodes[0].broadcast(world.envelope(nonce=bytes([number])))
        await _height(service, 3)
        sequencer = service.sequencers[CHANNEL]
        return [len(sequencer.block(number).data.data) for number in (1, 2)]

    assert asyncio.run(scenario()) == [3, 1]


def test_without_a_quorum_nothing_commits_and_what_waited_commits_afterwards(
    world: World, tmp_path: Path
) -> None:
    async def scenario() -> None:
        service, nodes = _up(world, tmp_path)
        nodes[2].running = False
        nodes[3].running = False
        assert nodes[0].broadcast(world.envelope(nonce=b"waits")).status == common_pb2.SUCCESS
        sequencer = service.sequencers[CHANNEL]
        sequencer.flush()
        assert not sequencer.has_quorum
        assert sequencer.height == 1
        nodes[3].running = True
        await _height(service, 2)

    asyncio.run(scenario())


def test_without_a_quorum_a_pool_takes_so_many_and_no_more(world: World, tmp_path: Path) -> None:
    async def scenario() -> None:
        service, nodes = _up(world, tmp_path)
        nodes[2].running = nodes[3].running = False
        for number in range(400):
            assert nodes[0].broadcast(world.envelope(nonce=b"%d" % number)).status == common_pb2.SUCCESS
        refused = nodes[0].broadcast(world.envelope(nonce=b"one more"))
        assert refused.status == common_pb2.SERVICE_UNAVAILABLE
        assert refused.info.startswith("failed to submit request: acquiring semaphore for request: {")
        nodes[3].running = True
        await _height(service, 2)
        assert nodes[0].broadcast(world.envelope(nonce=b"one more")).status == common_pb2.SUCCESS
        service.close()

    asyncio.run(scenario())


def test_the_loss_of_the_leader_moves_the_view(world: World, tmp_path: Path) -> None:
    async def scenario() -> set[int]:
        service, nodes = _up(world, tmp_path)
        nodes[0].running = False
        nodes[1].broadcast(world.envelope(nonce=b"after"))
        await _height(service, 2)
        block = service.sequencers[CHANNEL].block(1)
        metadata = common_pb2.Metadata.FromString(block.metadata.metadata[common_pb2.SIGNATURES])
        return {
            common_pb2.IdentifierHeader.FromString(item.identifier_header).identifier
            for item in metadata.signatures
        }

    assert asyncio.run(scenario()) == {2, 3, 4}


def test_the_same_request_is_ordered_once(world: World, tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str, int]:
        service, nodes = _up(world, tmp_path)
        envelope = world.envelope(nonce=b"twice")
        nodes[0].broadcast(envelope)
        waiting = nodes[0].broadcast(envelope).info
        await _height(service, 2)
        processed = nodes[1].broadcast(envelope).info
        service.flush()
        return waiting, processed, service.sequencers[CHANNEL].height

    assert asyncio.run(scenario()) == (ALREADY_EXISTS, ALREADY_PROCESSED, 2)


def test_broadcast_refuses_with_fabric_s_words(world: World, tmp_path: Path) -> None:
    async def scenario() -> None:
        _, nodes = _up(world, tmp_path)
        unknown = nodes[0].broadcast(world.envelope(channel="elsewhere"))
        assert (unknown.status, unknown.info) == (common_pb2.BAD_REQUEST, "channel does not exist")
        config = nodes[0].broadcast(world.envelope(kind=common_pb2.CONFIG))
        assert config.status == common_pb2.BAD_REQUEST
        assert config.info == "message is of type that cannot be processed directly"
        forged = world.envelope(nonce=b"forged")
        forged.signature = world.envelope(nonce=b"other").signature
        refused = nodes[0].broadcast(forged)
        assert refused.status == common_pb2.FORBIDDEN
        assert refused.info == (
            "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 "
            "of the 'Writers' sub-policies to be satisfied: permission denied"
        )
        large = world.envelope(content=b"x" * (10 * 1024 * 1024 + 1))
        assert nodes[0].broadcast(large).info.endswith("exceeds maximum allowed 10485760 bytes")

    asyncio.run(scenario())


def test_blocks_and_memberships_are_there_after_a_crash(world: World, tmp_path: Path) -> None:
    async def before() -> None:
        service, nodes = _up(world, tmp_path)
        nodes[0].broadcast(world.envelope(nonce=b"kept"))
        await _height(service, 2)

    async def after() -> tuple[int, list[bool]]:
        service = world.service(tmp_path)
        service.recover()
        nodes = world.nodes(tmp_path, service)
        for node in nodes:
            node.running = True
        nodes[3].broadcast(world.envelope(nonce=b"next"))
        await _height(service, 3)
        return service.sequencers[CHANNEL].height, [CHANNEL in node.channels for node in nodes]

    asyncio.run(before())
    # A record that a crash has cut short is dropped, the blocks before it stay.
    with (tmp_path / "ordering" / f"{CHANNEL}.blocks").open("ab") as file:
        file.write(b"\x00\x00\x10\x00half a record")
    assert asyncio.run(after()) == (3, [True] * 4)
