"""Endorser.ProcessProposal of one peer: checks in Fabric's order, simulation, signature.

Order and texts: core/handlers/auth/filter, core/endorser/endorser.go and msgvalidation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from hlf.identity import SigningIdentity
from hlf_emulator.go.text import decode_fault
from hlf_emulator.ledger.definitions import IMPLICIT_PREFIX, SYSTEM_CHAINCODES, CollectionDefinition
from hlf_emulator.ledger.disk import DiskError
from hlf_emulator.ledger.simulator import SimulationError, Simulator
from hlf_emulator.ledger.state import Space
from hlf_emulator.membership.msp import Msp, Verifier
from hlf_emulator.membership.policies import PolicyError
from hlf_emulator.peer.chaincode_stream import Message
from hlf_emulator.peer.channel import Channel
from hlf_emulator.peer.execution import (
    BUILT_IN_PLUGIN,
    ChaincodeSupport,
    EndorsementInfo,
    InvocationError,
    TransactionParams,
)
from hlf_emulator.peer.ledger_calls import CallError
from hlf_emulator.peer.proposal_checks import (
    Deserializer,
    Proposal,
    RpcRefused,
    channel_of,
    filtered,
    filtered_whole,
    unpack,
    validate,
)
from hlf_emulator.version import Version

_NO_LSCC = (
    "could not launch chaincode lscc.syscc: error building chaincode: error building image: failed to get "
    "chaincode package for external build: could not get legacy chaincode package 'lscc.syscc': open "
    "/var/hyperledger/production/chaincodes/lscc.syscc: no such file or directory"
)
"""The old lifecycle still counts as a system chaincode, and is looked for as an installed one."""


class EndorserHost(Protocol):
    """The peer, as far as endorsing is concerned."""

    msp_id: str
    identity: SigningIdentity
    local_msp: Msp
    verifier: Verifier
    version: Version
    channels: dict[str, Channel]
    chaincodes: ChaincodeSupport
    clock: Callable[[], datetime]

    def siblings(self, channel: str) -> Iterable[Channel]: ...


class Endorser:
    """The endorser of one peer."""

    def __init__(self, host: EndorserHost) -> None:
        self._host = host
        own = host.local_msp.identity(host.identity.certificate)
        self._endorser = host.identity.serialized()
        self._spki = own.spki

    async def process(
        self, signed: proposal_pb2.SignedProposal | Proposal, *, filters: bool = True
    ) -> proposal_response_pb2.ProposalResponse:
        """Other faults than those of the proposal itself are in the response.

        A proposal may be given taken apart, once for several peers. ``filters``: it comes through the
        authentication filters. Raises RpcRefused where Fabric ends the RPC with an error.
        """
        host = self._host
        proposal = signed if isinstance(signed, Proposal) else self._unpack(signed, filters=filters)
        name = proposal.channel_header.channel_id
        if filters:
            filtered_whole(proposal, self._msps(host.channels.get(name)), host.clock(), host.version)
        channel = self._host.channels.get(name)
        if name and channel is None:
            return _failed(f"channel '{name}' not found")
        self._check(proposal, channel)
        try:
            return await self._simulate(proposal, channel)
        except (InvocationError, SimulationError, CallError) as fault:
            return _failed(str(fault))

    def _unpack(self, signed: proposal_pb2.SignedProposal, *, filters: bool) -> Proposal:
        try:
            return unpack(signed)
        except RpcRefused:
            # The filters come first, whatever else is wrong.
            if filters:
                host = self._host
                msps = self._msps(host.channels.get(channel_of(signed)))
                filtered(signed, msps, host.clock(), host.version)
            raise

    # Who may ask

    def _msps(self, channel: Channel | None) -> Deserializer:
        return channel.bundle.msps if channel is not None else self._host.local_msp

    def _check(self, proposal: Proposal, channel: Channel | None) -> None:
        validate(proposal, self._msps(channel))
        if channel is None:
            return
        txid = proposal.channel_header.tx_id
        if channel.ledger.has_transaction(txid):
            creator = proposal.signature_header.creator.hex()
            raise RpcRefused(f"duplicate transaction found [{txid}]. Creator [{creator}]")
        if proposal.chaincode not in SYSTEM_CHAINCODES:
            try:
                channel.bundle.check_acl("peer/Propose", [proposal.signed_data])
            except PolicyError as refusal:
                raise RpcRefused(str(refusal)) from refusal

    # What is endorsed

    async def _simulate(
        self, proposal: Proposal, channel: Channel | None
    ) -> proposal_response_pb2.ProposalResponse:
        txid = proposal.channel_header.tx_id
        simulator = None
        if channel is not None and proposal.chaincode not in ("qscc", "cscc"):
            simulator = channel.simulator(txid)
        params = TransactionParams(
            txid, proposal.chaincode, proposal.signed, proposal.signature_header.creator, channel, simulator
        )
        try:
            if proposal.chaincode == "lscc":
                raise InvocationError(
                    f"error in simulation: failed to execute transaction {txid}: {_NO_LSCC}"
                )
            try:
                info = self._host.chaincodes.endorsement_info(proposal.chaincode, params)
            except InvocationError as refusal:
                raise InvocationError(
                    f"make sure the chaincode {proposal.chaincode} has been successfully defined on channel "
                    f"{proposal.channel_header.channel_id} and try again: {refusal}"
                ) from refusal
            response, event = await self._run(proposal, params, info)
            return self._respond(proposal, params, response, event, info)
        finally:
            if simulator is not None:
                simulator.close()

    async def _run(
        self, proposal: Proposal, params: TransactionParams, info: EndorsementInfo
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
        proposal: Proposal,
        params: TransactionParams,
        response: proposal_response_pb2.Response,
        event: bytes,
        info: EndorsementInfo,
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
            chaincode_id=chaincode_pb2.ChaincodeID(name=proposal.chaincode, version=info.version),
        )
        payload = proposal_response_pb2.ProposalResponsePayload(
            proposal_hash=proposal.hash,
            extension=action.SerializeToString(),
        ).SerializeToString()
        if response.status >= 500:
            return proposal_response_pb2.ProposalResponse(
                response=response, payload=payload, interest=interest
            )
        if params.channel is None or response.status >= 400:
            return proposal_response_pb2.ProposalResponse(response=response)
        plugin = info.endorsement_plugin
        if plugin != BUILT_IN_PLUGIN:
            raise InvocationError(
                f"endorsing with plugin failed: plugin with name {plugin} could not be used: "
                f"plugin with name {plugin} wasn't found"
            )
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
                    f"failed to distribute private collection, txID {txid}, channel {channel.name}: "
                    "could not build private data dissemination plan for chaincode "
                    f"{space.namespace} and collection {space.collection}: required to disseminate to at "
                    f"least {required} peers, but know of only {len(eligible)} eligible peers"
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
