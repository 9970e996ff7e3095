"""The open streams of one node's port, which a fault may end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

ENDED = "error reading from server: EOF"
"""What Go's client says of a connection that the other side has closed."""


_Answer = Callable[[Any, Any], AsyncIterator[Any]]


class OpenStreams:
    """Knows the calls in progress that answer with a stream."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending: set[asyncio.Task[Any]] = set()

    def tracked(self, answer: _Answer) -> _Answer:
        """A method that answers with a stream, known here for as long as it runs."""

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

        return tracked

    def close(self) -> int:
        """End every stream with UNAVAILABLE; return how many there were."""
        ending = [task for task in self._tasks if task not in self._ending]
        self._ending.update(ending)
        for task in ending:
            task.cancel()
        return len(ending)
