"""What fabric-sdk-py left behind is read: its network.json, the users in it, its stored enrollments."""

from __future__ import annotations

import base64
import binascii
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hlf import ConfigurationError, IdentityError, SigningIdentity, Wallet
from hlf.fabric_sdk_py import load_enrollments, load_network, load_users
from hlf.identity import verify


def key_pem(identity: SigningIdentity) -> bytes:
    key = identity.private_key
    assert key is not None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def folder(tmp_path: Path, identity: SigningIdentity) -> Path:
    """The folder that the program ran in, with network.json in a folder of it."""
    (tmp_path / "crypto").mkdir()
    (tmp_path / "crypto" / "tlsca.pem").write_bytes(identity.certificate)
    (tmp_path / "crypto" / "cert.pem").write_bytes(identity.certificate)
    (tmp_path / "crypto" / "key_sk").write_bytes(key_pem(identity))
    (tmp_path / "fixtures").mkdir()
    write(tmp_path, document(identity))
    return tmp_path


def write(folder: Path, content: dict[str, Any]) -> None:
    (folder / "fixtures" / "network.json").write_text(json.dumps(content))


def document(identity: SigningIdentity) -> dict[str, Any]:
    tls = {"path": "crypto/tlsca.pem"}
    return {
        "name": "sample-network",
        "client": {"organization": "Org1", "credentialStore": {"path": "/tmp/hfc-kvs"}},
        "organizations": {
            "orderer.example.com": {"mspid": "OrdererMSP", "orderers": ["orderer.example.com"]},
            "org1.example.com": {
                "mspid": "Org1MSP",
                "peers": ["peer0.org1.example.com"],
                "certificateAuthorities": ["ca-org1"],
                "users": {
                    "Admin": {"cert": "crypto/cert.pem", "private_key": "crypto/key_sk"},
                    "User1": {
                        "cert": {"pem": base64.b64encode(identity.certificate).decode()},
                        "private_key": {"path": "crypto/key_sk"},
                    },
                },
            },
        },
        "orderers": {"orderer.example.com": {"url": "localhost:7050", "tlsCACerts": tls}},
        "peers": {
            "peer0.org1.example.com": {
                "url": "localhost:7051",
                "eventUrl": "localhost:7053",
                "grpcOptions": {"grpc.ssl_target_name_override": "peer0.org1.example.com"},
                "tlsCACerts": tls,
                "clientKey": {"path": "crypto/key_sk"},
                "clientCert": {"path": "crypto/cert.pem"},
            },
            "peer1.org1.example.com": {"url": "localhost:8051", "grpcOptions": {}},
        },
        "certificateAuthorities": {
            "ca-org1": {"url": "https://localhost:7054", "tlsCACerts": {"path": "crypto/none.pem"}}
        },
    }


@pytest.mark.feature("D6")
def test_network_json_becomes_a_profile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    profile = load_network("fixtures/network.json")
    assert (profile.organization, profile.msp_id) == ("org1.example.com", "Org1MSP")
    endpoint = profile.peer().endpoint
    assert (endpoint.address, endpoint.override_host) == ("localhost:7051", "peer0.org1.example.com")
    assert endpoint.tls_root_pem == (folder / "crypto" / "tlsca.pem").read_bytes()
    assert len(endpoint.tls_certificate_hash) == 32  # mutual TLS, by clientCert and clientKey
    assert profile.peer("peer1.org1.example.com").url == "grpc://localhost:8051"  # no CA: no TLS
    assert profile.orderers["orderer.example.com"].url == "grpcs://localhost:7050"
    assert profile.certificate_authorities["ca-org1"].tls_root_pem is None


@pytest.mark.feature("D6")
def test_the_organization_is_asked_for_where_it_cannot_be_told(
    folder: Path, identity: SigningIdentity
) -> None:
    content = document(identity)
    content["organizations"]["org2.example.com"] = {"mspid": "Org2MSP", "peers": ["peer1.org1.example.com"]}
    write(folder, content)
    path = folder / "fixtures" / "network.json"
    with pytest.raises(ConfigurationError, match=r"organization=, one of orderer.*org2\.example\.com"):
        load_network(path, base=folder)
    assert load_network(path, base=folder, organization="org2.example.com").msp_id == "Org2MSP"


@pytest.mark.feature("D6")
def test_users_of_network_json_go_into_a_wallet(folder: Path, identity: SigningIdentity) -> None:
    wallet = Wallet(folder / "wallet")
    for name, user in load_users(folder / "fixtures" / "network.json", base=folder).items():
        wallet.put(name, user)
    assert wallet.names() == ("Admin@org1.example.com", "User1@org1.example.com")
    user = wallet.get("User1@org1.example.com")
    assert user.msp_id == "Org1MSP"
    assert verify(identity.certificate, b"m", user.sign(b"m"))


@pytest.mark.parametrize(
    ("user", "field"),
    [
        ({"cert": "crypto/none", "private_key": "crypto/key_sk"}, "cert.path"),
        ({"cert": {"pem": "%"}, "private_key": "crypto/key_sk"}, "cert"),
        ({"private_key": "crypto/key_sk"}, "cert"),
    ],
)
def test_a_user_that_cannot_be_read_is_named(
    folder: Path, identity: SigningIdentity, user: dict[str, Any], field: str
) -> None:
    content = document(identity)
    content["organizations"]["org1.example.com"]["users"] = {"X": user}
    write(folder, content)
    with pytest.raises(ConfigurationError) as refused:
        load_users(folder / "fixtures" / "network.json", base=folder)
    assert refused.value.field == f"organizations.org1.example.com.users.X.{field}"


def stored(state: object) -> str:
    return binascii.hexlify(pickle.dumps(state)).decode()


@pytest.mark.feature("D7")
@pytest.mark.parametrize("text", [False, True])
def test_stored_enrollments_are_read(tmp_path: Path, identity: SigningIdentity, text: bool) -> None:
    certificate = identity.certificate.decode() if text else identity.certificate
    state = {
        "name": "alice",
        "org": "org1.example.com",
        "roles": ["client"],
        "affiliation": None,
        "account": None,
        "enrollment_secret": "pw",
        "msp_id": "Org1MSP",
        "enrollment": {"private_key": key_pem(identity), "cert": certificate},
    }
    (tmp_path / "user.alice.org1.example.com").write_text(stored(state))
    registered = {**state, "name": "bob", "enrollment": None}
    (tmp_path / "user.bob.org1.example.com").write_text(stored(registered))
    (tmp_path / "carol").mkdir()
    (tmp_path / "carol" / "private_sk").write_bytes(key_pem(identity))
    (tmp_path / "carol" / "enrollmentCert.pem").write_bytes(identity.certificate)
    found = load_enrollments(tmp_path, "Org1MSP")
    assert sorted(found) == ["alice@org1.example.com", "carol"]
    for one in found.values():
        assert one.msp_id == "Org1MSP"
        assert verify(identity.certificate, b"m", one.sign(b"m"))
    with pytest.raises(IdentityError, match="carol does not say which MSP"):
        load_enrollments(tmp_path)


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("touched"),)


@pytest.mark.parametrize("content", ["", "zz", "80", stored([1]), stored({"enrollment": {}, "name": "x"})])
def test_what_is_no_stored_user_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "user.x.y").write_text(content)
    if content == stored({"enrollment": {}, "name": "x"}):
        assert load_enrollments(tmp_path) == {}
        (tmp_path / "user.x.y").write_text(stored({"enrollment": {"cert": b"x"}, "name": "x"}))
    with pytest.raises(IdentityError, match="is no user that fabric-sdk-py stored"):
        load_enrollments(tmp_path)


def test_a_stored_user_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    (store / "user.x.y").write_text(stored({"enrollment": _Runs()}))
    with pytest.raises(IdentityError, match="is no user"):
        load_enrollments(store)
    assert not (tmp_path / "touched").exists()
