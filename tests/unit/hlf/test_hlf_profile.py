"""Connection profiles: fabric-samples' form, paths and texts, and errors that name the field."""

import json

import pytest
import yaml

from hlf import ConfigurationError, Endpoint, Gateway, load_profile

SAMPLE = {
    "name": "test-network-org1",
    "version": "1.0.0",
    "client": {"organization": "Org1", "connection": {"timeout": {"peer": {"endorser": "300"}}}},
    "organizations": {
        "Org1": {
            "mspid": "Org1MSP",
            "peers": ["peer0.org1.example.com"],
            "certificateAuthorities": ["ca.org1.example.com"],
        }
    },
    "peers": {
        "peer0.org1.example.com": {
            "url": "grpcs://localhost:7051",
            "tlsCACerts": {"pem": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"},
            "grpcOptions": {
                "ssl-target-name-override": "peer0.org1.example.com",
                "hostnameOverride": "peer0.org1.example.com",
            },
        }
    },
    "certificateAuthorities": {
        "ca.org1.example.com": {
            "url": "https://localhost:7054",
            "caName": "ca-org1",
            "tlsCACerts": {"pem": ["-----BEGIN CERTIFICATE-----\ny\n-----END CERTIFICATE-----\n"]},
            "httpOptions": {"verify": False},
        }
    },
}


def write(tmp_path, data, suffix="yaml"):
    file = tmp_path / f"profile.{suffix}"
    file.write_text(json.dumps(data) if suffix == "json" else yaml.safe_dump(data))
    return file


@pytest.mark.feature("D1")
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_sample_profile(tmp_path, suffix):
    profile = load_profile(write(tmp_path, SAMPLE, suffix))
    assert profile.msp_id == "Org1MSP"
    endpoint = profile.peer().endpoint
    assert endpoint.address == "localhost:7051"
    assert endpoint.override_host == "peer0.org1.example.com"
    assert endpoint.tls_root_pem.startswith(b"-----BEGIN")
    assert profile.certificate_authorities["ca.org1.example.com"].url == "https://localhost:7054"
    with pytest.raises(ConfigurationError, match=r"known: peer0\.org1"):
        profile.peer("peer9")


@pytest.mark.feature("D1")
def test_certificate_by_path_is_relative_to_the_profile(tmp_path, identity):
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    data = {**SAMPLE, "peers": {"p": {"url": "grpcs://h:1", "tlsCACerts": {"path": "ca.pem"}}}}
    assert load_profile(write(tmp_path, data)).peers["p"].endpoint.tls_root_pem == b"PEM"


@pytest.mark.feature("D1")
def test_mutual_tls(tmp_path, identity):
    (tmp_path / "client.pem").write_bytes(identity.certificate)
    client = {"cert": {"path": "client.pem"}, "key": {"pem": "a key"}}
    data = {**SAMPLE, "client": {"organization": "Org1", "tlsCerts": {"client": client}}}
    endpoint = load_profile(write(tmp_path, data)).peer().endpoint
    assert endpoint.client_certificate_pem == identity.certificate
    assert endpoint.client_key_pem == b"a key"
    del client["key"]
    with pytest.raises(ConfigurationError, match=r"client\.tlsCerts\.client: cert and key belong together"):
        load_profile(write(tmp_path, data))


def test_plain_peer(tmp_path, identity, fake):
    data = {
        "organizations": {"Org1": {"mspid": "Org1MSP", "peers": ["p"]}},
        "peers": {"p": {"url": f"grpc://{fake.address}"}},
    }
    with Gateway.from_profile(write(tmp_path, data), identity) as gateway:
        assert gateway.network("ch").contract("basic").evaluate("Read") == b"Read"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"client": {"organization": "Nobody"}}, "client.organization"),
        ({"organizations": {"Org1": {}}}, "organizations.Org1.mspid"),
        ({"organizations": []}, "organizations"),
        ({"peers": {"p": {"url": "localhost"}}}, "peers.p.url"),
        ({"peers": {"p": {"url": "grpcs://localhost"}}}, "peers.p.url"),
        (
            {"peers": {"p": {"url": "grpc://h:1", "grpcOptions": {"ssl-target-name-override": 5}}}},
            "peers.p.grpcOptions",
        ),
        ({"peers": {"p": {"url": "grpcs://h:1", "tlsCACerts": {"path": "gone"}}}}, "peers.p.tlsCACerts.path"),
        ({"peers": {"p": {"url": "grpcs://h:1", "tlsCACerts": {"pem": 5}}}}, "peers.p.tlsCACerts.pem"),
    ],
)
def test_errors_name_file_and_field(tmp_path, change, field):
    with pytest.raises(ConfigurationError) as caught:
        load_profile(write(tmp_path, {**SAMPLE, **change}))
    assert caught.value.field == field
    assert "profile.yaml" in str(caught.value)


def test_a_peer_without_its_authority_is_named_with_the_file(tmp_path, identity):
    path = write(tmp_path, {**SAMPLE, "peers": {"p": {"url": "grpcs://h:1"}}})
    with pytest.raises(ConfigurationError, match=r"profile\.yaml: tlsCACerts: p uses TLS"):
        Gateway.from_profile(path, identity, peer="p")


def test_unreadable_profiles(tmp_path):
    with pytest.raises(ConfigurationError):
        load_profile(tmp_path / "none.yaml")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigurationError):
        load_profile(tmp_path / "bad.json")


def test_endpoints_that_cannot_be(identity):
    for address in ("host", ":1", "host:port"):
        with pytest.raises(ConfigurationError):
            Endpoint(address)
    with pytest.raises(ConfigurationError):
        Endpoint("h:1", client_key_pem=b"x")
    endpoint = Endpoint(
        "h:1", b"root", client_certificate_pem=identity.certificate, client_key_pem=b"a secret"
    )
    assert len(endpoint.tls_certificate_hash) == 32
    assert "secret" not in repr(endpoint)
    assert dict(endpoint.options())["grpc.keepalive_time_ms"] >= 60_000
    assert dict(endpoint.options())["grpc.max_receive_message_length"] == 100 * 1024 * 1024
