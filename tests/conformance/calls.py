"""One call of a case, made on the bare protocol, and its answer as plain data.

Nothing here goes through hlf's clients: an answer that they would smooth over must be seen.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from hlf.admin import participation
from hlf.endpoint import Endpoint
from hlf.identity import SigningIdentity
from hlf.wire.proposal import build_proposal
from hlf.wire.status import decode_details
from hlf.wire.transaction import assemble_transaction, read_transaction
from hlf_network.waiting import wait_until
from tests.conformance.ca_client import Authority
from tests.conformance.proposals import changed

Case = Mapping[str, Any]
Answer = dict[str, Any]
SECONDS = 20.0
_TRIES = 40
_ORDERED = 60.0


@dataclass(frozen=True)
class Access:
    """How to reach one network: endpoints by node name, identities by `organization/user`."""

    endpoint: Callable[[str], Endpoint]
    gateway_of: Callable[[str], str]
    identity: Callable[[str], SigningIdentity]
    admin: Callable[[str], tuple[str, participation.ClientTls]]
    chaincode_address: tuple[str, str] = ("localhost", "localhost")
    """Where a chaincode server of a test listens, and the host by which peers dial it."""
    network: Any = None
    """The network itself (hlf_network.Consortium): its layout, and what stops its nodes."""
    channels: dict[str, grpc.Channel] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)
    """Fabric CAs by node name: see calls_ca."""
    servers: dict[str, Any] = field(default_factory=dict)
    """Chaincode servers of the test's own, by name: see calls_stream."""
    stopped: set[str] = field(default_factory=set)
    """The nodes that a case has had stopped: see stops."""

    def channel(self, node: str) -> grpc.Channel:
        """The connection to a node, opened once."""
        if node not in self.channels:
            self.channels[node] = self.endpoint(node).connect()
        return self.channels[node]

    def close(self) -> None:
        """Close every connection and server."""
        for connection in (*self.channels.values(), *self.authorities.values()):
            connection.close()
        for server in self.servers.values():
            server.close()


def arrange_transaction(access: Access, step: Case) -> None:
    """Submit a step that a case stands on; AssertionError unless it commits as VALID, at every gateway."""
    answer = transact(access, {**step, "rpc": "Transact", "arranging": True})
    assert answer.get("validation_code") == "VALID", f"arranging {step} answered {answer}"


# -- the parts of a call


def unary(
    access: Access, node: str, method: str, request: Any, response: Any, deadline: int | None = None
) -> Any:
    """`deadline` (milliseconds) is told to the server and not kept here: its word on it is to be heard."""
    stub = access.channel(node).unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
    )
    metadata = None if deadline is None else (("grpc-timeout", f"{deadline}m"),)
    return stub(request, timeout=None if deadline else SECONDS, metadata=metadata)


def _failure(error: grpc.RpcError) -> Answer:
    details: list[dict[str, str]] = []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            details = [
                {"address": each.address, "msp_id": each.msp_id, "message": each.message}
                for each in decode_details(value)
            ]
    answer: Answer = {"code": error.code().name, "message": error.details()}
    if details:
        answer["details"] = _settled(details)
    return answer


def _settled(details: list[dict[str, str]]) -> list[dict[str, str]]:
    """Details in an order that does not depend on who answered first.

    Submit stops asking orderers once enough have refused, and which ones those are is chance: what they said
    is kept, once for each text.
    """
    if all(each["msp_id"].endswith("-orderer") for each in details):
        details = [
            {"msp_id": "an orderer", "message": text} for text in {each["message"] for each in details}
        ]
    return sorted(details, key=lambda each: (each["msp_id"], each["message"]))


def guarded(make: Callable[[], Answer]) -> Answer:
    try:
        return make()
    except grpc.RpcError as error:
        return _failure(error)


def insisted(case: Case, make: Callable[[], Answer]) -> Answer:
    """Where a case has a deadline, ask again until its end is told by the service itself.

    When it ends, the service and its transport both end the call, and which comes first is chance.
    """
    answer = guarded(make)
    for _ in range(_TRIES if "deadline" in case else 0):
        by_transport = str(answer.get("message", "")).startswith(("Stream removed", "Deadline Exceeded"))
        if answer["code"] == "DEADLINE_EXCEEDED" and not by_transport:
            break
        answer = guarded(make)
    return answer


def node_of(access: Access, case: Case) -> str:
    return str(case.get("at") or access.gateway_of(case["as"].split("/")[0]))


def signed_proposal(access: Access, case: Case) -> tuple[str, proposal_pb2.SignedProposal]:
    signer = access.identity(case["as"])
    tamper = case.get("tamper", "")
    now = time.time_ns() - (3600 * 10**9 if tamper == "timestamp" else 0)
    parts = build_proposal(
        signer.identity,
        case.get("channel", "slice"),
        case.get("chaincode", "records"),
        [each if isinstance(each, bytes) else str(each).encode() for each in case["call"]],
        {name: str(value).encode() for name, value in case.get("transient", {}).items()},
        os.urandom(24),
        now,
    )
    proposal = parts.proposal
    if tamper == "transaction-id":
        message = proposal_pb2.Proposal.FromString(proposal)
        header = common_pb2.Header.FromString(message.header)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        channel_header.tx_id = "00" * 32
        header.channel_header = channel_header.SerializeToString()
        message.header = header.SerializeToString()
        proposal = message.SerializeToString()
    if "change" in case:
        proposal = changed(proposal, case["change"])
    signature = signer.sign(b"another message" if tamper == "signature" else proposal)
    return parts.transaction_id, proposal_pb2.SignedProposal(
        proposal_bytes=proposal, signature=b"" if tamper == "no-signature" else signature
    )


# -- gateway


def _evaluate(access: Access, case: Case) -> Answer:
    def make() -> Answer:
        transaction_id, signed = signed_proposal(access, case)
        request = gateway_pb2.EvaluateRequest(
            transaction_id=transaction_id,
            channel_id=case.get("channel", "slice"),
            proposed_transaction=signed,
            target_organizations=case.get("organizations", []),
        )
        answer = unary(
            access,
            node_of(access, case),
            "/gateway.Gateway/Evaluate",
            request,
            gateway_pb2.EvaluateResponse,
            case.get("deadline"),
        )
        return {"code": "OK", "status": answer.result.status, "payload": text(answer.result.payload)}

    return insisted(case, make)


def endorse(access: Access, case: Case) -> tuple[str, common_pb2.Envelope]:
    transaction_id, signed = signed_proposal(access, case)
    request = gateway_pb2.EndorseRequest(
        transaction_id=transaction_id,
        channel_id=case.get("channel", "slice"),
        proposed_transaction=signed,
        endorsing_organizations=case.get("organizations", []),
    )
    answer = unary(
        access,
        node_of(access, case),
        "/gateway.Gateway/Endorse",
        request,
        gateway_pb2.EndorseResponse,
        case.get("deadline"),
    )
    return transaction_id, answer.prepared_transaction


def _endorse(access: Access, case: Case) -> Answer:
    def make() -> Answer:
        _, envelope = endorse(access, case)
        facts = read_transaction(envelope.payload)
        return {"code": "OK", "payload": text(facts.result), "endorsers": sorted(facts.endorsers)}

    return insisted(case, make)


def sign_envelope(access: Access, case: Case, envelope: common_pb2.Envelope) -> common_pb2.Envelope:
    signed = copy.deepcopy(envelope)
    signer = access.identity(case["as"])
    message = b"another message" if case.get("tamper") == "envelope-signature" else signed.payload
    signed.signature = signer.sign(message)
    return signed


def submit(access: Access, case: Case, transaction_id: str, envelope: common_pb2.Envelope) -> None:
    request = gateway_pb2.SubmitRequest(
        transaction_id=transaction_id,
        channel_id=case.get("channel", "slice"),
        prepared_transaction=envelope,
    )
    unary(
        access,
        node_of(access, case),
        "/gateway.Gateway/Submit",
        request,
        gateway_pb2.SubmitResponse,
        case.get("deadline"),
    )


def _submit_at_last(access: Access, case: Case, transaction_id: str, envelope: common_pb2.Envelope) -> None:
    """Submit, and again while too few orderers are reached: a machine under load may be late to elect one."""

    def taken() -> bool:
        try:
            submit(access, case, transaction_id, envelope)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    wait_until(taken, _ORDERED, lambda: f"no orderers took {transaction_id}", every=0.5)


def commit_status(access: Access, case: Case, transaction_id: str) -> gateway_pb2.CommitStatusResponse:
    signer = access.identity(case["as"])
    request = gateway_pb2.CommitStatusRequest(
        transaction_id=transaction_id, channel_id=case.get("channel", "slice"), identity=signer.serialized()
    ).SerializeToString()
    signature = signer.sign(b"another message" if case.get("tamper") == "status-signature" else request)
    signed = gateway_pb2.SignedCommitStatusRequest(request=request, signature=signature)
    answer = unary(
        access,
        node_of(access, case),
        "/gateway.Gateway/CommitStatus",
        signed,
        gateway_pb2.CommitStatusResponse,
        case.get("deadline"),
    )
    assert isinstance(answer, gateway_pb2.CommitStatusResponse)
    return answer


def _submit_bare(access: Access, case: Case) -> Answer:
    """Submit of a request with a part missing: `missing` is transaction or signature."""

    def make() -> Answer:
        if case["missing"] == "transaction":
            request = gateway_pb2.SubmitRequest(transaction_id="00" * 32, channel_id="slice")
        else:
            envelope = common_pb2.Envelope(payload=b"payload")
            request = gateway_pb2.SubmitRequest(
                transaction_id="00" * 32, channel_id="slice", prepared_transaction=envelope
            )
        unary(access, node_of(access, case), "/gateway.Gateway/Submit", request, gateway_pb2.SubmitResponse)
        return {"code": "OK"}

    return guarded(make)


def _ask_status(access: Access, case: Case) -> Answer:
    def make() -> Answer:
        status = commit_status(access, case, case["transaction_id"])
        return {"code": "OK", "validation_code": transaction_pb2.TxValidationCode.Name(status.result)}

    return insisted(case, make)


def transact(access: Access, case: Case) -> Answer:
    """Endorse, commit what stands in `after` first, submit, wait; `twice` sends the same envelope again."""

    def make() -> Answer:
        transaction_id, envelope = endorse(access, case)
        for rival in case.get("after", []):
            arrange_transaction(access, {**case, "after": [], **rival})
        envelope = sign_envelope(access, case, envelope)
        if case.get("arranging"):
            _submit_at_last(access, case, transaction_id, envelope)
        else:
            submit(access, case, transaction_id, envelope)
        status = commit_status(access, case, transaction_id)
        if case.get("arranging") or case.get("everywhere"):
            for peer in {access.gateway_of(organization) for organization in ("org-a", "org-b")}:
                commit_status(access, {**case, "at": peer}, transaction_id)
        answer: Answer = {"validation_code": transaction_pb2.TxValidationCode.Name(status.result)}
        facts = read_transaction(envelope.payload)
        if facts.result:
            answer["payload"] = text(facts.result)
        if case.get("twice"):
            answer["again"] = guarded(
                lambda: submit(access, case, transaction_id, envelope) or {"code": "OK"}
            )
        return answer

    return guarded(make)


def _chaincode_events(access: Access, case: Case) -> Answer:
    """The first event from a block on; `call`, if given, is committed once the stream is open."""
    signer = access.identity(case["as"])
    request = gateway_pb2.ChaincodeEventsRequest(
        channel_id=case.get("channel", "slice"),
        chaincode_id=case.get("chaincode", "records"),
        identity=signer.serialized(),
    )
    start = case.get("start")
    if start == "oldest":
        request.start_position.oldest.SetInParent()
    elif isinstance(start, int):
        request.start_position.specified.number = start
    raw = request.SerializeToString()
    signature = signer.sign(b"another message" if case.get("tamper") == "signature" else raw)
    stub = access.channel(node_of(access, case)).unary_stream(
        "/gateway.Gateway/ChaincodeEvents",
        request_serializer=gateway_pb2.SignedChaincodeEventsRequest.SerializeToString,
        response_deserializer=gateway_pb2.ChaincodeEventsResponse.FromString,
    )

    def make() -> Answer:
        stream = stub(
            gateway_pb2.SignedChaincodeEventsRequest(request=raw, signature=signature), timeout=SECONDS
        )
        try:
            for message in stream:
                for event in message.events:
                    if case.get("event") in {None, event.event_name}:
                        return {"event": event.event_name, "payload": text(event.payload)}
        finally:
            stream.cancel()
        return {"code": "OK"}

    return guarded(make)


# -- endorser, orderer


def _process_proposal(access: Access, case: Case) -> Answer:
    _, signed = signed_proposal(access, case)
    if case.get("missing") == "proposal":
        signed = proposal_pb2.SignedProposal(signature=b"x")

    def make() -> Answer:
        answer = unary(
            access,
            node_of(access, case),
            "/protos.Endorser/ProcessProposal",
            signed,
            proposal_response_pb2.ProposalResponse,
        )
        return {
            "code": "OK",
            "status": answer.response.status,
            "message": answer.response.message,
            "payload": text(answer.response.payload) if case.get("show_payload") else None,
            "endorsed": bool(answer.endorsement.signature),
        }

    return guarded(make)


def _broadcast(access: Access, case: Case) -> Answer:
    """One envelope straight to an orderer; `send` says what: endorsed, empty, garbage."""
    kind = case.get("send", "endorsed")
    if kind == "endorsed":
        envelope = sign_envelope(access, case, endorse(access, {**case, "at": None, "tamper": ""})[1])
    else:
        envelope = common_pb2.Envelope(payload=b"" if kind == "empty" else b"\xff\xff", signature=b"s")
    if case.get("to_channel"):
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        header.channel_id = case["to_channel"]
        payload.header.channel_header = header.SerializeToString()
        signer = access.identity(case["as"])
        raw = payload.SerializeToString()
        envelope = common_pb2.Envelope(payload=raw, signature=signer.sign(raw))
    stub = access.channel(case["at"]).stream_stream(
        "/orderer.AtomicBroadcast/Broadcast",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=ab_pb2.BroadcastResponse.FromString,
    )

    def make() -> Answer:
        stream = stub(iter([envelope]), timeout=SECONDS)
        try:
            answer = next(iter(stream))
        finally:
            stream.cancel()
        return {"code": "OK", "status": common_pb2.Status.Name(answer.status), "info": answer.info}

    return guarded(make)


def _endorse_directly(access: Access, case: Case) -> Answer:
    """Ask `peers` one by one, assemble what they endorsed whatever the policy says, and commit it."""
    transaction_id, signed = signed_proposal(access, case)

    def make() -> Answer:
        responses = [
            unary(
                access,
                peer,
                "/protos.Endorser/ProcessProposal",
                signed,
                proposal_response_pb2.ProposalResponse,
            )
            for peer in case["peers"]
        ]
        envelope = sign_envelope(access, case, assemble_transaction(signed.proposal_bytes, responses))
        submit(access, case, transaction_id, envelope)
        status = commit_status(access, case, transaction_id)
        return {"validation_code": transaction_pb2.TxValidationCode.Name(status.result)}

    return guarded(make)


def text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Evaluate": _evaluate,
    "Endorse": _endorse,
    "SubmitBare": _submit_bare,
    "CommitStatus": _ask_status,
    "Transact": transact,
    "EndorsedBy": _endorse_directly,
    "ChaincodeEvents": _chaincode_events,
    "ProcessProposal": _process_proposal,
    "Broadcast": _broadcast,
}
