"""MemoryLedger held against what real Fabric answered to the conformance cases.

Only the cases that reach a chaincode: nobody tampers with a proposal here, and there is no gateway that
looks for peers.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hlf_chaincode import ContractError, PeerError
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger
from tests.conformance.calls import text
from tests.conformance.masks import mask
from tests.data.slice.contract import Records
from tests.unit.hlf_chaincode.raw_peer import VERSIONS, read_and_written, without_lifecycle

PAGES = ("gateway", "validation", "chaincode", "shim")
CONFORMANCE = Path(__file__).parents[2] / "conformance"
PEERS = ["org-a", "org-b"]
UNDERSTOOD = {
    "case",
    "rpc",
    "as",
    "at",
    "arrange",
    "call",
    "transient",
    "organizations",
    "after",
    "chaincode",
}
# Made to differ by addresses in memory, which two runs in one process may share; and a limit of sockets.
LEFT_OUT = {"endorsers that disagree", "a value that makes a message of more than 100 MiB"}
# Whom the ledger knows: members with certificates in force.
CALLERS = {"org-a/user", "org-b/user", "org-c/user", "org-a/holder"}


def _cases(version: str) -> list[Any]:
    found = []
    for name in PAGES:
        answers = json.loads((CONFORMANCE / "recordings" / version / f"{name}.json").read_text())
        for case in yaml.safe_load((CONFORMANCE / "cases" / f"{name}.yaml").read_text()):
            reaches_chaincode = (
                case["rpc"] in ("Evaluate", "Endorse", "Transact", "Simulate")
                and case.keys() <= UNDERSTOOD
                and "chaincode" not in case
                and set(case.get("organizations", [])) <= set(PEERS)
                and case["as"] in CALLERS
                and case["case"] not in LEFT_OUT
                and case["call"]
                and all("call" in step for step in case.get("arrange", []))
            )
            answer = answers.get(case["case"])
            # A plan that cannot be made is a gateway's answer, and there is none here.
            if reaches_chaincode and answer and answer.get("code") != "FAILED_PRECONDITION":
                found.append(pytest.param(version, case, answer, id=f"{version} {case['case']}"))
    return found


CASES = [case for version in VERSIONS for case in _cases(version)]


def _ledger(version: str) -> MemoryLedger:
    pair = "OR('org-a.member','org-b.member')"
    both = "AND('org-a.peer','org-b.peer')"
    collections = [
        CollectionSpec("org-a_org-b", pair, endorsement_policy=both),
        CollectionSpec("org-a_org-b_drop", pair, member_only_write=False, endorsement_policy=both),
        CollectionSpec("org-a", "OR('org-a.member')", endorsement_policy="OR('org-a.peer')"),
        CollectionSpec("org-b", "OR('org-b.member')", endorsement_policy="OR('org-b.peer')"),
    ]
    return MemoryLedger(
        channel="slice",
        organizations=PEERS,
        chaincodes=[ChaincodeSpec("records", [Records], both, collections)],
        time=datetime.datetime.now(datetime.UTC),
        batching=VERSIONS[version],
    )


def _call(case: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    organization = case["as"].split("/")[0]
    transient = {name: str(value).encode() for name, value in case.get("transient", {}).items()}
    caller = Caller(organization, {"role": "clerk"})
    return [str(part) for part in case["call"]], {"transient": transient, "caller": caller}


def _endorse(ledger: MemoryLedger, case: dict[str, Any]) -> Any:
    call, options = _call(case)
    return ledger.endorse("records", *call, endorsers=case.get("organizations", PEERS), **options)


def _perform(ledger: MemoryLedger, case: dict[str, Any]) -> dict[str, Any]:
    for step in case.get("arrange", []):
        assert ledger.commit(_endorse(ledger, step)) == ["VALID"]
    if case["rpc"] == "Evaluate":
        call, options = _call(case)
        gateway = case.get("at", "peer0.org-a").removeprefix("peer0.")
        peer = case.get("organizations", [gateway])[0]
        return {"payload": ledger.evaluate_bytes("records", *call, peer=peer, **options).decode()}
    if case["rpc"] == "Simulate":
        return _simulate(ledger, case)
    transaction = _endorse(ledger, case)
    answer = {"payload": transaction.result.decode()}
    if case["rpc"] == "Transact":
        for step in case.get("after", []):
            rival = {**case, **step}
            assert ledger.commit(_endorse(ledger, rival)) == ["VALID"]
        answer["validation_code"] = ledger.commit(transaction)[0]
    return answer


def _simulate(ledger: MemoryLedger, case: dict[str, Any]) -> dict[str, Any]:
    """One peer's answer to a proposal, with what was read and written."""
    call, options = _call(case)
    proposed = ledger._proposed("records", call[0], call[1:], options["transient"], options["caller"])
    done = ledger._peers.execute(proposed, case.get("at", "peer0.org-a").removeprefix("peer0."))
    shown = {
        "code": "OK",
        "status": done.response.status,
        "message": done.response.message,
        "payload": text(done.response.payload),
        "endorsed": done.response.status == 200,
        "rwset": read_and_written(done.rwset),
    }
    if done.event is not None:
        shown["event"] = {"chaincode": done.event.chaincode_id or "records", "name": done.event.event_name}
    return shown


def test_the_recordings_hold_cases_to_compare_with():
    assert len(CASES) > 200


@pytest.mark.parametrize(("version", "case", "recorded"), CASES)
def test_answers_are_fabrics_own(version, case, recorded):
    ledger = _ledger(version)
    if case["rpc"] == "Simulate":
        answer = mask(_perform(ledger, _filled(case)), {"key": "KEY"})
        assert answer == {**recorded, "rwset": without_lifecycle(recorded.get("rwset", []))}
        return
    if "details" in recorded:
        with pytest.raises(Exception, match=r".") as refused:
            _perform(ledger, _filled(case))
        meant = isinstance(refused.value, (ContractError, PeerError))
        told = str(refused.value) if meant else f"INTERNAL: {type(refused.value).__name__}: {refused.value}"
        messages = {detail["message"] for detail in recorded["details"]}
        assert messages == {f"chaincode response 500, {mask(told, {'key': 'KEY'})}"}
        return
    answer = mask(_perform(ledger, _filled(case)), {"key": "KEY"})
    assert answer["payload"] == recorded.get("payload", "")
    assert answer.get("validation_code") == recorded.get("validation_code")


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value.replace("{key}", "KEY") if isinstance(value, str) else value
