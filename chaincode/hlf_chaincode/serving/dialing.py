"""The other way round: the chaincode dials its peer (gRPC ``ChaincodeSupport/Register``).

For peers that launch chaincode themselves, and for a peer in ``chaincode.mode: dev``, where a developer does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from ..observer import Observer
from ..session import Functions, Session
from ..stub import Message
from .config import Limits
from .stream import MESSAGE_LIMIT, Stream
from .tls import ClientTls
from .workers import Workers

# grpcio ships no types.
_RPC: Any = grpc
_LOG = logging.getLogger(__name__)
_CLOSE_SECONDS = 2.0
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # A peer ends a connection that pings faster than once in 60 s.
    ("grpc.keepalive_time_ms", 110_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


class PeerLost(Exception):  # noqa: N818 - the field's word
    """The peer could not be reached, refused the chaincode, or ended its stream."""


_DEFAULTS = Limits()


@dataclass(frozen=True)
class DialedPeer:
    """A peer to register with, as ``host:port``, the name it knows the chaincode by, and its organization's
    MSP id where that is known."""

    address: str
    package_id: str
    tls: ClientTls | None
    limits: Limits = _DEFAULTS
    msp_id: str = ""


class _CallWire:
    """A grpc.aio call as a ``Wire``."""

    end = grpc.aio.EOF

    def __init__(self, call: Any) -> None:
        self._call = call
        self.read = call.read
        self.write = call.write

    async def close(self) -> None:
        if self._call.done():
            return
        await self._call.done_writing()
        try:
            # A stream that was cancelled at once might take the last answers with it.
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._call.code()
        except TimeoutError:
            _LOG.info("the peer has not ended the stream")


async def dial(
    peer: DialedPeer,
    functions: Functions,
    *,
    stop: asyncio.Event,
    grace: float,
    ready: Callable[[], None] = lambda: None,
    observers: Sequence[Observer] = (),
) -> None:
    """Serve one peer until ``stop`` is set, whereupon calls under way have ``grace`` seconds to answer.

    ``ready`` is called when the peer has accepted the chaincode. PeerLost when it is the peer that ends it:
    a peer that launches chaincode expects the process to end then, and starts it anew.
    """
    limits = peer.limits
    workers = Workers(limits.workers, limits.waiting)
    async with _channel(peer) as channel:
        call = channel.stream_stream(
            "/protos.ChaincodeSupport/Register",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )()
        session = Session(peer.package_id, functions, ready=ready, msp_id=peer.msp_id)
        stream = Stream(session, _CallWire(call), workers, time_limit=limits.time_limit, observers=observers)
        serving = asyncio.create_task(stream.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                raise await _lost(peer, call)
            stream.drain()
            await asyncio.wait((serving,), timeout=grace)
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)
            call.cancel()
            workers.close()


def _channel(peer: DialedPeer) -> Any:
    if peer.tls is None:
        return grpc.aio.insecure_channel(peer.address, options=_OPTIONS)
    credentials = _RPC.ssl_channel_credentials(peer.tls.root, peer.tls.key, peer.tls.certificate)
    return grpc.aio.secure_channel(peer.address, credentials, options=_OPTIONS)


async def _lost(peer: DialedPeer, call: Any) -> PeerLost:
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return PeerLost(f"{peer.address}: the peer has ended the stream of {peer.package_id}")
    return PeerLost(f"{peer.address}: {code.name}: {await call.details()}")
