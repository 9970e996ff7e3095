"""The open streams of one node's port, which a fault may end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

# grpcio ships no types.
_grpc: Any = grpc
_CONSTRUCTORS = {
    (False, True): _grpc.unary_stream_rpc_method_handler,
    (True, True): _grpc.stream_stream_rpc_method_handler,
}
ENDED = "error reading from server: EOF"
"""What Go's client says of a connection that the other side has closed."""


class OpenStreams(_grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Knows the calls in progress that answer with a stream."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending: set[asyncio.Task[Any]] = set()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Wrap what answers with a stream; the rest passes."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        answer = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def tracked(request: Any, context: Any) -> AsyncIterator[Any]:
            task = asyncio.current_task()
            assert task is not None  # gRPC runs every call in a task of its own
            self._tasks.add(task)
            try:
                async for message in answer(request, context):
                    yield message
            except asyncio.CancelledError:
                if task not in self._ending:
                    raise
                task.uncancel()
                await context.abort(grpc.StatusCode.UNAVAILABLE, ENDED)
            finally:
                self._tasks.discard(task)
                self._ending.discard(task)

        return _CONSTRUCTORS[handler.request_streaming, True](
            tracked,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def close(self) -> int:
        """End every stream with UNAVAILABLE; return how many there were."""
        ending = [task for task in self._tasks if task not in self._ending]
        self._ending.update(ending)
        for task in ending:
            task.cancel()
        return len(ending)
