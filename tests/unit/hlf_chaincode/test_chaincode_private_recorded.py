"""MemoryLedger's private data over several blocks, held against what real Fabric's peers held.

The cases of tests/conformance/cases/private.yaml send bare messages; so does this, to the ledger's peers.
Steps that show blocks (`deliver`), propose alone or craft an envelope have no counterpart here.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.masks import mask
from tests.unit.hlf_chaincode.raw_peer import PEERS, Case, RawLedger, recorded

UNDERSTOOD = {"write", "blocks", "look", "deliver", "propose"}
# Policies that refer to the channel's; a member of the channel without a peer.
LEFT_OUT = {"a collection with a policy of the channel", "an organization's own collection"}
CASES = [
    pytest.param(version, case, answer, id=f"{version} {case['case']}")
    for version, case, answer in recorded("private")
    if {next(iter(step)) for step in case["steps"]} <= UNDERSTOOD and case["case"] not in LEFT_OUT
]


def _look(story: RawLedger, step: Case) -> dict[str, list[str]]:
    return {peer: [_held(story, step, peer, key) for key in step["look"]] for peer in PEERS}


def _held(story: RawLedger, step: Case, peer: str, key: str) -> str:
    where = {"key": key, "collection": step["in"]}
    script = [{"send": "GET_STATE", "with": where}, {"send": "GET_PRIVATE_DATA_HASH", "with": where}]
    (value, digest), _ = story.run(step, script, peer)
    hashed = "hash" if "payload" in digest else "no hash"
    return (
        f"{value.get('payload', 'nothing')} | {hashed if digest['type'] == 'RESPONSE' else digest['payload']}"
    )


@pytest.mark.parametrize(("version", "case", "answers"), CASES)
def test_peers_hold_what_real_ones_held(version: str, case: Case, answers: dict[str, Any]) -> None:
    story = RawLedger("KEY", version, case["collections"], case.get("policy", ""))
    expected = iter(answers["steps"])
    for step in case["steps"]:
        if "blocks" in step:
            for _ in range(step["blocks"]):
                story.ledger.commit()
            continue
        (answer,) = next(expected).values()
        if "write" in step:
            assert story.commit(step, step["write"]) == answer, step
        elif "look" in step:
            assert mask(_look(story, step), {"key": "KEY"}) == answer, step
    assert next(expected, None) is None


def test_there_are_cases_to_compare_with() -> None:
    assert len(CASES) > 25
