"""A topology is checked as a whole, and every complaint names file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hlf.errors import ConfigurationError
from hlf_network.layout import Layout, port_names
from hlf_network.topology import Topology, load

ROOT = Path(__file__).parents[3]
GOOD = """\
network: tiny
organizations:
  a:
    peers: 1
    orderers: 4
  b:
    peers: 1
  c:
    gateway: a
    identities:
      user: {}
groups:
  both: [a, b]
channels:
  main:
    members: [both, c]
    chaincodes:
      ledger:
        contract: some.module:Class
        policy: AND(both)
        collections:
          - pair: [a, b]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "topology.yaml"
    path.write_text(text)
    return path


def laid_out(topology: Topology, *, in_containers: bool = True) -> Layout:
    ports = {name: 17000 + index for index, name in enumerate(port_names(topology))}
    return Layout(topology, Path("state"), ports, in_containers=in_containers)


def test_a_good_topology_resolves(tmp_path: Path) -> None:
    topology = load(written(tmp_path, GOOD))
    assert topology.channels["main"].members == ("a", "b", "c")
    assert topology.organizations["c"].gateway == "a"
    assert laid_out(topology).gateway("c").name == "peer0.a"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("peers: 1\n    orderers: 4", "peer: 1\n    orderers: 4", 4, "organizations.a.peer", "unknown field"),
        ("peers: 1\n    orderers: 4", "peers: many\n    orderers: 4", 4, "organizations.a.peers", "many"),
        ("gateway: a", "gateway: d", 9, "organizations.c.gateway", "not an organization with a peer"),
        ("members: [both, c]", "members: [both, x]", 16, "channels.main.members", "neither an organization"),
        ("AND(both)", "AND(both", 20, "channels.main.chaincodes.ledger.policy", "bracket is missing"),
        ("AND(both)", "AND(a, nobody)", 20, "channels.main.chaincodes.ledger.policy", "'nobody' is neither"),
        ("AND(both)", "OutOf(3, both)", 20, "channels.main.chaincodes.ledger.policy", "never be met"),
        ("both: [a, b]", "both: [a, z]", 13, "groups.both[1]", "not an organization"),
        ("pair: [a, b]", "pair: [a]", 22, "channels.main.chaincodes.ledger.collections[0]", ""),
        ("some.module:Class", "some.module", 19, "channels.main.chaincodes.ledger.contract", ""),
        ("  b:\n    peers: 1", "  b:\n    peers: 1\n  b: {}", 8, "organizations.b", "a second time"),
        ("network: tiny", "network: Tiny!", 1, "network", "does not match"),
    ],
)
def test_a_mistake_names_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.file == f"{path}:{line}"
    assert caught.value.field.startswith(field)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("policy: AND(both)", "policy: AND(a, c)", "names c, which has no peer on this channel"),
        ("    members: [both, c]", "    members: [a, c]", "names b, which has no peer on this channel"),
        (
            "    members: [both, c]",
            "    members: [both, c]\n    lifecycle: AND(a, c)",
            "the lifecycle policy",
        ),
        ("pair: [a, b]", "pair: [a, c]", "c has no peer on channel main"),
        ("          - pair: [a, b]", "          - pair: [a, b]\n          - pair: [a, b]", "defined twice"),
        ("orderers: 4", "orderers: 3", "SmartBFT"),
    ],
)
def test_a_channel_that_could_not_work_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    topology = load(written(tmp_path, GOOD.replace(old, new, 1)))
    with pytest.raises(ConfigurationError, match=r"channels\.main") as caught:
        laid_out(topology)
    assert says in str(caught.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_the_consortium_is_the_one_of_the_design() -> None:
    layout = laid_out(load(ROOT / "network" / "topology.yaml"))
    assert len(layout.topology.organizations) == 10
    assert len(layout.peers()) == 6
    assert len(layout.orderers()) == 4
    pairs = [(c.name, d.chaincode) for c in layout.channels.values() for d in c.definitions]
    assert len(pairs) == 8
    referral = {d.chaincode: d for d in layout.channels["referral"].definitions}["credit-evaluation"]
    assert [c.name for c in referral.collections] == [
        "semas_foundation-seoul",
        "semas_foundation-gyeonggi",
        "foundation-seoul",
        "foundation-gyeonggi",
        "foundations",
    ]
    pair, *_, shared = referral.collections
    assert pair.policy == "OR('semas.member', 'foundation-seoul.member')"
    assert pair.endorsement_policy == "AND('semas.peer', 'foundation-seoul.peer')"
    assert pair.member_only_read
    assert pair.member_only_write
    assert shared.endorsement_policy == "OR('foundation-seoul.peer', 'foundation-gyeonggi.peer')"
    documents = layout.channels["application"].definitions[0].collections[1]
    assert (documents.name, documents.member_only_write) == ("applicants_semas_documents", False)


def test_citizens_clients_may_not_listen_and_orderers_are_another_msp() -> None:
    layout = laid_out(load(ROOT / "network" / "topology.yaml"))
    application = layout.channels["application"]
    assert "'applicants.admin'" in application.policies["Listeners"]
    assert "'applicants.client'" not in application.policies["Listeners"]
    assert "'semas.client'" in application.policies["Listeners"]
    assert application.acls["event/Block"] == "/Channel/Application/Listeners"
    assert application.acls["qscc/GetBlockByNumber"] == "/Channel/Application/Listeners"
    assert application.policies["Deployers"] == "OR('applicants.admin', 'semas.admin')"
    assert application.acls["_lifecycle/CommitChaincodeDefinition"] == "/Channel/Application/Deployers"
    assert {node.msp_id for node in application.orderers} == {
        "semas-orderer",
        "foundation-seoul-orderer",
        "bank-a-orderer",
        "mss-orderer",
    }


def test_sixteen_foundations_work(tmp_path: Path) -> None:
    data = yaml.safe_load((ROOT / "network" / "topology.yaml").read_text())
    for index in range(14):
        name = f"foundation-{index}"
        data["organizations"][name] = {"peers": 1}
        data["groups"]["foundations"].append(name)
    layout = laid_out(load(written(tmp_path, yaml.safe_dump(data))))
    assert len(layout.channels["guarantee"].definitions[0].collections) == 32
    assert len(layout.channels["referral"].peers) == 17


def test_on_the_emulator_nodes_share_this_machines_ports(tmp_path: Path) -> None:
    layout = laid_out(load(written(tmp_path, GOOD)), in_containers=False)
    assert all(node.endpoint == node.address for node in layout.nodes)
    assert len({node.port for node in layout.nodes}) == len(layout.nodes)


RAFT = GOOD.replace("orderers: 4", "orderers: 3").replace(
    "organizations:", "ordering: {consensus: raft}\norganizations:", 1
)


def test_three_orderers_are_enough_for_raft(tmp_path: Path) -> None:
    topology = load(written(tmp_path, RAFT))
    assert (topology.fabric, topology.consensus) == ("3.1", "raft")
    assert len(laid_out(topology).channels["main"].orderers) == 3


def test_two_orderers_are_too_few_for_raft(tmp_path: Path) -> None:
    topology = load(written(tmp_path, RAFT.replace("orderers: 3", "orderers: 2")))
    with pytest.raises(ConfigurationError, match="2 orderers; Raft tolerates a fault from three on"):
        laid_out(topology)


def test_fabric_2_5_is_ordered_by_raft_unless_told_otherwise(tmp_path: Path) -> None:
    topology = load(written(tmp_path, 'fabric: "2.5"\n' + GOOD))
    assert (topology.consensus, topology.is_fabric_2_5) == ("raft", True)
    assert load(written(tmp_path, GOOD)).consensus == "bft"


def test_fabric_2_5_has_no_smartbft(tmp_path: Path) -> None:
    text = 'fabric: "2.5.16"\nordering: {consensus: bft}\n' + GOOD
    with pytest.raises(ConfigurationError, match=r"Fabric 2\.5\.16 has no SmartBFT") as caught:
        load(written(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/topology.yaml:2")


@pytest.mark.parametrize("fabric", ["2.4", "2", "3", "latest"])
def test_no_other_fabric_is_taken(tmp_path: Path, fabric: str) -> None:
    with pytest.raises(ConfigurationError, match="fabric"):
        load(written(tmp_path, f'fabric: "{fabric}"\n' + GOOD))
