"""A client's deadline, as a service notices it."""

import asyncio
from types import TracebackType
from typing import Any, Self

import grpc

from hlf_emulator.ports.rpc_status import RpcError

_AHEAD = 0.003  # seconds
"""At the deadline itself the transport ends the call, in words of its own: Fabric's handlers race with it."""


def check_deadline(context: grpc.aio.ServicerContext[Any, Any], text: str) -> None:
    """As `until_deadline`, for what never waits: no deadline can pass within. Raises RpcError."""
    remaining: Any = context.time_remaining()
    if remaining is not None and remaining <= _AHEAD:
        raise RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, text)


class until_deadline:  # noqa: N801 - read as a word of the statement it stands in
    """End with DEADLINE_EXCEEDED and `text` when the client's deadline passes within. Raises RpcError.

    A class, since a generator would cost each call more than its timer does.
    """

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any], text: str) -> None:
        self.text = text
        self._remaining: Any = context.time_remaining()  # None without a deadline, whatever its type says
        self._timeout: asyncio.Timeout | None = None

    def comes_within(self, seconds: float) -> bool:
        """Whether the client's deadline passes before that time."""
        return self._remaining is not None and self._remaining <= seconds

    async def __aenter__(self) -> Self:
        if self._remaining is None:
            return self
        if self._remaining <= _AHEAD:
            raise RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, self.text)
        self._timeout = asyncio.timeout(self._remaining - _AHEAD)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timeout is None:
            return
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, self.text) from None
