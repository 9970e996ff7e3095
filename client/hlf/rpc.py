"""RPCs on a grpc channel, synchronous or not: stubs by method, and what a failure says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from hlf.effects import Call, RpcFailure
from hlf.wire.status import TRAILER, decode_details


def rpc_failure(error: grpc.RpcError) -> RpcFailure:
    """Read a failed RPC, synchronous or not, with what the Gateway says about each peer."""
    call: Any = error
    code = call.code()
    trailers = {key: value for key, value in call.trailing_metadata() or () if key == TRAILER}
    details = decode_details(trailers[TRAILER]) if trailers else ()
    return RpcFailure(code.name if code is not None else "UNKNOWN", call.details() or "", details)


def closed_errors() -> tuple[type[Exception], ...]:
    """What gRPC's two faces raise on a closed channel."""
    import grpc.aio

    usage: type[Exception] = grpc.aio.UsageError
    return ValueError, usage


class Stubs:
    """Callables of a channel by method, each made once."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._calls: dict[str, Any] = {}

    def __call__(self, call: Call) -> Any:
        stub = self._calls.get(call.method)
        if stub is None:
            stub = self._channel.unary_unary(
                call.method,
                request_serializer=type(call.request).SerializeToString,
                response_deserializer=call.response.FromString,
            )
            self._calls[call.method] = stub
        metadata: Sequence[tuple[str, str]] | None = call.metadata or None
        return stub(call.request, timeout=call.timeout, metadata=metadata)
