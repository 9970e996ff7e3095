"""Private data over several blocks: who holds what after each step, who is shown it, and what ends it.

A case deploys a chaincode of its own on the bare chaincode's package, so that its collections are its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from tests.conformance import calls_crafted, shim_messages
from tests.conformance.calls import CALLS as GATEWAY
from tests.conformance.calls import Access, Answer, Case, arrange_transaction
from tests.conformance.calls_stream import bare, deploy, propose_once
from tests.conformance.chain import PEERS, deliver

_SETTLED = 25.0
"""Seconds in which a peer looks again for what it misses (it does so every five)."""


def _private(access: Access, case: Case) -> Answer:
    """Deploy `collections`, take `steps`, and answer what each of them shows.

    A step is one of `write` (a script, committed), `propose` (a script, asked of one peer), `blocks` (so many
    others), `upgrade` (new collections), `look` (what both peers hold of these keys), `craft` (a transaction
    by hand), `deliver` (what DeliverWithPrivateData shows of the block of an earlier step).
    """
    bare(access)
    name = case["name"]
    deploy(access, {"deploy": name, "collections": case["collections"], **_policy(case)})
    shown: list[Any] = []
    story = _Story(access, name)
    for step in case["steps"]:
        kind = next(kind for kind in _STEPS if kind in step)
        answer = _STEPS[kind](story, {"as": "org-a/user", **step})
        if answer is not None:
            shown.append({kind: answer})
    return {"steps": shown}


def _policy(case: Case) -> Case:
    return {"policy": case["policy"]} if "policy" in case else {}


class _Story:
    """One chaincode, and the blocks of what was written so far."""

    def __init__(self, access: Access, name: str) -> None:
        self.access = access
        self.name = name
        self.sequence = 1
        self.blocks: list[int] = []

    def call(self, step: Case, script: Any) -> Case:
        told = shim_messages.script(secrets.token_hex(8), script)
        return {**step, "chaincode": self.name, "call": [told]}


def _write(story: _Story, step: Case) -> Any:
    """Committed, and seen by both peers before the next step."""
    sent = GATEWAY["Transact"](story.access, {**story.call(step, step["write"]), "everywhere": True})
    story.blocks.append(calls_crafted.height_of(story.access) - 1)
    return sent.get("validation_code", sent)


def _propose(story: _Story, step: Case) -> Any:
    return propose_once(story.access, story.call(step, step["propose"]))


def _blocks(story: _Story, step: Case) -> None:
    for _ in range(step["blocks"]):
        key = secrets.token_hex(6)
        arrange_transaction(story.access, {"as": "org-a/user", "call": ["put", key, "filler"]})


def _upgrade(story: _Story, step: Case) -> None:
    story.sequence += 1
    deploy(
        story.access,
        {
            "deploy": story.name,
            "collections": step["upgrade"],
            "sequence": story.sequence,
            "version": str(story.sequence),
            **_policy(step),
        },
    )


def _look(story: _Story, step: Case) -> Any:
    """Value and hash of each key at each peer; `until`: a peer and what its first key is to come to."""
    deadline = time.monotonic() + _SETTLED
    while True:
        held = {peer.split(".")[1]: _held(story, step, peer) for peer in PEERS}
        if "until" not in step or time.monotonic() > deadline:
            return held
        if all(held[peer][0].startswith(value) for peer, value in step["until"].items()):
            return held


def _held(story: _Story, step: Case, peer: str) -> list[str]:
    script = []
    for key in step["look"]:
        where = {"key": key, "collection": step["in"]}
        script += [{"send": "GET_STATE", "with": where}, {"send": "GET_PRIVATE_DATA_HASH", "with": where}]
    name = secrets.token_hex(8)
    asked = {"as": step["as"], "at": peer, "chaincode": story.name}
    answer = propose_once(story.access, {**asked, "call": [shim_messages.script(name, script)]})
    heard = bare(story.access).heard.pop(name, [[]])[0]
    if answer.get("status") != 200 or len(heard) != len(script):
        return [str(answer)]
    pairs = zip(heard[::2], heard[1::2], strict=True)
    return [f"{value.get('payload', 'nothing')} | {_hash(digest)}" for value, digest in pairs]


def _hash(answer: Answer) -> str:
    if answer["type"] != "RESPONSE":
        return str(answer["payload"])
    return "hash" if "payload" in answer else "no hash"


def _craft(story: _Story, step: Case) -> Any:
    return calls_crafted.CALLS["Crafted"](
        story.access, {"as": step["as"], "chaincode": story.name, "version": "1", **step["craft"]}
    )["codes"]


def _deliver(story: _Story, step: Case) -> Any:
    """Namespace, collection and keys in the block of the `deliver`-th write, for `as` at `at`."""
    number = story.blocks[step["deliver"]]
    stream = deliver(story.access, step["at"], step["as"], number, number, method="DeliverWithPrivateData")
    with closing(stream):
        message = next(stream)
    if message.WhichOneof("Type") == "status":
        return common_pb2.Status.Name(message.status)
    shown = {}
    for writes in message.block_and_private_data.private_data_map.values():
        for namespace in writes.ns_pvt_rwset:
            for collection in namespace.collection_pvt_rwset:
                content = kv_rwset_pb2.KVRWSet.FromString(collection.rwset)
                shown[collection.collection_name] = sorted(write.key for write in content.writes)
    return shown


_STEPS: Mapping[str, Callable[[_Story, Case], Any]] = {
    "write": _write,
    "propose": _propose,
    "blocks": _blocks,
    "upgrade": _upgrade,
    "look": _look,
    "craft": _craft,
    "deliver": _deliver,
}

CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {"Private": _private}
