"""Keys, certificates, wallets, profiles and genesis blocks of a small network."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtensionOID, NameOID
from fabric_protos.common import common_pb2

from hlf.errors import IdentityError
from hlf.profile import load_profile
from hlf.wallet import Wallet
from hlf.wire.configtx import channel_of, config_of
from hlf_network import genesis, material, profiles
from hlf_network.crypto import ATTRIBUTES
from hlf_network.layout import Layout, port_names
from hlf_network.topology import load

TOPOLOGY = Path(__file__).parents[2] / "data" / "slice-topology.yaml"
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    topology = load(TOPOLOGY)
    ports = {name: 17000 + index for index, name in enumerate(port_names(topology))}
    return Layout(topology, tmp_path, ports, in_containers=True)


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def test_every_secret_is_readable_by_its_owner_only(layout: Layout, tmp_path: Path) -> None:
    material.make(layout, now=NOW)
    secret = [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    # 2 CAs, a client TLS key for each organization; key and TLS key of 6 nodes; TLS key of 2 Fabric CAs;
    # chaincode TLS pairs; wallets.
    assert len(secret) == 3 * 3 + 6 * 2 + 2 + 2 * 2 + (3 + 2 + 2)
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_identities_carry_role_and_attributes(layout: Layout) -> None:
    material.make(layout, now=NOW)
    wallet = Wallet(layout.paths.wallet("org-a"))
    assert wallet.names() == ("admin", "holder", "user")
    user = certificate(wallet.get("user").certificate)
    assert user.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)[0].value == "client"
    extension = user.extensions.get_extension_for_oid(ATTRIBUTES).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    assert json.loads(extension.value) == {"attrs": {"role": "clerk"}}
    holder = certificate(wallet.get("holder").certificate)
    assert "holder" not in holder.subject.rfc4514_string()
    random = holder.extensions.get_extension_for_oid(ATTRIBUTES).value
    assert isinstance(random, x509.UnrecognizedExtension)
    assert len(json.loads(random.value)["attrs"]["holder"]) == 32
    admin = certificate(wallet.get("admin").certificate)
    assert admin.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)[0].value == "admin"


def test_certificates_chain_and_have_low_s(layout: Layout) -> None:
    material.make(layout, now=NOW)
    ca = certificate(layout.paths.ca_certificate("org-a").read_bytes())
    tls_ca = certificate(layout.paths.tls_ca_certificate("org-a").read_bytes())
    node = layout.node("peer0.org-a")
    signing = certificate((layout.paths.node(node) / "msp/signcerts/cert.pem").read_bytes())
    tls = certificate((layout.paths.node(node) / "tls/cert.pem").read_bytes())
    signing.verify_directly_issued_by(ca)
    tls.verify_directly_issued_by(tls_ca)
    names = tls.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["peer0.org-a", "localhost"]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for one in (ca, tls_ca, signing, tls):
        assert decode_dss_signature(one.signature)[1] <= order // 2
    assert ca.not_valid_before_utc < signing.not_valid_before_utc < NOW


def test_making_twice_keeps_what_is_there_and_repairs_what_was_left_half_done(layout: Layout) -> None:
    assert material.make(layout, now=NOW) == ["org-a", "org-b", "org-c"]
    before = layout.paths.ca_certificate("org-a").read_bytes()
    assert material.make(layout, now=NOW) == []
    assert layout.paths.ca_certificate("org-a").read_bytes() == before
    folder = layout.paths.organization("org-b")
    folder.rename(folder.with_name(".org-b.draft"))
    assert material.make(layout, now=NOW) == ["org-b"]


def test_wallets_can_be_encrypted(layout: Layout) -> None:
    material.make(layout, now=NOW, password=b"correct horse")
    wallet = Wallet(layout.paths.wallet("org-b"))
    assert b"ENCRYPTED" in (wallet.folder / "user.json").read_bytes()
    assert wallet.get("user", b"correct horse").msp_id == "org-b"
    with pytest.raises(IdentityError):
        wallet.get("user")


def test_profiles_load_and_hold_no_key(layout: Layout, tmp_path: Path) -> None:
    material.make(layout, now=NOW)
    written = profiles.write(layout, tmp_path / "profiles")
    assert len(written) == 6
    for path in written:
        assert "PRIVATE KEY" not in path.read_text()
        assert str(tmp_path) not in path.read_text()
        profile = load_profile(path)
        assert profile.organization == path.stem
        assert profile.peer().endpoint.tls_root_pem is not None
    # A member without a peer goes through the gateway that the topology names.
    assert load_profile(tmp_path / "profiles" / "org-c.yaml").peer().name == "peer0.org-a"
    assert set(load_profile(tmp_path / "profiles" / "org-b.json").orderers) == {
        "orderer0.org-b",
        "orderer1.org-b",
    }


def test_genesis_blocks_say_what_the_layout_says(layout: Layout) -> None:
    material.make(layout, now=NOW)
    genesis.write(layout)
    content = layout.paths.genesis("slice").read_bytes()
    block = common_pb2.Block.FromString(content)
    assert channel_of(block) == "slice"
    groups = config_of(block).channel_group.groups
    assert set(groups["Application"].groups) == {"org-a", "org-b", "org-c"}
    assert set(groups["Orderer"].groups) == {"org-a-orderer", "org-b-orderer"}
    assert {"Listeners", "Deployers", "LifecycleEndorsement"} <= set(groups["Application"].policies)
    genesis.write(layout)
    assert layout.paths.genesis("slice").read_bytes() == content
