"""What `org.hyperledger.fabric:GetMetadata` answers, read by the official contract APIs for Node and Go.

No network is needed. Where a language or its registry is not to be had, its tests are skipped and counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hlf_chaincode import Contract, ContractError
from hlf_chaincode.contract import METADATA_FUNCTION, Registry
from hlf_chaincode.testing import MemoryLedger
from lending_chaincode.credit_evaluation import CreditEvaluation
from lending_chaincode.document_exchange import DocumentExchange
from lending_chaincode.guarantee import Guarantee
from lending_chaincode.loan_application import LoanApplication
from lending_chaincode.loan_execution import LoanExecution
from tests.official.every_type import EveryType
from tests.official.toolkits import go, node

SECONDS = 60
CONTRACTS = [
    EveryType,
    CreditEvaluation,
    DocumentExchange,
    Guarantee,
    LoanApplication,
    LoanExecution,
]
NAME = "00000000-0000-0000-0000-000000000001"
SPOKE = '{"name":"spoke","weight":"1","made":"2026-02-03","parts":[],"colour":"blue","rank":2}'
PART = f'{{"name":"wheel","weight":"1.50","made":"2026-02-03","parts":[{SPOKE}]}}'
LINE = f'{{"part":{PART},"kind":"new","id":"{NAME}"}}'
ACCEPTED: list[tuple[str, list[str]]] = [
    ("scalars", ["a", "1", "true", "bytes", "10.50"]),
    ("times", ["2026-02-03", "2026-02-03T12:00:00Z", NAME]),
    ("choices", ["red", "1", "used", "3"]),
    ("choices", ["red", "1", "used", "null"]),
    ("bounded", ["9", "abc"]),
    ("collections", ["[1,2]", '{"won":"3"}', '["a",1]', f'{{"all":[{PART}]}}']),
    ("dataclass", [PART, PART]),
    ("model", [f'{{"number":1,"at":"2026-02-03T12:00:00Z","lines":[{LINE}],"share":"0.5"}}']),
    ("nothing", []),
]
REFUSED: list[tuple[str, list[str]]] = [
    ("scalars", ["a", "true", "true", "bytes", "10.50"]),
    ("choices", ["green", "1", "used", "3"]),
    ("choices", ["red", "3", "used", "3"]),
    ("bounded", ["10", "abc"]),
    ("bounded", ["9", "abcd"]),
    ("collections", ['["1"]', "{}", '["a",1]', "{}"]),
    ("dataclass", ['{"name":"wheel"}', "{}"]),
    ("model", ['{"number":0,"at":"2026-02-03T12:00:00Z","lines":[]}']),
    ("nothing", ["more"]),
]


def metadata_of(contract: type[Contract], folder: Path) -> Path:
    """The answer to GetMetadata in a file, as a client gets it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "metadata.json"
    ledger = MemoryLedger(organizations=["A"], contracts=[contract])
    file.write_bytes(ledger.evaluate_bytes(contract, METADATA_FUNCTION))
    return file


def functions_of(file: Path) -> dict[str, list[str]]:
    contracts = json.loads(file.read_text(encoding="utf-8"))["contracts"]
    return {
        name: [function["name"] for function in contract["transactions"]]
        for name, contract in contracts.items()
    }


def run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked_of_node(file: Path, calls: Sequence[tuple[str, str, Sequence[str]]]) -> Any:
    toolkit, way, answer = node(), file.with_name("way.json"), file.with_name("answer.json")
    asked = {"metadata": str(file), "calls": calls, "answer": str(answer)}
    way.write_text(json.dumps(asked), encoding="utf-8")
    run([toolkit.client[0], "metadata.cjs", str(way)], toolkit.folder)
    return json.loads(answer.read_text(encoding="utf-8"))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_api_for_node_reads_the_metadata(contract: type[Contract], tmp_path: Path) -> None:
    file = metadata_of(contract, tmp_path)
    assert asked_of_node(file, [])["contracts"] == functions_of(file)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_api_for_go_reads_the_metadata(contract: type[Contract], tmp_path: Path) -> None:
    # It looks for the file beside the program.
    program = tmp_path / "metadata"
    shutil.copy(go().folder / "bin" / "metadata", program)
    file = metadata_of(contract, tmp_path / "META-INF")
    assert json.loads(run([str(program)], tmp_path))["contracts"] == functions_of(file)


@pytest.mark.parametrize(("calls", "taken"), [(ACCEPTED, True), (REFUSED, False)], ids=["right", "wrong"])
def test_the_api_for_node_takes_by_the_metadata_what_our_contract_takes(
    calls: list[tuple[str, list[str]]], taken: bool, tmp_path: Path
) -> None:
    registry = Registry([EveryType])
    for name, arguments in calls:
        assert taken_by_ours(registry, name, arguments) == taken, (name, arguments)
    file = metadata_of(EveryType, tmp_path)
    asked = [("types", name, arguments) for name, arguments in calls]
    assert asked_of_node(file, asked)["calls"] == [taken] * len(calls)


def taken_by_ours(registry: Registry, function: str, arguments: Sequence[str]) -> bool:
    transient = {"terms": LINE.encode()}
    try:
        registry.find(function).arguments([one.encode() for one in arguments], transient)
    except ContractError as refusal:
        assert refusal.code == "INVALID_ARGUMENT"
        return False
    return True
