"""Endorser.ProcessProposal of one peer: checks in Fabric's order, simulation, signature.

Order and texts: core/handlers/auth/filter, core/endorser/endorser.go and msgvalidation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from hlf.identity import SigningIdentity
from hlf.wire.proposal import transaction_id
from hlf.wire.transaction import proposal_hash
from hlf_emulator.chaincode_stream import Message
from hlf_emulator.channel import Channel
from hlf_emulator.definitions import IMPLICIT_PREFIX, SYSTEM_CHAINCODES, CollectionDefinition
from hlf_emulator.disk import DiskError
from hlf_emulator.execution import (
    ChaincodeSupport,
    EndorsementInfo,
    InvocationError,
    TransactionParams,
    read_spec,
)
from hlf_emulator.go_text import decode_fault
from hlf_emulator.ledger_calls import CallError
from hlf_emulator.msp import Msp, MspError, MspIdentity, Verifier
from hlf_emulator.policies import PolicyError, SignedData
from hlf_emulator.simulator import SimulationError, Simulator
from hlf_emulator.state import Space

TIME_WINDOW = timedelta(minutes=15)
"""peer.authentication.timewindow of core.yaml."""


class RpcRefused(Exception):  # noqa: N818 - the refusal, not an error of this program
    """An RPC that ends with a gRPC status instead of an answer."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class EndorserHost(Protocol):
    """The peer, as far as endorsing is concerned."""

    msp_id: str
    identity: SigningIdentity
    local_msp: Msp
    verifier: Verifier
    channels: dict[str, Channel]
    chaincodes: ChaincodeSupport
    clock: Callable[[], datetime]

    def siblings(self, channel: str) -> Iterable[Channel]: ...


@dataclass
class _Proposal:
    signed: proposal_pb2.SignedProposal
    message: proposal_pb2.Proposal
    channel_header: common_pb2.ChannelHeader
    signature_header: common_pb2.SignatureHeader
    chaincode: str
    input: chaincode_pb2.ChaincodeInput

    @property
    def signed_data(self) -> SignedData:
        return SignedData(self.signed.proposal_bytes, self.signature_header.creator, self.signed.signature)


class Endorser:
    """The endorser of one peer."""

    def __init__(self, host: EndorserHost) -> None:
        self._host = host
        own = host.local_msp.identity(host.identity.certificate)
        self._endorser = host.identity.serialized()
        self._spki = own.spki

    async def process(self, signed: proposal_pb2.SignedProposal) -> proposal_response_pb2.ProposalResponse:
        """Raises RpcRefused where Fabric ends the RPC with an error; other faults are in the response."""
        self._filter(signed)
        proposal = self._unpack(signed)
        name = proposal.channel_header.channel_id
        channel = self._host.channels.get(name)
        if name and channel is None:
            return _failed(f"channel '{name}' not found")
        self._check(proposal, channel)
        try:
            return await self._simulate(proposal, channel)
        except (InvocationError, SimulationError, CallError) as fault:
            return _failed(str(fault))

    # Who may ask

    def _filter(self, signed: proposal_pb2.SignedProposal) -> None:
        try:
            header = common_pb2.Header.FromString(
                proposal_pb2.Proposal.FromString(signed.proposal_bytes).header
            )
            creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
            channel = common_pb2.ChannelHeader.FromString(header.channel_header)
        except DecodeError as fault:
            raise _refused(f"failed parsing proposal: {fault}") from fault
        now = self._host.clock()
        identity = self._identity(channel.channel_id, creator)
        if identity is not None and identity.expired(now):
            raise _refused("proposal client identity expired")
        stamped = datetime.fromtimestamp(channel.timestamp.seconds, UTC) + timedelta(
            microseconds=channel.timestamp.nanos // 1000
        )
        if abs(stamped - now) > TIME_WINDOW:
            raise _refused(
                f"request unauthorized due to incorrect timestamp {_rfc3339(stamped)}, peer time "
                f"{_rfc3339(now)}, peer.authentication.timewindow 15m0s"
            )

    def _identity(self, channel: str, creator: bytes) -> MspIdentity | None:
        """The creator, where it can be read at all."""
        found = self._host.channels.get(channel)
        try:
            return (found.bundle.msps if found else self._host.local_msp).deserialize(creator)
        except MspError:
            return None

    def _unpack(self, signed: proposal_pb2.SignedProposal) -> _Proposal:
        try:
            message = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
            header = common_pb2.Header.FromString(message.header)
            channel = common_pb2.ChannelHeader.FromString(header.channel_header)
            signature = common_pb2.SignatureHeader.FromString(header.signature_header)
            extension = proposal_pb2.ChaincodeHeaderExtension.FromString(channel.extension)
        except DecodeError as fault:
            raise _refused(f"error unmarshalling Proposal: {fault}") from fault
        if not extension.HasField("chaincode_id"):
            raise _refused("ChaincodeHeaderExtension.ChaincodeId is nil")
        if not extension.chaincode_id.name:
            raise _refused("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
        try:
            spec = read_spec(message.payload)
        except InvocationError as fault:
            raise _refused(str(fault)) from fault
        return _Proposal(signed, message, channel, signature, extension.chaincode_id.name, spec)

    def _check(self, proposal: _Proposal, channel: Channel | None) -> None:
        problem = self._problem(proposal)
        if problem:
            raise _refused(f"error validating proposal: {problem}")
        if channel is None:
            return
        txid = proposal.channel_header.tx_id
        if channel.ledger.has_transaction(txid):
            creator = proposal.signature_header.creator.hex()
            raise _refused(f"duplicate transaction found [{txid}]. Creator [{creator}]")
        if proposal.chaincode not in SYSTEM_CHAINCODES:
            try:
                channel.bundle.check_acl("peer/Propose", [proposal.signed_data])
            except PolicyError as refusal:
                raise _refused(str(refusal)) from refusal

    def _problem(self, proposal: _Proposal) -> str:
        header, signature = proposal.channel_header, proposal.signature_header
        if header.type not in (common_pb2.ENDORSER_TRANSACTION, common_pb2.CONFIG):
            return f"invalid header type {_type_name(header.type)}"
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
        identity = self._identity(header.channel_id, signature.creator)
        if identity is None:
            return f"access denied: channel [{header.channel_id}] creator org unknown, creator is malformed"
        try:
            identity.validate()
            identity.verify(proposal.signed.proposal_bytes, proposal.signed.signature)
        except MspError:
            return f"access denied: channel [{header.channel_id}] creator org [{identity.msp_id}]"
        return ""

    # What is endorsed

    async def _simulate(
        self, proposal: _Proposal, channel: Channel | None
    ) -> proposal_response_pb2.ProposalResponse:
        txid = proposal.channel_header.tx_id
        simulator = None
        if channel is not None and proposal.chaincode not in ("qscc", "cscc"):
            simulator = channel.simulator(txid)
        params = TransactionParams(
            txid, proposal.chaincode, proposal.signed, proposal.signature_header.creator, channel, simulator
        )
        try:
            try:
                info = self._host.chaincodes.endorsement_info(proposal.chaincode, params)
            except InvocationError as refusal:
                raise InvocationError(
                    f"make sure the chaincode {proposal.chaincode} has been successfully defined on channel "
                    f"{proposal.channel_header.channel_id} and try again: {refusal}"
                ) from refusal
            response, event = await self._run(proposal, params, info)
            return self._respond(proposal, params, response, event, info.version)
        finally:
            if simulator is not None:
                simulator.close()

    async def _run(
        self, proposal: _Proposal, params: TransactionParams, info: EndorsementInfo
    ) -> tuple[proposal_response_pb2.Response, bytes]:
        txid = params.transaction_id
        try:
            answer = await self._host.chaincodes.execute(proposal.chaincode, proposal.input, params, info)
        except InvocationError as fault:
            raise InvocationError(
                f"error in simulation: failed to execute transaction {txid}: {fault}"
            ) from fault
        if answer.type == Message.ERROR:
            text = answer.payload.decode(errors="replace")
            raise InvocationError(f"error in simulation: transaction returned with failure: {text}")
        try:
            response = proposal_response_pb2.Response.FromString(answer.payload)
        except DecodeError as fault:
            raise InvocationError(
                f"error in simulation: failed to unmarshal response for transaction {txid}: "
                f"{decode_fault(answer.payload)}"
            ) from fault
        event = b""
        if answer.HasField("chaincode_event") and response.status < 400:
            answer.chaincode_event.chaincode_id = proposal.chaincode
            answer.chaincode_event.tx_id = txid
            event = answer.chaincode_event.SerializeToString()
        return response, event

    def _respond(
        self,
        proposal: _Proposal,
        params: TransactionParams,
        response: proposal_response_pb2.Response,
        event: bytes,
        version: str,
    ) -> proposal_response_pb2.ProposalResponse:
        results, interest = b"", None
        if params.simulator is not None and params.channel is not None:
            simulator = params.simulator
            simulator.finish()
            try:
                self._disseminate(params.channel, params.transaction_id, simulator)
                interest = simulator.interest(SYSTEM_CHAINCODES)
            except (InvocationError, DecodeError, DiskError) as fault:
                raise InvocationError(f"error in simulation: {fault}") from fault
            results = simulator.rwset.public()
        action = proposal_pb2.ChaincodeAction(
            results=results,
            events=event,
            response=response,
            chaincode_id=chaincode_pb2.ChaincodeID(name=proposal.chaincode, version=version),
        )
        payload = proposal_response_pb2.ProposalResponsePayload(
            proposal_hash=proposal_hash(proposal.signed.proposal_bytes),
            extension=action.SerializeToString(),
        ).SerializeToString()
        if response.status >= 500:
            return proposal_response_pb2.ProposalResponse(
                response=response, payload=payload, interest=interest
            )
        if params.channel is None or response.status >= 400:
            return proposal_response_pb2.ProposalResponse(response=response)
        signature = self._host.identity.sign(payload + self._endorser)
        self._host.verifier.vouch(self._spki, payload + self._endorser, signature)
        return proposal_response_pb2.ProposalResponse(
            version=1,
            response=response,
            payload=payload,
            endorsement=proposal_response_pb2.Endorsement(endorser=self._endorser, signature=signature),
            interest=interest,
        )

    # Private data

    def _disseminate(self, channel: Channel, txid: str, simulator: Simulator) -> None:
        """Keep the private write sets here and hand them to members, before anything is endorsed."""
        written = simulator.rwset.private()
        if written is None:
            return
        parts = [
            (Space(part.namespace, collection.collection_name), collection.rwset)
            for part in written.ns_pvt_rwset
            for collection in part.collection_pvt_rwset
        ]
        height = channel.ledger.height
        siblings = [other for other in self._host.siblings(channel.name) if other is not channel]
        shares: dict[int, list[tuple[Space, bytes]]] = {}
        for space, rwset in parts:
            collection = channel.collection(space.namespace, space.collection)
            if collection is None:
                raise InvocationError(f"collection {space.collection} could not be found")
            required, maximum = self._peer_counts(collection)
            eligible = [other for other in siblings if other.is_member(collection)]
            if len(eligible) < required:
                raise InvocationError(
                    f"required to disseminate to at least {required} peers, but know of only "
                    f"{len(eligible)} eligible peers"
                )
            for other in eligible[:maximum]:
                shares.setdefault(siblings.index(other), []).append((space, rwset))
        channel.ledger.private.keep_transient(txid, height, parts)
        for index, share in shares.items():
            siblings[index].ledger.private.keep_transient(txid, height, share)

    def _peer_counts(self, collection: CollectionDefinition) -> tuple[int, int]:
        """(required, maximum) peers; implicit: 0 and 1 for the own organization, else 0 and 0 (core.yaml)."""
        if collection.name.startswith(IMPLICIT_PREFIX):
            return (0, 1) if collection.name == IMPLICIT_PREFIX + self._host.msp_id else (0, 0)
        return collection.config.required_peer_count, collection.config.maximum_peer_count


def _failed(message: str) -> proposal_response_pb2.ProposalResponse:
    return proposal_response_pb2.ProposalResponse(
        response=proposal_response_pb2.Response(status=500, message=message)
    )


def _refused(message: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.UNKNOWN, message)


def _type_name(number: int) -> str:
    try:
        return common_pb2.HeaderType.Name(number)  # type: ignore[arg-type]
    except ValueError:
        return str(number)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
