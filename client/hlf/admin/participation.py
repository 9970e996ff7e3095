"""Channels of an orderer over its channel participation API (REST, mutual TLS).

Source: swagger of Fabric 3.1, /participation/v1/channels.
"""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fabric_protos.common import common_pb2

from hlf.errors import ConfigurationError, FabricError

_BASE = "/participation/v1/channels"
_TIMEOUT = 30.0


class ParticipationError(FabricError):
    """An orderer refused, or could not be reached (`status` 0). `status` is the HTTP status."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def retryable(self) -> bool:
        """Nothing was done when the orderer was not reached or not ready."""
        return self.status in {0, 503}


@dataclass(frozen=True)
class ClientTls:
    """What it takes to talk to an orderer's admin port; all in PEM.

    `server_name` is the name in the orderer's certificate where it differs from the URL's host.
    """

    root_pem: bytes = field(repr=False)
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    server_name: str = ""

    @cached_property
    def context(self) -> ssl.SSLContext:
        """A TLS context with the client's certificate in it."""
        # Not ssl.create_default_context: without roots it would trust those of the machine.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=self.root_pem.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                "the orderer's TLS root certificate cannot be read", field="root_pem", hint="PEM is expected"
            ) from error
        # OpenSSL loads a chain from files only; the folder is readable by its owner alone and gone at once.
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
            certificate.write_bytes(self.certificate_pem)
            key.write_bytes(self.key_pem)
            try:
                context.load_cert_chain(certificate, key)
            except ssl.SSLError as error:
                raise ConfigurationError(
                    "the client's TLS certificate and key cannot be used", field="key_pem"
                ) from error
        return context


@dataclass(frozen=True)
class ChannelStatus:
    """One channel of an orderer.

    `relation` is consenter, follower, config-tracker or other; `status` is active, onboarding, inactive or
    failed.
    """

    name: str
    relation: str
    status: str
    height: int


class _Connection(http.client.HTTPSConnection):
    """HTTPS to an address under another name than its own."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, server_name: str, timeout: float
    ) -> None:
        super().__init__(host, port, context=context, timeout=timeout)
        self._tls = context
        self._server_name = server_name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._server_name or self.host)


def _request(
    url: str,
    method: str,
    path: str,
    tls: ClientTls,
    *,
    body: bytes = b"",
    content_type: str = "",
    timeout: float = _TIMEOUT,
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.port is None:
        raise ConfigurationError(f"{url!r} is not https://host:port", field="url")
    connection = _Connection(parts.hostname, parts.port, tls.context, tls.server_name, timeout)
    try:
        connection.request(method, path, body or None, {"Content-Type": content_type} if content_type else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ParticipationError(
            f"{url}: {error}", hint="is the orderer up, and does its admin port trust this certificate?"
        ) from error
    finally:
        connection.close()


def _refusal(url: str, status: int, body: bytes) -> ParticipationError:
    try:
        # Block requests that fail are answered with the same JSON twice.
        message = json.JSONDecoder().raw_decode(body.decode())[0]["error"]
    except (ValueError, KeyError, TypeError):
        message = "client certificate required" if status == 401 else f"HTTP status {status}"
    return ParticipationError(f"{url}: {message}", status=status)


def _status(document: dict[str, Any]) -> ChannelStatus:
    return ChannelStatus(
        document["name"], document["consensusRelation"], document["status"], document["height"]
    )


def _form(name: str, content: bytes) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.pb"\r\n'
    body = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content
    return body + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def channels(url: str, tls: ClientTls, *, timeout: float = _TIMEOUT) -> tuple[str, ...]:
    """The names of the orderer's channels. `url` is `https://host:port` of its admin listener."""
    status, body = _request(url, "GET", _BASE, tls, timeout=timeout)
    if status != 200:
        raise _refusal(url, status, body)
    return tuple(each["name"] for each in json.loads(body)["channels"] or ())


def channel(url: str, name: str, tls: ClientTls, *, timeout: float = _TIMEOUT) -> ChannelStatus | None:
    """How one channel stands on the orderer; None when it has not joined it."""
    status, body = _request(url, "GET", f"{_BASE}/{quote(name)}", tls, timeout=timeout)
    if status == 404:
        return None
    if status != 200:
        raise _refusal(url, status, body)
    return _status(json.loads(body))


def join(url: str, genesis: bytes, tls: ClientTls, *, timeout: float = _TIMEOUT) -> ChannelStatus:
    """Join the channel of a config block (serialized common.Block).

    A channel that was joined before is refused with status 405; ask `channel` first.
    """
    body, content_type = _form("config-block", genesis)
    status, answer = _request(url, "POST", _BASE, tls, body=body, content_type=content_type, timeout=timeout)
    if status != 201:
        raise _refusal(url, status, answer)
    return _status(json.loads(answer))


def remove(url: str, name: str, tls: ClientTls, *, timeout: float = _TIMEOUT) -> None:
    """Leave a channel and drop its blocks on this orderer."""
    status, body = _request(url, "DELETE", f"{_BASE}/{quote(name)}", tls, timeout=timeout)
    if status != 204:
        raise _refusal(url, status, body)


def update(url: str, envelope: bytes, tls: ClientTls, *, timeout: float = _TIMEOUT) -> ChannelStatus:
    """Hand in a signed config update (serialized common.Envelope, Fabric 3.1.2). Queued, not yet committed.

    The orderer must be an active consenter of the channel: for any other, Fabric 3.1 keeps a lock for ever
    and serves no channel request again, so this asks first.
    """
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    name = common_pb2.ChannelHeader.FromString(payload.header.channel_header).channel_id
    state = channel(url, name, tls, timeout=timeout)
    if state is None or state.relation != "consenter" or state.status != "active":
        raise ParticipationError(f"{url}: not an active consenter of channel {name!r}", status=409)
    body, content_type = _form("config-update-envelope", envelope)
    status, answer = _request(url, "PUT", _BASE, tls, body=body, content_type=content_type, timeout=timeout)
    if status != 201:
        raise _refusal(url, status, answer)
    return _status(json.loads(answer))


def block(url: str, name: str, which: int | str, tls: ClientTls, *, timeout: float = _TIMEOUT) -> bytes:
    """A block of the orderer, serialized (Fabric 3.1.2): a number, "newest", "oldest" or "config"."""
    status, body = _request(url, "GET", f"{_BASE}/{quote(name)}/blocks/{which}", tls, timeout=timeout)
    if status != 200:
        raise _refusal(url, status, body)
    return body
