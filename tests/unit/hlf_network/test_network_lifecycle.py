"""A network's life on the runtime that --fabric names: up, repaired, refused after an edit, and gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hlf import Gateway
from hlf_network import Consortium, NetworkError, TopologyChangedError, emulator_runtime, ports
from hlf_network.cli import main
from hlf_network.processes import HostProcess, recorded, started_at
from hlf_network.waiting import wait_until

pytestmark = pytest.mark.xdist_group("network")
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def network(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    folder = tmp_path_factory.mktemp("network")
    shutil.copy(DATA / "slice-topology.yaml", folder / "topology.yaml")
    shutil.copytree(DATA / "slice", folder / "slice")
    consortium = Consortium(folder / "topology.yaml", folder / "state", runtime=fabric)  # type: ignore[arg-type]
    try:
        consortium.up()
        yield consortium
    finally:
        consortium.down()


def submit(network: Consortium, organization: str, *arguments: str) -> bytes:
    identity = network.wallet(organization).get("user")
    with Gateway.from_profile(network.profile_path(organization), identity) as gateway:
        return gateway.network("slice").contract("records").submit(*arguments)


def states(network: Consortium) -> dict[str, str]:
    return {node["name"]: node["state"] for node in network.status()["nodes"]}


def test_it_works_and_says_so(network: Consortium) -> None:
    assert submit(network, "org-a", "put", "first", "value") == b"first"
    # A member without a peer, through another's.
    assert submit(network, "org-c", "put", "second", "value") == b"second"
    status = network.status()
    assert status["state"] == "up"
    assert set(states(network).values()) == {"running"}
    (channel,) = status["channels"]
    assert channel["heights"]["peer0.org-a"] >= 4
    assert network.fabric_version.startswith("3.")


def test_up_again_changes_nothing(network: Consortium) -> None:
    processes = {process.name: process.pid for process in recorded(network.state_dir / "run")}
    certificate = network.wallet("org-a").get("user").certificate
    height = network.status()["channels"][0]["heights"]["peer0.org-a"]
    lines: list[str] = []
    network.up(lines.append)
    assert lines[0].startswith("Runtime: ")
    assert {process.name: process.pid for process in recorded(network.state_dir / "run")} == processes
    assert network.wallet("org-a").get("user").certificate == certificate
    assert network.status()["channels"][0]["heights"]["peer0.org-a"] == height


def test_a_node_stops_and_starts(network: Consortium) -> None:
    network.stop_node("orderer0.org-a")
    assert states(network)["orderer0.org-a"] == "stopped"
    network.stop_node("orderer0.org-a")
    assert network.status()["state"] == "partly up"
    assert submit(network, "org-a", "put", "third", "value") == b"third"
    network.start_node("orderer0.org-a")
    assert network.status()["state"] == "up"
    with pytest.raises(KeyError, match=r"no node orderer9; there are peer0\.org-a"):
        network.stop_node("orderer9")


def test_up_repairs_what_was_killed(network: Consortium) -> None:
    submit(network, "org-a", "put", "kept", "value")
    for process in recorded(network.state_dir / "run"):
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: process.pid is None, 10, lambda: "it lived on")  # noqa: B023  called here only
    if network.running_on == "docker":
        network.stop_node("peer0.org-b")
    assert network.status()["state"] == "partly up"
    network.up()
    assert network.status()["state"] == "up"
    identity = network.wallet("org-a").get("user")
    with Gateway.from_profile(network.profile_path("org-a"), identity) as gateway:
        assert gateway.network("slice").contract("records").evaluate("get", "kept") == b"value"


def test_after_an_edit_it_says_what_differs(network: Consortium) -> None:
    before = network.topology_path.read_text()
    edited = Consortium(network.topology_path, network.state_dir)
    network.topology_path.write_text(before.replace("timeout: 50ms", "timeout: 1s"))
    try:
        with pytest.raises(TopologyChangedError) as caught:
            edited.up()
        # What runs can still be looked at.
        assert edited.status()["state"] == "up"
        assert [node.name for node in edited.layout.nodes] == [node.name for node in network.layout.nodes]
    finally:
        network.topology_path.write_text(before)
    assert caught.value.differences == ["ordering.batch.timeout: 50ms -> 1s"]
    assert "hlf network down" in str(caught.value)


def test_a_wrong_wallet_password_is_refused_at_once(network: Consortium) -> None:
    locked = Consortium(network.topology_path, network.state_dir, password=b"not the one")
    for command in (locked.up, locked.status):
        with pytest.raises(NetworkError, match=r"wallets do not open .* HLF_WALLET_PASSWORD"):
            command()


def test_another_runtime_is_refused(network: Consortium) -> None:
    other = "docker" if network.running_on == "emulator" else "emulator"
    with pytest.raises(NetworkError, match=f"runs on {network.running_on}"):
        Consortium(network.topology_path, network.state_dir, runtime=other).up()  # type: ignore[arg-type]


def test_down_removes_what_up_made_and_nothing_else(fabric: str, tmp_path: Path, network: Consortium) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "mine.txt").write_text("not the network's")
    second = Consortium(network.topology_path, state, runtime=fabric)  # type: ignore[arg-type]
    second.up()
    pids = [process.pid for process in recorded(state / "run")]
    assert submit(second, "org-b", "put", "first", "value") == b"first"
    assert second.down()
    assert [path.name for path in state.iterdir()] == ["mine.txt"]
    assert [started_at(pid) for pid in pids if pid is not None] == [None] * len(pids)
    assert second.down() == []
    # The network of the other folder has not noticed.
    assert submit(network, "org-b", "put", "still", "there") == b"still"


def test_the_command_line_speaks_json_and_sentences(network: Consortium, tmp_path: Path) -> None:
    runner = CliRunner()
    common = ["network", "--topology", str(network.topology_path), "--state"]

    def run(*arguments: str) -> Any:
        return runner.invoke(main, [*common, *arguments])

    shown = run(str(network.state_dir), "status")
    assert shown.exit_code == 0
    assert "peer0.org-a" in shown.output
    assert '"state": "up"' in run(str(network.state_dir), "status", "--json").output
    assert '"state": "down"' in run(str(tmp_path / "none"), "status", "--json").output
    nothing = run(str(tmp_path / "none"), "down")
    assert (nothing.exit_code, nothing.output) == (0, "There was nothing to remove\n")
    refused = run(
        str(network.state_dir),
        "up",
        "--runtime",
        "docker" if network.running_on == "emulator" else "emulator",
    )
    assert refused.exit_code == 1
    assert "hlf network down" in refused.output


def test_a_port_lost_to_another_program_is_chosen_anew(
    network: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Consortium(network.topology_path, tmp_path / "state", runtime="emulator")
    choose = ports.choose
    chosen: list[dict[str, int]] = []
    with socket.socket() as other:

        def lose_one(*arguments: Any) -> dict[str, int]:
            chosen.append(choose(*arguments))
            if len(chosen) == 1:
                other.bind(("127.0.0.1", chosen[0]["peer0.org-a"]))
                other.listen()
            return chosen[-1]

        monkeypatch.setattr(ports, "choose", lose_one)
        # What is taken after this look is told by the process that cannot listen.
        monkeypatch.setattr(emulator_runtime, "require_free", lambda *_arguments: None)
        try:
            second.up()
            assert submit(second, "org-a", "put", "first", "value") == b"first"
        finally:
            second.down()
    assert len(chosen) == 2


def test_an_emulator_that_dies_while_the_network_comes_up_is_told_at_once(
    network: Consortium, tmp_path: Path
) -> None:
    second = Consortium(network.topology_path, tmp_path / "state", runtime="emulator")
    emulator = HostProcess(tmp_path / "state" / "run", "emulator")

    def kill(line: str) -> None:
        if "nodes and" in line:
            assert emulator.pid is not None
            emulator.log.write_text("its last words")
            os.kill(emulator.pid, signal.SIGKILL)

    try:
        with pytest.raises(NetworkError, match=r"ended while the network came up:\nits last words"):
            second.up(kill)
    finally:
        second.down()
