"""Event streams, synchronous and not: order, skipping, refusals, reconnecting without loss or repetition."""

import asyncio
import threading

import grpc
import pytest
from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsResponse
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent as WireEvent

import hlf
from hlf import AsyncGateway, ChaincodeEvent, Endpoint, SigningIdentity
from hlf.events import Blocks, ChaincodeEvents
from tests.unit.hlf.fake_gateway import Refuse

BROKEN = Refuse(grpc.StatusCode.UNAVAILABLE, "the peer goes down")


def take(fake, gateway, identity, face, count, **options):
    """The first ``count`` chaincode events, on either face."""
    if face == "sync":
        with gateway.network("ch").chaincode_events("basic", **options) as stream:
            return [next(stream) for _ in range(count)]

    async def collect():
        async with (
            AsyncGateway(Endpoint(fake.address), identity) as connected,
            connected.network("ch").chaincode_events("basic", **options) as stream,
        ):
            return [await anext(stream) for _ in range(count)]

    return asyncio.run(collect())


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


@pytest.mark.feature("A1", "sync", "async")
@pytest.mark.feature("A11", "sync", "async")
def test_events_in_order(fake, gateway, identity, face):
    fake.events = [(3, [("t1", "made", b"1"), ("t2", "made", b"2")]), (5, [("t3", "gone", b"")])]
    events = take(fake, gateway, identity, face, 3, start_block=3)
    assert events == [
        ChaincodeEvent(3, "t1", "basic", "made", b"1"),
        ChaincodeEvent(3, "t2", "basic", "made", b"2"),
        ChaincodeEvent(5, "t3", "basic", "gone", b""),
    ]


@pytest.mark.feature("A11", "sync", "async")
@pytest.mark.feature("A12", "sync", "async")
def test_after_transaction_skips_what_was_dealt_with(fake, gateway, identity, face):
    fake.events = [(3, [("t1", "a", b""), ("t2", "a", b""), ("t3", "a", b"")]), (4, [("t4", "a", b"")])]
    events = take(fake, gateway, identity, face, 2, start_block=3, after_transaction_id="t2")
    assert [event.transaction_id for event in events] == ["t3", "t4"]


def test_after_transaction_without_event_silences_nothing(fake, gateway, identity, face):
    fake.events = [(3, [("t1", "a", b"")]), (4, [("t4", "a", b"")])]
    events = take(fake, gateway, identity, face, 2, start_block=3, after_transaction_id="no event")
    assert [event.transaction_id for event in events] == ["t1", "t4"]


@pytest.mark.feature("A13", "sync", "async")
def test_broken_stream_raises(fake, gateway, identity, face):
    fake.events = [(3, [("t1", "a", b"")]), BROKEN]
    with pytest.raises(hlf.EventError) as caught:
        take(fake, gateway, identity, face, 2, start_block=0)
    assert caught.value.code == "UNAVAILABLE"
    assert "goes down" in str(caught.value)
    assert caught.value.retryable


@pytest.mark.feature("A13", "sync", "async")
def test_reconnect_loses_and_doubles_nothing(fake, gateway, identity, face):
    block = [("t1", "a", b""), ("t2", "a", b"")]
    fake.events = [(3, block), BROKEN, BROKEN, (3, block), (4, [("t3", "a", b"")])]
    events = take(fake, gateway, identity, face, 3, start_block=0, reconnect=True)
    assert [event.transaction_id for event in events] == ["t1", "t2", "t3"]


def test_reconnect_before_the_first_event_starts_at_the_height_it_first_had(fake, gateway, identity, face):
    fake.events = [BROKEN, (9, [("old", "a", b"")]), (10, [("new", "a", b"")])]
    events = take(fake, gateway, identity, face, 1, reconnect=True)
    assert [event.transaction_id for event in events] == ["new"]


def test_reconnect_stops_at_a_refusal(fake, gateway, identity, face):
    fake.events = [Refuse(grpc.StatusCode.PERMISSION_DENIED, "no")]
    with pytest.raises(hlf.EventError) as caught:
        take(fake, gateway, identity, face, 1, start_block=0, reconnect=True)
    assert caught.value.code == "PERMISSION_DENIED"


def test_close_ends_iteration_in_another_thread(gateway):
    stream = gateway.network("ch").chaincode_events("basic")
    received = []
    reader = threading.Thread(target=lambda: received.extend(stream))
    reader.start()
    stream.close()
    reader.join(10)
    assert not reader.is_alive()
    assert received == []


def test_close_ends_asynchronous_iteration(fake, identity):
    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as gateway:
            stream = gateway.network("ch").chaincode_events("basic")

            async def read():
                return [event async for event in stream]

            async with stream:
                reader = asyncio.create_task(read())
                await asyncio.sleep(0)
                stream.close()
                return await asyncio.wait_for(reader, 10)

    assert asyncio.run(scenario()) == []


def test_nothing_is_handed_out_after_close(fake, gateway, identity, face):
    fake.events = [(3, [("t1", "a", b""), ("t2", "a", b"")])]

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as connected:
            stream = connected.network("ch").chaincode_events("basic", start_block=3)
            first = await anext(stream)
            stream.close()
            return [first, *[event async for event in stream]]

    if face == "async":
        events = asyncio.run(scenario())
    else:
        stream = gateway.network("ch").chaincode_events("basic", start_block=3)
        first = next(stream)
        stream.close()
        events = [first, *stream]
    assert [event.transaction_id for event in events] == ["t1"]


def test_close_while_the_stream_is_being_opened_ends_iteration(fake, identity):
    async def scenario():
        signing, release = asyncio.Event(), asyncio.Event()

        async def sign(message):
            signing.set()
            await release.wait()
            return identity.sign(message)

        remote = SigningIdentity(identity.identity, sign)
        async with AsyncGateway(Endpoint(fake.address), remote) as gateway:
            stream = gateway.network("ch").chaincode_events("basic")
            reader = asyncio.create_task(anext(stream, None))
            await signing.wait()
            stream.close()
            release.set()
            return await asyncio.wait_for(reader, 10)

    assert asyncio.run(scenario()) is None


def test_a_cancelled_reader_stays_cancelled(fake, identity):
    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity) as gateway:
            stream = gateway.network("ch").chaincode_events("basic")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.2)

    asyncio.run(scenario())


@pytest.mark.feature("A11", "sync", "async")
@pytest.mark.parametrize("kind", ["blocks", "filtered_blocks"])
def test_blocks_between_start_and_stop(fake, gateway, identity, face, kind):
    def number(item):
        return item.header.number if kind == "blocks" else item.number

    if face == "sync":
        with getattr(gateway.network("ch"), kind)(start=2, stop=4) as stream:
            blocks = list(stream)
    else:

        async def collect():
            async with AsyncGateway(Endpoint(fake.address), identity) as connected:
                return [item async for item in getattr(connected.network("ch"), kind)(start=2, stop=4)]

        blocks = asyncio.run(collect())
    assert [number(block) for block in blocks] == [2, 3, 4]


def test_refused_deliver_names_the_status(gateway):
    with pytest.raises(hlf.EventError) as caught:
        next(gateway.network("other").blocks(start=0))
    assert caught.value.status == "BAD_REQUEST"


def test_offline_signed_requests(fake, gateway, identity):
    network = gateway.network("ch")
    request = network.blocks_request(Blocks, 1, 2)
    rebuilt = gateway.blocks_request(Blocks, request.bytes(), identity.sign_digest(request.digest()))
    assert [block.header.number for block in gateway.events(rebuilt)] == [1, 2]

    fake.events = [(7, [("t", "a", b"")])]
    events = network.chaincode_events_request("basic", start_block=7)
    signed = gateway.chaincode_events_request(events.bytes(), identity.sign_digest(events.digest()))
    with gateway.events(signed) as stream:
        assert next(stream).block_number == 7
    with pytest.raises(hlf.ConfigurationError):
        gateway.chaincode_events_request(b"\xff\xff")


def test_decode_is_pure(quick):
    subscription = ChaincodeEvents(quick, "ch", "basic")
    answer = ChaincodeEventsResponse(block_number=1, events=[WireEvent(tx_id="t", event_name="e")])
    assert [event.name for event in subscription.decode(answer)] == ["e"]
