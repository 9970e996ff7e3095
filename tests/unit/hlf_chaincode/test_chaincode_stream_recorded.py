"""MemoryLedger's peers held against real Fabric's, message by message, with what was read and written."""

from __future__ import annotations

from typing import Any

import pytest

from hlf_chaincode.testing.peer import PeerSide
from tests.conformance import shim_messages
from tests.conformance.calls_stream import _COLLECTIONS
from tests.conformance.masks import mask
from tests.unit.hlf_chaincode.raw_peer import (
    Case,
    RawLedger,
    read_and_written,
    recorded,
    without_lifecycle,
)

ANSWERED = set(PeerSide._handlers)
# Where Go's own words on bytes that are no message are asked for.
LEFT_OUT = {"a page whose metadata is none"}


def _understood(case: Case) -> bool:
    """Whether a case is one peer's answers to requests about state, all of them well formed."""
    steps = [
        *case.get("script", ()),
        *(one for step in case.get("arrange", ()) for one in step.get("script", ())),
    ]
    return (
        case["rpc"] == "Stream"
        and not case.keys() & {"via", "others", "network", "chaincode", "server", "patience"}
        and all(set(step) <= {"send", "with", "fill"} for step in steps)
        and all("fill" in step or shim_messages.kind(step["send"]) in ANSWERED for step in steps)
        and all("script" in step for step in case.get("arrange", ()))
        and case["case"] not in LEFT_OUT
    )


CASES = [
    pytest.param(version, case, answer, id=f"{version} {case['case']}")
    for page in ("stream", "chaincode")
    for version, case, answer in recorded(page)
    if _understood(case)
]


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value.replace("{key}", "KEY") if isinstance(value, str) else value


@pytest.mark.parametrize(("version", "case", "answer"), CASES)
def test_a_peer_answers_as_real_ones_do(version: str, case: Case, answer: dict[str, Any]) -> None:
    raw = RawLedger("bare", version, _COLLECTIONS)
    asked = _filled(case)
    for step in asked.get("arrange", ()):
        assert raw.commit(step, step["script"]) == "VALID"
    heard, made = raw.run(asked, asked["script"], asked.get("at", "peer0.org-a").removeprefix("peer0."))
    assert mask(heard, {"key": "KEY"}) == answer["stream"]
    if case.get("rwset"):
        simulated = mask(read_and_written(made.rwset), {"key": "KEY"})
        assert simulated == without_lifecycle(answer["client"].get("rwset", []))


def test_there_are_cases_to_compare_with() -> None:
    assert len(CASES) > 100
