"""The process that serves: by the environment's names, dialing or being dialed, and how it ends."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from tests.unit.hlf_chaincode.certificates import Authority, write
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, ListeningPeer, Message, transaction

CONTRACT = """
import pathlib, threading
from hlf_chaincode import Context, Contract, query

class Hello(Contract):
    name = "hello"

    @query
    def hello(self, ctx: Context, who: str) -> str:
        return "hello " + who

    @query
    def until(self, ctx: Context, begun: str, go_on: str) -> str:
        pathlib.Path(begun).write_text("begun")
        return pathlib.Path(go_on).read_text()

    @query
    def forever(self, ctx: Context) -> str:
        threading.Event().wait()
"""
ID = {"CHAINCODE_ID": "hello:1"}
DIALING = {"CORE_CHAINCODE_ID_NAME": "hello:1", "CORE_PEER_TLS_ENABLED": "false"}


class Process:
    """A server process, its environment nothing but what is given."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        (folder / "command_contract.py").write_text(CONTRACT)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "hlf_chaincode.server", *(arguments or ("command_contract:Hello",))],
            cwd=folder,
            env=kept | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> str:
        """The address that the process has said it is ready at."""
        line = self.popen.stdout.readline()
        assert line.startswith("ready "), self.popen.stderr.read()
        return line.split()[1]

    def end(self) -> tuple[int, str]:
        """Wait for the end: exit status and what was written to stderr."""
        _, errors = self.popen.communicate(timeout=DEADLINE)
        return self.popen.returncode, errors

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    with ExitStack() as stack:

        def make(environment: dict[str, str], *arguments: str) -> Process:
            process = Process(tmp_path, environment, *arguments)
            stack.callback(process.close)
            return process

        yield make


def refuse_all(peer, message: Message) -> None:
    peer.reply(message, b"no ledger here", Message.ERROR)


@pytest.fixture
def pipes(tmp_path: Path) -> tuple[Path, Path]:
    """Named pipes: the one that a function writes when it has begun, and the one that it goes on by."""
    paths = tmp_path / "begun", tmp_path / "go_on"
    for path in paths:
        os.mkfifo(path)
    return paths


# A peer that dials


def test_serves_by_the_names_of_fabric_samples(start):
    address = start({**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}).ready()
    peer = FakePeer(address, refuse_all)
    assert peer.ready.wait(DEADLINE)
    assert peer.package_id == "hello:1"
    assert peer.call("tx", b"hello", b"Ada").payload == b"hello Ada"
    peer.close()


def test_serves_mutual_tls_by_the_names_of_fabric_samples(start, tmp_path):
    authority = Authority()
    server, client = authority.issue("server"), authority.issue("peer")
    paths = write(tmp_path, key=server.key, certificate=server.certificate, root=authority.root)
    tls = {
        "CHAINCODE_TLS_DISABLED": "false",
        "CHAINCODE_TLS_KEY": paths["key"],
        "CHAINCODE_TLS_CERT": paths["certificate"],
        "CHAINCODE_CLIENT_CA_CERT": paths["root"],
    }
    address = start({**ID, **tls, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}).ready()
    mutual = grpc.ssl_channel_credentials(authority.root, client.key, client.certificate)
    peer = FakePeer(address, refuse_all, credentials=mutual)
    assert peer.ready.wait(DEADLINE)
    peer.close()
    anonymous = FakePeer(address, refuse_all, credentials=grpc.ssl_channel_credentials(authority.root))
    assert anonymous.ended.wait(DEADLINE)
    assert anonymous.status is grpc.StatusCode.UNAVAILABLE
    anonymous.close()


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (ID, "set CHAINCODE_SERVER_ADDRESS (or --address) to listen, or CORE_PEER_ADDRESS"),
        ({"CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}, "CHAINCODE_ID or CORE_CHAINCODE_ID or CORE_CHAINCODE"),
        (
            {**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CHAINCODE_TLS_DISABLED": "false"},
            "CHAINCODE_TLS_CERT or CORE_CHAINCODE_TLS_CERT_FILE must be set",
        ),
        (
            {**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CHAINCODE_TLS_DISABLED": "maybe"},
            "CHAINCODE_TLS_DISABLED must be true or false",
        ),
        (
            {**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CHAINCODE_TLS_CERT": "nowhere.pem"},
            "CHAINCODE_TLS_CERT: nowhere.pem: No such file or directory",
        ),
        ({**ID, "CORE_PEER_ADDRESS": "127.0.0.1:1"}, "CORE_PEER_TLS_ENABLED must be true or false"),
    ],
)
def test_an_environment_that_does_not_suffice_says_what_is_missing(start, environment, text):
    status, errors = start(environment).end()
    assert (status, text in errors) == (2, True), errors


# Certificates


def test_a_certificate_problem_says_which_file(start, tmp_path):
    authority = Authority()
    server, other, expired = authority.issue("server"), authority.issue("other"), authority.issue("old", -1)
    paths = write(
        tmp_path,
        key=server.key,
        certificate=server.certificate,
        other_key=other.key,
        expired=expired.certificate,
        expired_key=expired.key,
        nonsense=b"-----BEGIN NONSENSE-----\n",
    )

    def error(certificate: str, key: str, client_ca: str | None = None) -> str:
        tls = {"certificate": f"{certificate}.pem", "key": f"{key}.pem"}
        if client_ca:
            tls["client_ca"] = f"{client_ca}.pem"
        entry = {"package_id": "one:1", "address": "127.0.0.1:0", "contracts": ["command_contract:Hello"]}
        (tmp_path / "config.json").write_text(json.dumps({"servers": [{**entry, "tls": tls}]}))
        status, errors = start({}, "--config", "config.json").end()
        assert status == 2
        return errors

    assert paths
    field = "config.json: servers[0].tls"
    assert (
        f"{field}.key: other_key.pem: not the key of the certificate in {field}.certificate: cert"
        in error("certificate", "other_key")
    )
    assert f"{field}.certificate: expired.pem: expired on " in error("expired", "expired_key")
    assert f"{field}.certificate: nonsense.pem: no certificate in PEM" in error("nonsense", "key")
    assert f"{field}.key: certificate.pem: no private key in PEM" in error("certificate", "certificate")
    assert f"{field}.client_ca: key.pem: no certificate in PEM" in error("certificate", "key", "key")


# A peer that is dialed


def test_dials_the_peer_that_launches_it(start):
    peer = ListeningPeer(refuse_all)
    process = start(DIALING, "command_contract:Hello", f"--peer.address={peer.address}")
    assert process.ready() == peer.address
    assert peer.package_id == "hello:1"
    assert peer.call("tx", b"hello", b"Ada").payload == b"hello Ada"
    process.terminate()
    assert process.end() == (0, "")
    assert peer.ended.wait(DEADLINE)
    assert peer.status is grpc.StatusCode.OK
    peer.close()


def test_dials_by_the_environment_of_a_peer_with_mutual_tls(start, tmp_path):
    """As Fabric's dockercontroller sets it: FILE variables name PEM, PATH variables the same in Base64."""
    authority = Authority()
    server, client = authority.issue("peer"), authority.issue("chaincode")
    credentials = grpc.ssl_server_credentials(
        [(server.key, server.certificate)], authority.root, require_client_auth=True
    )
    # PKCS#8 under another title, as a peer generates it.
    key = client.key.replace(b"PRIVATE KEY", b"EC PRIVATE KEY")
    paths = write(
        tmp_path,
        root=authority.root,
        key=key,
        certificate=client.certificate,
        key64=base64.b64encode(key),
        certificate64=base64.b64encode(client.certificate),
    )
    common = {**DIALING, "CORE_PEER_TLS_ENABLED": "true", "CORE_PEER_TLS_ROOTCERT_FILE": paths["root"]}
    for variables in (
        {"CORE_TLS_CLIENT_KEY_FILE": paths["key"], "CORE_TLS_CLIENT_CERT_FILE": paths["certificate"]},
        {"CORE_TLS_CLIENT_KEY_PATH": paths["key64"], "CORE_TLS_CLIENT_CERT_PATH": paths["certificate64"]},
    ):
        peer = ListeningPeer(refuse_all, credentials=credentials)
        start({**common, **variables, "CORE_PEER_ADDRESS": peer.address}).ready()
        assert peer.call("tx", b"hello", b"Ada").payload == b"hello Ada"
        peer.close()


def test_a_peer_that_ends_the_stream_ends_the_process_with_its_reason(start):
    peer = ListeningPeer(refuse_all)
    process = start({**DIALING, "CORE_PEER_ADDRESS": peer.address})
    process.ready()
    peer.half_close()
    status, errors = process.end()
    assert status == 1
    assert errors == f"hlf_chaincode: {peer.address}: the peer has ended the stream of hello:1\n"
    peer.close()


def test_a_peer_that_refuses_the_chaincode_is_quoted(start):
    peer = ListeningPeer(refuse_all, refuse="peer will not accept external chaincode connection hello:1")
    status, errors = start({**DIALING, "CORE_PEER_ADDRESS": peer.address}).end()
    assert status == 1
    assert "PERMISSION_DENIED: peer will not accept external chaincode connection hello:1" in errors
    peer.close()


def test_a_peer_that_cannot_be_reached_is_named(start):
    status, errors = start({**DIALING, "CORE_PEER_ADDRESS": "127.0.0.1:1"}).end()
    assert status == 1
    assert "127.0.0.1:1: UNAVAILABLE" in errors


# The end


def test_sigterm_finishes_what_is_in_flight(start, pipes):
    process = start({**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"})
    peer = FakePeer(process.ready(), refuse_all)
    assert peer.ready.wait(DEADLINE)
    begun, go_on = pipes
    peer.begin(transaction("tx", b"until", str(begun).encode(), str(go_on).encode()))
    assert begun.read_text() == "begun"
    process.terminate()
    go_on.write_text("done")
    assert peer.response("tx").payload == b"done"
    assert process.end() == (0, "")
    peer.close()


def test_sigterm_of_a_dialing_chaincode_finishes_what_is_in_flight(start, pipes):
    peer = ListeningPeer(refuse_all)
    process = start({**DIALING, "CORE_PEER_ADDRESS": peer.address})
    process.ready()
    begun, go_on = pipes
    peer.begin(transaction("tx", b"until", str(begun).encode(), str(go_on).encode()))
    assert begun.read_text() == "begun"
    process.terminate()
    go_on.write_text("done")
    assert peer.response("tx").payload == b"done"
    assert process.end() == (0, "")
    peer.close()


def test_a_function_that_never_returns_does_not_outlive_the_server(start):
    process = start(
        {**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}, "command_contract:Hello", "--time-limit", "0.2"
    )
    peer = FakePeer(process.ready(), refuse_all)
    assert peer.ready.wait(DEADLINE)
    response = peer.call("tx", b"forever")
    assert response.message == "TIMEOUT: no result within 0.2 s"
    process.terminate()
    assert process.end() == (0, "")
    peer.close()


def test_log_lines_are_json_without_what_the_call_carried(start):
    process = start(
        {**ID, "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}, "command_contract:Hello", "--log", "json"
    )
    peer = FakePeer(process.ready(), refuse_all)
    assert peer.ready.wait(DEADLINE)
    peer.call("tx", b"hello", b"hushhush")
    peer.close()
    process.terminate()
    status, errors = process.end()
    assert status == 0
    assert "hushhush" not in errors
    (line,) = [line for line in map(json.loads, errors.splitlines()) if line["logger"].endswith(".calls")]
    assert {name: line[name] for name in ("channel", "transaction_id", "function", "status", "reason")} == {
        "channel": "ch",
        "transaction_id": "tx",
        "function": "hello:hello",
        "status": 200,
        "reason": "ok",
    }
    assert line["seconds"] >= 0
