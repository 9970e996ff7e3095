"""Key-level policies: the bytes that Fabric's own builders make."""

from __future__ import annotations

import pytest
from fabric_protos.common import policies_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from hlf_chaincode import all_of, any_of, key_policy, majority_of, out_of, parse_policy, read_policy
from hlf_chaincode.policy import Principal, Rule, key_policy_organizations

# What policydsl.FromString of Fabric 3.1.5 gives, marshalled.
POLICYDSL = {
    "AND('A.peer', OR('B.member','C.admin'), OutOf(2,'D.client','E.orderer'))": (
        "12241222080312020804120c120a08011202080012020801120c120a080212020802120208031a0512030a01421a"
        "0712050a014310011a0712050a014410021a0712050a014510041a0712050a01411003"
    ),
    "OR('A.peer','A.peer')": "120c120a080112020800120208011a0712050a014110031a0712050a01411003",
    "OutOf(2,'a.peer','b.peer','c.peer')": (
        "1210120e08021202080012020801120208021a0712050a016110031a0712050a016210031a0712050a01631003"
    ),
    "AND(OR('A.peer',AND('B.peer','C.peer')),'D.peer')": (
        "1220121e080212161214080112020802120c120a08021202080012020801120208031a0712050a014210031a0712"
        "050a014310031a0712050a014110031a0712050a01441003"
    ),
}


@pytest.mark.parametrize("text", POLICYDSL)
def test_rules_are_numbered_as_the_peer_numbers_them(text):
    assert parse_policy(text).to_bytes().hex() == POLICYDSL[text]


def test_builders_make_what_text_says():
    built = all_of("A.peer", any_of("B.member", "C.admin"), out_of(2, "D.client", "E.orderer"))
    assert (
        built.to_bytes()
        == all_of(
            Principal("A"),
            Rule(1, (Principal("B", "member"), Principal("C", "admin"))),
            out_of(2, "D.client", "E.orderer"),
        ).to_bytes()
    )
    assert str(built) == "AND('A.peer', OR('B.member', 'C.admin'), AND('D.client', 'E.orderer'))"
    assert built.to_bytes().hex() == POLICYDSL[next(iter(POLICYDSL))]


def test_one_signature_of_each_organization_as_statebased_builds_it():
    """statebased: AddOrgs(RoleTypePeer, "bank-b", "bank-a"), AddOrgs(RoleTypePeer, "a")."""
    policy = key_policy(["bank-b", "bank-a", "a", "bank-a"])
    assert policy.hex() == (
        "1210120e08031202080012020801120208021a0712050a016110031a0c120a0a0662616e6b2d6110031a0c120a0a"
        "0662616e6b2d621003"
    )
    assert key_policy_organizations(policy) == ("a", "bank-a", "bank-b")


@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_is_more_than_half(count, wanted):
    rule = majority_of([f"o{number}" for number in reversed(range(count))])
    assert rule.count == wanted
    assert rule.organizations == tuple(f"o{number}" for number in range(count))


@pytest.mark.parametrize(
    "build",
    [
        lambda: out_of(3, "A.peer", "B.peer"),
        lambda: out_of(0, "A.peer"),
        any_of,
        lambda: any_of("A.pear"),
        lambda: any_of("nodot"),
        lambda: key_policy([]),
        lambda: key_policy("AB"),
        lambda: key_policy(["A"], role="boss"),
        lambda: parse_policy("OutOf('A.peer')"),
        lambda: parse_policy("AND('A.peer') x"),
        lambda: parse_policy("'A.peer'"),
        lambda: parse_policy("XOR('A.peer')"),
        lambda: parse_policy("AND('A.peer'"),
        lambda: parse_policy("AND("),
        lambda: read_policy(b"\xff"),
        lambda: read_policy(policies_pb2.SignaturePolicyEnvelope(version=1).SerializeToString()),
        lambda: read_policy(
            policies_pb2.SignaturePolicyEnvelope(
                rule=policies_pb2.SignaturePolicy(signed_by=-1)
            ).SerializeToString()
        ),
    ],
)
def test_what_nobody_could_satisfy_or_read_is_refused(build):
    with pytest.raises(ValueError, match=r"\w"):
        build()


_PARTS = st.builds(
    Principal,
    st.sampled_from(["A", "bank-a", "Org1MSP", "org.example"]),
    st.sampled_from(["peer", "member", "admin"]),
)
_RULES = st.recursive(
    _PARTS,
    lambda inner: st.lists(inner, min_size=1, max_size=4).flatmap(
        lambda parts: st.integers(1, len(parts)).map(lambda count: Rule(count, tuple(parts)))
    ),
    max_leaves=8,
).filter(lambda part: isinstance(part, Rule))


@settings(deadline=None)
@given(_RULES)
def test_rules_come_back_from_their_bytes_and_their_text(rule):
    assert read_policy(rule.to_bytes()) == rule
    assert parse_policy(str(rule)).to_bytes() == rule.to_bytes()
