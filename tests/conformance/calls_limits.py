"""What a node's server refuses by itself: bytes that are no message, too much, too many, too often."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2

from tests.conformance.calls import CALLS as CALLS_OF_GATEWAY
from tests.conformance.calls import SECONDS, Access, Answer, Case, guarded, node_of, transact
from tests.conformance.proposals import GARBAGE

_SENT = {"garbage": GARBAGE, "empty": b"", "text": b"\x0a\x40" + b"x" * 64}
_PATIENCE = 10.0
_EVENTS = "/gateway.Gateway/ChaincodeEvents"


def _channel(access: Access, case: Case, **changed: int) -> grpc.Channel:
    """A connection of its own to the case's node, with other options than usual."""
    endpoint = access.endpoint(node_of(access, case))
    options = {**dict(endpoint.options()), **{f"grpc.{name}": value for name, value in changed.items()}}
    return grpc.secure_channel(endpoint.address, endpoint.credentials(), list(options.items()))


def _raw(access: Access, case: Case) -> Answer:
    """Bytes sent to `method` as they are: `garbage`, nothing, or a field of so many `megabytes`.

    `zipped` compresses them as gRPC may.
    """
    size = int(case.get("megabytes", 0)) * 1024 * 1024
    sent = b"\x0a" + _varint(size) + bytes(size) if size else _SENT[case["send"]]

    def make() -> Answer:
        with _channel(access, case, max_send_message_length=-1) as channel:
            stub = channel.unary_stream(
                f"/{case['method']}", request_serializer=bytes, response_deserializer=bytes
            )
            compression = grpc.Compression.Gzip if case.get("zipped") else None
            stream = stub(sent, timeout=SECONDS, compression=compression)
            return {"code": "OK", "answered": any(True for _ in stream)}

    return guarded(make)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _events(access: Access, case: Case, channel: grpc.Channel, count: int = 1) -> list[Any]:
    """Streams of events to come, each answered nothing until there is one."""
    signer = access.identity(case["as"])
    request = gateway_pb2.ChaincodeEventsRequest(
        channel_id="slice", chaincode_id="records", identity=signer.serialized()
    ).SerializeToString()
    stub = channel.unary_stream(
        _EVENTS,
        request_serializer=gateway_pb2.SignedChaincodeEventsRequest.SerializeToString,
        response_deserializer=gateway_pb2.ChaincodeEventsResponse.FromString,
    )
    signed = gateway_pb2.SignedChaincodeEventsRequest(request=request, signature=signer.sign(request))
    return [stub(signed, timeout=SECONDS) for _ in range(count)]


def _crowd(access: Access, case: Case) -> Answer:
    """What a query is answered beside as many `streams` of events as there may be.

    The query itself takes a place for a moment, and a stream that comes just then is refused: so another is
    opened before the query is asked again.
    """
    with _channel(access, case) as channel:
        streams = _events(access, case, channel, case["streams"])
        deadline = time.monotonic() + _PATIENCE
        try:
            while True:
                answer = CALLS_OF_GATEWAY["Evaluate"](access, {**case, "call": ["whoami"]})
                if answer["code"] != "OK" or time.monotonic() > deadline:
                    return answer
                streams += _events(access, case, channel)
        finally:
            for stream in streams:
                stream.cancel()
            # Fabric notices that a client has gone when it has an event for it.
            transact(access, {"as": "org-b/user", "call": ["announce", case["key"], "the end"]})


def _pings(access: Access, case: Case) -> Answer:
    """How a silent stream ends whose client pings every `milliseconds`; the words are the client's own."""

    def make() -> Answer:
        often = {
            "keepalive_time_ms": case["milliseconds"],
            "http2.max_pings_without_data": 0,
            "keepalive_permit_without_calls": 1,
        }
        with _channel(access, case, **often) as channel:
            for _ in _events(access, case, channel)[0]:
                pass
        return {"code": "OK"}

    return {"code": guarded(make)["code"]}


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Raw": _raw,
    "Crowd": _crowd,
    "Pings": _pings,
}
