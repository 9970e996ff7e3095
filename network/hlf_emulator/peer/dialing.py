"""How a peer dials a chaincode's server (internal/pkg/comm/config.go), and how it fails to."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hlf_emulator.lifecycle.packages import Connection

MAX_MESSAGE = 100 * 1024 * 1024


class DialError(Exception):
    """A server that cannot be reached; the text is Fabric's."""


async def dial(connection: Connection) -> grpc.aio.Channel:
    """An open connection, within `dial_timeout`. Raises DialError.

    Who does not listen fails at once, who does not speak TLS as it should when the time is up.
    """
    credentials = _credentials(connection)
    await _knock(connection)
    channel = _channel(connection.address, credentials)
    try:
        await asyncio.wait_for(channel.channel_ready(), connection.dial_timeout)
    except TimeoutError as fault:
        await channel.close()
        raise DialError("failed to create new connection: context deadline exceeded") from fault
    return channel


async def _knock(connection: Connection) -> None:
    address = connection.address
    host, colon, port = address.rpartition(":")
    if not colon:
        raise _unreached(f"dial tcp: address {address}: missing port in address")
    try:
        opening = asyncio.open_connection(host, int(port))
        _, writer = await asyncio.wait_for(opening, connection.dial_timeout)
    except ConnectionRefusedError as fault:
        raise _unreached(f"dial tcp {address}: connect: connection refused") from fault
    except socket.gaierror as fault:
        raise _unreached(f"dial tcp: lookup {host}: no such host") from fault
    except ValueError as fault:
        raise _unreached(f"dial tcp: lookup tcp/{port}: unknown port") from fault
    except TimeoutError as fault:
        raise DialError("failed to create new connection: context deadline exceeded") from fault
    except OSError as fault:
        raise _unreached(f"dial tcp {address}: connect: {(fault.strerror or '').lower()}") from fault
    writer.close()


def _unreached(reason: str) -> DialError:
    why = f'desc = "transport: error while dialing: {reason}"'
    return DialError(f"failed to create new connection: connection error: {why}")


def _credentials(connection: Connection) -> grpc.ChannelCredentials | None:
    if not connection.tls_required:
        return None
    key = certificate = None
    if connection.client_auth_required:
        key, certificate = connection.client_key.encode(), connection.client_cert.encode()
        _require_pair(certificate, key)
    root = connection.root_cert.encode()
    try:
        x509.load_pem_x509_certificates(root)
    except (ValueError, x509.InvalidVersion) as fault:
        raise DialError("error adding root certificate") from fault
    return grpc.ssl_channel_credentials(  # type: ignore[no-untyped-call, no-any-return]
        root_certificates=root, private_key=key, certificate_chain=certificate
    )


def _require_pair(certificate: bytes, key: bytes) -> None:
    prefix = "failed to load client certificate: failed to create key pair: tls:"
    try:
        public = x509.load_pem_x509_certificates(certificate)[0].public_key()
    except ValueError as fault:
        raise DialError(f"{prefix} failed to find any PEM data in certificate input") from fault
    try:
        private = load_pem_private_key(key, None)
    except ValueError as fault:
        raise DialError(f"{prefix} failed to find any PEM data in key input") from fault
    if private.public_key() != public:
        raise DialError(f"{prefix} private key does not match public key")


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", MAX_MESSAGE),
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, credentials, options=options)
