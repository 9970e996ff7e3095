"""MemoryLedger held against what a contract on our runtime was answered by real Fabric, method by method."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hlf_chaincode import ContractError, PeerError
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger, TransactionFailed
from tests.conformance.book import fill
from tests.conformance.masks import mask
from tests.data.slice.contract import Records

CONFORMANCE = Path(__file__).parents[2] / "conformance"
PEERS = ["org-a", "org-b"]
UNDERSTOOD = {"case", "rpc", "as", "at", "arrange", "call", "transient"}
STEP = {"as", "call", "transient", "organizations"}


def _cases() -> list[Any]:
    answers = json.loads((CONFORMANCE / "recordings" / "3.1.5" / "shim.json").read_text(encoding="utf-8"))
    return [
        pytest.param(case, answers[case["case"]], id=case["case"])
        for case in yaml.safe_load((CONFORMANCE / "cases" / "shim.yaml").read_text(encoding="utf-8"))
        if case["rpc"] == "Simulate"
        and case.keys() <= UNDERSTOOD
        and case["call"]
        and all(step.keys() <= STEP for step in case.get("arrange", ()))
    ]


CASES = _cases()


@pytest.fixture
def ledger() -> MemoryLedger:
    pair, both = "OR('org-a.member','org-b.member')", "AND('org-a.peer','org-b.peer')"
    collections = [
        CollectionSpec("org-a_org-b", pair, endorsement_policy=both),
        CollectionSpec("org-a", "OR('org-a.member')", endorsement_policy="OR('org-a.peer')"),
        CollectionSpec("org-b", "OR('org-b.member')", endorsement_policy="OR('org-b.peer')"),
    ]
    return MemoryLedger(
        channel="slice",
        organizations=PEERS,
        chaincodes=[ChaincodeSpec("records", [Records], both, collections)],
        time=datetime.datetime.now(datetime.UTC),
    )


def _options(step: dict[str, Any]) -> dict[str, Any]:
    transient = {name: str(value).encode() for name, value in step.get("transient", {}).items()}
    return {"transient": transient, "caller": Caller(step["as"].split("/")[0], {"role": "clerk"})}


def _told(error: Exception) -> str:
    """What a peer is told of an exception: the ledger in memory lets it through as it was raised."""
    meant = isinstance(error, ContractError | PeerError | TransactionFailed)
    return str(error) if meant else f"INTERNAL: {type(error).__name__}: {error}"


def test_the_recordings_hold_cases_to_compare_with() -> None:
    assert len(CASES) > 60


@pytest.mark.parametrize(("case", "recorded"), CASES)
def test_a_method_answers_as_real_fabric_did(
    ledger: MemoryLedger, case: dict[str, Any], recorded: dict[str, Any]
) -> None:
    filled = fill(case, "KEY")
    for step in filled.get("arrange", ()):
        endorsers = step.get("organizations", PEERS)
        call = [str(part) for part in step["call"]]
        transaction = ledger.endorse("records", *call, endorsers=endorsers, **_options(step))
        assert ledger.commit(transaction) == ["VALID"]
    call = [str(part) for part in filled["call"]]
    peer = filled.get("at", "peer0.org-a" if filled["as"] != "org-b/user" else "peer0.org-b")
    options = {"peer": peer.removeprefix("peer0."), **_options(filled)}
    if recorded["status"] != 200:
        with pytest.raises(Exception, match=r".") as refused:
            ledger.evaluate_bytes("records", *call, **options)
        assert mask(_told(refused.value), {"key": "KEY"}) == recorded["message"]
        return
    payload = ledger.evaluate_bytes("records", *call, **options).decode()
    assert mask(payload, {"key": "KEY"}) == recorded["payload"]
