"""Which runtime is taken, and what is said when one cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from hlf_network import Consortium, NetworkError, runtime
from hlf_network.docker_runtime import environment
from hlf_network.emulator_runtime import configuration
from hlf_network.layout import Layout, port_names
from hlf_network.topology import Topology, load

SLICE = Path(__file__).parents[2] / "data" / "slice-topology.yaml"


@pytest.fixture
def topology() -> Topology:
    return load(SLICE)


def laid_out(topology: Topology, *, in_containers: bool) -> Layout:
    ports = {name: 17000 + index for index, name in enumerate(port_names(topology))}
    return Layout(topology, Path("state"), ports, in_containers=in_containers)


def test_without_an_engine_auto_takes_the_emulator_and_says_how_to_get_the_other(
    topology: Topology, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    name, line = runtime.choose("auto", topology)
    assert name == "emulator"
    assert "no Docker engine answers" in line
    assert "--runtime docker" in line
    assert runtime.choose("docker", topology)[1].endswith("RUNTIME=emulator, or --runtime emulator)")


def test_a_stopped_engine_is_a_sentence_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    consortium = Consortium(SLICE, tmp_path / "state", runtime="docker")
    with pytest.raises(NetworkError, match="no Docker engine answers") as caught:
        consortium.up()
    assert "start Docker" in caught.value.hint
    assert not (tmp_path / "state").exists()


def test_before_up_there_is_nothing(tmp_path: Path) -> None:
    consortium = Consortium(SLICE, tmp_path / "state")
    assert consortium.status()["state"] == "down"
    assert consortium.down() == []
    with pytest.raises(NetworkError, match="there is no network here"):
        _ = consortium.layout


def test_nodes_in_containers_are_configured_by_environment(topology: Topology) -> None:
    layout = laid_out(topology, in_containers=True)
    peer = environment(layout, layout.node("peer0.org-a"), "net")
    assert peer["CORE_PEER_LOCALMSPID"] == "org-a"
    assert peer["CORE_PEER_GOSSIP_EXTERNALENDPOINT"] == "peer0.org-a:7051"
    orderer = environment(layout, layout.node("orderer1.org-b"), "net")
    assert orderer["ORDERER_GENERAL_LOCALMSPID"] == "org-b-orderer"
    assert orderer["ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED"] == "true"


def test_the_emulator_listens_on_loopback_only(topology: Topology) -> None:
    layout = laid_out(topology, in_containers=False)
    config = configuration(layout)
    listening = [config["control"], *(node["listen"] for node in config["peers"] + config["orderers"])]
    listening += [node["admin_listen"] for node in config["orderers"]]
    assert {address.partition(":")[0] for address in listening} == {"127.0.0.1"}
    assert len(set(listening)) == len(listening) == 1 + 2 + 4 * 2
