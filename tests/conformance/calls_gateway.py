"""What a Gateway answers beyond the plain call: parts missing, bytes that are none, events replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from hlf.wire.transaction import assemble_transaction
from tests.conformance.calls import (
    SECONDS,
    Access,
    Answer,
    Case,
    commit_status,
    endorse,
    guarded,
    insisted,
    node_of,
    sign_envelope,
    signed_proposal,
    submit,
    text,
    unary,
)
from tests.conformance.proposals import GARBAGE

SILENCE = 0.3
"""Seconds without a message after which a stream is taken to be silent."""


# -- requests with something missing


def _without_proposal(access: Access, case: Case) -> Answer:
    """Evaluate or Endorse, by `method`, of a request that holds no proposal or an empty one."""
    kind, response = {
        "Evaluate": (gateway_pb2.EvaluateRequest, gateway_pb2.EvaluateResponse),
        "Endorse": (gateway_pb2.EndorseRequest, gateway_pb2.EndorseResponse),
    }[case["method"].rpartition("/")[2]]
    request = kind(transaction_id="00", channel_id="slice")
    if case.get("send") == "signature-alone":
        request.proposed_transaction.signature = b"signature"

    def make() -> Answer:
        unary(access, node_of(access, case), f"/{case['method']}", request, response)
        return {"code": "OK"}

    return guarded(make)


def _submit_other(access: Access, case: Case) -> Answer:
    """Submit of a signed envelope that is no transaction, or of one for another channel than `channel`."""
    envelope = common_pb2.Envelope(payload=GARBAGE, signature=b"signature")
    if case["send"] == "endorsed":
        asked = {**case, "channel": "slice"}
        asked.pop("deadline", None)
        envelope = sign_envelope(access, case, endorse(access, asked)[1])

    def make() -> Answer:
        submit(access, case, "00", envelope)
        return {"code": "OK"}

    return insisted(case, make)


def _status(access: Access, case: Case) -> Answer:
    """CommitStatus: of a request that `send` says is no request, or of what `of` commits first."""
    sent = case.get("send")
    if sent is None:
        return guarded(lambda: _status_of_own(access, case))
    request = gateway_pb2.CommitStatusRequest(
        transaction_id="00", channel_id="slice", identity=access.identity(case["as"]).serialized()
    )
    if sent in {"identity", "channel_id"}:
        request.ClearField(sent)
    elif sent == "garbage-identity":
        request.identity = GARBAGE
    raw = {"empty": b"", "garbage": GARBAGE}.get(sent, request.SerializeToString())
    signed = gateway_pb2.SignedCommitStatusRequest(request=raw, signature=b"signature")

    def make() -> Answer:
        unary(
            access,
            node_of(access, case),
            "/gateway.Gateway/CommitStatus",
            signed,
            gateway_pb2.CommitStatusResponse,
        )
        return {"code": "OK"}

    return guarded(make)


def _status_of_own(access: Access, case: Case) -> Answer:
    step = {**case, **case["of"]}
    transaction_id, envelope = endorse(access, step)
    envelope = sign_envelope(access, step, envelope)
    submit(access, step, transaction_id, envelope)
    first = commit_status(access, case, transaction_id)
    if case["of"].get("twice"):
        # A second copy is refused or ends in a later block; the status stays the first one's.
        guarded(lambda: submit(access, step, transaction_id, envelope) or {})
    again = commit_status(access, {**case, "as": case.get("asked_by", case["as"])}, transaction_id)
    return {
        "code": "OK",
        "validation_code": transaction_pb2.TxValidationCode.Name(again.result),
        "same_block": first.block_number == again.block_number > 0,
    }


def _propose_again(access: Access, case: Case) -> Answer:
    """The same signed proposal a second time, to the same peer; committed in between unless `uncommitted`."""
    transaction_id, signed = signed_proposal(access, case)
    peers = ("peer0.org-a", "peer0.org-b")

    def propose(peer: str) -> proposal_response_pb2.ProposalResponse:
        answer = unary(
            access,
            peer,
            "/protos.Endorser/ProcessProposal",
            signed,
            proposal_response_pb2.ProposalResponse,
        )
        assert isinstance(answer, proposal_response_pb2.ProposalResponse)
        return answer

    responses = [propose(peer) for peer in peers]
    if not case.get("uncommitted"):
        envelope = sign_envelope(access, case, assemble_transaction(signed.proposal_bytes, responses))
        submit(access, case, transaction_id, envelope)
        commit_status(access, case, transaction_id)

    def make() -> Answer:
        answer = propose(node_of(access, case))
        return {"code": "OK", "status": answer.response.status, "message": answer.response.message}

    return guarded(make)


def _propose_meanwhile(access: Access, case: Case) -> Answer:
    """The same signed proposal again while the peer still executes it."""
    _, signed = signed_proposal(access, case)
    stub = access.channel(node_of(access, case)).unary_unary(
        "/protos.Endorser/ProcessProposal",
        request_serializer=proposal_pb2.SignedProposal.SerializeToString,
        response_deserializer=proposal_response_pb2.ProposalResponse.FromString,
    )

    def make() -> Answer:
        calls = [stub.future(signed, timeout=SECONDS) for _ in range(2)]
        answers = sorted((call.result().response for call in calls), key=lambda each: each.status)
        return {
            "code": "OK",
            "answers": [{"status": each.status, "message": each.message} for each in answers],
        }

    return guarded(make)


# -- events


def _events(access: Access, case: Case) -> Answer:
    """The events of one stream, in order: `commit` before it opens, `later` once it is open.

    `start` is a block, `first` (the block of the first commit), `beyond`, or a word of the protocol; `after`
    names the transaction after which to begin: the place of a commit, or `unknown`. `take` events are read,
    and the stream is silent when no further one comes for a moment.
    """
    committed = list(_commit(access, case, case.get("commit", [])))
    signer = access.identity(case["as"])
    request = gateway_pb2.ChaincodeEventsRequest(
        channel_id=case.get("channel", "slice"),
        chaincode_id=case.get("chaincode", "records"),
        identity=signer.serialized(),
    )
    _position(request, case.get("start"), committed)
    after = case.get("after")
    if after is not None:
        request.after_transaction_id = "00" * 32 if after == "unknown" else committed[after][0]
    raw = request.SerializeToString()
    raw = {"empty": b"", "garbage": GARBAGE}.get(case.get("send", ""), raw)
    stub = access.channel(node_of(access, case)).unary_stream(
        "/gateway.Gateway/ChaincodeEvents",
        request_serializer=gateway_pb2.SignedChaincodeEventsRequest.SerializeToString,
        response_deserializer=gateway_pb2.ChaincodeEventsResponse.FromString,
    )
    signed = gateway_pb2.SignedChaincodeEventsRequest(request=raw, signature=signer.sign(raw))
    take = int(case.get("take", 1))

    def make() -> Answer:
        stream = stub(signed, timeout=SILENCE if case.get("silent") else SECONDS)
        try:
            for _ in _commit(access, case, case.get("later", [])):
                pass
            return {"code": "OK", **_read_events(stream, take, [block for _, block in committed])}
        finally:
            stream.cancel()

    return guarded(make)


def _position(
    request: gateway_pb2.ChaincodeEventsRequest, start: Any, committed: list[tuple[str, int]]
) -> None:
    if start == "first":
        request.start_position.specified.number = committed[0][1]
    elif start == "beyond":
        request.start_position.specified.number = 1_000_000
    elif isinstance(start, int):
        request.start_position.specified.number = start
    elif start is not None:
        getattr(request.start_position, start).SetInParent()


def _read_events(stream: Any, take: int, blocks: list[int]) -> Answer:
    """Events in order, and whether each message was of one of the blocks committed here."""
    seen: list[str] = []
    own = True
    try:
        for message in stream:
            own = own and (not blocks or message.block_number in blocks)
            seen += [f"{event.event_name}: {text(event.payload)}" for event in message.events]
            if len(seen) >= take:
                break
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise
        return {"events": seen, "silent": True}
    return {"events": seen, "of_own_blocks": own}


def _commit(access: Access, case: Case, steps: list[Case]) -> Iterator[tuple[str, int]]:
    """Commit the steps, all of them submitted before the first is waited for if the case says `together`."""
    waiting: list[tuple[Case, str]] = []
    for step in steps:
        whole = {"as": case["as"], **step}
        transaction_id, envelope = endorse(access, whole)
        submit(access, whole, transaction_id, sign_envelope(access, whole, envelope))
        if case.get("together"):
            waiting.append((whole, transaction_id))
        else:
            yield transaction_id, commit_status(access, whole, transaction_id).block_number
    for whole, transaction_id in waiting:
        yield transaction_id, commit_status(access, whole, transaction_id).block_number


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "WithoutProposal": _without_proposal,
    "SubmitOther": _submit_other,
    "Status": _status,
    "ProposeAgain": _propose_again,
    "ProposeMeanwhile": _propose_meanwhile,
    "Events": _events,
}
