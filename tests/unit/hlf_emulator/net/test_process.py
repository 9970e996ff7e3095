"""The process: ready, TLS ports, participation over mutual TLS, faults, kill -9 and a clean end."""

from __future__ import annotations

import datetime
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2, ab_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from hlf.admin import participation
from hlf.identity import SigningIdentity
from hlf.wire.configtx import ChannelSpec, OrganizationSpec, genesis_block
from hlf.wire.consensus import BatchSpec, ConsenterSpec
from hlf_network.crypto import Authority, Credential

_secure_channel: Any = grpc.secure_channel
NAMES = ("orderer1", "orderer2", "orderer3", "orderer4")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


class Network:
    """Four orderers of one organization in one emulator process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = datetime.datetime.now(datetime.UTC)
        authority = Authority.create("ca.alpha", "alpha", "KR", now)
        tls_authority = Authority.create("tlsca.alpha", "alpha", "KR", now)
        self.root = tls_authority.certificate
        (folder / "tlsca.pem").write_bytes(self.root)
        ports = _free_ports(9)
        self.control = ports[8]
        self.ports = dict(zip(NAMES, ports[:4], strict=True))
        self.admin_ports = dict(zip(NAMES, ports[4:8], strict=True))
        consenters = []
        for number, name in enumerate(NAMES, start=1):
            signing = authority.identity(name, "orderer", "alpha", "KR")
            tls = tls_authority.tls(name, "alpha", "KR", ["localhost", "127.0.0.1"])
            self._write(name, signing, tls)
            consenters.append(
                ConsenterSpec(
                    id=number,
                    host="localhost",
                    port=self.ports[name],
                    msp_id="alpha",
                    identity=signing.certificate,
                    client_tls_cert=tls.certificate,
                    server_tls_cert=tls.certificate,
                )
            )
        client = authority.identity("client", "client", "alpha", "KR")
        self.client = SigningIdentity.from_pem("alpha", client.certificate, client.key)
        admin = tls_authority.tls("admin", "alpha", "KR")
        self.admin = participation.ClientTls(self.root, admin.certificate, admin.key)
        organization = OrganizationSpec(
            msp_id="alpha",
            root_certs=(authority.certificate,),
            tls_root_certs=(self.root,),
            orderer_endpoints=tuple(f"localhost:{port}" for port in self.ports.values()),
            policies={
                name: "OR('alpha.client','alpha.orderer','alpha.admin')" for name in ("Readers", "Writers")
            },
        )
        spec = ChannelSpec(
            name="trade",
            application_orgs=(organization,),
            orderer_orgs=(organization,),
            consenters=tuple(consenters),
            batch=BatchSpec(timeout="20ms"),
        )
        moment = int(now.timestamp() * 1e9)
        self.genesis = genesis_block(spec, timestamp_ns=moment, nonce=b"\x02" * 24).SerializeToString()
        (folder / "emulator.json").write_text(json.dumps(self._configuration()))
        self.process: subprocess.Popen[str] | None = None

    def _write(self, name: str, signing: Credential, tls: Credential) -> None:
        for part, content in (
            ("msp/signcerts/cert.pem", signing.certificate),
            ("msp/keystore/key.pem", signing.key),
            ("tls/cert.pem", tls.certificate),
            ("tls/key.pem", tls.key),
        ):
            path = self.folder / name / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _configuration(self) -> dict[str, Any]:
        return {
            "state": "state",
            "control": f"127.0.0.1:{self.control}",
            "peers": [],
            "orderers": [
                {
                    "name": name,
                    "msp_id": "alpha",
                    "listen": f"127.0.0.1:{self.ports[name]}",
                    "external": f"localhost:{self.ports[name]}",
                    "admin_listen": f"127.0.0.1:{self.admin_ports[name]}",
                    "msp": f"{name}/msp",
                    "tls": {
                        "certificate": f"{name}/tls/cert.pem",
                        "key": f"{name}/tls/key.pem",
                        "roots": ["tlsca.pem"],
                    },
                    "admin_client_roots": ["tlsca.pem"],
                }
                for name in NAMES
            ],
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hlf_emulator", "--config", str(self.folder / "emulator.json")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def url(self, name: str) -> str:
        return f"https://localhost:{self.admin_ports[name]}"

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=10)
        try:
            connection.request(method, path, json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def channel(self, name: str) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.root)  # type: ignore[no-untyped-call]
        return cast(grpc.Channel, _secure_channel(f"localhost:{self.ports[name]}", credentials))

    def envelope(self, kind: int, content: bytes, nonce: bytes) -> common_pb2.Envelope:
        moment = Timestamp()
        moment.FromNanoseconds(time.time_ns())
        header = common_pb2.Header(
            channel_header=common_pb2.ChannelHeader(
                type=kind, channel_id="trade", timestamp=moment
            ).SerializeToString(),
            signature_header=common_pb2.SignatureHeader(
                creator=self.client.serialized(), nonce=nonce
            ).SerializeToString(),
        )
        payload = common_pb2.Payload(header=header, data=content).SerializeToString()
        return common_pb2.Envelope(payload=payload, signature=self.client.sign(payload))

    def block(self, name: str, number: int) -> common_pb2.Block:
        """Wait for a block of an orderer's Deliver."""
        seek = ab_pb2.SeekInfo()
        seek.start.specified.number = number
        seek.stop.specified.number = number
        request = self.envelope(common_pb2.DELIVER_SEEK_INFO, seek.SerializeToString(), b"seek")
        with self.channel(name) as channel:
            stub = ab_pb2_grpc.AtomicBroadcastStub(channel)
            answers = list(stub.Deliver(iter([request]), timeout=10))
        assert answers[1].status == common_pb2.SUCCESS
        return cast(common_pb2.Block, answers[0].block)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path)
    network.start()
    try:
        yield network
    finally:
        if network.process is not None:
            network.end(signal.SIGKILL)


def test_a_network_of_orderers(network: Network) -> None:
    for name in NAMES:
        assert participation.join(network.url(name), network.genesis, network.admin).height == 1
    assert participation.channels(network.url("orderer1"), network.admin) == ("trade",)

    context = ssl.create_default_context(cadata=network.root.decode())
    bare = http.client.HTTPSConnection("localhost", network.admin_ports["orderer1"], context=context)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        bare.request("GET", "/participation/v1/channels")
        bare.getresponse()
    bare.close()

    with network.channel("orderer1") as channel:
        stub = ab_pb2_grpc.AtomicBroadcastStub(channel)
        envelope = network.envelope(common_pb2.ENDORSER_TRANSACTION, b"one", b"one")
        assert [item.status for item in stub.Broadcast(iter([envelope]), timeout=10)] == [common_pb2.SUCCESS]
    first = network.block("orderer2", 1)

    assert network.ask("POST", "/faults/stop", {"node": "orderer4"})[1]["running"] is False
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", network.ports["orderer4"]), timeout=5)
    assert network.ask("GET", "/status")[1]["stopped"] == ["orderer4"]
    assert network.ask("POST", "/faults/start", {"node": "orderer4"})[1]["running"] is True
    assert network.block("orderer4", 1) == first
    assert network.ask("POST", "/faults/stop", {"node": "nobody"})[0] == 400

    assert network.end(signal.SIGKILL) == -signal.SIGKILL
    network.start()
    assert network.block("orderer3", 1) == first
    assert participation.channel(network.url("orderer3"), "trade", network.admin) == (
        participation.ChannelStatus("trade", "consenter", "active", 2)
    )
    assert network.end(signal.SIGTERM) == 0


def test_a_port_in_use_ends_it_with_a_sentence(tmp_path: Path) -> None:
    network = Network(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", network.ports["orderer2"]))
        taken.listen()
        ended = subprocess.run(
            [sys.executable, "-m", "hlf_emulator", "--config", str(tmp_path / "emulator.json")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert str(network.ports["orderer2"]) in ended.stderr.splitlines()[-1]
