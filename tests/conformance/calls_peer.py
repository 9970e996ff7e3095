"""What a peer's delivery and discovery answer to several questions at once, and to what is no question."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

import grpc
from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.discovery import protocol_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.json_format import ParseDict

from hlf.wire.blocks import decode_block
from hlf.wire.deliver import seek_position
from hlf_chaincode import key_policy
from tests.conformance.calls import (
    SECONDS,
    Access,
    Answer,
    Case,
    commit_status,
    endorse,
    guarded,
    node_of,
    sign_envelope,
    signed_proposal,
    submit,
    text,
    unary,
)
from tests.conformance.proposals import GARBAGE

_SILENCE = 0.3
_METHODS = {
    "Seek": "Deliver",
    "SeekFiltered": "DeliverFiltered",
    "SeekPrivate": "DeliverWithPrivateData",
}


# -- delivery


def _seek(access: Access, case: Case) -> Answer:
    """One stream, `seeks` sent in order, each once the one before is answered; up to `take` messages each.

    A position is a number, a word of the protocol, or `first` (the block of what `commit` commits), `tip`
    (the newest block's number), `tip+1`, `tip+2`. Blocks beyond the first two are told by their distance
    from the tip. A stream without a further message for a moment is silent.
    """
    first = 0
    for step in case.get("commit", []):
        block = _commit(access, {"as": case["as"], **step})
        first = first or block
    # The peer may not have the newest commit yet: then that is where it will be.
    tip = max(first, height(access, node_of(access, case)) - 1)
    service = _METHODS[case["rpc"]]
    stub = access.channel(node_of(access, case)).stream_stream(
        f"/protos.Deliver/{service}",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=events_pb2.DeliverResponse.FromString,
    )
    silent = any(seek.get("silent") for seek in case["seeks"])

    def make() -> Answer:
        asked: SimpleQueue[common_pb2.Envelope | None] = SimpleQueue()
        answers: list[Any] = []
        stream = stub(iter(asked.get, None), timeout=_SILENCE if silent else SECONDS)
        try:
            for seek in case["seeks"]:
                asked.put(_seek_envelope(access, case, seek, {"first": first, "tip": tip}))
                answers.append(list(_answers(stream, int(seek.get("take", 99)), tip)))
        finally:
            stream.cancel()
            asked.put(None)
        return {"code": "OK", "answers": answers}

    return guarded(make)


def height(access: Access, peer: str) -> int:
    """How many blocks of the channel a peer has."""
    call = {
        "as": "org-a/admin",
        "at": peer,
        "chaincode": "qscc",
        "call": ["GetChainInfo", "slice"],
    }
    _, signed = signed_proposal(access, call)
    answer = unary(
        access,
        peer,
        "/protos.Endorser/ProcessProposal",
        signed,
        proposal_response_pb2.ProposalResponse,
    )
    return ledger_pb2.BlockchainInfo.FromString(answer.response.payload).height


def _commit(access: Access, step: Case) -> int:
    transaction_id, envelope = endorse(access, step)
    submit(access, step, transaction_id, sign_envelope(access, step, envelope))
    return commit_status(access, step, transaction_id).block_number


def _seek_envelope(access: Access, case: Case, seek: Case, places: Mapping[str, int]) -> common_pb2.Envelope:
    signer = access.identity(case["as"])
    info = ab_pb2.SeekInfo(
        behavior=seek.get("behavior", "BLOCK_UNTIL_READY"),
        error_response=seek.get("error_response", "STRICT"),
        content_type=seek.get("content", "BLOCK"),
    )
    for name in ("start", "stop"):
        position = seek.get(name, "oldest")
        if position != "none":
            getattr(info, name).CopyFrom(_position(position, places))
    header = common_pb2.ChannelHeader(
        type=common_pb2.DELIVER_SEEK_INFO,
        channel_id=seek.get("channel", case.get("channel", "slice")),
        tls_cert_hash=seek.get("tls_hash", "").encode(),
    )
    if seek.get("timestamp") != "none":
        header.timestamp.FromNanoseconds(time.time_ns() + int(seek.get("timestamp", 0)) * 10**9)
    creator = common_pb2.SignatureHeader(creator=signer.serialized(), nonce=os.urandom(24))
    payload = common_pb2.Payload(
        header=common_pb2.Header(
            channel_header=header.SerializeToString(), signature_header=creator.SerializeToString()
        ),
        data=info.SerializeToString(),
    )
    part = seek.get("garbage")
    if part == "seek":
        payload.data = GARBAGE
    elif part == "no-seek":
        payload.data = b""
    elif part == "header":
        payload.ClearField("header")
    elif part in {"channel_header", "signature_header"}:
        setattr(payload.header, part, GARBAGE)
    elif part == "creator":
        creator.creator = GARBAGE
        payload.header.signature_header = creator.SerializeToString()
    raw = GARBAGE if part == "payload" else payload.SerializeToString()
    signature = signer.sign(b"another message" if seek.get("tamper") == "signature" else raw)
    return common_pb2.Envelope(payload=raw, signature=signature)


def _position(position: int | str, places: Mapping[str, int]) -> ab_pb2.SeekPosition:
    if position == "untyped":
        return ab_pb2.SeekPosition()
    name, _, beyond = str(position).partition("+")
    if name in places:
        return seek_position(places[name] + int(beyond or 0))
    return seek_position(position)


def _answers(stream: Any, take: int, tip: int) -> Iterator[Any]:
    try:
        for count, message in enumerate(stream, 1):
            kind = message.WhichOneof("Type")
            if kind == "status":
                yield {"status": common_pb2.Status.Name(message.status)}
                return
            yield {kind: _SHAPES[kind](getattr(message, kind), tip)}
            if count == take:
                return
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise
        yield "silence"
        return
    yield "the end of the stream"


def _number(number: int, tip: int) -> int | str:
    return number if number < 2 else f"the tip{number - tip:+d}" if number != tip else "the tip"


def _block(block: common_pb2.Block, tip: int) -> Answer:
    if not block.HasField("data"):
        return {"number": _number(block.header.number, tip), "data": False, "metadata": _metadata(block)}
    return {
        "number": _number(block.header.number, tip),
        "types": sorted({each.type for each in decode_block(block).transactions}),
        "metadata": _metadata(block),
    }


def _metadata(block: common_pb2.Block) -> int:
    return len(block.metadata.metadata)


def _filtered(block: events_pb2.FilteredBlock, tip: int) -> Answer:
    return {
        "number": _number(block.number, tip),
        "channel": block.channel_id,
        "transactions": [
            {
                "has_id": bool(each.txid),
                "type": common_pb2.HeaderType.Name(each.type),
                "code": transaction_pb2.TxValidationCode.Name(each.tx_validation_code),
                "data": each.WhichOneof("Data"),
                "events": [
                    f"{action.chaincode_event.chaincode_id} {action.chaincode_event.event_name} "
                    f"({text(action.chaincode_event.payload) or 'no payload'})"
                    for action in each.transaction_actions.chaincode_actions
                ],
            }
            for each in block.filtered_transactions
        ],
    }


def _private(message: events_pb2.BlockAndPrivateData, tip: int) -> Answer:
    return {
        **_block(message.block, tip),
        "private": {
            str(place): [
                f"{namespace.namespace} {collection.collection_name}"
                for namespace in writes.ns_pvt_rwset
                for collection in namespace.collection_pvt_rwset
            ]
            for place, writes in message.private_data_map.items()
        },
    }


_SHAPES: Mapping[str, Callable[[Any, int], Answer]] = {
    "block": _block,
    "filtered_block": _filtered,
    "block_and_private_data": _private,
}


# -- discovery


def query_of(asked: Mapping[str, Any]) -> protocol_pb2.Query:
    """A query of discovery: `interests` are lists of ChaincodeCalls' fields, `filter` is one such list."""
    query = protocol_pb2.Query(channel=asked.get("channel", "slice"))
    kind = asked["query"]
    if kind == "peers":
        query.peer_query.SetInParent()
        if "filter" in asked:
            query.peer_query.filter.SetInParent()
            _interest(query.peer_query.filter, asked["filter"])
    elif kind == "local":
        query.local_peers.SetInParent()
    elif kind == "config":
        query.config_query.SetInParent()
    elif kind == "endorsers":
        query.cc_query.SetInParent()
        for calls in asked.get("interests", []):
            _interest(query.cc_query.interests.add(), calls)
    return query


def _interest(interest: proposal_response_pb2.ChaincodeInterest, calls: list[Mapping[str, Any]]) -> None:
    for fields in calls:
        plain = {name: value for name, value in fields.items() if name != "key_policies"}
        call = ParseDict(plain, interest.chaincodes.add())
        for owners in fields.get("key_policies", []):
            call.key_policies.add().ParseFromString(key_policy(owners))


def ask_discovery(access: Access, case: Case, show: Callable[[protocol_pb2.QueryResult], Any]) -> Answer:
    """Several `queries` in one request."""
    signer = access.identity(case["as"])
    request = protocol_pb2.Request(queries=[query_of(asked) for asked in case["queries"]])
    request.authentication.client_identity = signer.serialized()
    request.authentication.client_tls_cert_hash = case.get("tls_hash", "").encode()
    payload = request.SerializeToString()
    signed = protocol_pb2.SignedRequest(payload=payload, signature=signer.sign(payload))

    def make() -> Answer:
        answer = unary(
            access, node_of(access, case), "/discovery.Discovery/Discover", signed, protocol_pb2.Response
        )
        return {"code": "OK", "results": [show(each) for each in answer.results]}

    return guarded(make)


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Seek": _seek,
    "SeekFiltered": _seek,
    "SeekPrivate": _seek,
}
