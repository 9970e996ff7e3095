"""An organization's Fabric CA beside its network: what it issues is accepted, what it revokes is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from fabric_protos.common import configtx_pb2
from fabric_protos.msp import msp_config_pb2

from hlf import EvaluateError, Gateway
from hlf.identity import SigningIdentity
from hlf.wire.config_update import compute_update
from hlf_network import Consortium
from hlf_network.access import Access as NetworkAccess
from hlf_network.waiting import wait_until
from tests.access import access_to
from tests.conformance.ca_client import Authority, Reply, token
from tests.conformance.calls import Access
from tests.conformance.calls_ca import authority_of
from tests.conformance.calls_config import current_config, update_envelope
from tests.conformance.calls_orderer import broadcast_all
from tests.networks import TOPOLOGY

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("fabric-ca")]


@pytest.fixture(scope="module")
def access(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """The slice, of this module alone: its channel gets a revocation list."""
    network = Consortium(TOPOLOGY, tmp_path_factory.mktemp("fabric-ca"), runtime=fabric)
    try:
        network.up()
        way = access_to(network)
        yield way
        way.close()
    finally:
        network.down()


@pytest.fixture(scope="module")
def authority(access: Access) -> Authority:
    """org-a's CA."""
    return authority_of(access, "ca.org-a")


def _ask(authority: Authority, method: str, path: str, body: dict[str, Any] | None = None) -> Reply:
    """A call as `admin`."""
    content = b"" if body is None else json.dumps(body).encode()
    said = token(authority.caller("admin"), method, path, content)
    return authority.request(method, path, content, {"Authorization": said})


def _call(authority: Authority, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """A call as `admin`, which must succeed; its result."""
    reply = _ask(authority, method, path, body)
    assert reply.status in {200, 201}, reply.body
    return json.loads(reply.body)["result"]


def _join(authority: Authority, name: str, attributes: dict[str, str]) -> SigningIdentity:
    """Register and enroll a client of org-a with attributes that its certificate carries."""
    given = [{"name": key, "value": value, "ecert": True} for key, value in attributes.items()]
    wanted = {"id": name, "type": "client", "affiliation": "org1.department1", "attrs": given}
    secret = _call(authority, "POST", "/api/v1/register", wanted)["secret"]
    authority.enroll(name, secret)
    enrolled = authority.caller(name)
    key = enrolled.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningIdentity.from_pem("org-a", enrolled.certificate, key)


def _gateway(access: Access, identity: SigningIdentity) -> Gateway:
    layout = access.network.layout
    return Gateway(NetworkAccess(layout).endpoint(layout.gateway("org-a")), identity)


def _revoke_on_channel(access: Access, crl: bytes) -> None:
    """Put a revocation list into org-a's MSP on the channel."""
    config = current_config(access, "orderer0.org-a", "slice")
    wanted = configtx_pb2.ConfigGroup()
    wanted.CopyFrom(config.channel_group)
    value = wanted.groups["Application"].groups["org-a"].values["MSP"]
    msp = msp_config_pb2.MSPConfig.FromString(value.value)
    fabric_msp = msp_config_pb2.FabricMSPConfig.FromString(msp.config)
    fabric_msp.revocation_list.append(crl)
    msp.config = fabric_msp.SerializeToString()
    value.value = msp.SerializeToString()
    envelope = update_envelope(access, {"as": "org-a/admin"}, compute_update("slice", config, wanted))
    assert broadcast_all(access, "orderer0.org-a", [envelope]) == [{"status": "SUCCESS", "info": ""}]


@pytest.mark.feature("F4")
def test_who_enrolled_transacts_with_its_attributes(access: Access, authority: Authority) -> None:
    clerk = _join(authority, "clerk", {"role": "clerk", "holder": "42"})
    with _gateway(access, clerk) as gateway:
        records = gateway.network("slice").contract("records")
        assert json.loads(records.evaluate("whoami")) == {
            "msp_id": "org-a",
            "role": "client",
            "attribute_role": "clerk",
            "holder": "42",
        }
        assert records.submit("put", "by-a-clerk", "yes") == b"by-a-clerk"


@pytest.mark.feature("F11")
def test_who_was_revoked_is_refused_once_the_channel_knows(access: Access, authority: Authority) -> None:
    fired, kept = _join(authority, "fired", {"role": "clerk"}), _join(authority, "kept", {"role": "clerk"})
    answer = _call(authority, "POST", "/api/v1/revoke", {"id": "fired", "gencrl": True})
    assert [each["Serial"] for each in answer["RevokedCerts"]] == [authority.caller("fired").serial]
    with _gateway(access, fired) as gateway:
        records = gateway.network("slice").contract("records")
        assert json.loads(records.evaluate("whoami"))["attribute_role"] == "clerk"
        _revoke_on_channel(access, base64.b64decode(answer["CRL"]))

        def refused() -> bool:
            try:
                records.evaluate("whoami")
            except EvaluateError as error:
                assert "access denied" in str(error), error
                return True
            return False

        wait_until(refused, 20, lambda: "the peer did not hear of the revocation")
    with _gateway(access, kept) as gateway:
        found = gateway.network("slice").contract("records").evaluate("whoami")
        assert json.loads(found)["attribute_role"] == "clerk"


def test_a_ca_that_crashed_knows_whom_it_registered(access: Access, authority: Authority) -> None:
    secret = _call(authority, "POST", "/api/v1/register", {"id": "survivor"})["secret"]
    access.network.stop_node("ca.org-a")
    authority.close()
    with pytest.raises(OSError, match=r"."):
        authority.request("GET", "/cainfo", b"", {})
    authority.close()
    access.network.start_node("ca.org-a")
    authority.enroll("survivor", secret)
    assert _call(authority, "GET", "/api/v1/identities/survivor")["id"] == "survivor"
    status = {node["name"]: node["state"] for node in access.network.status()["nodes"]}
    assert status["ca.org-a"] == "running"


@pytest.mark.parametrize("path", ["/api/v1/identities", "/api/v1/affiliations"])
def test_a_list_answers_created_from_the_first_post_to_it_on(authority: Authority, path: str) -> None:
    assert _ask(authority, "GET", path).status == 200
    assert _ask(authority, "POST", path).status == 400
    assert _ask(authority, "GET", path).status == 201


def test_the_administrators_secret_is_its_owners_alone(access: Access) -> None:
    layout = access.network.layout
    secret: Path = layout.paths.ca_registrar("org-a")
    assert secret.stat().st_mode & 0o777 == 0o600
    told = [path for path in layout.paths.state.rglob("*.log") if secret.read_bytes() in path.read_bytes()]
    assert told == []
    assert secret.read_text() not in access.network.topology_path.read_text()
