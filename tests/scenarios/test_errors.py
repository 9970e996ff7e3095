"""What can be refused, and how the caller learns of it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import hlf
from hlf_network.waiting import wait_until
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]


@pytest.mark.feature("A10", "sync", "async")
@pytest.mark.feature("F6")
def test_the_chaincode_s_own_message_is_in_the_error(way: Way) -> None:
    contract = way.contract()
    with pytest.raises(hlf.EvaluateError, match="REFUSED: not on a Sunday") as evaluated:
        contract.evaluate("refuse", "not on a Sunday")
    assert evaluated.value.code == "UNKNOWN"
    with pytest.raises(hlf.EndorseError, match="REFUSED: not on a Sunday") as endorsed:
        contract.submit("refuse", "not on a Sunday")
    error = endorsed.value
    assert (error.code, error.retryable) == ("ABORTED", False)
    assert error.details[0].message.endswith("REFUSED: not on a Sunday")
    assert error.details[0].msp_id in {"org-a", "org-b", "org-c"}
    assert len(error.transaction_id) == 64
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_message_longer_than_grpc_s_own_limit_for_metadata(way: Way) -> None:
    with pytest.raises(hlf.EvaluateError, match=r"REFUSED: x{20000}"):
        way.contract().evaluate("refuse", "x" * 20_000)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (["echo"], "expected 1 argument"),
        (["nothing"], "nothing"),
        (["break_down"], "ZeroDivisionError|internal|INTERNAL"),
    ],
)
def test_a_call_that_the_chaincode_cannot_answer(way: Way, call: list[str], text: str) -> None:
    with pytest.raises(hlf.EvaluateError, match=text):
        way.contract().evaluate(*call)
    assert way.contract().evaluate("echo", "still there") == b"still there"


def test_a_chaincode_that_is_not_there(way: Way) -> None:
    with pytest.raises(hlf.EndorseError, match="no chaincode of that name is defined") as refused:
        way.contract(chaincode="nonexistent").submit("put", "a", "b")
    assert refused.value.code in {"FAILED_PRECONDITION", "UNAVAILABLE"}


def test_a_user_of_another_organization_through_this_peer(way: Way) -> None:
    """A member's user may ask any peer of the channel; a signature that is not the creator's may not."""
    stranger = hlf.SigningIdentity(way.identity("org-b").identity, way.identity("org-c").private_key)
    gateway = way.gateway("org-a", stranger)
    with pytest.raises(hlf.EvaluateError, match="access denied") as refused:
        gateway.network("trade").contract("assets").evaluate("echo", "x")
    assert "not made by the certificate's key" in str(refused.value)
    guest = way.gateway("org-a", way.identity("org-b")).network("trade").contract("assets")
    assert guest.evaluate("echo", "x") == b"x"


def test_one_organization_cannot(way: Way, key: str) -> None:
    contract, both = way.contract(), ["org-a", "org-b"]
    contract.submit("hide", "org-a_org-b", key, transient={"value": b'"told"'}, endorsing_organizations=both)
    wait_until(lambda: _reveals(contract, key, "org-b"), 30, lambda: "org-b's peer did not catch up")
    # org-c has no part in the collection; two of three are enough, and the gateway finds the two that can.
    outcome = contract.execute("publish", "org-a_org-b", key)
    assert (outcome.result, sorted(outcome.endorsers)) == (b"told", both)
    with pytest.raises(hlf.EndorseError, match="private data matching public hash") as refused:
        contract.submit("publish", "org-a_org-b", key, endorsing_organizations=["org-b", "org-c"])
    assert [detail.msp_id for detail in refused.value.details] == ["org-c"]


def _reveals(contract: hlf.Contract, key: str, organization: str) -> bool:
    try:
        contract.evaluate("reveal", "org-a_org-b", key, endorsing_organizations=[organization])
    except hlf.EvaluateError:
        return False
    return True


def test_endorsers_that_disagree(way: Way, key: str) -> None:
    with pytest.raises(hlf.EndorseError, match="not deterministic") as refused:
        way.contract().submit("disagree", key)
    assert refused.value.code == "ABORTED"


@pytest.mark.feature("A10", "sync", "async")
def test_too_few_endorsements_commit_as_invalid(way: Way, key: str) -> None:
    with pytest.raises(hlf.CommitError, match="ENDORSEMENT_POLICY_FAILURE") as invalid:
        way.contract().submit("put", key, "x", endorsing_organizations=["org-a"])
    error: Any = pickle.loads(pickle.dumps(invalid.value))
    assert (error.validation_code, error.retryable) == ("ENDORSEMENT_POLICY_FAILURE", False)
    assert error.block_number > 0
    assert len(error.transaction_id) == 64
