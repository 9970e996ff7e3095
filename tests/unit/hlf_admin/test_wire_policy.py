import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlf.wire import policy


def roles(envelope: policies_pb2.SignaturePolicyEnvelope) -> list[tuple[str, int]]:
    found = []
    for principal in envelope.identities:
        role = msp_principal_pb2.MSPRole.FromString(principal.principal)
        found.append((role.msp_identifier, role.role))
    return found


# What policydsl.FromString of Fabric 3.1.5 gives, marshalled.
POLICYDSL = {
    "AND('A.peer', OR('B.member','C.admin'), OutOf(2,'D.client','E.orderer'))": (
        "12241222080312020804120c120a08011202080012020801120c120a080212020802120208031a0512030a01421a"
        "0712050a014310011a0712050a014410021a0712050a014510041a0712050a01411003"
    ),
    "AND(OR('A.peer',AND('B.peer','C.peer')),'D.peer')": (
        "1220121e080212161214080112020802120c120a08021202080012020801120208031a0712050a014210031a0712"
        "050a014310031a0712050a014110031a0712050a01441003"
    ),
}


@pytest.mark.parametrize("text", POLICYDSL)
def test_the_bytes_are_those_of_peer_lifecycle(text: str) -> None:
    encoded = policy.parse_policy(text).SerializeToString(deterministic=True)
    assert encoded.hex() == POLICYDSL[text]


def test_gates_become_thresholds_and_inner_principals_are_numbered_first() -> None:
    envelope = policy.parse_policy(
        "AND('A.peer', or('B.member',\"C.admin\"), OutOf(2,'D.client','E.orderer'))"
    )
    assert roles(envelope) == [("B", 0), ("C", 1), ("D", 2), ("E", 4), ("A", 3)]
    outer = envelope.rule.n_out_of
    assert outer.n == 3
    assert outer.rules[0].signed_by == 4
    assert [rule.signed_by for rule in outer.rules[1].n_out_of.rules] == [0, 1]
    assert outer.rules[1].n_out_of.n == 1
    assert outer.rules[2].n_out_of.n == 2


def test_repeated_principals_are_not_merged_as_in_fabric() -> None:
    assert len(policy.parse_policy("OR('A.peer','A.peer')").identities) == 2


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("OR('A.pear')", 3, "unknown role 'pear'"),
        ("AND('A.peer'", 12, "found the end"),
        ("XOR('A.peer')", 0, "unknown gate 'XOR'"),
        ("AND('A.peer') x", 14, "expected the end"),
        ("AND(A.peer)", 5, "unexpected '.'"),
        ("OutOf(3,'A.peer')", 6, "3 out of 1"),
        ("OutOf(0,'A.peer')", 6, "0 out of 1"),
        ("OutOf('A.peer')", 6, "needs a number"),
        ("OR('A.peer',)", 12, "expected AND"),
        ("OR()", 3, "expected AND"),
        ("", 0, "found the end"),
        ("OR('nodot')", 3, "is not 'MSP.role'"),
    ],
)
def test_errors_name_the_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(policy.PolicySyntaxError) as caught:
        policy.parse_policy(text)
    assert caught.value.position == position
    assert reason in str(caught.value)
    assert f"position {position}" in str(caught.value)


principals = st.builds(
    lambda msp, role: f"'{msp}.{role}'",
    st.sampled_from(["A", "bank-a", "Org1MSP", "org.example", "0"]),
    st.sampled_from(["member", "admin", "client", "peer", "orderer"]),
)


def gates(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(children, min_size=2, max_size=4)
    return st.one_of(
        parts.map(lambda each: f"AND({','.join(each)})"),
        parts.map(lambda each: f"OR({','.join(each)})"),
        st.lists(children, min_size=3, max_size=4).map(lambda each: f"OutOf(2,{','.join(each)})"),
    )


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(gates(st.recursive(principals, gates, max_leaves=8)))
def test_text_round_trips(text: str) -> None:
    assert policy.format_policy(policy.parse_policy(text)) == text


def test_a_rule_may_be_implicit_meta_or_signatures() -> None:
    meta = policy.config_policy("MAJORITY Admins")
    assert meta.type == policies_pb2.Policy.IMPLICIT_META
    assert policy.format_config_policy(meta) == "MAJORITY Admins"
    signatures = policy.config_policy("OR('A.admin')")
    assert signatures.type == policies_pb2.Policy.SIGNATURE
    assert policy.format_config_policy(signatures) == "OR('A.admin')"
    assert policy.config_policy(meta) is meta


def test_an_endorsement_policy_may_name_a_channel_policy() -> None:
    reference = policy.application_policy("/Channel/Application/Admins")
    assert reference.channel_config_policy_reference == "/Channel/Application/Admins"
    for text in ("/Channel/Application/Admins", "AND('A.peer','B.peer')"):
        assert policy.format_application_policy(policy.application_policy(text)) == text


def test_organizations_are_named_once() -> None:
    assert policy.msp_ids(policy.parse_policy("OR('B.peer','A.peer','B.admin')")) == ("B", "A")


def test_a_single_identity_is_shown_by_its_fingerprint() -> None:
    envelope = policies_pb2.SignaturePolicyEnvelope(
        rule=policy.n_out_of(1, [policies_pb2.SignaturePolicy(signed_by=0)]),
        identities=[policy.identity_principal("A", b"certificate")],
    )
    assert policy.format_policy(envelope).startswith("OR('A.identity:")
