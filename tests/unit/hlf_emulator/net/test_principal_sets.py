"""Principal sets: the ways to satisfy a policy, and policies that must hold together."""

from __future__ import annotations

import pytest

from hlf.wire.policy import parse_policy
from hlf_emulator.membership.policies import ImplicitMetaPolicy, SignaturePolicy
from hlf_emulator.membership.principal_sets import PrincipalSet, merge, satisfied_by

_ROLES = ("member", "admin", "client", "peer", "orderer")


def _sets(expression: str) -> list[PrincipalSet]:
    return satisfied_by(SignaturePolicy(parse_policy(expression)))


def _text(sets: list[PrincipalSet]) -> set[tuple[str, ...]]:
    return {tuple(sorted(f"{item.msp_id}.{_ROLES[item.role or 0]}" for item in one)) for one in sets}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("AND('A.peer','B.peer')", {("A.peer", "B.peer")}),
        ("OR('A.peer','B.peer')", {("A.peer",), ("B.peer",)}),
        (
            "OutOf(2,'A.peer','B.peer','C.peer')",
            {("A.peer", "B.peer"), ("A.peer", "C.peer"), ("B.peer", "C.peer")},
        ),
        ("OR('A.peer', AND('A.peer','B.peer'))", {("A.peer",)}),
        ("AND('A.peer', OR('B.peer','C.peer'))", {("A.peer", "B.peer"), ("A.peer", "C.peer")}),
    ],
)
def test_a_signature_policy_has_its_minimal_sets(expression: str, expected: set[tuple[str, ...]]) -> None:
    assert _text(_sets(expression)) == expected


def test_an_implicit_meta_policy_chooses_among_its_parts() -> None:
    parts = tuple(SignaturePolicy(parse_policy(f"OR('{name}.peer')")) for name in "ABC")
    assert _text(satisfied_by(ImplicitMetaPolicy("Endorsement", 2, parts))) == {
        ("A.peer", "B.peer"),
        ("A.peer", "C.peer"),
        ("B.peer", "C.peer"),
    }


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("OR('A.peer','B.peer')", "OR('B.peer','C.peer')", {("B.peer",), ("A.peer", "C.peer")}),
        ("OR('A.member')", "OR('A.peer')", {("A.peer",)}),
        ("OR('A.peer')", "OR('A.member')", {("A.peer",)}),
        ("AND('A.peer','B.peer')", "OR('C.peer')", {("A.peer", "B.peer", "C.peer")}),
    ],
)
def test_policies_that_hold_together_share_principals(
    first: str, second: str, expected: set[tuple[str, ...]]
) -> None:
    assert _text(merge(_sets(first), _sets(second))) == expected
