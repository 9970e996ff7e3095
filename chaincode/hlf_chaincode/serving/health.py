"""grpc.health.v1.Health by hand: two messages of one field each need no further package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

# grpcio ships no types.
_RPC: Any = grpc
_SERVING = b"\x08\x01"
_NOT_SERVING = b"\x08\x02"


class Health:
    """Says SERVING until ``stop`` is called, for the server as a whole and any service name.

    A Check says NOT_SERVING also while ``able`` says no.
    """

    def __init__(self, able: Callable[[], bool] = lambda: True) -> None:
        self._able = able
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Say NOT_SERVING from now on."""
        self._stopped.set()

    def handler(self) -> Any:
        """The service for a grpc.aio server."""
        return _RPC.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": _RPC.unary_unary_rpc_method_handler(self._check),
                "Watch": _RPC.unary_stream_rpc_method_handler(self._watch),
            },
        )

    def _status(self) -> bytes:
        return _SERVING if self._able() and not self._stopped.is_set() else _NOT_SERVING

    async def _check(self, _request: bytes, _context: Any) -> bytes:
        return self._status()

    async def _watch(self, _request: bytes, _context: Any) -> AsyncIterator[bytes]:
        yield self._status()
        if not self._stopped.is_set():
            await self._stopped.wait()
            yield self._status()
