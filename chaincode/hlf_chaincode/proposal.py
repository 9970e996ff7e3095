"""What a TRANSACTION or INIT message says: arguments, caller, transient data, time."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2

from .errors import ProtocolError

_KINDS = frozenset({common_pb2.ENDORSER_TRANSACTION, common_pb2.CONFIG})
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Proposal:
    """One call of a chaincode, unpacked: at once what tells whether it can be read, the rest when asked for.

    ``ProtocolError`` or protobuf's ``DecodeError`` when the proposal is absent, broken or of another kind.
    """

    def __init__(self, message: chaincode_shim_pb2.ChaincodeMessage) -> None:
        self._inputs = chaincode_pb2.ChaincodeInput.FromString(message.payload)
        if not message.HasField("proposal"):
            raise ProtocolError("the call carries no signed proposal")
        proposal = proposal_pb2.Proposal.FromString(message.proposal.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        self._channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        kind = self._channel_header.type
        if kind not in _KINDS:
            raise ProtocolError(f"invalid channel header type {kind}")
        self._signature_header = common_pb2.SignatureHeader.FromString(header.signature_header)
        self._payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        self._message = message
        self.transaction_id: str = message.txid
        self.channel: str = message.channel_id
        self.args: tuple[bytes, ...] = tuple(self._inputs.args)

    def __repr__(self) -> str:
        # Arguments and transient data never reach a log by way of a repr.
        return f"Proposal(transaction_id={self.transaction_id!r}, channel={self.channel!r})"

    @property
    def is_init(self) -> bool:
        """Whether this is the call that initializes a chaincode."""
        return self._message.type == chaincode_shim_pb2.ChaincodeMessage.INIT

    @property
    def creator(self) -> bytes:
        """The caller, as a serialized identity."""
        return self._signature_header.creator

    @property
    def signed(self) -> proposal_pb2.SignedProposal:
        """The proposal as the client signed it."""
        return self._message.proposal

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Transient data by name."""
        found = self._payload.TransientMap
        return dict(found) if found else {}

    @property
    def decorations(self) -> Mapping[str, bytes]:
        """What the peer's decorators added."""
        return dict(self._inputs.decorations)

    @property
    def timestamp(self) -> datetime.datetime:
        """The client's time, UTC, floored to microseconds; OverflowError past the year 9999."""
        stamp = self._channel_header.timestamp
        return _EPOCH + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)

    @property
    def binding(self) -> bytes:
        """SHA-256 over nonce, creator and epoch (8 bytes, little endian)."""
        header = self._signature_header
        epoch = self._channel_header.epoch.to_bytes(8, "little")
        return hashlib.sha256(header.nonce + header.creator + epoch).digest()
