"""What runs flows: the one place that waits, in a synchronous and an asynchronous form."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any, TypeVar

import grpc

from hlf.effects import Call, Effect, Flow, Pause, RpcFailure
from hlf.wire.status import TRAILER, decode_details

T = TypeVar("T")


def rpc_failure(error: grpc.RpcError) -> RpcFailure:
    """Read a failed RPC, synchronous or not, with what the Gateway says about each peer."""
    call: Any = error
    code = call.code()
    trailers = {key: value for key, value in call.trailing_metadata() or () if key == TRAILER}
    details = decode_details(trailers[TRAILER]) if trailers else ()
    return RpcFailure(code.name if code is not None else "UNKNOWN", call.details() or "", details)


class _Stubs:
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
        return stub(call.request, timeout=call.timeout)


class SyncDriver:
    """Runs flows on a grpc.Channel, blocking; several threads may share one."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self._stubs = _Stubs(channel)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: Any = None
        failure: RpcFailure | None = None
        try:
            while True:
                effect = flow.send(answer) if failure is None else flow.throw(failure)
                answer = failure = None
                try:
                    answer = self._perform(effect)
                except grpc.RpcError as error:
                    failure = rpc_failure(error)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Call):
            return self._stubs(effect)
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        return effect.signer.sign(effect.message)


class AsyncDriver:
    """Runs flows on a grpc.aio.Channel; any number of tasks may share one."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self._stubs = _Stubs(channel)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: Any = None
        failure: RpcFailure | None = None
        try:
            while True:
                effect = flow.send(answer) if failure is None else flow.throw(failure)
                answer = failure = None
                try:
                    answer = self._perform(effect)
                    if inspect.isawaitable(answer):
                        answer = await answer
                except grpc.RpcError as error:
                    failure = rpc_failure(error)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Call):
            return self._stubs(effect)
        if isinstance(effect, Pause):
            return asyncio.sleep(effect.seconds)
        return effect.signer.sign_any(effect.message)
