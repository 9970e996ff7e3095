"""Both faces of hlf for one text of a scenario: the asynchronous one with each call awaited on the spot."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

from hlf import AsyncGateway, aio
from hlf.streams import AsyncEventStream

_NOUNS = (AsyncGateway, aio.Network, aio.Contract, aio.Proposal, aio.Transaction, aio.Commit)


class Awaited:
    """A noun of hlf.aio that looks like its twin of hlf.gateway."""

    def __init__(self, noun: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._noun = noun
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._noun, name)
        if not callable(value):
            return awaited(value, self._loop)

        async def call(*args: Any, **options: Any) -> Any:
            # Within the loop, where an asynchronous gateway connects at its first call.
            answer = value(*args, **options)
            return await answer if inspect.iscoroutine(answer) else answer

        return lambda *args, **options: awaited(call(*args, **options), self._loop)


class AwaitedStream:
    """An asynchronous event stream that looks like a synchronous one."""

    def __init__(self, stream: AsyncEventStream[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(anext(self._stream))
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> AwaitedStream:
        self._loop.run_until_complete(self._stream.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._loop.run_until_complete(self._stream.__aexit__(*error))


def awaited(value: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """The value as a scenario sees it: awaited where that is needed, nouns and streams with their calls."""
    if inspect.iscoroutine(value):
        return awaited(loop.run_until_complete(value), loop)
    if isinstance(value, AsyncEventStream):
        return AwaitedStream(value, loop)
    return Awaited(value, loop) if isinstance(value, _NOUNS) else value
