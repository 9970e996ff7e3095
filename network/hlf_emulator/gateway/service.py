"""gateway.Gateway, as one peer offers it (internal/pkg/gateway)."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.directory import Directory
from hlf_emulator.gateway.endorse import endorse, read_content
from hlf_emulator.gateway.endorsement_plan import detail
from hlf_emulator.gateway.peers import GatewayPeers, NoPeers, Question
from hlf_emulator.gateway.submit import no_config, submit
from hlf_emulator.go.text import Undecodable, decode_fault
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.peer.block_events import chaincode_events
from hlf_emulator.peer.peer import Channel, Peer
from hlf_emulator.ports.deadlines import check_deadline, until_deadline
from hlf_emulator.ports.rpc_status import RpcError, abort

_Context = grpc.aio.ServicerContext[Any, Any]


class GatewayService(gateway_pb2_grpc.GatewayServicer):
    """The Gateway of ``peer``; codes, messages and details are Fabric's."""

    def __init__(self, peer: Peer, directory: Directory) -> None:
        self._peer = peer
        self._directory = directory
        self._peers = GatewayPeers(peer, directory)

    async def Evaluate(  # noqa: N802 - the RPC's name
        self, request: gateway_pb2.EvaluateRequest, context: _Context
    ) -> gateway_pb2.EvaluateResponse:
        """Ask one peer, own organization first; retried on another where Fabric retries."""
        try:
            async with until_deadline(context, "evaluate timeout expired"):
                return await self._evaluate(request)
        except RpcError as error:
            await abort(context, error)

    async def Endorse(  # noqa: N802 - the RPC's name
        self, request: gateway_pb2.EndorseRequest, context: _Context
    ) -> gateway_pb2.EndorseResponse:
        """Collect endorsements, by the organizations named or as discovery derives them."""
        try:
            prepared = await endorse(self._peers, self._peer.msp_id, request, context)
            return gateway_pb2.EndorseResponse(prepared_transaction=prepared)
        except RpcError as error:
            await abort(context, error)

    async def Submit(  # noqa: N802 - the RPC's name
        self, request: gateway_pb2.SubmitRequest, context: _Context
    ) -> gateway_pb2.SubmitResponse:
        """Broadcast to the orderers; OK says that a quorum of them has it, not that it is committed."""
        try:
            check_deadline(context, "submit timeout expired while broadcasting to ordering service")
            submit(self._peer, self._directory, request)
            return gateway_pb2.SubmitResponse()
        except RpcError as error:
            await abort(context, error)

    async def CommitStatus(  # noqa: N802 - the RPC's name
        self, request: gateway_pb2.SignedCommitStatusRequest, context: _Context
    ) -> gateway_pb2.CommitStatusResponse:
        """Wait, for as long as the client does, until this peer has committed the transaction."""
        try:
            async with until_deadline(context, "context deadline exceeded"):
                return await self._commit_status(request)
        except RpcError as error:
            await abort(context, error)

    async def ChaincodeEvents(  # noqa: N802 - the RPC's name
        self, request: gateway_pb2.SignedChaincodeEventsRequest, context: _Context
    ) -> AsyncIterator[gateway_pb2.ChaincodeEventsResponse]:
        """Events of valid transactions, one message for each block that has some."""
        try:
            async for response in self._events(request):
                yield response
        except RpcError as error:
            await abort(context, error)

    async def _evaluate(self, request: gateway_pb2.EvaluateRequest) -> gateway_pb2.EvaluateResponse:
        signed = request.proposed_transaction
        channel, chaincode, transient = _unpack(signed)
        if channel not in self._peer.channels:
            raise RpcError(grpc.StatusCode.UNAVAILABLE, no_config(channel))
        organizations: Sequence[str] = request.target_organizations
        prefix = ""
        if transient and not organizations:
            organizations = [self._peer.msp_id]
            prefix = (
                "no endorsers found in the gateway's organization; retry specifying target organization(s) "
                "to protect transient data: "
            )
        try:
            members = self._peers.evaluators(channel, chaincode, organizations)
        except NoPeers as error:
            raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, f"{prefix}{error}") from error
        details: list[gateway_pb2.ErrorDetail] = []
        code = grpc.StatusCode.UNAVAILABLE
        for member in members:
            answer = await self._peers.ask(member, Question(signed))
            if answer.code is grpc.StatusCode.OK and answer.response is not None:
                return gateway_pb2.EvaluateResponse(result=_result(answer.response))
            details.append(detail(member, answer.message))
            code = answer.code
            if not answer.retry:
                text = f"evaluate call to endorser returned error: {answer.message}"
                raise RpcError(code, text, details)
        raise RpcError(code, "failed to evaluate transaction, see attached details for more info", details)

    async def _commit_status(
        self, signed: gateway_pb2.SignedCommitStatusRequest
    ) -> gateway_pb2.CommitStatusResponse:
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        if not signed.request:
            raise RpcError(invalid, "a commit status request is required")
        try:
            request = gateway_pb2.CommitStatusRequest.FromString(signed.request)
        except DecodeError as error:
            fault = decode_fault(signed.request)
            raise RpcError(invalid, f"invalid status request: {fault}") from error
        if self._peer.version.status_fields:
            _check_status_fields(request)
        channel = self._authorized(
            "gateway/CommitStatus",
            request.channel_id,
            SignedData(signed.request, request.identity, signed.signature),
        )
        while True:
            # Only the place is wanted; `transaction` would read the whole block for each who asks.
            place = channel.ledger.shared.place(request.transaction_id)
            if place is not None and place.block < channel.ledger.height:
                return gateway_pb2.CommitStatusResponse(
                    result=place.code,  # type: ignore[arg-type]
                    block_number=place.block,
                )
            await channel.ledger.wait_height(channel.ledger.height + 1)

    async def _events(
        self, signed: gateway_pb2.SignedChaincodeEventsRequest
    ) -> AsyncIterator[gateway_pb2.ChaincodeEventsResponse]:
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        if not signed.request:
            raise RpcError(invalid, "a chaincode events request is required")
        try:
            request = gateway_pb2.ChaincodeEventsRequest.FromString(signed.request)
        except DecodeError as error:
            fault = decode_fault(signed.request)
            raise RpcError(invalid, f"invalid chaincode events request: {fault}") from error
        channel = self._authorized(
            "gateway/ChaincodeEvents",
            request.channel_id,
            SignedData(signed.request, request.identity, signed.signature),
        )
        number = _start_block(channel, request)
        # Events are held back until the named transaction's own event has been seen (chaincodeevents.go:107).
        passed = not request.after_transaction_id
        while True:
            await channel.ledger.wait_height(number + 1)
            matching: list[chaincode_event_pb2.ChaincodeEvent] = []
            for event in chaincode_events(channel.ledger.block(number)):
                if not passed:
                    passed = event.tx_id == request.after_transaction_id
                elif event.chaincode_id == request.chaincode_id:
                    matching.append(event)
            if matching:
                yield gateway_pb2.ChaincodeEventsResponse(events=matching, block_number=number)
            number += 1

    def _authorized(self, resource: str, name: str, signed: SignedData) -> Channel:
        refused = grpc.StatusCode.PERMISSION_DENIED
        if not name:
            text = (
                "Invalid channel ID name during check policy on signed data. Name must be different from nil."
            )
            raise RpcError(refused, text)
        channel = self._peer.channels.get(name)
        if channel is None:
            raise RpcError(refused, f"Failed to get policy manager for channel [{name}]")
        try:
            channel.bundle.check_acl(resource, [signed])
        except PolicyError as error:
            raise RpcError(refused, str(error)) from error
        return channel


def _check_status_fields(request: gateway_pb2.CommitStatusRequest) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    if not request.identity:
        raise RpcError(invalid, "no identity provided")
    if not request.channel_id:
        raise RpcError(invalid, "no channel ID provided")
    if not request.transaction_id:
        raise RpcError(invalid, "transaction ID should not be empty")


def _unpack(signed: proposal_pb2.SignedProposal) -> tuple[str, str, bool]:
    """Channel, chaincode and whether there is transient data. Raises RpcError."""

    def refuse(text: str) -> RpcError:
        return RpcError(grpc.StatusCode.INVALID_ARGUMENT, f"failed to unpack transaction proposal: {text}")

    if not signed.proposal_bytes:
        raise refuse("a signed proposal is required")
    try:
        content = read_content(signed)
    except Undecodable as fault:
        raise refuse(str(fault)) from fault
    if not content.channel:
        raise refuse("no channel id provided")
    if not content.has_chaincode_spec:
        raise refuse(f"no chaincode spec is provided, channel id [{content.channel}]")
    if not content.has_chaincode_id:
        raise refuse(f"no chaincode id is provided, channel id [{content.channel}]")
    if not content.chaincode:
        raise refuse(f"no chaincode name is provided, channel id [{content.channel}]")
    return content.channel, content.chaincode, content.has_transient


def _result(response: proposal_response_pb2.ProposalResponse) -> proposal_response_pb2.Response:
    """The response with the transaction's own result as payload, where there is one (evaluate.go:69)."""
    result = proposal_response_pb2.Response()
    result.CopyFrom(response.response)
    if response.payload:
        payload = proposal_response_pb2.ProposalResponsePayload.FromString(response.payload)
        action = proposal_pb2.ChaincodeAction.FromString(payload.extension)
        result.payload = action.response.payload
    return result


def _start_block(channel: Channel, request: gateway_pb2.ChaincodeEventsRequest) -> int:
    if request.after_transaction_id:
        found = channel.ledger.transaction(request.after_transaction_id)
        if found is not None:
            return found[1]
    position: ab_pb2.SeekPosition = request.start_position
    kind = position.WhichOneof("Type")
    if kind == "specified":
        return position.specified.number
    if kind is None or kind == "next_commit":
        return channel.ledger.height
    name = kind.capitalize()
    raise RpcError(
        grpc.StatusCode.INVALID_ARGUMENT, f"invalid start position type: *orderer.SeekPosition_{name}"
    )
