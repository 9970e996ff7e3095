"""Chaincode as an external service: ``python -m hlf_chaincode.server --config FILE.json``.

One process serves any number of chaincodes, each on a port of its own: a peer that connects learns from the
port alone which chaincode it has reached.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from .config import ChaincodeService, ConfigurationError, ServerTls, load_config
from .contract import Registry
from .health import Health
from .session import Session
from .stream import MESSAGE_LIMIT, Stream
from .stub import Message
from .workers import Workers

__all__ = ["ChaincodeServer", "ChaincodeService", "ConfigurationError", "ServerTls", "main", "serve"]

# grpcio ships no types.
_RPC: Any = grpc
_WORKERS = 128
_GRACE_SECONDS = 10.0
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # Two servers on one port would share it silently.
    ("grpc.so_reuseport", 0),
    # Peers ping every minute, also when no call is under way.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class _GrpcWire:
    """A grpc.aio stream as a ``Wire``."""

    def __init__(self, context: Any) -> None:
        self._context = context

    async def read(self) -> Message | None:
        message = await self._context.read()
        return None if message is grpc.aio.EOF else message

    async def write(self, message: Message) -> None:
        await self._context.write(message)


class ChaincodeServer:
    """One chaincode on one port.

    Contract functions run on at most ``workers`` threads, each call on one of them; further calls wait.
    """

    def __init__(self, service: ChaincodeService, *, workers: int = _WORKERS) -> None:
        self._service = service
        # Built before anything listens: a contract that cannot be served is known at once.
        self._registry = Registry(service.contracts)
        self._workers = Workers(workers, 5000)
        self._streams: set[Stream] = set()
        self._health = Health()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._server: grpc.aio.Server | None = None
        self.address = service.address

    @property
    def in_flight(self) -> int:
        """Calls under way on all streams."""
        return sum(stream.in_flight for stream in self._streams)

    async def start(self) -> None:
        """Listen; ``address`` then has the real port. ConfigurationError where that is impossible."""
        server = grpc.aio.server(options=_OPTIONS)
        connect = _RPC.stream_stream_rpc_method_handler(
            self._connect,
            request_deserializer=Message.FromString,
            response_serializer=Message.SerializeToString,
        )
        chaincode = _RPC.method_handlers_generic_handler("protos.Chaincode", {"Connect": connect})
        server.add_generic_rpc_handlers((chaincode, self._health.handler()))
        host, _, port = self._service.address.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigurationError(f"{self._service.address}: expected HOST:PORT")
        try:
            bound = self._bind(server)
        except RuntimeError as error:
            raise ConfigurationError(f"cannot listen on {self._service.address}: {error}") from error
        self.address = f"{host}:{bound}"
        await server.start()
        self._server = server

    async def stop(self, grace: float = _GRACE_SECONDS) -> None:
        """Answer the calls under way, for at most ``grace`` seconds, then close streams and port."""
        self._draining = True
        self._health.stop()
        for stream in self._streams:
            stream.drain()
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            # What has not answered by now loses its stream.
            pass
        if self._server is not None:
            await self._server.stop(0)
        self._workers.close()

    def _bind(self, server: grpc.aio.Server) -> int:
        tls = self._service.tls
        if tls is None:
            return int(server.add_insecure_port(self._service.address))
        credentials = _RPC.ssl_server_credentials(
            [(tls.key, tls.certificate)],
            root_certificates=tls.client_ca,
            require_client_auth=tls.client_ca is not None,
        )
        return int(server.add_secure_port(self._service.address, credentials))

    async def _connect(self, _requests: Any, context: Any) -> None:
        if self._draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the chaincode server is stopping")
        session = Session(self._service.package_id, self._registry)
        stream = Stream(session, _GrpcWire(context), self._workers)
        self._streams.add(stream)
        self._idle.clear()
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)
            if not self._streams:
                self._idle.set()


async def serve(
    services: Sequence[ChaincodeService],
    *,
    ready: Callable[[list[str]], None] = lambda _addresses: None,
    stop: asyncio.Event | None = None,
    grace: float = _GRACE_SECONDS,
) -> None:
    """Serve until ``stop`` is set, or SIGTERM or SIGINT arrives where no event is given.

    ``ready`` is called with all addresses once every port listens.
    """
    ending = stop or asyncio.Event()
    if stop is None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
    servers: list[ChaincodeServer] = []
    try:
        for service in services:
            server = ChaincodeServer(service)
            servers.append(server)
            await server.start()
        ready([server.address for server in servers])
        await ending.wait()
    finally:
        await asyncio.gather(*(server.stop(grace) for server in servers))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 after an orderly end, 2 for a configuration that cannot be served."""
    parser = argparse.ArgumentParser(prog="python -m hlf_chaincode.server", description="Serve chaincodes.")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE.json")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(load_config(options.config), ready=_say_ready))
    except (ConfigurationError, TypeError, ValueError) as error:
        sys.stderr.write(f"hlf_chaincode: {error}\n")
        return 2
    return 0


def _say_ready(addresses: list[str]) -> None:
    sys.stdout.write("ready " + " ".join(addresses) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: the interpreter would wait for a contract function that never returns.
    os._exit(status)
