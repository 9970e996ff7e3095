"""Event streams that turn to another peer, tell how they do, end at once and start where they must."""

import asyncio
import threading

import grpc
import pytest
from fabric_protos.common.common_pb2 import SERVICE_UNAVAILABLE

import hlf
from hlf import AsyncGateway, Endpoint, Gateway, Retry, streams
from hlf.effects import Timeouts
from hlf.events import Blocks, FilteredBlocks
from tests.unit.hlf.faces import run_on, take
from tests.unit.hlf.fake_gateway import FakeGateway, Refuse

BROKEN = Refuse(grpc.StatusCode.UNAVAILABLE, "the peer goes down")


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


@pytest.fixture
def second():
    server = FakeGateway()
    yield server
    server.stop()


@pytest.mark.feature("A13", "sync", "async")
def test_a_stream_turns_to_another_peer(face, fake, second, identity):
    fake.events = [(3, [("t1", "a", b""), ("t2", "a", b"")]), BROKEN]
    second.events = [(3, [("t1", "a", b""), ("t2", "a", b"")]), (4, [("t3", "a", b"")])]
    seen = []

    async def scenario(gateway, wait):
        stream = gateway.network("ch").chaincode_events("basic", start_block=0, reconnect=True)
        events = await take(stream, wait, 2)
        seen.append(stream.status)
        events += await take(stream, wait, 1)
        seen.append(stream.status)
        stream.close()
        seen.append(stream.status)
        return [event.transaction_id for event in events]

    peers = [Endpoint(second.address)]
    assert run_on(face, scenario, Endpoint(fake.address), identity, event_peers=peers) == ["t1", "t2", "t3"]
    before, after, closed = seen
    assert (before.state, before.peer, before.reconnects, before.error) == ("open", fake.address, 0, None)
    assert (after.state, after.peer, after.reconnects) == ("open", second.address, 1)
    assert after.error.code == "UNAVAILABLE"
    assert closed.state == "closed"


def test_a_listener_starts_at_another_peer_where_the_first_is_gone(face, second, identity):
    second.events = [(3, [("t1", "a", b"")])]

    async def scenario(gateway, wait):
        stream = gateway.network("ch").chaincode_events("basic", reconnect=True)
        second.events = [(10, [("t1", "a", b"")])]
        return [event.transaction_id for event in await take(stream, wait, 1)]

    gone = Endpoint("127.0.0.1:1")
    assert run_on(face, scenario, gone, identity, event_peers=[Endpoint(second.address)]) == ["t1"]


def test_siblings_of_a_profile_serve_events(identity):
    node = {"url": "grpc://127.0.0.1:7051"}
    profile = hlf.profile.ProfileReader(hlf.profile.Path("p")).profile(
        {
            "organizations": {
                "Org1": {"mspid": "Org1MSP", "peers": ["a", "b"]},
                "Org2": {"mspid": "Org2MSP", "peers": ["c"]},
            },
            "client": {"organization": "Org1"},
            "peers": {"a": node, "b": {"url": "grpc://127.0.0.1:8051"}, "c": node},
        }
    )
    with Gateway.from_profile(profile, identity) as gateway:
        assert [peer.address for peer in gateway.event_peers] == ["127.0.0.1:8051"]
    with Gateway.from_profile(profile, identity, peer="b") as gateway:
        assert [peer.address for peer in gateway.event_peers] == ["127.0.0.1:7051"]


def test_closing_ends_the_pause_before_a_reconnect(face, fake, identity, monkeypatch):
    monkeypatch.setattr(streams, "_FIRST_PAUSE", 1000.0)
    fake.events = [BROKEN]
    if face == "sync":
        with Gateway(Endpoint(fake.address), identity) as gateway:
            stream = gateway.network("ch").chaincode_events("basic", start_block=0, reconnect=True)
            reader = threading.Thread(target=lambda: list(stream))
            reader.start()
            fake.wait_for(lambda: not fake.events)
            stream.close()
            reader.join(20)
            assert not reader.is_alive()
        return

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as gateway:
            stream = gateway.network("ch").chaincode_events("basic", start_block=0, reconnect=True)
            reader = asyncio.create_task(anext(stream, None))
            await asyncio.to_thread(fake.wait_for, lambda: not fake.events)
            stream.close()
            assert await asyncio.wait_for(reader, 20) is None

    asyncio.run(scenario())


def test_closing_a_gateway_ends_its_streams(face, fake, identity):
    async def scenario(gateway, wait):
        fake.events = [(3, [("t1", "a", b""), ("t2", "a", b"")])]
        first = gateway.network("ch").chaincode_events("basic", start_block=0)
        await take(first, wait, 1)
        second = gateway.network("ch").chaincode_events("basic", start_block=0)
        await wait(gateway.close())
        return [stream.status.state for stream in (first, second)]

    assert run_on(face, scenario, Endpoint(fake.address), identity) == ["closed", "closed"]


def test_a_rebuilt_unsigned_request_loses_nothing_either(face, fake, identity):
    fake.events = [BROKEN, (9, [("old", "a", b"")]), (10, [("new", "a", b"")])]

    async def scenario(gateway, wait):
        data = gateway.network("ch").chaincode_events_request("basic").bytes()
        stream = gateway.events(gateway.chaincode_events_request(data), reconnect=True)
        events = await take(stream, wait, 1)
        stream.close()
        return [event.transaction_id for event in events]

    assert run_on(face, scenario, Endpoint(fake.address), identity) == ["new"]


def test_a_rebuilt_unsigned_request_skips_what_it_says(face, fake, identity):
    from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsRequest, SignedChaincodeEventsRequest

    fake.events = [(3, [("t1", "a", b""), ("t2", "a", b"")])]

    async def scenario(gateway, wait):
        request = gateway.network("ch").chaincode_events_request("basic", start_block=3)
        message = ChaincodeEventsRequest.FromString(request.message)
        message.after_transaction_id = "t1"
        data = SignedChaincodeEventsRequest(request=message.SerializeToString()).SerializeToString()
        stream = gateway.events(gateway.chaincode_events_request(data))
        events = await take(stream, wait, 1)
        stream.close()
        return [event.transaction_id for event in events]

    assert run_on(face, scenario, Endpoint(fake.address), identity) == ["t2"]


@pytest.mark.parametrize("start", ["next", "newest"])
def test_a_reconnect_before_the_first_block_starts_at_the_height_it_first_had(face, fake, identity, start):
    fake.stream_script = [BROKEN]

    async def scenario(gateway, wait):
        stream = gateway.network("ch").filtered_blocks(start=start, reconnect=True)
        if face == "async":
            await stream.__aenter__()
        fake.commit("t1")
        fake.commit("t2")
        first = (await take(stream, wait, 1))[0].number
        stream.close()
        return first

    expected = {"next": 10, "newest": 9}[start]
    assert run_on(face, scenario, Endpoint(fake.address), identity) == expected


def test_a_block_stream_goes_on_after_the_last_block(face, fake, identity):
    async def scenario(gateway, wait):
        stream = gateway.network("ch").filtered_blocks(start=9, reconnect=True)
        numbers = [block.number for block in await take(stream, wait, 1)]
        fake.stream_script = [SERVICE_UNAVAILABLE, BROKEN]
        fake.break_streams()
        fake.commit("t1")
        numbers += [block.number for block in await take(stream, wait, 1)]
        stream.close()
        return numbers

    assert run_on(face, scenario, Endpoint(fake.address), identity) == [9, 10]


def test_a_checkpoint_starts_block_streams(face, fake, identity):
    checkpoint = hlf.Checkpoint()
    checkpoint.record_block(1)

    async def scenario(gateway, wait):
        blocks = gateway.network("ch").blocks(start=0, stop=3, checkpoint=checkpoint)
        return [block.header.number for block in await take(blocks, wait, 2)]

    assert run_on(face, scenario, Endpoint(fake.address), identity) == [2, 3]


@pytest.mark.feature("A9", "sync", "async")
@pytest.mark.parametrize("by", ["call", "gateway"])
def test_a_stream_has_a_deadline(face, fake, identity, by):
    timeouts = Timeouts(events=0.2) if by == "gateway" else None
    options = {"timeout": 0.2} if by == "call" else {}

    async def scenario(gateway, wait):
        stream = gateway.network("ch").chaincode_events("basic", start_block=0, reconnect=True, **options)
        await take(stream, wait, 1)

    with pytest.raises(hlf.EventError) as caught:
        run_on(face, scenario, Endpoint(fake.address), identity, timeouts=timeouts)
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.feature("A7", "sync", "async")
@pytest.mark.parametrize("kind", [Blocks, FilteredBlocks])
def test_block_requests_are_signed_elsewhere(face, fake, identity, kind):
    async def scenario(gateway, wait):
        request = gateway.network("ch").blocks_request(kind, 1, 2)
        signature = identity.sign_digest(request.digest())
        stream = gateway.events(gateway.blocks_request(kind, request.bytes(), signature))
        return len(await take(stream, wait, 2))

    assert run_on(face, scenario, Endpoint(fake.address), identity.identity) == 2


@pytest.mark.feature("A7", "sync", "async")
def test_event_requests_are_signed_elsewhere(face, fake, identity):
    fake.events = [(7, [("t", "a", b"")])]

    async def scenario(gateway, wait):
        request = gateway.network("ch").chaincode_events_request("basic", start_block=7)
        signature = identity.sign_digest(request.digest())
        stream = gateway.events(gateway.chaincode_events_request(request.bytes(), signature))
        return (await take(stream, wait, 1))[0].block_number

    assert run_on(face, scenario, Endpoint(fake.address), identity.identity) == 7


def test_a_peer_that_ends_an_endless_stream_is_an_error(face, fake, identity):
    fake.on_ChaincodeEvents = lambda _signed, _context: iter(())

    async def scenario(gateway, wait):
        await take(gateway.network("ch").chaincode_events("basic", start_block=0), wait, 1)

    with pytest.raises(hlf.EventError, match="ended") as caught:
        run_on(face, scenario, Endpoint(fake.address), identity)
    assert caught.value.retryable


def test_closing_a_gateway_ends_the_pause_between_retries(face, fake, identity):
    fake.script["Endorse"] = [BROKEN]
    patient = Retry(pause=1000.0)
    if face == "sync":
        with Gateway(Endpoint(fake.address), identity) as gateway:
            failures = []

            def call():
                with pytest.raises(hlf.EndorseError) as caught:
                    gateway.network("ch").contract("basic").submit("Write", retry=patient)
                failures.append(caught.value.code)

            caller = threading.Thread(target=call)
            caller.start()
            fake.wait_for(lambda: "Endorse" in fake.requests)
            gateway.close()
            caller.join(20)
            assert failures == ["CANCELLED"]
        return

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as gateway:
            call = asyncio.create_task(gateway.network("ch").contract("basic").submit("W", retry=patient))
            await asyncio.to_thread(fake.wait_for, lambda: "Endorse" in fake.requests)
            await gateway.close()
            with pytest.raises(hlf.EndorseError) as caught:
                await asyncio.wait_for(call, 20)
            assert caught.value.code == "CANCELLED"

    asyncio.run(scenario())


def test_a_closed_gateway_answers_nothing(face, fake, identity):
    async def scenario(gateway, wait):
        await wait(gateway.close())
        with pytest.raises(hlf.EvaluateError, match="closed"):
            await wait(gateway.network("ch").contract("basic").evaluate("Read"))
        with pytest.raises(hlf.EventError, match="closed"):
            await take(gateway.network("ch").chaincode_events("basic", start_block=0), wait, 1)

    run_on(face, scenario, Endpoint(fake.address), identity)


def test_closing_a_gateway_leaves_the_outcome_of_its_calls_unknown(face, fake, identity):
    fake.commit_on_submit = False
    if face == "sync":
        with Gateway(Endpoint(fake.address), identity) as gateway:
            failures = []

            def call():
                with pytest.raises(hlf.CommitStatusError) as caught:
                    gateway.network("ch").contract("basic").submit("Write")
                failures.append(caught.value.transaction)

            caller = threading.Thread(target=call)
            caller.start()
            fake.wait_for(lambda: "CommitStatus" in fake.requests)
            gateway.close()
            caller.join(20)
            assert failures and all(failures)
        return

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as gateway:
            call = asyncio.create_task(gateway.network("ch").contract("basic").submit("Write"))
            await asyncio.to_thread(fake.wait_for, lambda: "CommitStatus" in fake.requests)
            await gateway.close()
            with pytest.raises(hlf.CommitStatusError) as caught:
                await asyncio.wait_for(call, 20)
            assert caught.value.transaction

    asyncio.run(scenario())


@pytest.mark.feature("A13", "sync", "async")
def test_a_slow_consumer_holds_the_peer_up_and_loses_nothing(face, fake, identity):
    count, payload = 300, bytes(256 * 1024)
    fake.events = [(3 + number, [(f"t{number}", "a", payload)]) for number in range(count)]

    async def scenario(gateway, wait):
        network = gateway.network("ch")
        stream = network.chaincode_events("basic", start_block=0)
        events = await take(stream, wait, 1)
        # Nobody reads while other calls go to and fro, until the peer gets no further.
        left = None
        while left != len(fake.events):
            left = len(fake.events)
            for _ in range(20):
                await wait(network.contract("basic").evaluate("get"))
        # What has been sent and not been read is all that the client can hold: some windows of HTTP/2.
        assert (count - left) * len(payload) < 40 * 1024 * 1024
        events += await take(stream, wait, count - 1)
        stream.close()
        return [event.transaction_id for event in events]

    expected = [f"t{number}" for number in range(count)]
    assert run_on(face, scenario, Endpoint(fake.address), identity) == expected
