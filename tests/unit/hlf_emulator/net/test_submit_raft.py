"""Submit to a channel of Raft: one orderer after another, in any order, until one takes the transaction."""

from __future__ import annotations

import dataclasses
import random
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2

from hlf.wire.configtx import genesis_block
from hlf.wire.consensus import RAFT
from hlf_emulator.gateway.submit import submit
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.ordering.raft import NO_LEADER
from hlf_emulator.ports.rpc_status import RpcError
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World

_LEADERLESS = ab_pb2.BroadcastResponse(status=common_pb2.SERVICE_UNAVAILABLE, info=NO_LEADER)
_FORBIDDEN = ab_pb2.BroadcastResponse(status=common_pb2.FORBIDDEN, info="permission denied")
_TAKEN = ab_pb2.BroadcastResponse(status=common_pb2.SUCCESS)
_DOWN = None


class Network:
    """Four orderers that answer as told; None is one that does not run."""

    def __init__(self, world: World, answers: list[ab_pb2.BroadcastResponse | None]) -> None:
        spec = dataclasses.replace(world.spec, consensus=RAFT)
        bundle = Bundle.from_config_block(genesis_block(spec, timestamp_ns=1, nonce=b"\x01" * 24))
        self.luck = random.Random(7)
        self.asked = 0
        channel = SimpleNamespace(bundle=bundle, orderers=bundle.endpoints)
        self.local: Any = SimpleNamespace(channels={CHANNEL: channel})
        self._answers = iter(answers)

    def orderer(self, _address: str) -> Any:
        """Whoever is asked next gives the next answer."""
        self.asked += 1
        answer = next(self._answers)
        return SimpleNamespace(running=answer is not _DOWN, broadcast=lambda _envelope, _content: answer)

    def submit(self) -> None:
        envelope = common_pb2.Envelope(payload=b"payload", signature=b"signature")
        request = gateway_pb2.SubmitRequest(channel_id=CHANNEL, prepared_transaction=envelope)
        directory: Any = self
        submit(self.local, directory, request)


def test_the_first_that_takes_it_is_enough(world: World) -> None:
    network = Network(world, [_DOWN, _LEADERLESS, _TAKEN])
    network.submit()
    assert network.asked == 3


def test_a_refusal_ends_the_round(world: World) -> None:
    network = Network(world, [_LEADERLESS, _FORBIDDEN])
    with pytest.raises(RpcError) as caught:
        network.submit()
    assert (caught.value.code, caught.value.message) == (
        grpc.StatusCode.ABORTED,
        "received unsuccessful response from orderer: status=FORBIDDEN, info=permission denied",
    )
    assert (network.asked, list(caught.value.details)) == (2, [])


def test_only_who_could_not_be_reached_is_named(world: World) -> None:
    network = Network(world, [_LEADERLESS, _DOWN, _LEADERLESS, _DOWN])
    with pytest.raises(RpcError) as caught:
        network.submit()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.message == "no orderers could successfully process transaction"
    assert len(caught.value.details) == 2
    assert all("connection refused" in detail.message for detail in caught.value.details)
