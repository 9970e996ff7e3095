"""A client's deadline, as a service notices it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from hlf_emulator.ports.rpc_status import RpcError

_AHEAD = 0.003  # seconds
"""At the deadline itself the transport ends the call, in words of its own: Fabric's handlers race with it."""


def check_deadline(context: grpc.aio.ServicerContext[Any, Any], text: str) -> None:
    """As `until_deadline`, for what never waits: no deadline can pass within. Raises RpcError."""
    remaining: Any = context.time_remaining()
    if remaining is not None and remaining <= _AHEAD:
        raise RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, text)


@asynccontextmanager
async def until_deadline(context: grpc.aio.ServicerContext[Any, Any], text: str) -> AsyncIterator[None]:
    """End with DEADLINE_EXCEEDED and `text` when the client's deadline passes within. Raises RpcError."""
    remaining: Any = context.time_remaining()  # None without a deadline, whatever its type says
    expired = RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, text)
    if remaining is None:
        yield
        return
    if remaining <= _AHEAD:
        raise expired
    try:
        async with asyncio.timeout(remaining - _AHEAD):
            yield
    except TimeoutError:
        raise expired from None
