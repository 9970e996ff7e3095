"""Records, ports, differences and host processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from hlf.errors import ConfigurationError
from hlf_network import ports, state
from hlf_network.errors import NetworkError
from hlf_network.processes import HostProcess, recorded, started_at

READY = "print('ready', flush=True); import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY


def run(folder: Path, name: str, program: str) -> HostProcess:
    process = HostProcess(folder, name)
    process.start([sys.executable, "-c", program], {})
    return process


def test_a_record_survives(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    assert state.load(path) is None
    record = state.Record("abc", "docker", {"network": "n"}, {"peer0.a": 17000})
    record.save(path)
    assert state.load(path) == record
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="not a network's record"):
        state.load(path)


def test_two_folders_are_two_networks(tmp_path: Path) -> None:
    assert state.identifier(tmp_path / "one") != state.identifier(tmp_path / "two")


def test_differences_name_the_fields() -> None:
    before = {"organizations": {"a": {"peers": 1, "title": "A"}, "b": {}}, "network": "n"}
    after = {"organizations": {"a": {"peers": 2, "title": "other"}, "c": {}}, "network": "n"}
    assert state.differences(before, before) == []
    assert state.differences(before, after) == [
        "organizations.a.peers: 1 -> 2",
        "organizations.b: removed",
        "organizations.c: added",
    ]


def test_ports_are_free_distinct_and_kept(tmp_path: Path) -> None:
    names = [f"node{index}" for index in range(20)]
    chosen = ports.choose(names, tmp_path, {})
    assert len(set(chosen.values())) == 20
    assert ports.choose([*names, "more"], tmp_path, chosen).items() >= chosen.items()


def test_a_port_in_use_is_passed_over_and_named(tmp_path: Path) -> None:
    first = ports.choose(["node"], tmp_path, {})["node"]
    with socket.create_server(("127.0.0.1", first)):
        assert ports.choose(["node"], tmp_path, {})["node"] != first
        with pytest.raises(NetworkError, match=f"port {first}, which node used before") as caught:
            ports.require_free({"node": first}, ["node"])
        assert "hlf network down" in caught.value.hint


def test_a_process_is_started_once_found_again_and_stopped(tmp_path: Path) -> None:
    process = run(tmp_path, "server", READY)
    process.wait_ready(20)
    pid = process.pid
    assert pid is not None
    run(tmp_path, "server", READY)
    assert process.pid == pid
    assert [one.name for one in recorded(tmp_path)] == ["server"]
    assert process.stop()
    assert started_at(pid) is None
    assert not process.stop()
    assert recorded(tmp_path) == []


def test_a_stubborn_process_is_killed(tmp_path: Path) -> None:
    process = run(tmp_path, "server", STUBBORN)
    process.wait_ready(20)
    assert process.stop(seconds=0.2)
    assert process.pid is None


def test_a_pid_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    process = run(tmp_path, "server", READY)
    process.wait_ready(20)
    record = tmp_path / "server.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "started": "1"}))
    assert process.pid is None
    assert not process.stop()
    assert started_at(content["pid"]) is not None
    os.kill(content["pid"], signal.SIGKILL)
    os.waitpid(content["pid"], 0)


def test_a_process_that_dies_says_why(tmp_path: Path) -> None:
    process = run(tmp_path, "server", "import sys; sys.exit('no such contract')")
    with pytest.raises(NetworkError, match="no such contract"):
        process.wait_ready(20)
