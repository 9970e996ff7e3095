"""Ledger queries whose answer is known before: a block and a transaction of one's own, and joining anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.peer import proposal_response_pb2, transaction_pb2

from hlf.wire.blocks import header_hash
from tests.conformance.calls import (
    Access,
    Answer,
    Case,
    commit_status,
    endorse,
    guarded,
    sign_envelope,
    submit,
)
from tests.conformance.calls_lifecycle import propose

_NEWEST = str(2**64 - 1).encode()
"""The number by which Fabric gives the newest block."""


def _propose(access: Access, case: Case) -> proposal_response_pb2.Response:
    return propose(access, case).response


def _block(access: Access, case: Case, number: int) -> common_pb2.Block:
    call = {**case, "chaincode": "qscc", "call": ["GetBlockByNumber", "slice", number]}
    return common_pb2.Block.FromString(_propose(access, call).payload)


def _own(access: Access, case: Case) -> Answer:
    """`ask` qscc about the block and the transaction that `commit` makes, or about the first block."""
    number, transaction_id = 0, ""
    if "commit" in case:
        step = {"as": case["as"], **case["commit"]}
        transaction_id, envelope = endorse(access, step)
        submit(access, step, transaction_id, sign_envelope(access, step, envelope))
        number = commit_status(access, step, transaction_id).block_number
    block = _block(access, case, number)
    function = case["ask"]
    argument = {"GetBlockByHash": header_hash(block.header), "GetBlockByNumber": _NEWEST}.get(
        function, transaction_id.encode()
    )

    def make() -> Answer:
        response = _propose(access, {**case, "chaincode": "qscc", "call": [function, "slice", argument]})
        shown: Answer = {"code": "OK", "status": response.status, "message": response.message}
        if response.status == 200 and function == "GetTransactionByID":
            found = transaction_pb2.ProcessedTransaction.FromString(response.payload)
            envelopes = [common_pb2.Envelope.FromString(content) for content in block.data.data]
            shown["of_the_block"] = found.transactionEnvelope in envelopes
            shown["validation_code"] = transaction_pb2.TxValidationCode.Name(found.validationCode)
        elif response.status == 200:
            shown["that_block"] = common_pb2.Block.FromString(response.payload) == block
        return shown

    return guarded(make)


def _spoilt(content: bytes, part: str) -> bytes:
    """A configuration's envelope without its `payload-header`, its `configuration`, that one's `root` group,
    or without `groups` in it, or the `application` alone.
    """
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(content).payload)
    held = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    if part == "payload-header":
        payload.ClearField("header")
    elif part == "configuration":
        held.ClearField("config")
    elif part == "root":
        held.config.ClearField("channel_group")
    elif part == "groups":
        held.config.channel_group.groups.clear()
    else:
        assert part == "application", part
        del held.config.channel_group.groups["Application"]
    payload.data = held.SerializeToString()
    return common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString()


def _join(access: Access, case: Case) -> Answer:
    """JoinChain by the channel's first block, spoilt as `spoil` says."""
    block = _block(access, {**case, "as": "org-a/user", "channel": "slice"}, 1 if case.get("later") else 0)
    spoil = case.get("spoil", "")
    if spoil == "data":
        del block.data.data[:]
    elif spoil == "envelope":
        block.data.data[0] = b"\xff\xff"
    elif spoil == "header":
        block.ClearField("header")
    elif spoil:
        block.data.data[0] = _spoilt(block.data.data[0], spoil)
    call = {**case, "channel": "", "chaincode": "cscc", "call": ["JoinChain", block.SerializeToString()]}

    def make() -> Answer:
        response = _propose(access, call)
        return {"code": "OK", "status": response.status, "message": response.message}

    return guarded(make)


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Ledger": _own,
    "JoinPeer": _join,
}
