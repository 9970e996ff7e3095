"""Blocks of one Deliver stream, of a peer or of an orderer, as plain data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2

from hlf.wire.blocks import decode_block
from hlf.wire.deliver import seek_payload
from tests.conformance.calls import SECONDS, Access, Answer, Case, guarded, node_of


def _deliver(access: Access, case: Case) -> Answer:
    """Statuses and block shapes of one Deliver stream, up to `take` messages."""
    signer = access.identity(case["as"])
    behind = 3600 * 10**9 if case.get("tamper") == "timestamp" else 0
    start, stop = case.get("start", "oldest"), case.get("stop", "newest")
    if start in {"beyond"}:
        start = stop = 1_000_000
    payload = seek_payload(
        signer.identity,
        case.get("channel", "slice"),
        start,
        stop,
        timestamp_ns=time.time_ns() - behind,
        nonce=os.urandom(24),
        fail_if_not_ready=bool(case.get("fail_if_not_ready")),
    )
    message = b"another message" if case.get("tamper") == "signature" else payload
    envelope = common_pb2.Envelope(payload=payload, signature=signer.sign(message))
    method, response = {
        "Deliver": ("/protos.Deliver/Deliver", events_pb2.DeliverResponse),
        "DeliverFiltered": ("/protos.Deliver/DeliverFiltered", events_pb2.DeliverResponse),
        "DeliverWithPrivateData": ("/protos.Deliver/DeliverWithPrivateData", events_pb2.DeliverResponse),
        "OrdererDeliver": ("/orderer.AtomicBroadcast/Deliver", ab_pb2.DeliverResponse),
    }[case["rpc"]]
    stub = access.channel(node_of(access, case)).stream_stream(
        method,
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=response.FromString,
    )

    def make() -> Answer:
        stream = stub(iter([envelope]), timeout=SECONDS)
        try:
            return {"code": "OK", "messages": list(_messages(stream, int(case.get("take", 2))))}
        finally:
            stream.cancel()

    return guarded(make)


def _messages(stream: Any, take: int) -> Iterator[Any]:
    for count, message in enumerate(stream, 1):
        kind = message.WhichOneof("Type")
        if kind == "status":
            yield {"status": common_pb2.Status.Name(message.status)}
            return
        if kind == "block":
            yield {"block": block_shape(message.block)}
        elif kind == "filtered_block":
            block = message.filtered_block
            yield {
                "filtered_block": {
                    "channel": block.channel_id,
                    "transactions": len(block.filtered_transactions),
                }
            }
        else:
            yield {"block_and_private_data": block_shape(message.block_and_private_data.block)}
        if count == take:
            return


def block_shape(block: common_pb2.Block) -> Answer:
    decoded = decode_block(block)
    return {
        "number": decoded.number,
        "metadata_slots": len(block.metadata.metadata),
        "signed_by": len(decoded.signatures),
        "types": [each.type for each in decoded.transactions],
        "codes": [each.validation_code for each in decoded.transactions],
    }


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = dict.fromkeys(
    ("Deliver", "DeliverFiltered", "DeliverWithPrivateData", "OrdererDeliver"), _deliver
)
