"""What Raft orders: how batches are cut, and what stands in a block's metadata."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.orderer.etcdraft import metadata_pb2
from fabric_protos.peer import events_pb2, transaction_pb2

from hlf.identity import Identity, verify
from hlf.wire.blocks import block_metadata, decode_block, last_config_index, signatures_metadata, signed_bytes
from hlf.wire.deliver import ENDLESS, seek_envelope
from tests.conformance.calls import (
    SECONDS,
    Access,
    Answer,
    Case,
    commit_status,
    endorse,
    guarded,
    sign_envelope,
)
from tests.conformance.calls_orderer import broadcast_all, build_envelope, fetch_block


def ordered(access: Access, case: Case) -> Answer:
    """Send the envelopes of `send` on one stream, and show the blocks that they came into.

    `send`: sizes of what is made up, or `endorsed` with a call, or `again`. `blocks` in the answer: the sizes
    or kinds, block by block. `codes: true` adds the validation codes at a peer.
    """
    envelopes: list[common_pb2.Envelope] = []
    names: dict[bytes, str] = {}
    signer = access.identity(case["as"])
    for spec in case["send"]:
        for _ in range(spec.get("times", 1)):
            if "again" in spec:
                envelopes.append(envelopes[-1])
                continue
            if "endorsed" in spec:
                _, made = endorse(access, {**case, "at": None, "call": spec["endorsed"]})
                envelope = sign_envelope(access, case, made)
            else:
                envelope = build_envelope(signer, "slice", {"size": spec["size"]})
            names[envelope.SerializeToString()] = str(spec.get("size", "endorsed"))
            envelopes.append(envelope)

    def make() -> Answer:
        height = fetch_block(access, case["at"], "slice", "newest").header.number + 1
        answers = broadcast_all(access, case["at"], envelopes)
        shown: Answer = {"answers": sorted({f"{each['status']} {each['info']}".strip() for each in answers})}
        accepted = sum(each["status"] == "SUCCESS" for each in answers)
        blocks: dict[int, dict[int, str]] = {}
        for block in read_blocks(access, case["at"], height) if accepted else ():
            # Others' blocks may come between: an envelope that an earlier case sent and did not wait for.
            own = {place: names[content] for place, content in enumerate(block.data.data) if content in names}
            if own:
                blocks[block.header.number] = own
            if sum(map(len, blocks.values())) >= accepted:
                break
        shown["blocks"] = [_counted(list(own.values())) for own in blocks.values()]
        if case.get("codes"):
            codes = {number: _codes(access, number) for number in blocks}
            shown["codes"] = [codes[number][place] for number, own in blocks.items() for place in own]
        return shown

    return guarded(make)


def _counted(block: list[str]) -> str:
    """`3 x 10, 1 x 20` for the sizes 10, 10, 10, 20."""
    runs: list[list[str]] = []
    for name in block:
        if runs and runs[-1][0] == name:
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(f"{len(run)} x {run[0]}" for run in runs)


def read_blocks(access: Access, node: str, start: int) -> Iterator[common_pb2.Block]:
    """An orderer's blocks from `start` on, without end."""
    for message in read_messages(access, node, start):
        yield message.block


def read_messages(
    access: Access,
    node: str,
    start: int,
    channel: str = "slice",
    reader: str = "org-a/admin",
    seconds: float = SECONDS,
) -> Iterator[ab_pb2.DeliverResponse]:
    """What an orderer says within so many `seconds` to a `reader` who wants its blocks from `start` on."""
    envelope = seek_envelope(
        access.identity(reader),
        channel,
        start,
        ENDLESS,
        timestamp_ns=time.time_ns(),
        nonce=os.urandom(24),
    )
    stub = access.channel(node).stream_stream(
        "/orderer.AtomicBroadcast/Deliver",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=ab_pb2.DeliverResponse.FromString,
    )
    stream = stub(iter([envelope]), timeout=seconds)
    try:
        yield from stream
    finally:
        stream.cancel()


def _codes(access: Access, number: int) -> list[str]:
    """The validation codes of a block, once a peer has it."""
    envelope = seek_envelope(
        access.identity("org-a/admin"),
        "slice",
        number,
        number,
        timestamp_ns=time.time_ns(),
        nonce=os.urandom(24),
    )
    stub = access.channel("peer0.org-a").stream_stream(
        "/protos.Deliver/Deliver",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=events_pb2.DeliverResponse.FromString,
    )
    stream = stub(iter([envelope]), timeout=SECONDS)
    try:
        message = next(iter(stream))
    finally:
        stream.cancel()
    return [each.validation_code for each in decode_block(message.block).transactions]


def _block_metadata(access: Access, case: Case) -> Answer:
    """The orderers' part of a block's metadata: a transaction's, or the genesis block's (`block: 0`)."""

    def make() -> Answer:
        if case.get("block") == 0:
            return raft_metadata(fetch_block(access, case["at"], "slice", "0"))
        transaction_id, made = endorse(access, {**case, "at": None})
        envelope = sign_envelope(access, case, made)
        broadcast_all(access, case["at"], [envelope])
        found = commit_status(access, {**case, "at": None}, transaction_id)
        block = fetch_block(access, case["at"], "slice", str(found.block_number))
        before = fetch_block(access, case["at"], "slice", str(found.block_number - 1))
        shown = raft_metadata(block)
        if found.block_number > 1:
            grown = consenter_metadata(block).raft_index - consenter_metadata(before).raft_index
            shown["raft_index"] = f"+{grown}"
        shown["code"] = transaction_pb2.TxValidationCode.Name(found.result)
        return shown

    return guarded(make)


def consenter_metadata(block: common_pb2.Block) -> metadata_pb2.BlockMetadata:
    """What Raft writes into a block."""
    value = common_pb2.OrdererBlockMetadata.FromString(signatures_metadata(block).value)
    inner = common_pb2.Metadata.FromString(value.consenter_metadata)
    return metadata_pb2.BlockMetadata.FromString(inner.value)


def raft_metadata(block: common_pb2.Block) -> Answer:
    """Who orders, and who has signed what, in plain words."""
    metadata = signatures_metadata(block)
    value = common_pb2.OrdererBlockMetadata.FromString(metadata.value)
    raft = consenter_metadata(block)
    legacy = common_pb2.Metadata.FromString(block_metadata(block, common_pb2.LAST_CONFIG))
    same = common_pb2.LastConfig.FromString(legacy.value).index == last_config_index(block)
    return {
        "slots": len(block.metadata.metadata),
        "last_config_twice": same,
        "legacy_signatures": len(legacy.signatures),
        "consenter_metadata": bool(value.consenter_metadata),
        # Other cases change the consenters, and those that come anew take the next id.
        "consenters": len(set(raft.consenter_ids)),
        "next_consenter_id_is_new": raft.next_consenter_id > max(raft.consenter_ids, default=0),
        "has_raft_index": bool(raft.raft_index),
        "signatures": [_signature(metadata, each, block) for each in metadata.signatures],
        "orderer_slot": len(block_metadata(block, common_pb2.ORDERER)),
    }


def _signature(
    metadata: common_pb2.Metadata, signature: common_pb2.MetadataSignature, block: common_pb2.Block
) -> Answer:
    header = common_pb2.SignatureHeader.FromString(signature.signature_header)
    signer = Identity.from_serialized(header.creator)
    return {
        "by": "an orderer" if signer.msp_id.endswith("-orderer") else signer.msp_id,
        "nonce": len(header.nonce),
        "identifier_header": len(signature.identifier_header),
        "valid": verify(
            signer.certificate, signed_bytes(metadata, signature, block.header), signature.signature
        ),
    }


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Ordered": ordered,
    "RaftMetadata": _block_metadata,
}
