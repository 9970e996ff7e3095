"""An organization's Fabric CA as the topology asks for it, on either runtime."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml

from hlf.errors import ConfigurationError
from hlf.profile import load_profile
from hlf_network import authority, emulator_runtime, material, profiles
from hlf_network.layout import Layout, port_names
from hlf_network.topology import AuthorityRequest, load

SLICE = Path(__file__).parents[2] / "data" / "slice-topology.yaml"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    topology = load(SLICE)
    ports = {name: 20000 + number for number, name in enumerate(port_names(topology))}
    made = Layout(topology, tmp_path / "state", ports, in_containers=True)
    material.make(made, now=NOW)
    return made


def test_a_topology_asks_for_cas() -> None:
    organizations = load(SLICE).organizations
    assert organizations["org-a"].authority == AuthorityRequest(removal=False, max_enrollments=-1)
    assert organizations["org-b"].authority == AuthorityRequest(removal=True, max_enrollments=50)
    assert organizations["org-c"].authority is None


@pytest.mark.parametrize("asked", ["yes", {"max_enrollments": 0}, {"expiry": "1h"}])
def test_what_no_ca_can_be_is_refused(tmp_path: Path, asked: object) -> None:
    data = yaml.safe_load(SLICE.read_text())
    data["organizations"]["org-a"]["ca"] = asked
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigurationError, match=r"organizations\.org-a\.ca"):
        load(path)


def test_a_ca_is_a_node_of_its_organization_and_of_no_channel(layout: Layout) -> None:
    assert [node.name for node in layout.authorities()] == ["ca.org-a", "ca.org-b"]
    node = layout.node("ca.org-a")
    assert (node.kind, node.host, node.port) == ("ca", "ca.org-a", 7054)
    assert node not in (*layout.peers(), *layout.orderers())
    assert layout.channels_of(node) == ()


def test_the_secret_is_where_it_must_be_and_nowhere_else(layout: Layout) -> None:
    node = layout.node("ca.org-a")
    kept = layout.paths.ca_registrar("org-a")
    configuration = layout.paths.node(node) / authority.FILE
    secret = kept.read_text()
    assert len(secret) >= 32
    assert secret != layout.paths.ca_registrar("org-b").read_text()
    assert {path.stat().st_mode & 0o777 for path in (kept, configuration)} == {0o600}
    told = str([authority.environment(), authority.COMMAND, authority.binds(layout, node)])
    assert secret not in told
    files = [path for path in layout.paths.state.rglob("*") if path.is_file()]
    assert {path for path in files if secret.encode() in path.read_bytes()} == {kept, configuration}


def test_the_container_is_configured_as_the_topology_says(layout: Layout) -> None:
    content = yaml.safe_load((layout.paths.node(layout.node("ca.org-b")) / authority.FILE).read_text())
    assert content["ca"]["name"] == "ca.org-b"
    assert content["registry"]["maxenrollments"] == 50
    assert content["cfg"]["identities"]["allowremove"] is True
    assert content["cfg"]["affiliations"]["allowremove"] is True


def test_the_emulator_is_told_the_same(layout: Layout) -> None:
    first, second = emulator_runtime.configuration(layout)["cas"]
    assert (first["name"], first["removal"], first["max_enrollments"]) == ("ca.org-a", False, -1)
    assert (second["name"], second["removal"], second["max_enrollments"]) == ("ca.org-b", True, 50)
    assert Path(first["registrar"]) == layout.paths.ca_registrar("org-a")


def test_profiles_name_the_organizations_own_ca(layout: Layout, tmp_path: Path) -> None:
    profiles.write(layout, tmp_path / "profiles")
    found = load_profile(tmp_path / "profiles" / "org-a.yaml")
    assert set(found.certificate_authorities) == {"ca.org-a"}
    assert found.organizations["org-a"].certificate_authorities == ("ca.org-a",)
    assert load_profile(tmp_path / "profiles" / "org-c.yaml").certificate_authorities == {}
