"""The participation API against a server that answers as Fabric 3.1 does, over mutual TLS."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2

from hlf.admin import participation
from hlf.admin.participation import ClientTls, ParticipationError
from hlf.errors import ConfigurationError

BASE = "/participation/v1/channels"


def self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orderer0")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("orderer0"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


@dataclass
class Orderer:
    url: str
    tls: ClientTls
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)


def status(name: str, relation: str = "consenter") -> dict[str, Any]:
    return {
        "name": name,
        "url": f"{BASE}/{name}",
        "consensusRelation": relation,
        "status": "active",
        "height": 1,
    }


def handler(orderer: Orderer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def answer(self, code: int, body: bytes = b"") -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def refuse(self, code: int, message: str, times: int = 1) -> None:
            self.answer(code, json.dumps({"error": message}).encode() * times)

        def do_GET(self) -> None:
            orderer.requests.append(("GET", self.path, b""))
            if self.path == BASE:
                found = [{"name": name, "url": ""} for name in orderer.channels]
                self.answer(200, json.dumps({"systemChannel": None, "channels": found or None}).encode())
            elif self.path.endswith("/blocks/9"):
                self.refuse(404, "no such block number [9] in index", times=2)
            elif "/blocks/" in self.path:
                self.answer(200, b"block")
            elif (name := self.path.removeprefix(f"{BASE}/")) in orderer.channels:
                self.answer(200, json.dumps(orderer.channels[name]).encode())
            else:
                self.refuse(404, "channel does not exist")

        def do_DELETE(self) -> None:
            if self.path.removeprefix(f"{BASE}/") in orderer.channels:
                self.answer(204)
            else:
                self.refuse(404, "cannot remove: channel does not exist")

        def do_PUT(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            (part,) = BytesParser().parsebytes(head + raw).get_payload()
            assert not isinstance(part, str)
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            orderer.requests.append((self.command, str(name), content))
            if self.command == "POST" and "referral" in orderer.channels:
                self.refuse(405, "cannot join: channel already exists")
                return
            orderer.channels.setdefault("referral", status("referral"))
            self.answer(201, json.dumps(status("referral")).encode())

    return Handler


@pytest.fixture
def orderer(tmp_path: Path) -> Iterator[Orderer]:
    certificate, key = self_signed()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.load_verify_locations(tmp_path / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    orderer = Orderer("", ClientTls(certificate, certificate, key))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(orderer))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    orderer.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield orderer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_join_and_list(orderer: Orderer) -> None:
    assert participation.channels(orderer.url, orderer.tls) == ()
    assert participation.channel(orderer.url, "referral", orderer.tls) is None
    joined = participation.join(orderer.url, b"\x00genesis\r\n--bytes", orderer.tls)
    assert (joined.name, joined.relation, joined.status, joined.height) == (
        "referral",
        "consenter",
        "active",
        1,
    )
    assert orderer.requests[-1] == ("POST", "config-block", b"\x00genesis\r\n--bytes")
    assert participation.channels(orderer.url, orderer.tls) == ("referral",)
    assert participation.channel(orderer.url, "referral", orderer.tls) == joined
    with pytest.raises(ParticipationError, match="already exists") as caught:
        participation.join(orderer.url, b"genesis", orderer.tls)
    assert caught.value.status == 405
    assert not caught.value.retryable


def test_another_name_than_the_hosts(orderer: Orderer) -> None:
    tls = orderer.tls
    named = ClientTls(tls.root_pem, tls.certificate_pem, tls.key_pem, server_name="orderer0")
    assert participation.channels(orderer.url, named) == ()
    wrong = ClientTls(tls.root_pem, tls.certificate_pem, tls.key_pem, server_name="orderer9")
    with pytest.raises(ParticipationError, match="orderer9") as caught:
        participation.channels(orderer.url, wrong)
    assert caught.value.status == 0


def test_blocks_and_removal(orderer: Orderer) -> None:
    orderer.channels["referral"] = status("referral")
    assert participation.block(orderer.url, "referral", "newest", orderer.tls) == b"block"
    with pytest.raises(ParticipationError, match=r"no such block number \[9\] in index") as caught:
        participation.block(orderer.url, "referral", 9, orderer.tls)
    assert caught.value.status == 404
    participation.remove(orderer.url, "referral", orderer.tls)
    with pytest.raises(ParticipationError, match="cannot remove"):
        participation.remove(orderer.url, "other", orderer.tls)


def update_envelope(channel: str) -> bytes:
    header = common_pb2.ChannelHeader(channel_id=channel).SerializeToString()
    payload = common_pb2.Payload(header=common_pb2.Header(channel_header=header))
    return common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString()


def test_an_update_never_reaches_an_orderer_that_it_would_freeze(orderer: Orderer) -> None:
    orderer.channels["referral"] = status("referral", relation="follower")
    for channel in ("referral", "unknown"):
        with pytest.raises(ParticipationError, match="not an active consenter"):
            participation.update(orderer.url, update_envelope(channel), orderer.tls)
    assert {method for method, _, _ in orderer.requests} == {"GET"}
    orderer.channels["referral"] = status("referral")
    participation.update(orderer.url, update_envelope("referral"), orderer.tls)
    assert orderer.requests[-1] == ("PUT", "config-update-envelope", update_envelope("referral"))


def test_an_orderer_that_is_not_there_is_worth_another_try(orderer: Orderer) -> None:
    with pytest.raises(ParticipationError) as caught:
        participation.channels("https://127.0.0.1:1", orderer.tls)
    assert caught.value.retryable
    with pytest.raises(ConfigurationError, match="https"):
        participation.channels("http://127.0.0.1:1", orderer.tls)
