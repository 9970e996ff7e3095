"""MemoryLedger's private data over several blocks, held against what real Fabric's peers held.

The cases of tests/conformance/cases/private.yaml send bare messages; so does this, to the ledger's peers.
Steps that show blocks (`deliver`), propose alone or craft an envelope have no counterpart here.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hlf_chaincode import Context, Contract, query
from hlf_chaincode.stub import Message
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger, Transaction
from hlf_chaincode.testing.peer import PeerSide, Simulation
from tests.conformance import shim_messages
from tests.conformance.masks import mask

CONFORMANCE = Path(__file__).parents[2] / "conformance"
VERSIONS = {"3.1.5": True, "2.5.16": False}
PEERS = ["org-a", "org-b"]
UNDERSTOOD = {"write", "blocks", "look", "deliver", "propose"}
# Policies that refer to the channel's; a member of the channel without a peer.
LEFT_OUT = {"a collection with a policy of the channel", "an organization's own collection"}


class Nothing(Contract):
    """Only the messages matter here."""

    name = "KEY"

    @query
    def nothing(self, ctx: Context) -> None:
        """Do nothing."""


def _cases() -> list[Any]:
    found = []
    for version in VERSIONS:
        answers = json.loads((CONFORMANCE / "recordings" / version / "private.json").read_text())
        for case in yaml.safe_load((CONFORMANCE / "cases" / "private.yaml").read_text()):
            kinds = {next(iter(step)) for step in case["steps"]}
            if kinds <= UNDERSTOOD and case["case"] not in LEFT_OUT and case["case"] in answers:
                found.append(
                    pytest.param(version, case, answers[case["case"]], id=f"{version} {case['case']}")
                )
    return found


CASES = _cases()


class Story:
    """One chaincode, and what its peers come to hold."""

    def __init__(self, version: str, case: dict[str, Any]) -> None:
        collections = [
            CollectionSpec(
                values["name"],
                values.get("members", "OR('org-a.member', 'org-b.member')"),
                block_to_live=values.get("block_to_live", 0),
                member_only_read=values.get("member_only_read", True),
                member_only_write=values.get("member_only_write", True),
                endorsement_policy=values.get("policy"),
            )
            for values in case["collections"]
        ]
        policy = case.get("policy", "OR('org-a.member', 'org-b.member')")
        self.ledger = MemoryLedger(
            channel="slice",
            organizations=PEERS,
            chaincodes=[ChaincodeSpec("KEY", [Nothing], policy, collections)],
            batching=VERSIONS[version],
        )
        self.count = 0

    def run(self, step: dict[str, Any], script: Any, peer: str) -> tuple[list[dict[str, Any]], Transaction]:
        """What the peer answers to each message, and the transaction that they make."""
        self.count += 1
        caller = Caller(step.get("as", "org-a/user").split("/")[0])
        world = self.ledger._world
        simulation = Simulation(world, peer, (caller.msp_id, "client"), f"{self.count:064x}")
        side = PeerSide(simulation, "KEY", lambda *_: pytest.fail("no case calls another chaincode"))
        heard = []
        for one in script:
            kind = shim_messages.kind(one["send"])
            message = Message(type=kind, payload=shim_messages.payload(kind, one), txid=f"{self.count:064x}")
            heard.append(shim_messages.shown(kind, side.exchange(message)))
        side.finish()
        endorsers = tuple(step.get("organizations", PEERS))
        now = datetime.datetime.now(datetime.UTC)
        made = Transaction(
            f"{self.count}", "KEY", "script", caller, endorsers, b"", simulation.rwset, None, now
        )
        return heard, made

    def write(self, step: dict[str, Any]) -> Any:
        heard, made = self.run(step, step["write"], step.get("organizations", PEERS)[0])
        assert all(each["type"] == "RESPONSE" for each in heard)
        return self.ledger.commit(made)[0]

    def blocks(self, step: dict[str, Any]) -> None:
        for _ in range(step["blocks"]):
            self.ledger.commit()

    def look(self, step: dict[str, Any]) -> Any:
        return {peer: [self.held(step, peer, key) for key in step["look"]] for peer in PEERS}

    def held(self, step: dict[str, Any], peer: str, key: str) -> str:
        where = {"key": key, "collection": step["in"]}
        script = [{"send": "GET_STATE", "with": where}, {"send": "GET_PRIVATE_DATA_HASH", "with": where}]
        (value, digest), _ = self.run(step, script, peer)
        hashed = "hash" if "payload" in digest else "no hash"
        shown = hashed if digest["type"] == "RESPONSE" else digest["payload"]
        return f"{value.get('payload', 'nothing')} | {shown}"


@pytest.mark.parametrize(("version", "case", "recorded"), CASES)
def test_peers_hold_what_real_ones_held(version: str, case: dict[str, Any], recorded: dict[str, Any]) -> None:
    story = Story(version, case)
    answers = iter(recorded["steps"])
    for step in case["steps"]:
        kind = next(iter(step))
        if kind == "blocks":
            story.blocks(step)
            continue
        (answer,) = next(answers).values()
        if kind in ("write", "look"):
            assert mask(getattr(story, kind)(step), {"key": "KEY"}) == answer, step
    assert next(answers, None) is None


def test_there_are_cases_to_compare_with() -> None:
    assert len(CASES) > 25
