"""What a node's gRPC server says before any of its services is asked.

Bytes that are no message, messages over the limit, methods and services that are not there, too many calls at
once: Go's gRPC (server.go) and Fabric's limiter (internal/peer/node/grpc_limiters.go) have words of their own
for each, and grpc's other implementations have others.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from hlf_emulator.go.text import decode_fault
from hlf_emulator.ports.open_streams import OpenStreams
from hlf_emulator.ports.rpc_status import RpcError, abort

MESSAGE_BYTES = 100 * 1024 * 1024
"""The most that a node receives or sends in one message (internal/pkg/comm/config.go)."""
CONCURRENCY_LIMITS = {"/protos.Endorser": 2500, "/protos.Deliver": 2500, "/gateway.Gateway": 500}
"""peer.limits.concurrency of core.yaml, by service: calls in progress, streams included."""

_GZIP = b"\x1f\x8b"
"""How compressed messages begin, which a port that leaves them so sees; no message of protobuf begins so."""
# grpcio ships no types.
_grpc: Any = grpc
_CONSTRUCTORS = {
    (False, False): _grpc.unary_unary_rpc_method_handler,
    (False, True): _grpc.unary_stream_rpc_method_handler,
    (True, True): _grpc.stream_stream_rpc_method_handler,
}


@dataclass(frozen=True)
class _Refused:
    """In place of a message: why there is none."""

    code: grpc.StatusCode
    fault: str

    def error(self, streaming: bool) -> RpcError:
        """As Go words it, which it does otherwise for streams."""
        if self.code is not grpc.StatusCode.INTERNAL:
            return RpcError(self.code, f"grpc: {self.fault}")
        what = "failed to unmarshal the received message" if streaming else "error unmarshalling request"
        return RpcError(self.code, f"grpc: {what}: {self.fault}")


class RpcGuard(_grpc.GenericRpcHandler):  # type: ignore[misc]
    """All services of one port, added to it as they would be to a server.

    A handler and no interceptor, which every call would pay for with coroutines of its own: a method is
    guarded once, when it is first called.
    """

    def __init__(self, limits: Mapping[str, int], streams: OpenStreams) -> None:
        """`limits`: calls at once, by ``/service``; `streams` learns of the calls that answer with one."""
        self._limits = limits
        self._streams = streams
        self._services: list[Any] = []
        self._in_flight: Counter[str] = Counter()
        self._guarded: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """Take services in; the generated code calls it."""
        self._services.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """The same methods once more, in the form that grpc's synchronous servers look up: not needed."""

    def service(self, handler_call_details: Any) -> Any:
        """The handler, guarded; one that refuses where there is none."""
        method = handler_call_details.method
        known = self._guarded.get(method)
        if known is not None:
            return known
        found = (service.service(handler_call_details) for service in self._services)
        handler = next((handler for handler in found if handler is not None), None)
        if handler is None:
            return self._unknown(method)
        self._guarded[method] = self._guard(method.rpartition("/")[0], handler)
        return self._guarded[method]

    def _guard(self, service: str, handler: Any) -> Any:
        guarded = self._streaming if handler.response_streaming else self._unary
        return _CONSTRUCTORS[handler.request_streaming, handler.response_streaming](
            guarded(service, handler),
            request_deserializer=_reader(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _unknown(self, path: str) -> Any:
        service, separator, method = path.removeprefix("/").rpartition("/")
        text = f"unknown service {service}"
        if not separator:
            text = f'malformed method name: "{path}"'
        elif service in (known.service_name() for known in self._services):
            text = f"unknown method {method} for service {service}"

        async def refuse(_request: Any, context: Any) -> None:
            await abort(context, RpcError(grpc.StatusCode.UNIMPLEMENTED, text))

        return _grpc.stream_stream_rpc_method_handler(refuse)

    def _unary(self, service: str, handler: Any) -> Any:
        answer = handler.unary_unary

        async def guarded(request: Any, context: Any) -> Any:
            try:
                if isinstance(request, _Refused):
                    raise request.error(streaming=False)
                self._take_slot(service)
                try:
                    return await answer(request, context)
                finally:
                    self._in_flight[service] -= 1
            except RpcError as error:
                await abort(context, error)

        return guarded

    def _streaming(self, service: str, handler: Any) -> Any:
        answer = self._streams.tracked(
            handler.stream_stream if handler.request_streaming else handler.unary_stream
        )

        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                self._take_slot(service)
                try:
                    if isinstance(request, _Refused):
                        raise request.error(streaming=True)
                    whole = _messages(request) if handler.request_streaming else request
                    async for message in answer(whole, context):
                        yield message
                finally:
                    self._in_flight[service] -= 1
            except RpcError as error:
                await abort(context, error)

        return guarded

    def _take_slot(self, service: str) -> None:
        """Count a call in, which its end counts out. Raises RpcError when there are too many."""
        limit = self._limits.get(service)
        if limit is not None and self._in_flight[service] >= limit:
            raise RpcError(
                grpc.StatusCode.UNKNOWN,
                f"too many requests for {service}, exceeding concurrency limit ({limit})",
            )
        self._in_flight[service] += 1


async def _messages(request_iterator: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The messages of a stream up to one that is none. Raises RpcError there."""
    async for message in request_iterator:
        if isinstance(message, _Refused):
            raise message.error(streaming=True)
        yield message


def _reader(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(raw: bytes) -> Any:
        if len(raw) > MESSAGE_BYTES:
            text = f"received message larger than max ({len(raw)} vs. {MESSAGE_BYTES})"
            return _Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        if raw.startswith(_GZIP):
            text = 'Decompressor is not installed for grpc-encoding "gzip"'
            return _Refused(grpc.StatusCode.UNIMPLEMENTED, text)
        try:
            return decode(raw)
        except DecodeError:
            # gRPC would call it the server's own fault; the caller is told by `guarded`.
            return _Refused(grpc.StatusCode.INTERNAL, decode_fault(raw))

    return read
