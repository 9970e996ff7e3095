"""Where a node listens, and how to reach it: TLS, mutual TLS, message sizes and keepalive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from cryptography.hazmat.primitives.serialization import Encoding

from hlf.errors import ConfigurationError
from hlf.identity import load_certificate

MAX_MESSAGE_BYTES = 100 * 1024 * 1024
"""Peers' and shims' own limit; grpc's default of 4 MiB breaks larger blocks and results."""

_grpc: Any = grpc  # its synchronous half carries no annotations
_MAX_METADATA_BYTES = 1024 * 1024
"""A chaincode's refusal reaches the client in metadata, several times over; grpc's default is 8 KiB."""
_KEEPALIVE_MS = 120_000  # a peer cuts clients off that ping more often than once in 60 s


class Channel(Protocol):
    """What a gateway needs of a grpc.Channel, which to type checkers is anything: grpc has no types."""

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None
    ) -> Any:
        """A call with one request and one answer."""

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None
    ) -> Any:
        """A call with one request and many answers."""

    def stream_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None
    ) -> Any:
        """A call with many of both."""

    def close(self) -> Any:
        """Close the connection; to be awaited with grpc.aio."""


@dataclass(frozen=True)
class Endpoint:
    """A node's address, and what is needed to trust it.

    ``address`` is ``host:port``; ``tls_root_pem`` the CA certificates that vouch for the node (None: no TLS);
    ``override_host`` the name in the node's certificate where it differs from the address;
    ``client_certificate_pem`` and ``client_key_pem`` are for nodes that ask for mutual TLS.
    """

    address: str
    tls_root_pem: bytes | None = field(default=None, repr=False)
    override_host: str | None = None
    client_certificate_pem: bytes | None = field(default=None, repr=False)
    client_key_pem: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        host, separator, port = self.address.rpartition(":")
        if not separator or not host or not port.isdigit() or "://" in host:
            raise ConfigurationError(f"{self.address!r} is not host:port", field="address")
        if (self.client_certificate_pem is None) != (self.client_key_pem is None):
            raise ConfigurationError("mutual TLS takes a certificate and its key", field="client_key_pem")

    @property
    def tls_certificate_hash(self) -> bytes:
        """SHA-256 of the client's TLS certificate (DER), which deliver requests carry; empty without one."""
        if self.client_certificate_pem is None:
            return b""
        der = load_certificate(self.client_certificate_pem).public_bytes(Encoding.DER)
        return hashlib.sha256(der).digest()

    def options(self) -> list[tuple[str, str | int]]:
        """Return the grpc channel arguments."""
        options: list[tuple[str, str | int]] = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", 20_000),
            # Else pings stop after two on an idle event stream, and a dead peer goes unnoticed.
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            # How long an attempt to connect may take: over a long line TLS needs more than a moment.
            ("grpc.min_reconnect_backoff_ms", 5_000),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            # Nodes are dialled as named: a proxy of the environment has no business between them.
            ("grpc.enable_http_proxy", 0),
            # Two gateways to one address must not share a connection that one of them closes.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if self.override_host:
            options.append(("grpc.ssl_target_name_override", self.override_host))
        return options

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return the TLS credentials, or None for a plain connection."""
        if self.tls_root_pem is None:
            return None
        credentials: grpc.ChannelCredentials = _grpc.ssl_channel_credentials(
            self.tls_root_pem, self.client_key_pem, self.client_certificate_pem
        )
        return credentials

    def connect(self) -> grpc.Channel:
        """Return a channel for synchronous calls; it connects at the first one."""
        credentials = self.credentials()
        if credentials is None:
            channel: grpc.Channel = _grpc.insecure_channel(self.address, options=self.options())
        else:
            channel = _grpc.secure_channel(self.address, credentials, options=self.options())
        return channel

    def connect_async(self) -> grpc.aio.Channel:
        """Return a channel for asyncio; call it where the event loop runs."""
        import grpc.aio

        credentials = self.credentials()
        if credentials is None:
            return grpc.aio.insecure_channel(self.address, options=self.options())
        return grpc.aio.secure_channel(self.address, credentials, options=self.options())
