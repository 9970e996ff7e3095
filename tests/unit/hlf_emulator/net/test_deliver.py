"""Block streams: positions, statuses, access, and what a filtered block keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2

from hlf_emulator.peer.block_events import filtered_block
from hlf_emulator.services.deliver import Chain, serve
from hlf_emulator.version import FABRIC_3_1
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World
from tests.unit.hlf_emulator.net.fake_peers import FakeLedger, peer


def _position(value: str | int) -> ab_pb2.SeekPosition:
    position = ab_pb2.SeekPosition()
    if isinstance(value, int):
        position.specified.number = value
    else:
        getattr(position, value).SetInParent()
    return position


def _seek(
    world: World, start: str | int, stop: str | int, *, ready: bool = False, signer: str = "alpha/client"
) -> common_pb2.Envelope:
    seek = ab_pb2.SeekInfo(start=_position(start), stop=_position(stop))
    if ready:
        seek.behavior = ab_pb2.SeekInfo.FAIL_IF_NOT_READY
    return world.envelope(
        signer, content=seek.SerializeToString(), kind=common_pb2.DELIVER_SEEK_INFO, nonce=b"seek"
    )


def _chain(world: World, height: int) -> FakeLedger:
    blocks = [world.genesis]
    for number in range(1, height):
        block = common_pb2.Block()
        block.header.number = number
        block.data.data.append(world.envelope(nonce=bytes([number])).SerializeToString())
        block.metadata.metadata.extend([b"", b"", b"\x0b", b"", b""])
        blocks.append(block)
    return FakeLedger(blocks)


async def _collect(
    world: World, ledger: FakeLedger, *envelopes: common_pb2.Envelope, known: bool = True
) -> list[int | str]:
    channel = peer(world, "alpha").channels[CHANNEL]

    async def requests() -> AsyncIterator[common_pb2.Envelope]:
        for envelope in envelopes:
            yield envelope

    def find(name: str) -> Chain | None:
        assert name == CHANNEL
        chain = Chain(
            ledger, lambda: channel.bundle, lambda b, s: b.check_acl("event/Block", [s]), FABRIC_3_1
        )
        return chain if known else None

    found: list[int | str] = []
    async with asyncio.timeout(5):
        async for item in serve(requests(), find):
            found.append(common_pb2.Status.Name(item) if isinstance(item, int) else item[0].header.number)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("start", "stop", "ready", "expected"),
    [
        ("oldest", "newest", False, [0, 1, 2, "SUCCESS"]),
        (1, 2, False, [1, 2, "SUCCESS"]),
        ("newest", "newest", False, [2, "SUCCESS"]),
        ("oldest", "oldest", False, [0, "SUCCESS"]),
        (4, 9, False, ["NOT_FOUND"]),
        (2, 1, False, ["BAD_REQUEST"]),
        (2, 5, True, [2, "NOT_FOUND"]),
    ],
)
def test_positions(
    world: World, start: str | int, stop: str | int, ready: bool, expected: list[int | str]
) -> None:
    envelope = _seek(world, start, stop, ready=ready)
    assert asyncio.run(_collect(world, _chain(world, 3), envelope)) == expected


def test_a_stream_answers_one_request_after_another_until_one_fails(world: World) -> None:
    first, failing = _seek(world, 1, 1), _seek(world, 2, 1)
    found = asyncio.run(_collect(world, _chain(world, 3), first, failing, first))
    assert found == [1, "SUCCESS", "BAD_REQUEST"]


def test_it_waits_for_the_next_block(world: World) -> None:
    async def scenario() -> list[int | str]:
        ledger = _chain(world, 1)
        waiting = asyncio.create_task(_collect(world, ledger, _seek(world, 1, 1)))
        await asyncio.sleep(0)
        ledger.add(_chain(world, 2).blocks[1])
        return await waiting

    assert asyncio.run(scenario()) == [1, "SUCCESS"]


def test_a_certificate_that_expires_ends_the_stream(world: World) -> None:
    envelope = _seek(world, 0, 1)
    ledger = _chain(world, 1)
    channel = peer(world, "alpha").channels[CHANNEL]
    chain = Chain(ledger, lambda: channel.bundle, lambda b, s: b.check_acl("event/Block", [s]), FABRIC_3_1)
    payload = common_pb2.Payload.FromString(envelope.payload)
    creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator

    async def requests() -> AsyncIterator[common_pb2.Envelope]:
        yield envelope

    async def scenario() -> list[object]:
        stream = serve(requests(), lambda _: chain)
        first = await anext(stream)
        identity = channel.bundle.msps.deserialize(creator)
        identity.msp.verifier.expired.add(identity.der)
        ledger.add(_chain(world, 2).blocks[1])
        try:
            return [first, *[item async for item in stream]]
        finally:
            identity.msp.verifier.expired.clear()

    first, *rest = asyncio.run(scenario())
    assert isinstance(first, tuple)
    assert rest == [common_pb2.FORBIDDEN]


def test_who_may_not_read(world: World) -> None:
    forged = _seek(world, 0, 0)
    forged.signature = _seek(world, 0, 1, signer="beta/client").signature
    ledger = _chain(world, 1)
    assert asyncio.run(_collect(world, ledger, forged)) == ["FORBIDDEN"]
    unknown = asyncio.run(_collect(world, ledger, _seek(world, 0, 0), known=False))
    assert unknown == ["NOT_FOUND"]
    assert asyncio.run(_collect(world, ledger, common_pb2.Envelope(payload=b"\xff"))) == ["BAD_REQUEST"]


def test_a_filtered_block_has_ids_and_codes_of_invalid_transactions_too(world: World) -> None:
    block = _chain(world, 2).blocks[1]
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    payload.data = b""
    envelope.payload = payload.SerializeToString()
    block.data.data[0] = envelope.SerializeToString()
    filtered = filtered_block(block)
    assert filtered.channel_id == CHANNEL
    assert [(item.txid, item.tx_validation_code) for item in filtered.filtered_transactions] == [("01", 11)]
