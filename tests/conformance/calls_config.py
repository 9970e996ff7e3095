"""A channel's configuration, changed: the update an orderer answers, its block, and what it brings about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.peer import events_pb2

from hlf.wire.blocks import decode_block, last_config_index
from hlf.wire.config_update import compute_update, sign_update
from hlf.wire.configtx import config_of
from hlf.wire.deliver import seek_envelope
from hlf_network.waiting import wait_until
from tests.conformance import calls_admin
from tests.conformance.calls import SECONDS, Access, Answer, Case
from tests.conformance.calls_orderer import broadcast_all, build_envelope, fetch_block, http_call, multipart
from tests.conformance.calls_raft import read_messages
from tests.conformance.config_changes import CHANGES, sequence_of, spoil_update

EVERYBODY = ("org-a/admin", "org-b/admin", "org-c/admin", "orderer/org-a", "orderer/org-b")


def _config_update(access: Access, case: Case) -> Answer:
    """Change a channel as `change` says (config_changes.CHANGES, name -> what), and change it back.

    `signed`: who agrees, by default all administrators. `spoil`: see `spoil_update`; `signature`: wrong,
    unreadable. `then`: calls made while the change holds. `first`: changes that it stands on.
    `peers: false`: peers cannot see the block. `by: rest` hands it in over the admin port.
    """
    channel = case.get("channel", "slice")
    before = current_config(access, case["at"], channel)
    for earlier in case.get("first", []):
        answer = change(access, {**case, "change": earlier, "spoil": {}, "signed": EVERYBODY})
        assert answer["status"] == "SUCCESS", answer
    answer = change(access, case)
    changed = answer.get("status") in {"SUCCESS", 201}
    if changed and "then" in case:
        answer["then"] = [calls_admin.perform(access, {"as": case["as"], **step}) for step in case["then"]]
    if changed or "first" in case:
        _restore(access, case, before)
    return answer


def current_config(access: Access, node: str, channel: str) -> configtx_pb2.Config:
    """The configuration in force at an orderer."""
    return config_of(fetch_block(access, node, channel, "config", as_orderer=True))


def change(access: Access, case: Case) -> Answer:
    """Hand in the update of a case and, when it is taken, wait for its block."""
    channel = case.get("channel", "slice")
    config = current_config(access, case["at"], channel)
    wanted = _changed(access, config, case.get("change", {}))
    if case.get("change"):
        update = compute_update(channel, config, wanted)
    else:
        update = configtx_pb2.ConfigUpdate(channel_id=channel)
    spoil_update(update, case.get("spoil", {}))
    return _hand_in(access, case, config.sequence, update)


def _changed(
    access: Access, config: configtx_pb2.Config, changes: Mapping[str, object]
) -> configtx_pb2.ConfigGroup:
    wanted = configtx_pb2.ConfigGroup()
    wanted.CopyFrom(config.channel_group)
    for name, what in changes.items():
        CHANGES[name](wanted, access.network.layout, what)
    return wanted


def _restore(access: Access, case: Case, before: configtx_pb2.Config) -> None:
    channel = case.get("channel", "slice")
    now = current_config(access, case["at"], channel)
    update = compute_update(channel, now, before.channel_group)
    peers = {"peers": case.get("peers", True)}
    restoring = {"at": case["at"], "as": "node/orderer0.org-a", "channel": channel, **peers}
    answer = _hand_in(access, restoring, now.sequence, update)
    assert answer["status"] == "SUCCESS", answer


def _hand_in(access: Access, case: Case, sequence: int, update: configtx_pb2.ConfigUpdate) -> Answer:
    envelope = update_envelope(access, case, update)
    height = (
        fetch_block(access, case["at"], case.get("channel", "slice"), "newest", as_orderer=True).header.number
        + 1
    )
    if case.get("by") == "rest":
        url, tls = access.admin(case["at"])
        body, content_type = multipart({"config-update-envelope": envelope.SerializeToString()})
        request = {"method": "PUT", "path": "/participation/v1/channels"}
        answer = http_call(url, tls, request, {"Content-Type": content_type}, body)
        done = answer["status"] == 201
    else:
        (answer,) = broadcast_all(access, case["at"], [envelope])
        done = answer["status"] == "SUCCESS"
    if done:
        answer["block"] = _await_config(access, case, update.channel_id, height, sequence)
    return answer


def update_envelope(access: Access, case: Case, update: configtx_pb2.ConfigUpdate) -> common_pb2.Envelope:
    """The update with the signatures of `signed`, in an envelope of `as`."""
    content = configtx_pb2.ConfigUpdateEnvelope(config_update=update.SerializeToString(deterministic=True))
    for name in case.get("signed", EVERYBODY):
        signature = sign_update(update, access.identity(name), nonce=os.urandom(24))
        if case.get("signature") == "wrong":
            signature.signature = access.identity(name).sign(b"another message")
        elif case.get("signature") == "unreadable":
            signature.signature_header = b"\xff\xff\xff"
        content.signatures.append(signature)
    data = b"\xff\xff\xff" if case.get("content") == "garbage" else content.SerializeToString()
    if case.get("content") == "inner-garbage":
        data = configtx_pb2.ConfigUpdateEnvelope(config_update=b"\xff\xff\xff").SerializeToString()
    channel = case.get("channel", "slice")
    return build_envelope(access.identity(case["as"]), channel, {"type": "CONFIG_UPDATE"}, data)


def _await_config(access: Access, case: Case, channel: str, height: int, sequence: int) -> Answer:
    """The block of the next configuration, as the orderer has it and as the peers committed it."""
    with _blocks(access, case["at"], channel, height) as blocks:
        for block in blocks:
            decoded = decode_block(block)
            if [each.type for each in decoded.transactions] == ["CONFIG"]:
                break
    number = block.header.number
    shown: Answer = {
        "transactions": len(block.data.data),
        "sequence": f"+{sequence_of(block) - sequence}",
        "last_config": "itself" if last_config_index(block) == number else "another",
        "metadata_slots": len(block.metadata.metadata),
        "signatures": len(decoded.signatures) > 0,
    }
    if case.get("peers", True):
        codes = [_committed(access, peer, channel, number) for peer in ("peer0.org-a", "peer0.org-b")]
        shown["codes_at_peers"] = codes
    return shown


@contextmanager
def _blocks(access: Access, node: str, channel: str, start: int) -> Iterator[Iterator[common_pb2.Block]]:
    with closing(read_messages(access, node, start, channel, "node/orderer0.org-a")) as messages:
        yield (message.block for message in messages)


def _committed(access: Access, peer: str, channel: str, number: int) -> list[str]:
    """Wait for a block at a peer; the validation codes of its transactions."""
    envelope = seek_envelope(
        access.identity("org-a/admin"),
        channel,
        number,
        number,
        timestamp_ns=time.time_ns(),
        nonce=os.urandom(24),
    )
    stub = access.channel(peer).stream_stream(
        "/protos.Deliver/Deliver",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=events_pb2.DeliverResponse.FromString,
    )
    answer: list[events_pb2.DeliverResponse] = []

    def there() -> bool:
        stream = stub(iter([envelope]), timeout=SECONDS)
        try:
            answer[:] = [next(iter(stream))]
        finally:
            stream.cancel()
        # A peer does not wait for a block that is more than one ahead of it.
        return answer[0].status != common_pb2.NOT_FOUND

    wait_until(there, SECONDS, lambda: f"{peer} has no block {number}")
    if answer[0].WhichOneof("Type") == "status":
        return [common_pb2.Status.Name(answer[0].status)]
    return [each.validation_code for each in decode_block(answer[0].block).transactions]


def _fullest_block(access: Access, case: Case) -> Answer:
    """Send `count` transactions at once, wait for all; the most that one block holds."""
    channel = case.get("channel", "slice")
    signer = access.identity(case["as"])
    height = fetch_block(access, case["at"], channel, "newest").header.number + 1
    envelopes = [build_envelope(signer, channel, {}) for _ in range(case["count"])]
    answers = broadcast_all(access, case["at"], envelopes)
    assert all(answer["status"] == "SUCCESS" for answer in answers), answers
    seen, fullest = 0, 0
    with _blocks(access, case["at"], channel, height) as blocks:
        for block in blocks:
            seen += len(block.data.data)
            fullest = max(fullest, len(block.data.data))
            if seen >= case["count"]:
                return {"fullest": fullest}
    return {"seen": seen}


def _rivals(access: Access, case: Case) -> Answer:
    """Updates of one and the same configuration, `changes`, on one stream, and what comes of them."""
    channel = case.get("channel", "slice")
    before = current_config(access, case["at"], channel)
    envelopes = []
    for changes in case["changes"]:
        update = compute_update(channel, before, _changed(access, before, changes))
        envelopes.append(update_envelope(access, case, update))
    height = fetch_block(access, case["at"], channel, "newest").header.number + 1
    answers = broadcast_all(access, case["at"], envelopes)
    signer = access.identity("org-a/user")
    last: list[int] = []
    with _blocks(access, case["at"], channel, height) as blocks:
        for block in blocks:
            if [each.type for each in decode_block(block).transactions] == ["CONFIG"]:
                last.append(sequence_of(block) - before.sequence)
            if "ENDORSER_TRANSACTION" in [each.type for each in decode_block(block).transactions]:
                break
            if len(last) == 1:
                # What was to come of the second has come once a later message is ordered.
                broadcast_all(access, case["at"], [build_envelope(signer, channel, {})])
    _restore(access, case, before)
    return {"answers": answers, "sequences": [f"+{each}" for each in last]}


def _steps(access: Access, case: Case) -> Answer:
    """Several calls one after the other, and what each answered."""
    return {"steps": [calls_admin.perform(access, {"as": case.get("as"), **step}) for step in case["steps"]]}


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "ConfigUpdate": _config_update,
    "FullestBlock": _fullest_block,
    "RivalUpdates": _rivals,
    "Steps": _steps,
}
