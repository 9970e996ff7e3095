"""Who endorses: organizations by name, keys with owners of their own, and peers that are not there."""

from __future__ import annotations

import pytest

import hlf
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]


def test_a_query_is_sent_to_the_organization_named(way: Way, key: str) -> None:
    """Only org-c's own peer has the values of org-c's collection."""
    way.contract("org-c").submit("hide", "org-c", key, transient={"value": b'"own"'})
    contract = way.gateway("org-a", way.identity("org-c")).network("trade").contract("assets")
    assert contract.evaluate("reveal", "org-c", key, endorsing_organizations=["org-c"]) == b"own"
    with pytest.raises(hlf.EvaluateError):
        contract.evaluate("reveal", "org-c", key, endorsing_organizations=["org-a"])


@pytest.mark.feature("A8", "sync", "async")
def test_the_organizations_named_and_no_others_endorse(way: Way, key: str) -> None:
    contract = way.contract()
    named = ["org-b", "org-c"]
    transaction = contract.propose("put", key, "x", endorsing_organizations=named).endorse()
    assert sorted(transaction.endorsers) == named
    assert transaction.submit().status().successful


def test_a_key_with_owners_changes_with_their_endorsement_only(way: Way, key: str) -> None:
    contract = way.contract()
    contract.submit("give", key, '["org-b", "org-c"]')
    # `overwrite` reads nothing: endorsers need not be equally far.
    # The owners alone satisfy the key's policy, and the gateway finds them by itself.
    assert sorted(contract.execute("overwrite", key, "by its owners").endorsers) == ["org-b", "org-c"]
    with pytest.raises(hlf.CommitError, match="ENDORSEMENT_POLICY_FAILURE"):
        contract.submit("overwrite", key, "by others", endorsing_organizations=["org-a", "org-b"])
    assert contract.evaluate("get", key) == b"by its owners"


def test_a_key_of_one_owner(way: Way, key: str) -> None:
    contract = way.contract()
    contract.submit("give", key, '["org-a"]')
    contract.submit("overwrite", key, "mine", endorsing_organizations=["org-a"])
    with pytest.raises(hlf.CommitError):
        contract.submit("overwrite", key, "theirs", endorsing_organizations=["org-b", "org-c"])
    assert contract.evaluate("get", key) == b"mine"
