"""The topology's policy language against what its readers mean by it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlf.wire.policy import parse_policy
from hlf_network.policies import Policy, PolicyError, majority_of, parse

ORGANIZATIONS = ("a", "b", "c")
GROUPS = {"both": ("b", "c")}


@pytest.mark.parametrize(
    ("text", "fabric"),
    [
        ("AND(a, b)", "AND('a.peer', 'b.peer')"),
        ("AND(a, OR(both))", "AND('a.peer', OR('b.peer', 'c.peer'))"),
        ("AND(both)", "AND('b.peer', 'c.peer')"),
        ("both", "AND('b.peer', 'c.peer')"),
        ("OutOf(2, a, both)", "OutOf(2, 'a.peer', 'b.peer', 'c.peer')"),
        ("a", "OR('a.peer')"),
        ("AND(OR(a,b),OR(both))", "AND(OR('a.peer', 'b.peer'), OR('b.peer', 'c.peer'))"),
    ],
)
def test_expressions(text: str, fabric: str) -> None:
    expression = parse(text, ORGANIZATIONS, GROUPS).expression()
    assert expression == fabric
    parse_policy(expression)  # Fabric's own notation, as the SDK reads it


@pytest.mark.parametrize(
    "text", ["", "AND()", "AND(a,)", "XOR(a, b)", "AND(a) b", "a; b", "OutOf(a, b)", "x"]
)
def test_refusals(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text, ORGANIZATIONS, GROUPS)


def test_majorities() -> None:
    assert [majority_of("abcdefg"[:n]).threshold for n in range(1, 6)] == [1, 2, 2, 3, 3]


POLICIES = st.recursive(
    st.sampled_from(ORGANIZATIONS),
    lambda parts: st.lists(parts, min_size=1, max_size=3).flatmap(
        lambda chosen: st.integers(1, len(chosen)).map(lambda n: Policy(n, tuple(chosen)))
    ),
    max_leaves=6,
).filter(lambda value: isinstance(value, Policy))


@given(POLICIES)
def test_more_signatures_never_hurt_and_all_suffice(policy: Policy) -> None:
    assert policy.satisfied_by(ORGANIZATIONS)
    assert not policy.satisfied_by(())
    subsets = [set(one) for n in range(4) for one in itertools.combinations(ORGANIZATIONS, n)]
    for small, large in itertools.product(subsets, subsets):
        if small <= large and policy.satisfied_by(tuple(small)):
            assert policy.satisfied_by(tuple(large))


@given(POLICIES)
def test_the_smallest_set_is_enough_and_none_of_it_spare(policy: Policy) -> None:
    smallest = policy.smallest(ORGANIZATIONS)
    assert policy.satisfied_by(smallest)
    assert not any(policy.satisfied_by([name for name in smallest if name != left]) for left in smallest)


@given(POLICIES)
def test_what_is_written_reads_back_to_the_same(policy: Policy) -> None:
    text = policy.expression().replace(".peer", "").replace("'", "")
    assert parse(text, ORGANIZATIONS, {}).expression() == policy.expression()
