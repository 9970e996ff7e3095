"""`hlf emulator`: the guide's commands in their order, what is left behind, what it says when it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hlf
from hlf.admin.lifecycle import Lifecycle
from hlf_network import Consortium
from hlf_network.cli import main
from hlf_network.collections_file import read_collections
from hlf_network.emulated import EmulatedNetwork
from hlf_network.sample import MEMBERS, ORG1, ORGANIZATIONS, PORTS, SamplePaths
from hlf_network.waiting import wait_until
from tests.unit.hlf_emulator.product.test_pytest_plugin import GUIDE

pytestmark = pytest.mark.xdist_group("product")


def run(*arguments: str, state: Path) -> Result:
    return CliRunner().invoke(main, ["emulator", *arguments, "--state", str(state)])


@contextlib.contextmanager
def network(state: Path) -> Iterator[EmulatedNetwork]:
    """The network in a folder, ended whatever happens."""
    made = EmulatedNetwork(state)
    try:
        yield made
    finally:
        made.down()


def guide_commands() -> list[list[str]]:
    """The guide's `hlf emulator` commands, without those in brackets."""
    lines = re.findall(r"^\$ hlf emulator (.*)$", GUIDE.read_text(encoding="utf-8"), re.M)
    return [line.split() for line in lines]


def test_the_guide_s_commands_work_in_their_order(tmp_path: Path) -> None:
    state = tmp_path / "test-network"
    commands = guide_commands()
    assert [command[0] for command in (commands[0], commands[-1])] == ["up", "down"]
    with network(state):
        for command in commands:
            extra = ["--free-ports"] if command[0] == "up" else []
            result = run(*command, *extra, state=state)
            assert result.exit_code == 0, f"{command}: {result.output}"
            if command[0] == "chaincode":
                assert re.fullmatch(r"basic_1\.0:[0-9a-f]{64}", result.stdout.strip())
        assert list(tmp_path.iterdir()) == []


def test_what_the_samples_look_for_is_where_they_look(tmp_path: Path) -> None:
    state = tmp_path / "net"
    with network(state):
        result = run("up", "--detach", "--free-ports", "--json", state=state)
        assert result.exit_code == 0, result.output
        started = json.loads(result.stdout)
        assert started["channel"] == "mychannel"
        assert sorted(started["organizations"]) == ["Org1MSP", "Org2MSP"]
        organizations = state / "organizations"
        org1 = organizations / "peerOrganizations" / "org1.example.com"
        for path in (
            "users/User1@org1.example.com/msp/keystore/priv_sk",
            "users/User1@org1.example.com/msp/signcerts/User1@org1.example.com-cert.pem",
            "users/User1@org1.example.com/msp/signcerts/cert.pem",
            "users/Admin@org1.example.com/msp/config.yaml",
            "peers/peer0.org1.example.com/tls/ca.crt",
            "peers/peer0.org1.example.com/tls/server.key",
            "tlsca/tlsca.org1.example.com-cert.pem",
            "ca/ca.org1.example.com-cert.pem",
            "msp/cacerts/ca.org1.example.com-cert.pem",
            "connection-org1.json",
        ):
            assert (org1 / path).is_file(), path
        orderer = organizations / "ordererOrganizations" / "example.com" / "orderers" / "orderer.example.com"
        assert (orderer / "msp" / "tlscacerts" / "tlsca.example.com-cert.pem").is_file()
        user = hlf.SigningIdentity.from_msp_folder("Org1MSP", org1 / "users/User1@org1.example.com/msp")
        assert user.certificate == EmulatedNetwork(state).identity().certificate
        profile = hlf.load_profile(org1 / "connection-org1.yaml")
        assert profile.msp_id == "Org1MSP"
        assert profile.peer().endpoint.address == started["organizations"]["Org1MSP"]

        again = run("up", "--detach", state=state)
        assert again.exit_code == 0, again.output
        other = run("up", "--detach", "--seed", "1", state=state)
        assert other.exit_code == 1
        assert "was made with other options" in other.output
        environment = run("env", "org2", state=state).stdout
        assert "export CORE_PEER_LOCALMSPID=Org2MSP" in environment
        assert "no organization org9" in run("env", "org9", state=state).output
        assert "expected node: one of" in run("stop-node", "nobody", state=state).output
        listed = json.loads(run("status", "--json", state=state).stdout)
        assert {one.node for one in ORGANIZATIONS} <= set(listed["nodes"])
    assert list(tmp_path.iterdir()) == []


def test_a_chaincode_is_upgraded_by_a_change_and_only_by_one(tmp_path: Path) -> None:
    state = tmp_path / "net"
    with network(state) as made:
        assert run("up", "--detach", "--free-ports", "--in-memory", state=state).exit_code == 0
        collections = tmp_path / "collections.json"
        collections.write_text(
            json.dumps([{"name": "c", "policy": "OR('Org1MSP.member')", "memberOnlyRead": True}])
        )
        deploy = ("chaincode", "basic", "--address", "127.0.0.1:9999")
        assert run(*deploy, state=state).exit_code == 0
        assert run(*deploy, state=state).exit_code == 0
        assert sequence(made) == 1
        with_private_data = ("--collections", str(collections))
        assert run(*deploy, *with_private_data, state=state).exit_code == 0
        assert sequence(made) == 2
        # Another package at the same terms is approved again; the definition stays.
        moved = run("chaincode", "basic", "--address", "127.0.0.1:9998", *with_private_data, state=state)
        assert moved.exit_code == 0, moved.output
        assert sequence(made) == 2
        apart = ("--address", "org1=127.0.0.1:9998", "--address", "org2=127.0.0.1:9997")
        each = run("chaincode", "basic", *apart, *with_private_data, "--json", state=state)
        assert len(set(json.loads(each.stdout)["package_ids"].values())) == 2, each.output
        refused = run("chaincode", "basic", *apart[:2], state=state)
        assert refused.exit_code == 2
        assert "no --address for Org2MSP" in refused.output
        collections.unlink()


def test_a_killed_emulator_is_started_again_with_its_ledgers(tmp_path: Path) -> None:
    state = tmp_path / "net"
    with network(state) as made:
        assert run("up", "--detach", "--free-ports", "--fabric", "2.5", state=state).exit_code == 0
        assert run("chaincode", "basic", "--address", "127.0.0.1:9999", state=state).exit_code == 0
        pid = json.loads((state / "emulator" / "emulator.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not made.running, 10, lambda: "it lives")
        assert "no emulator answers" in run("status", state=state).output
        assert run("up", "--detach", state=state).exit_code == 0
        made.close()
        assert sequence(made) == 1


def sequence(made: EmulatedNetwork) -> int:
    found = Lifecycle(made.gateway(user="Admin"), "mychannel").committed("basic")
    assert found is not None
    return found.definition.sequence


def test_in_memory_and_in_the_foreground_nothing_is_left_behind() -> None:
    command = ["-m", "hlf_network.cli", "emulator", "up", "--in-memory", "--free-ports", "--json"]
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            settings = json.loads((Path(started["state"]) / "emulator" / "network.settings").read_text())
            assert Path(settings["ledgers"]).is_dir()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert not Path(started["state"]).exists()
    assert not Path(settings["ledgers"]).exists()


def test_what_stands_in_the_way_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = taken.getsockname()[1]
        held = run("up", "--detach", "--port-base", str(base), state=tmp_path / "a")
    assert held.exit_code == 1
    assert f"port {base}, for {next(iter(PORTS))}, is held by another program" in held.output
    assert "--free-ports" in held.output
    foreign = tmp_path / "b" / "organizations" / "peerOrganizations"
    foreign.mkdir(parents=True)
    refused = run("up", "--detach", "--free-ports", state=tmp_path / "b")
    assert refused.exit_code == 1
    assert "was made by something else" in refused.output
    assert foreign.is_dir()
    for command in (("status",), ("heal",), ("chaincode", "c", "--address", "h:1"), ("env",)):
        nothing = run(*command, state=tmp_path / "c")
        assert nothing.exit_code == 1
        assert "`hlf emulator up`" in nothing.output
    assert "nothing to remove" in run("down", state=tmp_path / "c").output


def test_what_is_asked_of_a_running_network_is_checked(tmp_path: Path) -> None:
    try:
        assert run("up", "--detach", "--free-ports", state=tmp_path).exit_code == 0
        assert run("up", "--detach", "--free-ports", state=tmp_path).exit_code == 0
        for command, text in {
            ("up", "--detach", "--free-ports", "--seed", "3"): "was made with other options (seed) (`hlf",
            ("channel", "Bad Name"): "name 'Bad Name': lower-case letters",
            ("chaincode", "c", "--address", "nonsense"): "'nonsense' is not host:port",
            ("chaincode", "c", "--address", "org1=h:1", "--address", "org2=h"): "'h' is not host:port",
        }.items():
            refused = run(*command, state=tmp_path)
            assert (refused.exit_code, text in refused.output) == (1, True), refused.output
        certificate = SamplePaths(tmp_path).user(ORG1, "User1") / "msp" / "signcerts"
        run("expire", str(next(certificate.iterdir())), state=tmp_path)
        assert "certificates judged expired: 1" in run("status", state=tmp_path).output
    finally:
        run("down", state=tmp_path)


def test_a_topology_s_network_is_driven_by_the_same_commands(tmp_path: Path) -> None:
    topology = Path(__file__).parents[3] / "data" / "slice-topology.yaml"
    state = tmp_path / "net"
    try:
        up = run("up", "--topology", str(topology), "--detach", "--json", state=state)
        assert up.exit_code == 0, up.output
        assert run("stop-node", "orderer0.org-a", state=state).exit_code == 0
        assert Consortium(topology, state).faults.status()["stopped"] == ["orderer0.org-a"]
        assert "stopped" in run("status", state=state).output
        # Of four orderers two must stop, and one has.
        assert run("lose-quorum", "slice", state=state).stdout == "Stopped orderer1.org-a\n"
        assert "no sample network runs" in run("chaincode", "c", "--address", "h:1", state=state).output
    finally:
        removed = run("down", state=state)
    assert removed.exit_code == 0, removed.output
    assert not state.exists()


def test_a_file_that_is_no_list_of_collections_is_named(tmp_path: Path) -> None:
    path = tmp_path / "collections.json"
    path.write_text('{"name": 1}')
    with pytest.raises(hlf.ConfigurationError, match=r"collections\.json"):
        read_collections(path)


def test_members_are_named_as_anybody_would(tmp_path: Path) -> None:
    made = EmulatedNetwork(tmp_path)
    for name in (MEMBERS[0].msp_id, MEMBERS[0].domain, MEMBERS[0].prefix):
        with pytest.raises(FileNotFoundError):
            made.identity(name)
