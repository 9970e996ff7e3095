"""Contracts that are read anew: the next call runs what the file says, on the stream that there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hlf_chaincode.dev import Reloading
from hlf_chaincode.serving.config import ConfigurationError
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message

CONTRACT = """
from hlf_chaincode import Context, Contract, query
from dev_wording import GREETING

class Hello(Contract):
    name = "hello"

    @query
    def hello(self, ctx: Context, who: str) -> str:
        return f"{GREETING} {who}"
"""


def write(folder: Path, greeting: str = "hello", contract: str = CONTRACT) -> None:
    (folder / "dev_wording.py").write_text(f"GREETING = {greeting!r}\n")
    (folder / "dev_contract.py").write_text(contract)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


@pytest.fixture
def peer(folder: Path) -> Iterator[FakePeer]:
    """Connected to a process that serves the contract."""
    arguments = ["dev_contract:Hello", "--address", "127.0.0.1:0", "--package-id", "hello:1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hlf_chaincode.dev", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("CHAINCODE_")},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        word, address = process.stdout.readline().split()
        assert word == "ready"
        peer = FakePeer(address, lambda peer, message: peer.reply(message, b"", Message.ERROR))
        assert peer.ready.wait(DEADLINE)
        yield peer
        peer.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def test_the_next_call_runs_the_edited_file_on_the_same_stream(folder, peer):
    assert peer.call("tx1", b"hello", b"Ada").payload == b"hello Ada"
    write(folder, contract=CONTRACT.replace("{who}", "dear {who}"))
    assert peer.call("tx2", b"hello", b"Ada").payload == b"hello dear Ada"
    assert not peer.ended.is_set()
    assert peer.package_id == "hello:1"


def test_modules_that_a_contract_imports_are_read_anew_too(folder, peer):
    assert peer.call("tx1", b"hello", b"Ada").payload == b"hello Ada"
    # Of the same length, within the same second: what a cached bytecode file would not tell apart.
    write(folder, greeting="howdy")
    assert peer.call("tx2", b"hello", b"Ada").payload == b"howdy Ada"


def test_a_syntax_error_answers_with_file_and_line_until_it_is_mended(folder, peer):
    assert peer.call("tx1", b"hello", b"Ada").status == 200
    write(folder, contract=CONTRACT.replace("who: str)", "who: str"))
    for number in (2, 3):
        response = peer.call(f"tx{number}", b"hello", b"Ada")
        assert response.status == 500
        assert response.message.startswith(f"RELOAD: {folder / 'dev_contract.py'}:9: ")
    write(folder)
    assert peer.call("tx4", b"hello", b"Ada").payload == b"hello Ada"


def test_code_that_cannot_be_imported_says_where(folder, peer):
    write(folder, contract="import json\n\n" + CONTRACT.replace("dev_wording", "dev_nowhere"))
    response = peer.call("tx1", b"hello", b"Ada")
    where = f"RELOAD: {folder / 'dev_contract.py'}:5: ModuleNotFoundError"
    assert response.message.startswith(where)
    write(folder, contract=CONTRACT.replace("who: str", "who"))
    assert "RELOAD: TypeError: Hello.hello: who has no annotation" in peer.call("tx2", b"hello", b"A").message


def test_the_guard_watches_unasked_and_edited_files_too(folder, peer):
    assert peer.call("tx1", b"hello", b"Ada").payload == b"hello Ada"
    write(folder, contract="import time\n" + CONTRACT.replace("{who}", "{time.time()}"))
    response = peer.call("tx2", b"hello", b"Ada")
    assert (response.status, "reads the clock" in response.message) == (500, True)


def test_a_contract_that_cannot_be_loaded_to_begin_with_is_said_at_once():
    with pytest.raises(ConfigurationError, match="no_such_module"):
        Reloading(["no_such_module:Hello"])
