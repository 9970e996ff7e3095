"""A whole chain as peers committed it, in one file, and how to fetch it from them."""

from __future__ import annotations

import lzma
import os
import time
from collections.abc import Generator
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.peer import events_pb2

from hlf.wire.deliver import seek_payload
from tests.conformance.calls import SECONDS, Access

PEERS = ("peer0.org-a", "peer0.org-b")


def fetch_chain(access: Access, node: str, channel: str = "slice") -> list[common_pb2.Block]:
    """All blocks of a channel at one peer, with the metadata it gave them."""
    messages = list(deliver(access, node, "org-a/user", 0, "newest", channel))
    assert messages.pop().status == common_pb2.SUCCESS
    return [message.block for message in messages]


def deliver(
    access: Access,
    node: str,
    who: str,
    start: int | str,
    stop: int | str,
    channel: str = "slice",
    *,
    method: str = "Deliver",
    seconds: float = SECONDS,
) -> Generator[events_pb2.DeliverResponse, None, None]:
    """The messages of one stream, which ends when the generator is closed."""
    signer = access.identity(who)
    payload = seek_payload(
        signer.identity, channel, start, stop, timestamp_ns=time.time_ns(), nonce=os.urandom(24)
    )
    envelope = common_pb2.Envelope(payload=payload, signature=signer.sign(payload))
    stub = access.channel(node).stream_stream(
        f"/protos.Deliver/{method}",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=events_pb2.DeliverResponse.FromString,
    )
    stream = stub(iter([envelope]), timeout=seconds)
    try:
        yield from stream
    finally:
        stream.cancel()


def write_chain(path: Path, blocks: list[common_pb2.Block]) -> None:
    """Block after block, each behind its length in four bytes; compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wb", preset=9) as file:
        for block in blocks:
            content = block.SerializeToString()
            file.write(len(content).to_bytes(4, "big") + content)


def read_chain(path: Path) -> list[common_pb2.Block]:
    """What `write_chain` wrote."""
    blocks = []
    with lzma.open(path) as file:
        while length := file.read(4):
            blocks.append(common_pb2.Block.FromString(file.read(int.from_bytes(length, "big"))))
    return blocks
