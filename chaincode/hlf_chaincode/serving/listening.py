"""Servers that peers dial: one chaincode on one port, any number of them in a process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from ..contract import Registry
from ..observer import Observer
from ..session import Functions, Session
from ..stub import Message
from .config import ChaincodeService, ConfigurationError
from .health import Health
from .stream import MESSAGE_LIMIT, Stream
from .workers import Workers

# grpcio ships no types.
_RPC: Any = grpc
GRACE_SECONDS = 10.0
"""How long calls under way may take to answer when a server stops."""

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # Two servers on one port would share it silently.
    ("grpc.so_reuseport", 0),
    # Peers ping every minute, also when no call is under way.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class _ServedWire:
    """A grpc.aio stream as a ``Wire``."""

    end = grpc.aio.EOF

    def __init__(self, context: Any) -> None:
        self.read = context.read
        self.write = context.write

    async def close(self) -> None:
        """Nothing: the stream ends when its handler returns."""


class ChaincodeServer:
    """One chaincode on one port, for any number of peers and streams.

    Each chaincode has threads of its own (``service.limits``), so that a slow one holds no other up.
    ``functions`` stands for the service's contracts where it is given.
    """

    def __init__(
        self,
        service: ChaincodeService,
        *,
        functions: Functions | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._service = service
        # Built before anything listens: a contract that cannot be served is known at once.
        self._functions = functions or Registry(service.contracts, guard=service.guard)
        self._observers = observers
        self._workers = Workers(service.limits.workers, service.limits.waiting)
        self._streams: set[Stream] = set()
        self._health = Health(lambda: not self._workers.exhausted)
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._server: grpc.aio.Server | None = None
        self.address = service.address

    @property
    def in_flight(self) -> int:
        """Calls under way on all streams."""
        return sum(stream.in_flight for stream in tuple(self._streams))

    @property
    def abandoned(self) -> int:
        """Threads that still run a call nobody waits for; when no more can be lost, health says so."""
        return self._workers.abandoned

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

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
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
        service = self._service
        stream = Stream(
            Session(service.package_id, self._functions, msp_id=service.msp_id),
            _ServedWire(context),
            self._workers,
            time_limit=service.limits.time_limit,
            observers=self._observers,
        )
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
    functions: Functions | None = None,
    ready: Callable[[list[str]], None] = lambda _addresses: None,
    stop: asyncio.Event | None = None,
    grace: float = GRACE_SECONDS,
    observers: Sequence[Observer] = (),
) -> None:
    """Serve until ``stop`` is set, or SIGTERM or SIGINT arrives where no event is given.

    ``ready`` is called with all addresses once every port listens. ``functions`` stands for the contracts of
    every service where it is given.
    """
    ending = stop or ending_signal()
    servers: list[ChaincodeServer] = []
    try:
        for service in services:
            server = ChaincodeServer(service, functions=functions, observers=observers)
            servers.append(server)
            await server.start()
        ready([server.address for server in servers])
        await ending.wait()
    finally:
        await asyncio.gather(*(server.stop(grace) for server in servers))


def ending_signal() -> asyncio.Event:
    """Set when the process gets SIGTERM or SIGINT."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    return ending
