"""Gateway Submit: send a signed transaction to the orderers and judge their answers (gateway/submit.go)."""

from collections.abc import Sequence
from itertools import zip_longest

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2

from hlf.wire.consensus import bft_quorum
from hlf_emulator.directory import Directory
from hlf_emulator.gateway.peers import connection_refused
from hlf_emulator.membership.bundle import OrdererEndpoint
from hlf_emulator.ordering.smartbft import ALREADY_EXISTS
from hlf_emulator.peer.peer import Peer
from hlf_emulator.ports.rpc_status import RpcError


def submit(local: Peer, directory: Directory, request: gateway_pb2.SubmitRequest) -> None:
    """Return when enough orderers have the transaction. Raises RpcError."""
    if not request.HasField("prepared_transaction"):
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "a prepared transaction is required")
    envelope = request.prepared_transaction
    if not envelope.signature:
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "prepared transaction must be signed")
    channel = local.channels.get(request.channel_id)
    if channel is None:
        raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, no_config(request.channel_id))
    if not channel.orderers:
        raise RpcError(grpc.StatusCode.UNAVAILABLE, "no orderer nodes available")
    if channel.bundle.consensus_type == "BFT":
        _submit_bft(directory, channel.orderers, envelope)
    else:
        _submit_raft(directory, channel.orderers, envelope)


def no_config(channel: str) -> str:
    """The text for a channel this peer has not joined."""
    return f"failed to get config for channel [{channel}]: could not get last config for channel {channel}"


def _submit_bft(
    directory: Directory, orderers: Sequence[OrdererEndpoint], envelope: common_pb2.Envelope
) -> None:
    total = len(orderers)
    content = envelope.SerializeToString()
    failures: list[gateway_pb2.ErrorDetail] = []
    for endpoint in _alternating(orderers):
        answer = _broadcast(directory, endpoint, envelope, content)
        if isinstance(answer, str):
            failures.append(_detail(endpoint, answer))
        elif answer.status != common_pb2.SUCCESS and answer.info != ALREADY_EXISTS:
            failures.append(_detail(endpoint, _unsuccessful(answer)))
    tolerated = total - bft_quorum(total)
    if len(failures) > tolerated:
        # Fabric stops counting at the failure that makes the quorum impossible.
        raise RpcError(
            grpc.StatusCode.UNAVAILABLE,
            "insufficient number of orderers could successfully process transaction to satisfy quorum "
            "requirement",
            failures[: tolerated + 1],
        )


def _alternating(endpoints: Sequence[OrdererEndpoint]) -> list[OrdererEndpoint]:
    """One of each organization, then the next of each: Fabric's own order is that of arrival."""
    by_organization: dict[str, list[OrdererEndpoint]] = {}
    for endpoint in endpoints:
        by_organization.setdefault(endpoint.msp_id, []).append(endpoint)
    rounds = zip_longest(*by_organization.values())
    return [endpoint for turn in rounds for endpoint in turn if endpoint is not None]


def _submit_raft(
    directory: Directory, orderers: Sequence[OrdererEndpoint], envelope: common_pb2.Envelope
) -> None:
    details: list[gateway_pb2.ErrorDetail] = []
    content = envelope.SerializeToString()
    for endpoint in directory.luck.sample(orderers, len(orderers)):
        answer = _broadcast(directory, endpoint, envelope, content)
        if isinstance(answer, str):
            details.append(_detail(endpoint, answer))
        elif answer.status == common_pb2.SUCCESS:
            return
        elif 400 <= answer.status < 500:
            raise RpcError(grpc.StatusCode.ABORTED, _unsuccessful(answer))
    raise RpcError(grpc.StatusCode.UNAVAILABLE, "no orderers could successfully process transaction", details)


def _broadcast(
    directory: Directory, endpoint: OrdererEndpoint, envelope: common_pb2.Envelope, content: bytes
) -> ab_pb2.BroadcastResponse | str:
    """The orderer's answer, or why it could not be asked."""
    orderer = directory.orderer(endpoint.address)
    if orderer is None or not orderer.running:
        return connection_refused(endpoint.address)
    return orderer.broadcast(envelope, content)


def _unsuccessful(answer: ab_pb2.BroadcastResponse) -> str:
    name = common_pb2.Status.Name(answer.status)
    return f"received unsuccessful response from orderer: status={name}, info={answer.info}"


def _detail(endpoint: OrdererEndpoint, message: str) -> gateway_pb2.ErrorDetail:
    return gateway_pb2.ErrorDetail(address=endpoint.address, msp_id=endpoint.msp_id, message=message)
