"""A CA in a process of its own: killed at any moment, it knows all that it has answered."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hlf_network.crypto import Authority as KeyAuthority
from tests.conformance.ca_client import Authority, token


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


class Process:
    """An emulator that runs one CA and nothing else."""

    def __init__(self, folder: Path) -> None:
        now = datetime.datetime.now(datetime.UTC)
        keys = KeyAuthority.create("ca.alpha", "alpha", "KR", now)
        tls = KeyAuthority.create("tlsca.alpha", "alpha", "KR", now)
        keys.credential.write(folder / "ca")
        tls.tls("ca.alpha", "alpha", "KR", ("localhost",)).write(folder / "tls")
        (folder / "registrar").write_text("a secret")
        self.port, self.control = _free_ports(2)
        self.keys, self.root = keys.credential, tls.certificate
        self.config = folder / "emulator.json"
        self.config.write_text(
            json.dumps(
                {
                    "state": "state",
                    "control": f"127.0.0.1:{self.control}",
                    "cas": [
                        {
                            "name": "ca.alpha",
                            "listen": f"127.0.0.1:{self.port}",
                            "certificate": "ca/cert.pem",
                            "key": "ca/key.pem",
                            "registrar": "registrar",
                            "tls": {"certificate": "tls/cert.pem", "key": "tls/key.pem", "roots": []},
                        }
                    ],
                }
            )
        )
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "hlf_emulator", "--config", str(self.config)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def kill(self) -> None:
        """kill -9, and start again."""
        self.end()
        self.process = self._start()

    def end(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def client(self) -> Authority:
        """A client of the CA."""
        return Authority(self.port, self.root, self.keys.certificate, self.keys.key, "a secret")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    running = Process(tmp_path_factory.mktemp("ca"))
    yield running
    running.end()


def _call(authority: Authority, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    content = json.dumps(body).encode()
    said = token(authority.caller("admin"), "POST", path, content)
    reply = authority.request("POST", path, content, {"Authorization": said})
    return reply.status, json.loads(reply.body)


def test_nothing_that_was_answered_is_lost(process: Process) -> None:
    authority = process.client()
    _, answer = _call(authority, "/register", {"id": "one", "max_enrollments": 1})
    authority.enroll("one", answer["result"]["secret"])
    _call(authority, "/affiliations", {"name": "kept"})
    _call(authority, "/revoke", {"id": "one"})
    authority.close()
    process.kill()
    assert _call(authority, "/register", {"id": "one"})[1]["errors"][0]["code"] == 74
    assert _call(authority, "/affiliations", {"name": "kept"})[1]["errors"][0]["code"] == 60
    _, listed = _call(authority, "/gencrl", {})
    assert b"X509 CRL" in base64.b64decode(listed["result"]["CRL"])
    revoked = token(authority.caller("one"), "POST", "/reenroll", b"{}")
    assert authority.request("POST", "/reenroll", b"{}", {"Authorization": revoked}).status == 401
    authority.close()


def test_killed_at_any_moment_it_knows_all_that_it_acknowledged(process: Process) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()

    def register(prefix: str) -> None:
        busy = process.client()
        busy.caller("admin")
        try:
            for number in range(10_000):
                name = f"{prefix}-{number}"
                if _call(busy, "/register", {"id": name})[0] == 201:
                    acknowledged.append(name)
                if number == 10:
                    enough.set()
        except (OSError, http.client.HTTPException):
            pass  # killed
        finally:
            busy.close()

    for turn in range(2):
        enough.clear()
        worker = threading.Thread(target=register, args=(f"turn{turn}",))
        worker.start()
        assert enough.wait(30)
        process.kill()
        worker.join(30)
    authority = process.client()
    said = token(authority.caller("admin"), "GET", "/identities", b"")
    reply = authority.request("GET", "/identities", b"", {"Authorization": said})
    known = {each["id"] for each in json.loads(reply.body)["result"]["identities"]}
    authority.close()
    assert len(acknowledged) > 20
    assert set(acknowledged) <= known


def test_secrets_are_nowhere_in_the_clear(process: Process) -> None:
    authority = process.client()
    assert _call(authority, "/register", {"id": "two", "secret": "not to be found"})[0] == 201
    authority.close()
    state = process.config.with_name("state")
    kept = [path for path in state.rglob("*") if path.is_file()]
    assert any(path.name == "ca.alpha.db" for path in kept)
    assert not [path for path in kept if b"not to be found" in path.read_bytes()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)


def test_a_disk_that_refuses_is_an_answer_and_changes_nothing(process: Process) -> None:
    authority = process.client()
    authority.caller("admin")

    def fault(name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", process.control, timeout=10)
        connection.request("POST", f"/faults/{name}", json.dumps({"node": "ca.alpha"}))
        assert connection.getresponse().status == 200
        connection.close()

    fault("refuse-disk")
    status, answer = _call(authority, "/register", {"id": "three"})
    assert (status, answer["success"]) == (500, False)
    fault("heal")
    assert _call(authority, "/register", {"id": "three"})[0] == 201
    authority.close()


@pytest.mark.parametrize("content", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100])
def test_what_is_no_tls_does_not_disturb_it(process: Process, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", process.port), timeout=10) as plain:
        plain.sendall(content)
    authority = process.client()
    assert authority.request("GET", "/cainfo", b"", {}).status == 200
    authority.close()


@pytest.mark.parametrize(
    "content",
    [
        b"POST /enroll HTTP/1.1\r\nContent-Length: nonsense\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /register HTTP/1.1\r\nAuthorization: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /cainfo HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200000,
    ],
)
def test_what_is_no_request_does_not_disturb_it(process: Process, content: bytes) -> None:
    context = ssl.create_default_context(cadata=process.root.decode())
    with (
        socket.create_connection(("127.0.0.1", process.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as channel,
    ):
        channel.sendall(content)
        channel.recv(1000)
    authority = process.client()
    assert authority.request("GET", "/cainfo", b"", {}).status == 200
    authority.close()
