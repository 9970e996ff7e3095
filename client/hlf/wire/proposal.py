"""Transaction proposals (peer.Proposal), their headers and transaction ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fabric_protos.common.common_pb2 import ChannelHeader, Header, HeaderType, SignatureHeader
from fabric_protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from fabric_protos.peer.proposal_pb2 import (
    ChaincodeHeaderExtension,
    ChaincodeProposalPayload,
    Proposal,
    SignedProposal,
)

from hlf.identity import Identity, SigningIdentity

_NANOSECONDS = 1_000_000_000
_ENDORSER_TRANSACTION = HeaderType.ENDORSER_TRANSACTION


class ProposalParts(NamedTuple):
    """A proposal ready to be signed: ``proposal`` is the serialized peer.Proposal."""

    transaction_id: str
    proposal: bytes


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """What a serialized proposal says, for those who rebuild or examine one."""

    transaction_id: str
    channel: str
    chaincode: str
    args: tuple[bytes, ...]
    transient: Mapping[str, bytes]
    creator: bytes
    nonce: bytes
    timestamp_ns: int


def transaction_id(nonce: bytes, creator: bytes) -> str:
    """Return hex(SHA-256(nonce || creator)), as every peer recomputes it."""
    return hashlib.sha256(nonce + creator).hexdigest()


def channel_header(
    header_type: int,
    channel: str,
    *,
    timestamp_ns: int,
    transaction_id: str = "",
    extension: bytes = b"",
    tls_cert_hash: bytes = b"",
    epoch: int = 0,
    version: int = 0,
) -> ChannelHeader:
    """Build a common.ChannelHeader; ``header_type`` is a common.HeaderType."""
    head = ChannelHeader(
        type=header_type,
        version=version,
        channel_id=channel,
        tx_id=transaction_id,
        epoch=epoch,
        extension=extension,
        tls_cert_hash=tls_cert_hash,
    )
    head.timestamp.seconds, head.timestamp.nanos = divmod(timestamp_ns, _NANOSECONDS)
    return head


def header(channel: ChannelHeader, creator: bytes, nonce: bytes) -> Header:
    """Join a channel header and the signature header of ``creator`` (a serialized identity)."""
    return Header(
        channel_header=channel.SerializeToString(),
        signature_header=SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
    )


def build_proposal(
    identity: Identity | SigningIdentity,
    channel: str,
    chaincode: str,
    args: Sequence[bytes],
    transient: Mapping[str, bytes],
    nonce: bytes,
    timestamp_ns: int,
) -> ProposalParts:
    """Build the proposal that invokes ``args[0]`` of ``chaincode``; ``channel`` is "" for node-level calls.

    ``nonce`` is 24 random bytes, used once; ``timestamp_ns`` counts from the epoch, and peers refuse one more
    than fifteen minutes off.
    """
    # Every transaction begins here. Messages inside others are filled in place: to make them and have them
    # copied takes half as long again.
    creator = identity.serialized()
    identifier = transaction_id(nonce, creator)
    extension = ChaincodeHeaderExtension()
    extension.chaincode_id.name = chaincode
    head = header(
        channel_header(
            _ENDORSER_TRANSACTION,
            channel,
            timestamp_ns=timestamp_ns,
            transaction_id=identifier,
            extension=extension.SerializeToString(),
        ),
        creator,
        nonce,
    )
    invocation = ChaincodeInvocationSpec()
    invocation.chaincode_spec.chaincode_id.name = chaincode
    invocation.chaincode_spec.input.args.extend(args)
    payload = ChaincodeProposalPayload(input=invocation.SerializeToString())
    if transient:
        payload.TransientMap.update(transient)
    proposal = Proposal(header=head.SerializeToString(), payload=payload.SerializeToString())
    return ProposalParts(identifier, proposal.SerializeToString())


def sign_proposal(parts: ProposalParts, signer: SigningIdentity) -> SignedProposal:
    """Sign a proposal for Endorser.ProcessProposal."""
    return SignedProposal(proposal_bytes=parts.proposal, signature=signer.sign(parts.proposal))


def read_proposal(proposal: bytes) -> ProposalFacts:
    """Read a serialized peer.Proposal; google.protobuf.message.DecodeError if it is none."""
    message = Proposal.FromString(proposal)
    head = Header.FromString(message.header)
    channel = ChannelHeader.FromString(head.channel_header)
    signature = SignatureHeader.FromString(head.signature_header)
    payload = ChaincodeProposalPayload.FromString(message.payload)
    spec = ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    extension = ChaincodeHeaderExtension.FromString(channel.extension)
    return ProposalFacts(
        transaction_id=channel.tx_id,
        channel=channel.channel_id,
        chaincode=extension.chaincode_id.name,
        args=tuple(spec.input.args),
        transient=dict(payload.TransientMap),
        creator=signature.creator,
        nonce=signature.nonce,
        timestamp_ns=channel.timestamp.seconds * _NANOSECONDS + channel.timestamp.nanos,
    )
