"""Anything in every state of the stream: a short run; `make soak` has the long one."""

from __future__ import annotations

import asyncio
import contextlib
import random

import grpc
import pytest

from tests.soak.chaincode_fuzz import STATES, Anything, Fuzz
from tests.soak.mutation import mutated
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message
from tests.unit.hlf_chaincode.fake_peer import transaction as proposed
from tests.unit.hlf_chaincode.running import Ledger, Running


@pytest.mark.parametrize("seed", [1, 2])
def test_broken_messages_neither_crash_nor_hang_nor_leak(seed):
    fuzz = Fuzz(seed)
    asyncio.run(fuzz.run(1500))
    assert fuzz.sent >= 1500
    assert set(fuzz.streams) == set(STATES)
    assert all(fuzz.ends.values())


def _until_the_end(stream):
    with contextlib.suppress(grpc.RpcError):
        yield from stream


def test_bytes_that_are_no_message_end_their_stream_alone():
    chance = random.Random(3)
    running = Running(Anything)
    sound = FakePeer(running.server.address, Ledger())
    try:
        assert sound.ready.wait(DEADLINE)
        with grpc.insecure_channel(running.server.address) as channel:
            connect = channel.stream_stream("/protos.Chaincode/Connect")
            content = proposed("tx", b"everything", b"k").SerializeToString()
            ready = [Message(type=kind).SerializeToString() for kind in (Message.REGISTERED, Message.READY)]
            for _ in range(30):
                stream = connect(iter([*ready, mutated(content, chance), b"\xff" * 3]), timeout=DEADLINE)
                answers = list(_until_the_end(stream))
                assert stream.code() is not grpc.StatusCode.DEADLINE_EXCEEDED
                assert Message.FromString(answers[0]).type == Message.REGISTER
        assert sound.call("tx", b"echo", b"sound").payload == b"sound"
    finally:
        sound.close()
        running.close()
