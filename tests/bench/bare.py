"""A transaction on the bare protocol: what any client of the Gateway service must do, and nothing more."""

from __future__ import annotations

import os
import time
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, SignatureHeader
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer.chaincode_pb2 import (
    ChaincodeID,
    ChaincodeInput,
    ChaincodeInvocationSpec,
    ChaincodeSpec,
)
from fabric_protos.peer.proposal_pb2 import (
    ChaincodeHeaderExtension,
    ChaincodeProposalPayload,
    Proposal,
    SignedProposal,
)
from google.protobuf.timestamp_pb2 import Timestamp

from hlf import SigningIdentity
from hlf.wire.proposal import transaction_id

ARGUMENT = b"x" * 200
_TIMEOUT = 30


async def bare_transaction(stub: Any, identity: SigningIdentity) -> None:
    """Endorse, submit and wait for the commit on an asynchronous stub of the Gateway service."""
    identifier, proposal = _proposal(identity)
    endorsed = await stub.Endorse(proposal, timeout=_TIMEOUT)
    await stub.Submit(_submission(identifier, endorsed, identity), timeout=_TIMEOUT)
    await stub.CommitStatus(_question(identifier, identity), timeout=_TIMEOUT)


def blocking_transaction(stub: Any, identity: SigningIdentity) -> None:
    """The same on a synchronous stub."""
    identifier, proposal = _proposal(identity)
    endorsed = stub.Endorse(proposal, timeout=_TIMEOUT)
    stub.Submit(_submission(identifier, endorsed, identity), timeout=_TIMEOUT)
    stub.CommitStatus(_question(identifier, identity), timeout=_TIMEOUT)


def _proposal(identity: SigningIdentity) -> tuple[str, gateway_pb2.EndorseRequest]:
    nonce, creator = os.urandom(24), identity.serialized()
    identifier = transaction_id(nonce, creator)
    name = ChaincodeID(name="basic")
    now = time.time_ns()
    header = Header(
        channel_header=ChannelHeader(
            type=3,
            timestamp=Timestamp(seconds=now // 10**9, nanos=now % 10**9),
            channel_id="ch",
            tx_id=identifier,
            extension=ChaincodeHeaderExtension(chaincode_id=name).SerializeToString(),
        ).SerializeToString(),
        signature_header=SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
    )
    call = ChaincodeInvocationSpec(
        chaincode_spec=ChaincodeSpec(chaincode_id=name, input=ChaincodeInput(args=[b"Write", ARGUMENT]))
    )
    payload = ChaincodeProposalPayload(input=call.SerializeToString())
    proposal = Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    ).SerializeToString()
    signed = SignedProposal(proposal_bytes=proposal, signature=identity.sign(proposal))
    request = gateway_pb2.EndorseRequest(
        transaction_id=identifier, channel_id="ch", proposed_transaction=signed
    )
    return identifier, request


def _submission(identifier: str, endorsed: Any, identity: SigningIdentity) -> gateway_pb2.SubmitRequest:
    body = endorsed.prepared_transaction.payload
    envelope = Envelope(payload=body, signature=identity.sign(body))
    return gateway_pb2.SubmitRequest(
        transaction_id=identifier, channel_id="ch", prepared_transaction=envelope
    )


def _question(identifier: str, identity: SigningIdentity) -> gateway_pb2.SignedCommitStatusRequest:
    ask = gateway_pb2.CommitStatusRequest(
        transaction_id=identifier, channel_id="ch", identity=identity.serialized()
    ).SerializeToString()
    return gateway_pb2.SignedCommitStatusRequest(request=ask, signature=identity.sign(ask))
