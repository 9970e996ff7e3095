"""Keys that the connected program never sees: it hands out digests and is given signatures."""

from __future__ import annotations

import pytest

import hlf
from hlf.events import Blocks, FilteredBlocks, PrivateBlocks
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]


def test_nothing_is_sent_unsigned(way: Way, key: str) -> None:
    contract = way.gateway(identity=way.identity().identity).network("trade").contract("assets")
    with pytest.raises(hlf.IdentityError, match="without a key"):
        contract.evaluate("echo", "x")
    with pytest.raises(hlf.IdentityError, match="without a key"):
        contract.submit("put", key, "x")


@pytest.mark.feature("A7", "sync", "async")
def test_every_step_is_signed_elsewhere(way: Way, key: str) -> None:
    signer = way.identity()  # somewhere else
    gateway = way.gateway(identity=signer.identity)
    contract = gateway.network("trade").contract("assets")

    question = contract.propose("echo", "asked offline")
    signed = gateway.proposal(question.bytes(), signer.sign_digest(question.digest()))
    assert signed.evaluate() == b"asked offline"

    unsigned = contract.propose("put", key, "offline")
    proposal = gateway.proposal(unsigned.bytes(), signer.sign_digest(unsigned.digest()))
    endorsed = proposal.endorse()
    transaction = gateway.transaction(endorsed.bytes(), signer.sign_digest(endorsed.digest()))
    submitted = transaction.submit()
    commit = gateway.commit(submitted.bytes(), signer.sign_digest(submitted.digest()))
    status = commit.status()
    assert (status.successful, status.transaction_id) == (True, unsigned.transaction_id)
    assert way.contract().evaluate("get", key) == b"offline"


@pytest.mark.feature("A7", "sync", "async")
def test_event_requests_are_signed_elsewhere(way: Way, key: str) -> None:
    block = way.contract().execute("announce", key, "payload").block_number
    signer = way.identity()
    gateway = way.gateway(identity=signer.identity)
    network = gateway.network("trade")
    unsigned = network.chaincode_events_request("assets", start_block=block)
    signature = signer.sign_digest(unsigned.digest())
    with gateway.events(gateway.chaincode_events_request(unsigned.bytes(), signature)) as events:
        assert any(event.name == key for event in events)
    for kind in (Blocks, FilteredBlocks, PrivateBlocks):
        request = network.blocks_request(kind, block, block)
        signature = signer.sign_digest(request.digest())
        with gateway.events(gateway.blocks_request(kind, request.bytes(), signature)) as blocks:
            assert len(list(blocks)) == 1


@pytest.mark.feature("A2", "sync", "async")
def test_an_identity_of_a_kind_that_no_member_has_is_refused_by_the_peer(way: Way) -> None:
    """What identifies is bytes to the client: an MSP, not the client, decides whether it is a certificate."""
    badge = hlf.SigningIdentity(hlf.Identity("org-a", b"a badge of another kind"), lambda message: b"signed")
    with pytest.raises(hlf.EvaluateError, match="access denied") as refused:
        way.gateway(identity=badge).network("trade").contract("assets").evaluate("echo", "x")
    assert refused.value.transaction_id
