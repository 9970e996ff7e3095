"""Transactions sent straight to the orderers, and what every peer makes of them.

A client who may write to a channel may order anything: what becomes of it is the peers' verdict, the code in
the block. The answer of a case has the orderers' answers, the codes as both peers' blocks hold them, as
DeliverFiltered shows them and as CommitStatus tells them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2, transaction_pb2

from hlf.wire.proposal import transaction_id
from tests.conformance.calls import (
    SECONDS,
    Access,
    Answer,
    Case,
    arrange_transaction,
    commit_status,
    endorse,
    guarded,
    sign_envelope,
)
from tests.conformance.chain import PEERS, deliver
from tests.conformance.crafted import craft

_READER = "org-a/user"
# Long enough for a real peer that looks a minute for private data.
_COMMIT_SECONDS = 90.0
_ATTEMPTS = 12
_KEY = re.compile(r"k[0-9a-f]{12}")


def _crafted(access: Access, case: Case) -> Answer:
    """Order `transactions` on one stream, after those of `before`, and read what became of them.

    A transaction is crafted (tests/conformance/crafted.py) or, with `call`, endorsed as usual. Two or more
    are to share a block: where chance parts them, all is done again with other keys. With `one_by_one` each
    is waited for. `same_id`: all of them state one transaction id.
    """
    return guarded(lambda: _together(access, case))


def _together(access: Access, case: Case) -> Answer:
    for attempt in range(_ATTEMPTS):
        text = json.dumps(case)
        ours = json.loads(_KEY.sub(rf"\g<0>{'x' * attempt}", text))
        answer, together = _once(access, ours)
        if together:
            return answer
    raise AssertionError(f"{_ATTEMPTS} times the transactions did not share a block")


def _once(access: Access, case: Case) -> tuple[Answer, bool]:
    for step in case.get("before", ()):
        if "call" in step:
            arrange_transaction(access, {**case, "before": [], **step})
        else:
            envelope = craft(access.identity, case["as"], "slice", step)
            start = height_of(access)
            (taken,) = _broadcast(access, case, [envelope])
            assert taken["status"] == "SUCCESS", f"arranging {step} answered {taken}"
            _, code = _find(access, case, PEERS[0], start, [envelope])[0]
            assert code == step.get("code", "VALID"), f"arranging {step} ended as {code}"
            _find(access, case, PEERS[1], start, [envelope])
    specs = case.get("transactions") or [case]
    envelopes = [_envelope(access, case, spec) for spec in specs]
    if case.get("same_id"):
        envelopes = _with_one_id(access, case, specs)
    start = height_of(access)
    answers: list[Answer] = []
    for batch in [[each] for each in envelopes] if case.get("one_by_one") else [envelopes]:
        answers += _broadcast(access, case, batch)
        if any(answer["status"] != "SUCCESS" for answer in answers):
            return {"orderer": answers}, True
        for peer in PEERS:
            _find(access, case, peer, start, batch)
    shown: Answer = {"orderer": answers}
    places = _find(access, case, PEERS[0], start, envelopes)
    codes = [code for _, code in places]
    others = [code for _, code in _find(access, case, PEERS[1], start, envelopes)]
    shown["codes"] = codes if codes == others else {"differ": [codes, others]}
    shown["filtered"] = [
        _filtered(access, case, number, envelope)
        for (number, _), envelope in zip(places, envelopes, strict=True)
    ]
    shown["status"] = [_status(access, case, envelope) for envelope in envelopes]
    return shown, bool(case.get("one_by_one")) or len({number for number, _ in places}) == 1


def _envelope(access: Access, case: Case, spec: Case) -> common_pb2.Envelope:
    if "call" in spec:
        called = {**case, **spec}
        return sign_envelope(access, called, endorse(access, called)[1])
    return craft(access.identity, spec.get("as", case["as"]), case.get("channel", "slice"), spec)


def _with_one_id(access: Access, case: Case, specs: list[Case]) -> list[common_pb2.Envelope]:
    """All with the same nonce and the transaction id that the case's own signer has by it."""
    nonce = os.urandom(12).hex()
    shared = {
        "nonce": nonce,
        "tx_id": transaction_id(nonce.encode(), access.identity(case["as"]).serialized()),
    }
    return [
        craft(access.identity, spec.get("as", case["as"]), case.get("channel", "slice"), {**spec, **shared})
        for spec in specs
    ]


# -- the orderers


def _broadcast(access: Access, case: Case, envelopes: list[common_pb2.Envelope]) -> list[Answer]:
    """Send to every orderer, as the Gateway does under BFT; the first one's answers count."""
    found: list[list[Answer]] = []
    for node in case.get("orderers", _orderers(access)):
        stub = access.channel(node).stream_stream(
            "/orderer.AtomicBroadcast/Broadcast",
            request_serializer=common_pb2.Envelope.SerializeToString,
            response_deserializer=ab_pb2.BroadcastResponse.FromString,
        )
        stream = stub(iter(envelopes), timeout=SECONDS)
        found.append([{"status": common_pb2.Status.Name(each.status), "info": each.info} for each in stream])
    return next((each for each in found if all(a["status"] == "SUCCESS" for a in each)), found[0])


def _orderers(access: Access) -> list[str]:
    """All of them under BFT, whose leader must hear of both transactions at once; one under Raft."""
    layout = access.network.layout
    names = [node.name for node in layout.orderers()]
    return names if layout.topology.consensus == "bft" else names[:1]


# -- the peers


def height_of(access: Access, channel: str = "slice") -> int:
    """The number of blocks at the first peer."""
    return (
        int(_first(deliver(access, PEERS[0], _READER, "newest", "newest", channel)).block.header.number) + 1
    )


def _first(stream: Generator[events_pb2.DeliverResponse, None, None]) -> events_pb2.DeliverResponse:
    with closing(stream):
        return next(stream)


def _find(
    access: Access, case: Case, node: str, start: int, envelopes: list[common_pb2.Envelope]
) -> list[tuple[int, str]]:
    """(block, code) of each envelope at one peer, which is waited for."""
    wanted = [envelope.SerializeToString() for envelope in envelopes]
    found: dict[int, tuple[int, str]] = {}
    stream = deliver(
        access, node, _READER, start, 1_000_000_000, case.get("channel", "slice"), seconds=_COMMIT_SECONDS
    )
    with closing(stream):
        for message in stream:
            block = message.block
            codes = block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER]
            for index, content in enumerate(block.data.data):
                place = next(
                    (at for at, each in enumerate(wanted) if at not in found and content == each), None
                )
                if place is not None:
                    name = transaction_pb2.TxValidationCode.Name(codes[index])
                    found[place] = (block.header.number, name)
            if len(found) == len(wanted):
                return [found[place] for place in range(len(wanted))]
    raise AssertionError(f"{node} ended its stream with {len(found)} of {len(wanted)} transactions")


def _filtered(access: Access, case: Case, number: int, envelope: common_pb2.Envelope) -> Answer:
    """The transaction as DeliverFiltered shows it: type, code, events; whether under its id."""
    channel = case.get("channel", "slice")
    stream = deliver(access, PEERS[0], _READER, number, number, channel, method="DeliverFiltered")
    block = _first(stream).filtered_block
    header = _channel_header(envelope)
    for transaction in block.filtered_transactions:
        if transaction.txid == header.tx_id:
            return {
                "type": common_pb2.HeaderType.Name(transaction.type),
                "code": transaction_pb2.TxValidationCode.Name(transaction.tx_validation_code),
                "events": [
                    action.chaincode_event.event_name
                    for action in transaction.transaction_actions.chaincode_actions
                ],
            }
    return {"code": "not there"}


def _status(access: Access, case: Case, envelope: common_pb2.Envelope) -> Any:
    asked = {"as": _READER, "at": PEERS[0], "channel": case.get("channel", "slice")}
    identifier = _channel_header(envelope).tx_id

    def make() -> Answer:
        status = commit_status(access, asked, identifier)
        return {"code": transaction_pb2.TxValidationCode.Name(status.result)}

    if not identifier or case.get("no_status"):
        return None
    return guarded(make)["code"]


def _channel_header(envelope: common_pb2.Envelope) -> common_pb2.ChannelHeader:
    payload = common_pb2.Payload.FromString(envelope.payload)
    return common_pb2.ChannelHeader.FromString(payload.header.channel_header)


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {"Crafted": _crafted}
