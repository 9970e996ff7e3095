"""Chaincode servers that a peer can reach, or cannot: what `connection.json` says, and who listens there."""

from __future__ import annotations

import datetime
import json
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hlf.admin.package import build_package, package_id
from tests.conformance import calls_stream
from tests.conformance.bare_chaincode import BareChaincode
from tests.conformance.calls import Access, Answer, Case

_TRIES = 5


@dataclass(frozen=True)
class _Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class _Authority:
    """Certificates for one server and one client."""

    def __init__(self, host: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chaincode ca")])
        self.root = _pem(self._sign(self._name, self._key, None))
        self.server = self._issue("server", host)
        self.client = self._issue("client", "client")
        self.elsewhere = self._issue("server", "elsewhere.example")

    def _issue(self, name: str, host: str) -> _Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, x509.DNSName(host)
        )
        encoded = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _Pair(_pem(certificate), encoded)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, host: x509.DNSName | None
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([host]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@cache
def _authority(host: str) -> _Authority:
    return _Authority(host)


def _credentials(kind: str, authority: _Authority) -> grpc.ServerCredentials | None:
    if kind == "plain":
        return None
    pair = authority.elsewhere if kind == "elsewhere" else authority.server
    mutual = kind == "mutual"
    return grpc.ssl_server_credentials(
        [(pair.key, pair.certificate)], authority.root if mutual else None, require_client_auth=mutual
    )


def _connection(case: Case, host: str, port: int, authority: _Authority) -> dict[str, Any]:
    """What the case says, with `{root}` and its like filled in."""
    known = {
        "{address}": f"{host}:{port}",
        "{root}": authority.root.decode(),
        "{another root}": _authority("another").root.decode(),
        "{client certificate}": authority.client.certificate.decode(),
        "{client key}": authority.client.key.decode(),
        "{another key}": authority.server.key.decode(),
    }
    return {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in case["connection"].items()
    }


def _launch(access: Access, case: Case) -> Answer:
    """The first call of a chaincode whose package says `connection`, with a server at its address.

    `server`: plain, tls, mutual (asks for a client's certificate), elsewhere (a certificate for another
    host), or none.
    """
    listen, host = access.chaincode_address
    authority = _authority(host)
    kind = case.get("server", "none")
    server = None if kind == "none" else BareChaincode(listen, _credentials(kind, authority))
    name = f"launched{secrets.token_hex(6)}"
    try:
        port = _free_port() if server is None else server.port
        connection = json.dumps(_connection(case, host, port, authority)).encode()
        package = build_package(name, "ccaas", {"connection.json": connection})
        if server is not None:
            server.package_id = package_id(package)
        for organization in ("org-a", "org-b"):
            calls_stream.install(access, f"{organization}/admin", package)
        calls_stream.deploy(access, {"deploy": name, "package_id": package_id(package)})
        answer = _call(access, {"as": "org-a/user", "chaincode": name, "call": [], **case})
    finally:
        if server is not None:
            server.close()
    message = str(answer.get("message", ""))
    # Which name server was asked is the machine's affair.
    message = re.sub(r" on \S+:53(?=: no such host)", "", message)
    return {**answer, "message": message.replace(name, "{name}")}


def _call(access: Access, case: Case) -> Answer:
    """A call that launches the chaincode itself: at a commit peers begin to on their own."""
    for _ in range(_TRIES):
        answer = calls_stream.propose_once(access, case)
        if "chaincode registration failed: connection to" not in str(answer.get("message", "")):
            break
    return answer


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {"Launch": _launch}
