"""A transaction's life as its client sees it."""

from __future__ import annotations

import json

import pytest

import hlf
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]


@pytest.mark.feature("A1", "sync", "async")
@pytest.mark.feature("A5", "sync", "async")
@pytest.mark.feature("F1")
def test_what_is_submitted_can_be_read(way: Way, key: str) -> None:
    contract = way.contract()
    assert contract.submit("put", key, "first") == b""
    # It reads what it replaces, and a peer that lags behind reads something else: such a call is made again.
    assert contract.submit("put", key, "second", retry=hlf.Retry(attempts=5)) == b"first"
    assert contract.evaluate("get", key) == b"second"


def test_a_query_writes_nothing(way: Way, key: str) -> None:
    contract = way.contract()
    assert contract.evaluate("put", key, "never") == b""
    with pytest.raises(hlf.EvaluateError, match="NOT_FOUND"):
        contract.evaluate("get", key)


def test_the_outcome_says_where_it_stands_and_who_endorsed(way: Way, key: str) -> None:
    outcome = way.contract().execute("put", key, "value")
    assert (outcome.result, outcome.validation_code) == (b"", "VALID")
    assert len(set(outcome.endorsers)) == 2
    info = way.gateway().network("trade").contract("qscc")
    assert info.evaluate("GetTransactionByID", "trade", outcome.transaction_id)
    assert outcome.block_number > 0


@pytest.mark.feature("A6", "sync", "async")
def test_the_steps_one_by_one(way: Way, key: str) -> None:
    contract = way.contract()
    proposal = contract.propose("put", key, "by steps")
    transaction = proposal.endorse()
    assert transaction.result == b""
    with pytest.raises(hlf.EvaluateError):
        contract.evaluate("get", key)  # endorsed is not yet written
    commit = transaction.submit()
    status = commit.status()
    assert status.successful
    assert {proposal.transaction_id, transaction.transaction_id, commit.transaction_id} == {
        status.transaction_id
    }
    assert contract.evaluate("get", key) == b"by steps"


@pytest.mark.feature("A8", "sync", "async")
def test_arguments_are_texts_or_bytes_and_transient_data_reaches_the_chaincode(way: Way) -> None:
    contract = way.contract()
    assert contract.evaluate("echo", "글") == "글".encode()
    assert contract.evaluate("echo_bytes", bytes(range(256))) == bytes(range(256))
    named = way.gateway().network("trade").contract("assets", "assets")
    assert named.evaluate("echo", "by the contract's name") == b"by the contract's name"
    transient = {"one": b"1", "two": b"2"}
    assert json.loads(contract.evaluate("echo_transient", transient=transient)) == {"one": "1", "two": "2"}


@pytest.mark.feature("A14", "sync", "async")
def test_gateways_share_a_connection_that_outlives_them(way: Way, key: str) -> None:
    first = way.gateway()
    second = way.gateway()
    first.network("trade").contract("assets").submit("put", key, "one")
    first.close()
    assert second.network("trade").contract("assets").evaluate("get", key) == b"one"


@pytest.mark.feature("F7")
@pytest.mark.feature("A16", "sync", "async")
def test_a_read_conflict_says_what_to_do(way: Way, key: str) -> None:
    contract = way.contract()
    late = contract.propose("add", key, "1").endorse()
    contract.submit("add", key, "10")
    status = late.submit().status()
    with pytest.raises(hlf.CommitError, match=r"MVCC_READ_CONFLICT.*try a new proposal") as refused:
        hlf.flows.require_valid(status)
    assert refused.value.retryable
    assert refused.value.block_number == status.block_number
    assert hlf.Retry(conflicts=True).allows(refused.value)
    assert not hlf.Retry().allows(refused.value)
    assert contract.submit("add", key, "1", retry=hlf.Retry(attempts=5, conflicts=True)) == b"11"


@pytest.mark.feature("A9", "sync", "async")
def test_a_deadline_covers_the_whole_of_submit(way: Way, key: str) -> None:
    with pytest.raises(hlf.GatewayError) as late:
        way.contract().submit("put", key, "value", timeout=0.0001)
    assert late.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.feature("F8")
def test_arguments_and_answers_longer_than_grpc_s_default(way: Way) -> None:
    text = "x" * (5 * 1024 * 1024)
    assert way.contract().evaluate("echo", text) == text.encode()
