"""What a TRANSACTION or INIT message says: arguments, caller, transient data, time."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2

from .errors import ProtocolError

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Proposal:
    """One call of a chaincode, unpacked. ``timestamp`` is UTC, floored to microseconds."""

    transaction_id: str
    channel: str
    args: tuple[bytes, ...]
    is_init: bool
    creator: bytes
    transient: Mapping[str, bytes]
    decorations: Mapping[str, bytes]
    timestamp: datetime.datetime
    binding: bytes
    signed: proposal_pb2.SignedProposal

    def __repr__(self) -> str:
        # Arguments and transient data never reach a log by way of a repr.
        return f"Proposal(transaction_id={self.transaction_id!r}, channel={self.channel!r})"

    @classmethod
    def from_message(cls, message: chaincode_shim_pb2.ChaincodeMessage) -> Proposal:
        """Unpack a message; ProtocolError when its proposal is absent or of another kind."""
        types = chaincode_shim_pb2.ChaincodeMessage
        inputs = chaincode_pb2.ChaincodeInput.FromString(message.payload)
        if not message.HasField("proposal"):
            raise ProtocolError("the call carries no signed proposal")
        proposal = proposal_pb2.Proposal.FromString(message.proposal.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        if channel_header.type not in (common_pb2.ENDORSER_TRANSACTION, common_pb2.CONFIG):
            raise ProtocolError(f"invalid channel header type {channel_header.type}")
        signature_header = common_pb2.SignatureHeader.FromString(header.signature_header)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        stamp = channel_header.timestamp
        epoch = channel_header.epoch.to_bytes(8, "little")
        binding = hashlib.sha256(signature_header.nonce + signature_header.creator + epoch)
        return cls(
            transaction_id=message.txid,
            channel=message.channel_id,
            args=tuple(inputs.args),
            is_init=message.type == types.INIT,
            creator=signature_header.creator,
            transient=dict(payload.TransientMap),
            decorations=dict(inputs.decorations),
            timestamp=_EPOCH + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000),
            binding=binding.digest(),
            signed=message.proposal,
        )
