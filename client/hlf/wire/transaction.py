"""Transactions: what the Gateway prepares, what direct endorsement assembles, and envelopes in general."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, Payload
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeProposalPayload, Proposal
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
)
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
)
from google.protobuf.message import DecodeError

from hlf.errors import EndorseError, PeerDetail
from hlf.identity import SigningIdentity


class TransactionFacts(NamedTuple):
    """What an endorsed transaction says: result as the chaincode returned it, endorsers as it names them."""

    transaction_id: str
    channel: str
    result: bytes
    response_status: int
    response_message: str
    endorsements: Sequence[Endorsement]

    @property
    def endorsers(self) -> tuple[str, ...]:
        """MSP ids of the organizations that endorsed, each once; an identity that cannot be read is none."""
        found: dict[str, None] = {}
        for endorsement in self.endorsements:
            with contextlib.suppress(DecodeError):
                found[SerializedIdentity.FromString(endorsement.endorser).mspid] = None
        return tuple(found)


def read_transaction(payload: bytes) -> TransactionFacts:
    """Read the payload of an endorser transaction's envelope (serialized common.Payload)."""
    envelope_payload = Payload.FromString(payload)
    channel = ChannelHeader.FromString(envelope_payload.header.channel_header)
    transaction = Transaction.FromString(envelope_payload.data)
    if not transaction.actions:
        return TransactionFacts(channel.tx_id, channel.channel_id, b"", 0, "", ())
    action = ChaincodeActionPayload.FromString(transaction.actions[0].payload).action
    response_payload = ProposalResponsePayload.FromString(action.proposal_response_payload)
    response = ChaincodeAction.FromString(response_payload.extension).response
    return TransactionFacts(
        channel.tx_id,
        channel.channel_id,
        response.payload,
        response.status,
        response.message,
        action.endorsements,
    )


def proposal_hash(proposal: bytes) -> bytes:
    """Return the hash that endorsers put into their payload; transient data is left out of it."""
    message = Proposal.FromString(proposal)
    return hash_of(Header.FromString(message.header), ChaincodeProposalPayload.FromString(message.payload))


def hash_of(header: Header, payload: ChaincodeProposalPayload) -> bytes:
    """Return the hash of a proposal that has been taken apart, as `proposal_hash` does."""
    public = ChaincodeProposalPayload(input=payload.input).SerializeToString()
    return hashlib.sha256(header.channel_header + header.signature_header + public).digest()


def _without_transient(payload: bytes) -> bytes:
    return ChaincodeProposalPayload(
        input=ChaincodeProposalPayload.FromString(payload).input
    ).SerializeToString()


def assemble_transaction(proposal: bytes, responses: Sequence[ProposalResponse]) -> Envelope:
    """Make the unsigned transaction from a proposal and its endorsers' answers (direct endorsement).

    Raises EndorseError when an answer is a refusal or the endorsers do not agree.
    """
    if not responses:
        raise EndorseError("there is no endorsement", code="FAILED_PRECONDITION")
    for response in responses:
        if not 200 <= response.response.status < 400:
            raise EndorseError(
                f"chaincode response {response.response.status}, {response.response.message}",
                code="UNKNOWN",
                details=(PeerDetail("", _msp_id(response), response.response.message),),
            )
        if response.payload != responses[0].payload:
            raise EndorseError(
                "ProposalResponsePayloads do not match",
                code="ABORTED",
                details=(PeerDetail("", _msp_id(response), "its simulation differs from the first one's"),),
            )
    message = Proposal.FromString(proposal)
    head = Header.FromString(message.header)
    unique = {response.endorsement.endorser: response.endorsement for response in responses}
    action = ChaincodeActionPayload(
        chaincode_proposal_payload=_without_transient(message.payload),
        action=ChaincodeEndorsedAction(
            proposal_response_payload=responses[0].payload, endorsements=list(unique.values())
        ),
    )
    transaction = Transaction(
        actions=[TransactionAction(header=head.signature_header, payload=action.SerializeToString())]
    )
    return Envelope(payload=Payload(header=head, data=transaction.SerializeToString()).SerializeToString())


def _msp_id(response: ProposalResponse) -> str:
    return SerializedIdentity.FromString(response.endorsement.endorser).mspid


def signed_envelope(head: Header, data: bytes, signer: SigningIdentity) -> Envelope:
    """Wrap ``data`` under ``head`` and sign it."""
    payload = Payload(header=head, data=data).SerializeToString()
    return Envelope(payload=payload, signature=signer.sign(payload))
