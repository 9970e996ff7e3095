"""Gateway Endorse: whom it asks, what it prepares, and the codes and texts of each failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import collection_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from hlf.wire.policy import parse_policy
from hlf_emulator.gateway.endorse import endorse
from hlf_emulator.gateway.peers import GatewayPeers
from hlf_emulator.ledger.definitions import CollectionDefinition
from hlf_emulator.membership.policies import SignaturePolicy
from hlf_emulator.ports.rpc_status import RpcError
from tests.unit.hlf_emulator.net.conftest import World
from tests.unit.hlf_emulator.net.fake_peers import (
    CHAINCODE,
    FakePeer,
    as_peer,
    directory,
    endorsement,
    failure,
    peer,
    proposal,
)


def _endorse(
    peers: Sequence[FakePeer], *, organizations: Sequence[str] = (), transient: bool = False
) -> common_pb2.Envelope:
    request = gateway_pb2.EndorseRequest(
        proposed_transaction=proposal(transient=transient), endorsing_organizations=organizations
    )
    local = as_peer(peers[0])
    patient: Any = SimpleNamespace(time_remaining=lambda: None)
    return asyncio.run(endorse(GatewayPeers(local, directory(*peers)), local.msp_id, request, patient))


def _action(envelope: common_pb2.Envelope) -> transaction_pb2.ChaincodeActionPayload:
    payload = common_pb2.Payload.FromString(envelope.payload)
    actions = transaction_pb2.Transaction.FromString(payload.data).actions
    return transaction_pb2.ChaincodeActionPayload.FromString(actions[0].payload)


@pytest.fixture
def both(world: World) -> list[FakePeer]:
    return [peer(world, "alpha"), peer(world, "beta")]


def test_discovery_finds_the_other_party_and_transient_data_is_left_out(both: list[FakePeer]) -> None:
    envelope = _endorse(both, transient=True)
    action = _action(envelope)
    assert len(action.action.endorsements) == 2
    assert [item.asked for item in both] == [1, 1]
    content = proposal_pb2.ChaincodeProposalPayload.FromString(action.chaincode_proposal_payload)
    assert content.input
    assert not content.TransientMap
    assert not envelope.signature


def test_named_organizations_are_asked_and_no_policy_is_checked(both: list[FakePeer]) -> None:
    assert len(_action(_endorse(both, organizations=["beta"])).action.endorsements) == 1
    assert [item.asked for item in both] == [0, 1]


def test_a_named_organization_without_a_peer(both: list[FakePeer]) -> None:
    both[1].channels["trade"].ready = False
    with pytest.raises(RpcError) as raised:
        _endorse(both, organizations=["beta", "gamma"])
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    assert raised.value.message == "failed to find any endorsing peers for org(s): beta, gamma"
    assert raised.value.details == ()


def test_the_first_peer_s_refusal_comes_with_its_message(both: list[FakePeer]) -> None:
    both[0].answer = lambda: failure(500, "STATE: not now", b"payload")
    with pytest.raises(RpcError) as raised:
        _endorse(both)
    assert raised.value.code is grpc.StatusCode.ABORTED
    assert raised.value.message == "failed to endorse transaction, see attached details for more info"
    detail = raised.value.details[0]
    assert (detail.msp_id, detail.address) == ("alpha", both[0].endpoint)
    assert detail.message == "chaincode response 500, STATE: not now"


def test_answers_that_differ(world: World, both: list[FakePeer]) -> None:
    both[1].answer = lambda: endorsement(both[1].identity, b"another payload")
    with pytest.raises(RpcError) as raised:
        _endorse(both)
    assert raised.value.code is grpc.StatusCode.ABORTED
    assert raised.value.message == (
        "failed to collect enough transaction endorsements, see attached details for more info"
    )
    assert [item.message for item in raised.value.details] == ["ProposalResponsePayloads do not match"]


def test_no_combination_of_peers(both: list[FakePeer]) -> None:
    both[1].running = False
    with pytest.raises(RpcError) as raised:
        _endorse(both)
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.message == (
        "no combination of peers can be derived which satisfy the endorsement policy: "
        "no peer combination can satisfy the endorsement policy"
    )


def test_transient_data_needs_a_peer_of_the_own_organization(both: list[FakePeer]) -> None:
    both[0].channels["trade"].ready = False
    with pytest.raises(RpcError) as raised:
        _endorse(both, transient=True)
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.message.startswith(
        "no endorsers found in the gateway's organization; retry specifying"
    )


def test_transient_data_is_kept_from_endorsers_outside_the_collection(both: list[FakePeer]) -> None:
    members = SignaturePolicy(parse_policy("OR('alpha.member')"))
    for item in both:
        item.channels["trade"].collections["own"] = CollectionDefinition(
            "own", members, collection_pb2.StaticCollectionConfig(name="own"), None, frozenset({"alpha"})
        )

    def answer() -> proposal_response_pb2.ProposalResponse:
        response = endorsement(both[0].identity)
        response.interest.chaincodes.add(name=CHAINCODE, collection_names=["own"], no_private_reads=True)
        return response

    both[0].answer = answer
    assert len(_action(_endorse(both)).action.endorsements) == 2
    with pytest.raises(RpcError) as raised:
        _endorse(both, transient=True)
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.message == (
        "requires endorsement from organisation(s) that are not in the distribution policy of the private "
        "data collection(s): [own]; retry specifying trusted endorsing organizations to protect transient "
        "data"
    )
