"""One text for both faces of a gateway: on the synchronous one, nothing is ever awaited."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from hlf import AsyncGateway, Gateway


def run_on(face, scenario, *target, **options):
    """Run ``scenario(gateway, wait)`` on a gateway of the face: "sync" or "async"."""

    async def awaited():
        async with AsyncGateway(*target, **options) as gateway:

            async def wait(value):
                return await value if inspect.isawaitable(value) else value

            return await scenario(gateway, wait)

    async def blocking():
        with Gateway(*target, **options) as gateway:

            async def wait(value):
                return value

            return await scenario(gateway, wait)

    if face == "async":
        return asyncio.run(awaited())
    step = blocking()
    with pytest.raises(StopIteration) as end:
        step.send(None)
    return end.value.value


async def take(stream, wait, count):
    """The first ``count`` events of a stream of either face."""
    return [await wait(anext(stream) if hasattr(stream, "__anext__") else next(stream)) for _ in range(count)]
