"""How a Gateway finds peers and reads their answers (internal/pkg/gateway/registry.go, apiutils.go)."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import grpc
from fabric_protos.peer import proposal_pb2, proposal_response_pb2

from hlf_emulator.directory import SYSTEM_CHAINCODES, Directory, Member, NoDescriptor
from hlf_emulator.gateway.endorsement_plan import Plan
from hlf_emulator.peer.peer import Peer
from hlf_emulator.peer.proposal_checks import FilterRefused, Proposal, RpcRefused

ENDORSEMENT_TIMEOUT = 30.0  # peer.gateway.endorsementTimeout, core.yaml
STREAM_TERMINATED = "chaincode stream terminated"


class Question(NamedTuple):
    """A proposal as peers are asked about it: as it was sent, or taken apart already.

    ``seconds`` is how long a peer may take; None where the client's own deadline comes first.
    """

    proposal: proposal_pb2.SignedProposal | Proposal
    seconds: float | None = ENDORSEMENT_TIMEOUT


class Answer(NamedTuple):
    """One peer's answer as the Gateway takes it. ``code`` is OK for an endorsement or a result."""

    response: proposal_response_pb2.ProposalResponse | None
    code: grpc.StatusCode
    message: str = ""
    retry: bool = False


class NoPeers(Exception):  # noqa: N818 - an outcome of the search
    """No peer fits; the text is the Gateway's."""


class GatewayPeers:
    """The peers that ``local``'s Gateway can ask."""

    def __init__(self, local: Peer, directory: Directory) -> None:
        self._local = local
        self._directory = directory

    async def ask(self, member: Member, question: Question) -> Answer:
        """Send the proposal to one peer."""
        local = member.peer is self._local
        filters = not local or self._local.version.gateway_filters
        if not member.peer.running:
            return Answer(None, grpc.StatusCode.UNAVAILABLE, connection_refused(member.peer.endpoint), True)
        try:
            async with nullcontext() if question.seconds is None else asyncio.timeout(question.seconds):
                response = await member.peer.process_proposal(question.proposal, filters=filters)
        except RpcRefused as refused:
            # A filter gives no response, so that the local peer's refusal is taken for a remote one's.
            if local and not isinstance(refused, FilterRefused):
                return Answer(None, grpc.StatusCode.FAILED_PRECONDITION, refused.message)
            text = refused.message if local else remote_error(refused.code, refused.message)
            return Answer(None, grpc.StatusCode.UNAVAILABLE, text, True)
        except TimeoutError:
            text = remote_error(grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded")
            return Answer(None, grpc.StatusCode.UNAVAILABLE, text, True)
        return _judge(response)

    def by_organization(self, channel: str, chaincode: str) -> dict[str, list[Member]]:
        """Peers with the chaincode by MSP id, the highest first, this Gateway's own before its equals."""
        found: dict[str, list[Member]] = {}
        if channel not in self._local.channels:
            return found
        for member in self._directory.members(channel, self._local):
            if chaincode in SYSTEM_CHAINCODES or chaincode in member.chaincodes:
                found.setdefault(member.peer.msp_id, []).append(member)
        for members in found.values():
            members.sort(key=self._order)
        return found

    def evaluators(self, channel: str, chaincode: str, organizations: Sequence[str]) -> list[Member]:
        """Whom to ask for an evaluation, own organization first. Raises NoPeers."""
        found = self.by_organization(channel, chaincode)
        wanted = list(organizations) or list(found)
        own = found.get(self._local.msp_id, []) if self._local.msp_id in wanted else []
        others = [
            member for msp_id in wanted if msp_id != self._local.msp_id for member in found.get(msp_id, ())
        ]
        others.sort(key=lambda member: -member.height)
        if not own and not others:
            raise NoPeers(f"no peers available to evaluate chaincode {chaincode} in channel {channel}")
        return own + others

    def plan_for_organizations(self, channel: str, chaincode: str, organizations: Sequence[str]) -> Plan:
        """One peer of each organization. Raises NoPeers naming those without any."""
        found = self.by_organization(channel, chaincode)
        missing = [msp_id for msp_id in organizations if msp_id not in found]
        if missing:
            raise NoPeers(f"failed to find any endorsing peers for org(s): {', '.join(missing)}")
        return Plan([dict.fromkeys(organizations, 1)], {name: found[name] for name in organizations})

    def plan_by_discovery(
        self, channel: str, interest: proposal_response_pb2.ChaincodeInterest, preferred: Member | None
    ) -> Plan:
        """The layouts discovery derives, those with the preferred peer's group first. Raises NoPeers."""
        prefix = "no combination of peers can be derived which satisfy the endorsement policy: "
        own = self._local.channels.get(channel)
        if own is None:
            name = interest.chaincodes[0].name if interest.chaincodes else ""
            raise NoPeers(f"{prefix}No metadata was found for chaincode {name} in channel {channel}")
        try:
            descriptor = self._directory.descriptor(own, interest)
        except NoDescriptor as error:
            raise NoPeers(f"{prefix}{error}") from error
        groups = {name: sorted(members, key=self._order) for name, members in descriptor.groups.items()}
        home = {
            name
            for name, members in groups.items()
            if preferred is not None and any(member.peer is preferred.peer for member in members)
        }
        first = [layout for layout in descriptor.layouts if home & layout.keys()]
        others = [layout for layout in descriptor.layouts if not home & layout.keys()]
        self._directory.luck.shuffle(first)
        self._directory.luck.shuffle(others)
        return Plan(first + others, groups)

    def _order(self, member: Member) -> tuple[int, bool]:
        return (-member.height, member.peer is not self._local)


def _judge(response: proposal_response_pb2.ProposalResponse) -> Answer:
    status, message = response.response.status, response.response.message
    if 200 <= status < 400:
        return Answer(response, grpc.StatusCode.OK)
    if status == 500 and not response.payload:
        return Answer(response, grpc.StatusCode.ABORTED, message, True)
    return Answer(response, grpc.StatusCode.UNKNOWN, f"chaincode response {status}, {message}")


def remote_error(code: grpc.StatusCode, message: str) -> str:
    """A gRPC error as Go's client prints it."""
    name = "".join(part.capitalize() for part in code.name.split("_"))
    return f"rpc error: code = {name} desc = {message}"


def connection_refused(address: str) -> str:
    """What Go's client says of a port that nobody listens on."""
    return remote_error(
        grpc.StatusCode.UNAVAILABLE,
        'connection error: desc = "transport: Error while dialing: '
        f'dial tcp {address}: connect: connection refused"',
    )
