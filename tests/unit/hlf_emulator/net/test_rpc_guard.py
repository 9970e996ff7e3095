"""What a node's server says by itself: limits, bytes that are no message, methods that are not there."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import events_pb2, events_pb2_grpc

from hlf_emulator.ports import rpc_guard
from hlf_emulator.ports.open_streams import OpenStreams
from hlf_emulator.ports.rpc_guard import RpcGuard


class _Gateway(gateway_pb2_grpc.GatewayServicer):
    async def Evaluate(self, request: Any, context: Any) -> Any:
        return gateway_pb2.EvaluateResponse()


class _Deliver(events_pb2_grpc.DeliverServicer):
    async def Deliver(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for _ in request_iterator:
            yield events_pb2.DeliverResponse(status=common_pb2.SUCCESS)


def _ask(method: str, sent: bytes, limits: Mapping[str, int] | None = None) -> list[bytes]:
    async def ask() -> list[bytes]:
        guard = RpcGuard(limits or {}, OpenStreams())
        gateway_pb2_grpc.add_GatewayServicer_to_server(_Gateway(), guard)
        events_pb2_grpc.add_DeliverServicer_to_server(_Deliver(), guard)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((guard,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                call = channel.unary_stream(method, request_serializer=bytes, response_deserializer=bytes)
                return [answer async for answer in call(sent, timeout=5)]
        finally:
            await server.stop(None)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        (
            "/gateway.Gateway/Evaluate",
            grpc.StatusCode.INTERNAL,
            "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
        ),
        (
            "/protos.Deliver/Deliver",
            grpc.StatusCode.INTERNAL,
            "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data",
        ),
        (
            "/gateway.Gateway/Nothing",
            grpc.StatusCode.UNIMPLEMENTED,
            "unknown method Nothing for service gateway.Gateway",
        ),
        ("/protos.Nothing/Deliver", grpc.StatusCode.UNIMPLEMENTED, "unknown service protos.Nothing"),
        ("/nothing", grpc.StatusCode.UNIMPLEMENTED, 'malformed method name: "/nothing"'),
    ],
)
def test_what_is_no_call(method: str, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ask(method, b"\xff\xff")
    assert (raised.value.code(), raised.value.details()) == (code, text)


@pytest.mark.parametrize("method", ["/gateway.Gateway/Evaluate", "/protos.Deliver/Deliver"])
def test_a_call_passes(method: str) -> None:
    assert len(_ask(method, b"")) == 1


def test_too_many_at_once() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ask("/gateway.Gateway/Evaluate", b"", {"/gateway.Gateway": 0})
    assert raised.value.code() is grpc.StatusCode.UNKNOWN
    assert raised.value.details() == (
        "too many requests for /gateway.Gateway, exceeding concurrency limit (0)"
    )


def test_a_message_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_guard, "MESSAGE_BYTES", 3)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ask("/gateway.Gateway/Evaluate", b"\x0a\x02ab")
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert raised.value.details() == "grpc: received message larger than max (4 vs. 3)"


def test_a_compressed_message() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ask("/gateway.Gateway/Evaluate", gzip.compress(b"\x0a\x02ab"))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == 'grpc: Decompressor is not installed for grpc-encoding "gzip"'
