"""Answers that no honest peer gives: every field that comes from the network, spoilt; hlf's errors alone."""

import logging
import random

import grpc
import pytest
from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.gateway import gateway_pb2

import hlf
from hlf import Endpoint
from hlf.wire.proposal import build_proposal
from hlf.wire.status import TRAILER
from tests.unit.hlf.faces import run_on, take

ROUNDS = 20


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


def contract(gateway):
    return gateway.network("ch").contract("basic")


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Bytes with some of them changed, cut off or put twice; or any bytes."""
    way = chance.randrange(4)
    if way == 0 or not data:
        return chance.randbytes(chance.randrange(60))
    changed = bytearray(data)
    if way == 1:
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    elif way == 2:
        del changed[chance.randrange(len(changed)) :]
    else:
        place = chance.randrange(len(changed))
        changed[place:place] = changed[place : place + 40]
    return bytes(changed)


@pytest.mark.parametrize("rpc", ["Evaluate", "Endorse", "Submit", "CommitStatus"])
def test_spoilt_answers(face, fake, identity, quick, caplog, rpc):
    chance = random.Random(f"{rpc} {face}")
    caplog.set_level(logging.CRITICAL)  # gRPC writes a traceback for each answer that it cannot read

    def honest(name, request):
        return getattr(fake, "on_" + name)(request, None).SerializeToString()

    async def scenario(gateway, wait):
        for _ in range(ROUNDS):
            if rpc == "CommitStatus":
                good = gateway_pb2.CommitStatusResponse(result=11, block_number=7).SerializeToString()
                fake.script[rpc] = [lambda _request, good=good: spoilt(good, chance)]
            else:
                fake.script[rpc] = [lambda request: spoilt(honest(rpc, request), chance)]
            call = contract(gateway).evaluate if rpc == "Evaluate" else contract(gateway).submit
            try:
                assert isinstance(await wait(call("F", "a", timeout=20)), bytes)
            except hlf.FabricError as error:
                assert str(error)

    run_on(face, scenario, Endpoint(fake.address), identity, session=quick)


def test_spoilt_details_of_an_error(face, fake, identity):
    chance = random.Random(face)

    def refuse(_request, context):
        context.set_trailing_metadata(((TRAILER, chance.randbytes(chance.randrange(200))),))
        context.abort(grpc.StatusCode.ABORTED, "refused")

    fake.on_Evaluate = refuse

    async def scenario(gateway, wait):
        for _ in range(ROUNDS):
            with pytest.raises(hlf.EvaluateError, match="refused"):
                await wait(contract(gateway).evaluate("F"))

    run_on(face, scenario, Endpoint(fake.address), identity)


def test_spoilt_events_and_blocks(face, fake, identity, caplog):
    chance = random.Random(face)
    caplog.set_level(logging.CRITICAL)
    good = gateway_pb2.ChaincodeEventsResponse(block_number=3).SerializeToString()

    async def scenario(gateway, wait):
        for _ in range(ROUNDS):
            fake.events = [spoilt(good, chance), (9, [("t", "a", b"")])]
            stream = gateway.network("ch").chaincode_events("basic", start_block=0)
            try:
                assert len(await take(stream, wait, 1)) == 1
            except hlf.EventError as error:
                assert str(error)
            stream.close()
            fake.stream_script = [spoilt(good, chance)]
            blocks = gateway.network("ch").filtered_blocks(start=9)
            with pytest.raises(hlf.EventError):
                await take(blocks, wait, 2)
            blocks.close()

    run_on(face, scenario, Endpoint(fake.address), identity)


def test_a_spoilt_commit_stream(face, fake, identity, quick, caplog):
    chance = random.Random(face)
    caplog.set_level(logging.CRITICAL)
    good = gateway_pb2.ChaincodeEventsResponse(block_number=3).SerializeToString()
    fake.stream_script = [spoilt(good, chance) for _ in range(ROUNDS)]

    async def scenario(gateway, wait):
        for _ in range(5):
            assert await wait(contract(gateway).submit("F")) == b"F"

    run_on(face, scenario, Endpoint(fake.address), identity, session=quick, commits="stream")


def test_another_transaction_than_was_proposed_is_not_signed(face, fake, identity):
    other = build_proposal(identity, "ch", "basic", [b"Steal"], {}, b"n" * 24, 1)

    def exchange(request):
        request.proposed_transaction.proposal_bytes = other.proposal
        request.proposed_transaction.signature = identity.sign(other.proposal)
        return fake.on_Endorse(request, None)

    fake.script["Endorse"] = [exchange]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.EndorseError, match="another transaction"):
        run_on(face, scenario, Endpoint(fake.address), identity)
    assert fake.submitted == []


def test_a_validation_code_that_nobody_knows(face, fake, identity):
    fake.script["CommitStatus"] = [
        lambda _request: gateway_pb2.CommitStatusResponse(result=77, block_number=1)
    ]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.CommitError) as caught:
        run_on(face, scenario, Endpoint(fake.address), identity)
    assert caught.value.validation_code == "77"


def test_steps_made_of_any_bytes(identity):
    chance = random.Random(6)
    with hlf.Gateway(Endpoint("127.0.0.1:1"), identity) as gateway:
        step = contract(gateway).propose("F")
        envelope = Envelope(payload=b"x").SerializeToString()
        for _ in range(400):
            data = spoilt(chance.choice((step.bytes(), envelope)), chance)
            for rebuild in (gateway.proposal, gateway.transaction, gateway.commit):
                try:
                    assert isinstance(rebuild(data).transaction_id, str)
                except hlf.ConfigurationError as error:
                    assert "bytes" in str(error)
