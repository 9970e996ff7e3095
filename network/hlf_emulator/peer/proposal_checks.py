"""What a peer asks of a proposal before it runs anything, in Fabric's order and words.

Sources: core/handlers/auth/filter (expiration.go, timewindow.go), core/endorser/msgvalidation.go.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import grpc
from cryptography import x509
from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from hlf.wire.proposal import transaction_id
from hlf.wire.transaction import hash_of
from hlf_emulator.go.text import M, Undecodable, header_type_name, unmarshal
from hlf_emulator.membership.msp import MspError, MspIdentity, parse_identity
from hlf_emulator.membership.policies import SignedData
from hlf_emulator.version import Version

TIME_WINDOW = timedelta(minutes=15)
"""peer.authentication.timewindow of core.yaml."""
_CYCLE = 146_097 * 86_400  # seconds of 400 years, after which the calendar repeats


class Deserializer(Protocol):
    """What reads a serialized identity: a channel's MSPs or the local one."""

    def deserialize(self, serialized: bytes) -> MspIdentity: ...


class RpcRefused(Exception):  # noqa: N818 - the refusal, not an error of this program
    """A proposal that ends its RPC with a gRPC error; the endorser has a response beside it."""

    code = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FilterRefused(RpcRefused):
    """Refused by an authentication filter, which gives no response beside the error."""


class Proposal(NamedTuple):
    """A proposal taken apart."""

    signed: proposal_pb2.SignedProposal
    message: proposal_pb2.Proposal
    channel_header: common_pb2.ChannelHeader
    signature_header: common_pb2.SignatureHeader
    chaincode: str
    input: chaincode_pb2.ChaincodeInput
    hash: bytes
    """What endorsers put into their payload."""

    @property
    def signed_data(self) -> SignedData:
        """The proposal as something that a policy is asked about."""
        return SignedData(self.signed.proposal_bytes, self.signature_header.creator, self.signed.signature)


def channel_of(signed: proposal_pb2.SignedProposal) -> str:
    """The channel that a proposal names, "" where it cannot be read."""
    try:
        header = unmarshal(common_pb2.Header, unmarshal(proposal_pb2.Proposal, signed.proposal_bytes).header)
        return unmarshal(common_pb2.ChannelHeader, header.channel_header).channel_id
    except Undecodable:
        return ""


def filtered(
    signed: proposal_pb2.SignedProposal, msps: Deserializer, now: datetime, version: Version
) -> None:
    """The authentication filters: an expired certificate, a clock far off. Raises FilterRefused."""
    header = _parsed("header", common_pb2.Header, _parsed_proposal(signed).header)
    creator = _parsed("signature header", common_pb2.SignatureHeader, header.signature_header).creator
    _check_expiration(msps, creator, now)
    if version.time_window:
        _check_time(_parsed("channel header", common_pb2.ChannelHeader, header.channel_header), now)


def filtered_whole(proposal: Proposal, msps: Deserializer, now: datetime, version: Version) -> None:
    """As `filtered`, of a proposal that could be taken apart. Raises FilterRefused."""
    _check_expiration(msps, proposal.signature_header.creator, now)
    if version.time_window:
        _check_time(proposal.channel_header, now)


def _check_expiration(msps: Deserializer, creator: bytes, now: datetime) -> None:
    if _expired(msps, creator, now):
        raise FilterRefused("proposal client identity expired")


def _check_time(channel: common_pb2.ChannelHeader, now: datetime) -> None:
    provided = channel.timestamp.seconds + channel.timestamp.nanos / 1e9
    if abs(provided - now.timestamp()) > TIME_WINDOW.total_seconds():
        raise FilterRefused(
            "request unauthorized due to incorrect timestamp "
            f"{rfc3339(channel.timestamp.seconds)}, peer time {rfc3339(int(now.timestamp()))}, "
            "peer.authentication.timewindow 15m0s"
        )


def _parsed_proposal(signed: proposal_pb2.SignedProposal) -> proposal_pb2.Proposal:
    return _parsed("proposal", proposal_pb2.Proposal, signed.proposal_bytes)


def _parsed(what: str, kind: type[M], content: bytes) -> M:
    try:
        return unmarshal(kind, content)
    except Undecodable as fault:
        raise FilterRefused(f"failed parsing {what}: {fault}") from fault


def _expired(msps: Deserializer, creator: bytes, now: datetime) -> bool:
    """Whoever issued the certificate; what cannot be read has not expired (common/crypto/expiration.go)."""
    try:
        return msps.deserialize(creator).expired(now)
    except MspError:
        pass
    try:
        certificate = x509.load_pem_x509_certificate(parse_identity(creator).id_bytes)
        return now > certificate.not_valid_after_utc
    except (MspError, ValueError, x509.InvalidVersion):
        return False


def unpack(signed: proposal_pb2.SignedProposal) -> Proposal:
    """Take a proposal apart. Raises RpcRefused."""
    try:
        message = unmarshal(proposal_pb2.Proposal, signed.proposal_bytes)
        header = unmarshal(common_pb2.Header, message.header)
        channel = unmarshal(common_pb2.ChannelHeader, header.channel_header)
        signature = unmarshal(common_pb2.SignatureHeader, header.signature_header)
        extension = unmarshal(proposal_pb2.ChaincodeHeaderExtension, channel.extension)
        if not extension.HasField("chaincode_id"):
            raise RpcRefused("ChaincodeHeaderExtension.ChaincodeId is nil")
        if not extension.chaincode_id.name:
            raise RpcRefused("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
        content = unmarshal(proposal_pb2.ChaincodeProposalPayload, message.payload)
        invocation = unmarshal(chaincode_pb2.ChaincodeInvocationSpec, content.input)
    except Undecodable as fault:
        raise RpcRefused(str(fault)) from fault
    if not invocation.HasField("chaincode_spec"):
        raise RpcRefused("chaincode invocation spec did not contain chaincode spec")
    if not invocation.chaincode_spec.HasField("input"):
        raise RpcRefused("chaincode input did not contain any input")
    return Proposal(
        signed,
        message,
        channel,
        signature,
        extension.chaincode_id.name,
        invocation.chaincode_spec.input,
        hash_of(header, content),
    )


def validate(proposal: Proposal, msps: Deserializer) -> None:
    """Header, transaction id, creator and signature. Raises RpcRefused."""
    problem = _problem(proposal, msps)
    if problem:
        raise RpcRefused(f"error validating proposal: {problem}")


def _problem(proposal: Proposal, msps: Deserializer) -> str:
    header, signature = proposal.channel_header, proposal.signature_header
    if header.type not in (common_pb2.ENDORSER_TRANSACTION, common_pb2.CONFIG):
        return f"invalid header type {header_type_name(header.type)}"
    if header.epoch != 0:
        return "epoch is non-zero"
    if not signature.nonce:
        return "nonce is empty"
    if not signature.creator:
        return "creator is empty"
    expected = transaction_id(signature.nonce, signature.creator)
    if header.tx_id != expected:
        return f"incorrectly computed txid '{header.tx_id}' -- expected '{expected}'"
    if not proposal.signed.signature:
        return "empty signature bytes"
    try:
        identity = msps.deserialize(signature.creator)
    except MspError:
        return f"access denied: channel [{header.channel_id}] creator org unknown, creator is malformed"
    try:
        identity.validate()
        identity.verify(proposal.signed.proposal_bytes, proposal.signed.signature)
    except MspError:
        return f"access denied: channel [{header.channel_id}] creator org [{identity.msp_id}]"
    return ""


def rfc3339(seconds: int) -> str:
    """Seconds since the epoch as Go prints them, in any year."""
    cycles, within = divmod(seconds, _CYCLE)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=within)
    return f"{moment.year + 400 * cycles:04d}{moment:-%m-%dT%H:%M:%SZ}"
