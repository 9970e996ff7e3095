"""Gateway Endorse: choose peers, collect endorsements, prepare the transaction (gateway/endorse.go)."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from hlf_emulator.directory import Member
from hlf_emulator.gateway.endorsement_plan import Plan, detail
from hlf_emulator.gateway.peers import ENDORSEMENT_TIMEOUT, GatewayPeers, NoPeers, Question
from hlf_emulator.go.text import Undecodable, unmarshal
from hlf_emulator.peer.proposal_checks import Proposal, RpcRefused, unpack
from hlf_emulator.ports.deadlines import until_deadline
from hlf_emulator.ports.rpc_status import RpcError

_TIMEOUT = "endorsement timeout expired while collecting"
_PREFIX = "retry specifying endorsing organization(s) to protect transient data"


class ProposalContent(NamedTuple):
    """What the Gateway reads of a proposal."""

    header: common_pb2.Header
    payload: proposal_pb2.ChaincodeProposalPayload
    channel: str
    chaincode: str
    has_chaincode_spec: bool
    has_chaincode_id: bool

    @property
    def has_transient(self) -> bool:
        """Whether it carries data that must not reach every peer."""
        return len(self.payload.TransientMap) > 0


def read_content(signed: proposal_pb2.SignedProposal) -> ProposalContent:
    """Unpack a signed proposal. Raises Undecodable."""
    proposal = unmarshal(proposal_pb2.Proposal, signed.proposal_bytes)
    header = unmarshal(common_pb2.Header, proposal.header)
    channel_header = unmarshal(common_pb2.ChannelHeader, header.channel_header)
    payload = unmarshal(proposal_pb2.ChaincodeProposalPayload, proposal.payload)
    invocation = unmarshal(chaincode_pb2.ChaincodeInvocationSpec, payload.input)
    return ProposalContent(
        header=header,
        payload=payload,
        channel=channel_header.channel_id,
        chaincode=invocation.chaincode_spec.chaincode_id.name,
        has_chaincode_spec=invocation.HasField("chaincode_spec"),
        has_chaincode_id=invocation.chaincode_spec.HasField("chaincode_id"),
    )


async def endorse(
    peers: GatewayPeers,
    own_msp_id: str,
    request: gateway_pb2.EndorseRequest,
    context: grpc.aio.ServicerContext[Any, Any],
) -> common_pb2.Envelope:
    """The prepared, unsigned transaction. Raises RpcError."""
    signed = request.proposed_transaction
    if not signed.proposal_bytes:
        raise RpcError(
            grpc.StatusCode.INVALID_ARGUMENT, "the proposed transaction must contain a signed proposal"
        )
    try:
        content = read_content(signed)
    except Undecodable as fault:
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, str(fault)) from fault
    async with until_deadline(context, f"{_TIMEOUT} first endorsement") as deadline:
        seconds = None if deadline.comes_within(ENDORSEMENT_TIMEOUT) else ENDORSEMENT_TIMEOUT
        question = Question(_apart(signed), seconds)
        if request.endorsing_organizations:
            plan = _plan_as_named(peers, content, request.endorsing_organizations)
        else:
            plan = await _plan_from_first(peers, own_msp_id, content, question)
        deadline.text = f"{_TIMEOUT} endorsements"
        await _complete(peers, plan, question)
    if plan.completed is None:
        raise RpcError(
            grpc.StatusCode.ABORTED,
            "failed to collect enough transaction endorsements, see attached details for more info",
            plan.details,
        )
    return _prepare(content, plan.payload, plan.completed.endorsements)


def _apart(signed: proposal_pb2.SignedProposal) -> proposal_pb2.SignedProposal | Proposal:
    """The proposal taken apart once for all peers; as it is where they will refuse it."""
    try:
        return unpack(signed)
    except RpcRefused:
        return signed


def _plan_as_named(peers: GatewayPeers, content: ProposalContent, organizations: Sequence[str]) -> Plan:
    try:
        return peers.plan_for_organizations(content.channel, content.chaincode, organizations)
    except NoPeers as error:
        raise RpcError(grpc.StatusCode.UNAVAILABLE, str(error)) from error


async def _complete(peers: GatewayPeers, plan: Plan, question: Question) -> None:
    """Ask for endorsements, layout by layout, until one is complete or none is left."""
    while plan.completed is None:
        endorsers = plan.endorsers()
        if endorsers is None:
            return
        waiting = [_collect(peers, plan, member, question) for member in endorsers]
        # One alone needs no task of its own.
        exhausted = [await waiting[0]] if len(waiting) == 1 else await asyncio.gather(*waiting)
        plan.abandon(exhausted)


async def _collect(peers: GatewayPeers, plan: Plan, member: Member, question: Question) -> str:
    """One endorsement of the member's group; the group's name when none of its peers gives one."""
    asked: Member | None = member
    exhausted = ""
    while asked is not None:
        answer = await peers.ask(asked, question)
        if answer.code is not grpc.StatusCode.OK or answer.response is None:
            plan.details.append(detail(asked, answer.message))
        elif plan.accept(asked, answer.response):
            return ""
        asked, exhausted = plan.next_in_group(asked)
    return exhausted


async def _plan_from_first(
    peers: GatewayPeers, own_msp_id: str, content: ProposalContent, question: Question
) -> Plan:
    """Ask one peer, own organization first; what it touched says who else must endorse."""
    default = proposal_response_pb2.ChaincodeInterest()
    default.chaincodes.add(name=content.chaincode)
    try:
        plan = peers.plan_for_organizations(content.channel, content.chaincode, [own_msp_id])
    except NoPeers:
        if content.has_transient:
            raise RpcError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"no endorsers found in the gateway's organization; {_PREFIX}",
            ) from None
        plan = _discover(peers, content.channel, default, None)
    first, response = await _first_endorsement(peers, plan, question)
    interest = response.interest if response.interest.chaincodes else default
    guarded, protected = _guard(interest) if content.has_transient else (interest, [])
    try:
        plan = peers.plan_by_discovery(content.channel, guarded, first)
    except NoPeers as error:
        if protected:
            _discover_unguarded(peers, content.channel, interest, first, protected)
        raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error
    if not plan.endorsable:
        raise RpcError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "failed to select a set of endorsers that satisfy the endorsement policy due to unavailability "
            "of peers: []",
        )
    plan.accept(first, response)
    return plan


async def _first_endorsement(
    peers: GatewayPeers, plan: Plan, question: Question
) -> tuple[Member, proposal_response_pb2.ProposalResponse]:
    details: list[gateway_pb2.ErrorDetail] = []
    chosen = plan.endorsers()
    member = chosen[0] if chosen else None
    while member is not None:
        answer = await peers.ask(member, question)
        if answer.code is grpc.StatusCode.OK and answer.response is not None:
            return member, answer.response
        details.append(detail(member, answer.message))
        member, _ = plan.next_in_group(member)
    raise RpcError(
        grpc.StatusCode.ABORTED,
        "failed to endorse transaction, see attached details for more info",
        details,
    )


def _guard(
    interest: proposal_response_pb2.ChaincodeInterest,
) -> tuple[proposal_response_pb2.ChaincodeInterest, list[str]]:
    """The interest by which only members of the collections see transient data, and those collections."""
    guarded = proposal_response_pb2.ChaincodeInterest()
    guarded.CopyFrom(interest)
    protected: list[str] = []
    for call in guarded.chaincodes:
        if call.no_private_reads:
            call.no_private_reads = False
            protected.extend(call.collection_names)
    return guarded, protected


def _discover(
    peers: GatewayPeers,
    channel: str,
    interest: proposal_response_pb2.ChaincodeInterest,
    first: Member | None,
) -> Plan:
    try:
        return peers.plan_by_discovery(channel, interest, first)
    except NoPeers as error:
        raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error


def _discover_unguarded(
    peers: GatewayPeers,
    channel: str,
    interest: proposal_response_pb2.ChaincodeInterest,
    first: Member,
    protected: list[str],
) -> None:
    """Say so when the plan fails only because transient data is kept from non-members."""
    _discover(peers, channel, interest, first)
    raise RpcError(
        grpc.StatusCode.FAILED_PRECONDITION,
        "requires endorsement from organisation(s) that are not in the distribution policy of the private "
        f"data collection(s): [{' '.join(protected)}]; retry specifying trusted endorsing organizations to "
        "protect transient data",
    )


def _prepare(
    content: ProposalContent, payload: bytes, endorsements: Iterable[proposal_response_pb2.Endorsement]
) -> common_pb2.Envelope:
    """The envelope to sign: transient data stripped, each endorser once."""
    unique = {endorsement.endorser: endorsement for endorsement in endorsements}
    public = proposal_pb2.ChaincodeProposalPayload(input=content.payload.input)
    action = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=public.SerializeToString(),
        action=transaction_pb2.ChaincodeEndorsedAction(
            proposal_response_payload=payload, endorsements=unique.values()
        ),
    )
    transaction = transaction_pb2.Transaction()
    transaction.actions.add(header=content.header.signature_header, payload=action.SerializeToString())
    message = common_pb2.Payload(header=content.header, data=transaction.SerializeToString())
    return common_pb2.Envelope(payload=message.SerializeToString())
