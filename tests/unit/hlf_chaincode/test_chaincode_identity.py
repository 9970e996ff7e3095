"""The caller's identity, and keys and policies."""

from __future__ import annotations

import base64

import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2

from hlf_chaincode import ClientIdentity, composite_key, key_policy, split_composite_key
from hlf_chaincode.abilities import Abilities
from hlf_chaincode.keys import simple_range
from hlf_chaincode.policy import key_policy_organizations, parse_policy, read_policy
from hlf_chaincode.testing.callers import Caller, Certificates
from hlf_chaincode.testing.policies import satisfied

# Made by Go's crypto/x509, with every attribute that Go prints, two organizations and two units.
GO_CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIB/jCCAaOgAwIBAgIBATAKBggqhkjOPQQDAjBwMQswCQYDVQQGEwJVUzEXMBUG
A1UECBMOTm9ydGggQ2Fyb2xpbmExDzANBgNVBAcTBkR1cmhhbTEZMBcGA1UEChMQ
b3JnMS5leGFtcGxlLmNvbTEcMBoGA1UEAxMTY2Eub3JnMS5leGFtcGxlLmNvbTAg
Fw03MDAxMDEwMDAwMDBaGA8yMTA2MDIwNzA2MjgxNlowgZ0xCzAJBgNVBAYTAktS
MQswCQYDVQQIEwJTVDEKMAgGA1UEBxMBTDEKMAgGA1UECRMBczEKMAgGA1UEERMB
MTEiMA0GA1UECgwG65GQ66CIMBEGA1UEChMKU2VtYXMsIEluYzEcMAsGA1UECxME
b3JnMTANBgNVBAsTBmNsaWVudDEPMA0GA1UEAwwGICNhK2IgMQowCAYDVQQFEwE5
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQu9z17k92FrWZG3epLfwNPBtMnAR
e7feBAQ+kt99PBuETHZekYEGTK2yhmd0NmZlxivIXarNDyexfk2XZROrVTAKBggq
hkjOPQQDAgNJADBGAiEAhVhpCG8Ltodnn1CP9moqpY+++GFhEDAiGgQIqkGCMwQC
IQDSvDAXOlNEUZ5iIwv+c4rAVH84bZ73qQ2j1Fp3dcYOxg==
-----END CERTIFICATE-----
"""
GO_ID = (
    "x509::SERIALNUMBER=9,CN=\\ #a\\+b\\ ,OU=org1+OU=client,O=두레+O=Semas\\, Inc,POSTALCODE=1,STREET=s,"
    "L=L,ST=ST,C=KR::CN=ca.org1.example.com,O=org1.example.com,L=Durham,ST=North Carolina,C=US"
)


def identity(caller: Caller) -> ClientIdentity:
    return ClientIdentity(Certificates().serialized(caller))


def test_id_equals_what_go_gives():
    creator = identities_pb2.SerializedIdentity(mspid="Org1", id_bytes=GO_CERTIFICATE).SerializeToString()
    client = ClientIdentity(creator)
    assert base64.b64decode(client.id).decode() == GO_ID
    assert client.msp_id == "Org1"
    assert client.organizational_units == ("org1", "client")
    assert client.role == "client"
    assert client.certificate_pem == GO_CERTIFICATE


def test_attributes_come_from_the_certificate():
    """Defect: attributes never filled."""
    client = identity(Caller("A", {"holder": "h-1", "kind": "officer"}, role="admin"))
    assert client.attributes == {"holder": "h-1", "kind": "officer"}
    assert client.attribute("holder") == "h-1"
    assert client.attribute("nothing") is None
    assert client.role == "admin"


def test_certificate_without_attributes_or_role():
    client = identity(Caller("A", role=""))
    assert (client.attributes, client.role) == ({}, "")


@pytest.mark.parametrize("part", ["a\x00b", "\U0010ffff", "\x00"])
def test_composite_keys_with_reserved_characters_are_refused(part):
    """Defect: composite keys with embedded NUL accepted."""
    with pytest.raises(ValueError, match="not allowed in a composite key"):
        composite_key("type", ["x", part])
    with pytest.raises(ValueError, match="not allowed in a composite key"):
        composite_key(part, [])


def test_composite_keys_split_into_what_they_were_made_of():
    key = composite_key("loan", ["두레", "", "2"])
    assert key == "\x00loan\x00두레\x00\x002\x00"
    assert split_composite_key(key) == ("loan", ["두레", "", "2"])
    with pytest.raises(ValueError, match="not a composite key"):
        split_composite_key("simple")


def test_open_range_leaves_composite_keys_out():
    assert simple_range("", "") == ("\x01", "")
    with pytest.raises(ValueError, match="simple keys"):
        simple_range("\x00loan\x00", "")


def test_key_policy_is_what_the_go_builder_makes():
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(key_policy(["B", "A", "B"]))
    roles = [msp_principal_pb2.MSPRole.FromString(p.principal) for p in envelope.identities]
    assert [(r.msp_identifier, r.role) for r in roles] == [("A", 3), ("B", 3)]
    assert envelope.rule.n_out_of.n == 2
    assert [rule.signed_by for rule in envelope.rule.n_out_of.rules] == [0, 1]
    assert key_policy_organizations(key_policy(["B", "A"])) == ("A", "B")


@pytest.mark.parametrize("wrong", [[], "A"])
def test_key_policy_needs_organizations(wrong):
    with pytest.raises(ValueError, match="at least one organization"):
        key_policy(wrong)


@pytest.mark.parametrize(
    ("policy", "signers", "expected"),
    [
        ("AND('A.peer','B.peer')", "AB", True),
        ("AND('A.peer','B.peer')", "AA", False),
        ("AND('A.peer', OR('B.member', 'C.peer'))", "AC", True),
        ("AND('A.peer', OR('B.member', 'C.peer'))", "BC", False),
        ("OutOf(2, 'A.peer', 'B.peer', 'C.peer')", "CA", True),
        ("OutOf(2, 'A.peer', 'B.peer', 'C.peer')", "C", False),
        ("OR('A.admin','A.client')", "A", False),
        # One signature counts once.
        ("AND('A.peer','A.member')", "A", False),
        ("AND('A.peer','A.member')", "AA", True),
        ("AND('foundation.seoul.peer')", "", False),
    ],
)
def test_policies_count_each_signature_once(policy, signers, expected):
    assert satisfied(parse_policy(policy), [(signer, "peer") for signer in signers]) is expected


def test_policy_names_may_hold_dots():
    assert parse_policy("OR('foundation.seoul.peer')").organizations == ("foundation.seoul",)


def test_key_policy_reads_back():
    policy = read_policy(key_policy(["A", "B"]))
    assert satisfied(policy, [("B", "peer"), ("A", "peer")])
    assert not satisfied(policy, [("A", "peer")])


@pytest.mark.parametrize(
    "text", ["", "AND(", "AND()", "'A'", "OutOf(3, 'A.peer')", "OR('A.peer') x", "'A.boss'"]
)
def test_malformed_policies_are_refused(text):
    with pytest.raises(ValueError, match=r"policy|ORGANIZATION\.role|cannot be asked for"):
        parse_policy(text)


def test_abilities_round_trip_and_small_limits_are_raised():
    assert Abilities.from_payload(Abilities(1000, 500).to_payload()) == Abilities(1000, 500)
    assert Abilities.from_payload(b"") == Abilities()
    assert Abilities.from_payload(b"\x08\x01\x10\x05") == Abilities(100, 0)
