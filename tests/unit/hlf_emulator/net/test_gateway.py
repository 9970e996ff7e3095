"""Gateway Evaluate, CommitStatus and events over a socket, and the feed of blocks to a peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc

from hlf.errors import PeerDetail
from hlf.wire.status import decode_details
from hlf_emulator.gateway.peers import GatewayPeers
from hlf_emulator.gateway.service import GatewayService
from hlf_emulator.peer.block_feed import BlockFeed
from hlf_emulator.ports.rpc_status import DETAILS_KEY
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World
from tests.unit.hlf_emulator.net.fake_peers import (
    CHAINCODE,
    FakePeer,
    as_peer,
    directory,
    endorsement,
    failure,
    peer,
    proposal,
)

T = TypeVar("T")


@asynccontextmanager
async def _stub(*peers: FakePeer) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    service = GatewayService(as_peer(peers[0]), directory(*peers))
    gateway_pb2_grpc.add_GatewayServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield gateway_pb2_grpc.GatewayStub(channel)
    finally:
        await server.stop(None)


def _call(peers: list[FakePeer], call: Callable[[Any], Awaitable[T]]) -> T:
    async def scenario() -> T:
        async with _stub(*peers) as stub:
            return await call(stub)

    return asyncio.run(scenario())


def _evaluate(peers: list[FakePeer]) -> gateway_pb2.EvaluateResponse:
    request = gateway_pb2.EvaluateRequest(proposed_transaction=proposal(), channel_id=CHANNEL)
    answer: gateway_pb2.EvaluateResponse = _call(peers, lambda stub: stub.Evaluate(request, timeout=5))
    return answer


def _details(error: grpc.aio.AioRpcError) -> tuple[PeerDetail, ...]:
    trailer = next(value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY)
    assert isinstance(trailer, bytes)
    return decode_details(trailer)


@pytest.fixture
def both(world: World) -> list[FakePeer]:
    return [peer(world, "alpha"), peer(world, "beta")]


def test_evaluate_goes_to_the_own_organization(both: list[FakePeer]) -> None:
    both[0].answer = lambda: failure(200, "fine")
    assert _evaluate(both).result.message == "fine"
    assert [item.asked for item in both] == [1, 0]


def test_evaluate_tries_the_next_peer_when_the_peer_itself_failed(both: list[FakePeer]) -> None:
    both[0].answer = lambda: failure(500, "error in simulation: chaincode stream terminated")
    both[1].answer = lambda: endorsement(both[1].identity, b"")
    assert _evaluate(both).result.status == 200
    assert [item.asked for item in both] == [1, 1]


def test_evaluate_ends_with_the_last_code_and_every_peer_s_message(both: list[FakePeer]) -> None:
    for item in both:
        item.answer = lambda: failure(500, "error in simulation: timeout")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _evaluate(both)
    assert raised.value.code() is grpc.StatusCode.ABORTED
    assert raised.value.details() == "failed to evaluate transaction, see attached details for more info"
    assert [item.msp_id for item in _details(raised.value)] == ["alpha", "beta"]


def test_a_chaincode_s_refusal_is_not_asked_twice(both: list[FakePeer]) -> None:
    both[0].answer = lambda: failure(404, "nothing there")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _evaluate(both)
    assert raised.value.code() is grpc.StatusCode.UNKNOWN
    assert raised.value.details() == (
        "evaluate call to endorser returned error: chaincode response 404, nothing there"
    )
    assert both[1].asked == 0


def test_submit_says_what_is_missing(both: list[FakePeer]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _call(both, lambda stub: stub.Submit(gateway_pb2.SubmitRequest(channel_id=CHANNEL), timeout=5))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "a prepared transaction is required"


def test_submit_without_orderers_names_a_quorum_s_worth_of_failures(
    world: World, both: list[FakePeer]
) -> None:
    request = gateway_pb2.SubmitRequest(channel_id=CHANNEL, prepared_transaction=world.envelope())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _call(both, lambda stub: stub.Submit(request, timeout=5))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    details = _details(raised.value)
    assert [item.msp_id for item in details] == ["alpha", "beta"]
    assert all(item.message.endswith('connect: connection refused"') for item in details)


def test_blocks_reach_a_peer_in_order_and_stopping_finishes_the_one_begun(
    world: World, tmp_path: Path
) -> None:
    async def scenario() -> list[int]:
        service = world.service(tmp_path)
        nodes = world.nodes(tmp_path, service)
        channel = peer(world, "alpha").channels[CHANNEL]
        begun, finish = asyncio.Event(), asyncio.Event()

        async def commit(block: common_pb2.Block) -> None:
            begun.set()
            await finish.wait()
            channel.ledger.add(block)

        channel.commit = commit  # type: ignore[attr-defined]
        feed = BlockFeed("peer0.alpha", service)
        feed.follow(channel)  # type: ignore[arg-type]
        for node in nodes:
            node.join(CHANNEL, world.genesis)
            node.running = True
        nodes[0].broadcast(world.envelope(nonce=b"one"))
        async with asyncio.timeout(5):
            await begun.wait()
            stopping = asyncio.create_task(feed.stop())
            await asyncio.sleep(0)
            finish.set()
            await stopping
        return [block.header.number for block in channel.ledger.blocks]

    assert asyncio.run(scenario()) == [0, 1]


def _height(item: FakePeer, blocks: int) -> None:
    ledger = item.channels[CHANNEL].ledger
    ledger.blocks = ledger.blocks[:1] * blocks


def test_the_highest_peer_is_asked_first_and_the_own_one_before_its_equals(world: World) -> None:
    local, second, other, third = (peer(world, name) for name in ("alpha", "alpha", "beta", "alpha"))
    second.name, third.name = "peer1.alpha", "peer2.alpha"
    for each, blocks in ((local, 2), (second, 1), (third, 2), (other, 5)):
        _height(each, blocks)
    peers = GatewayPeers(as_peer(local), directory(local, second, third, other))
    asked = peers.evaluators(CHANNEL, CHAINCODE, [])
    assert [member.peer.name for member in asked] == [local.name, third.name, second.name, other.name]
