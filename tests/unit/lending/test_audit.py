"""An audit over blocks that real Fabric wrote: what agrees, what does not, and forged blocks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from fabric_protos.common import common_pb2

from hlf.wire.blocks import data_hash, decode_block
from lending.audit import LedgerView, audit, read_ledger
from lending.report import render, sign
from tests.unit.lending.signers import signer

RECORDED = Path(__file__).parents[2] / "data" / "blocks"
Blocks = list[common_pb2.Block]


@pytest.fixture
def blocks() -> Blocks:
    return [
        common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes()) for number in range(10)
    ]


def report(blocks: Blocks) -> dict[str, Any]:
    steps = []
    for number in (4, 5, 7):
        (one,) = decode_block(blocks[number]).transactions
        assert one.creator is not None
        steps.append(
            {
                "step": len(steps) + 1,
                "title": f"block {number}",
                "organization": one.creator.msp_id,
                "seconds": 0.1,
                "channel": "referral",
                "chaincode": one.chaincode,
                "function": one.args[0].decode(),
                "transaction_id": one.transaction_id,
                "block_number": number,
                "validation_code": one.validation_code,
                "endorsers": sorted(one.endorsers),
            }
        )
    steps.append({"step": 4, "title": "off the ledger", "organization": "semas", "seconds": 0.1})
    return {"runtime": "docker", "steps": steps, "refused": [], "final": {"records": []}, "not_verified": []}


def places(text: str, view: LedgerView) -> list[str]:
    return [finding.where for finding in audit(text, {"referral": view}).findings]


def test_recorded_blocks_are_believed(blocks: Blocks) -> None:
    view = read_ledger("referral", blocks)
    assert view.problems == []
    assert view.height == 10
    assert len(view.transactions) == 8


def test_only_an_unknown_signer_is_found_in_a_true_report(blocks: Blocks) -> None:
    view = read_ledger("referral", blocks)
    text = render(sign(report(blocks), signer("semas")))
    assert places(text, view) == ["signature.certificate"]
    view.certificates.add(("semas", signer("semas").certificate))
    outcome = audit(text, {"referral": view})
    assert outcome.agrees
    assert (outcome.transactions, dict(outcome.heights)) == (3, {"referral": 10})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization", "foundation-seoul"),
        ("chaincode", "other"),
        ("function", "purge"),
        ("block_number", 5),
        ("validation_code", "MVCC_READ_CONFLICT"),
        ("endorsers", ["semas"]),
        ("transaction_id", "00" * 32),
        ("channel", "guarantee"),
    ],
)
def test_what_the_ledger_contradicts_is_found_even_when_it_is_signed(
    blocks: Blocks, field: str, value: object
) -> None:
    lying = report(blocks)
    lying["steps"][0][field] = value
    view = read_ledger("referral", blocks)
    view.certificates.add(("semas", signer("semas").certificate))
    assert places(render(sign(lying, signer("semas"))), view) == [f"steps[0].{field}"]


def test_an_invalid_transaction_is_no_success(blocks: Blocks) -> None:
    lying = report(blocks)
    (one,) = decode_block(blocks[6]).transactions
    lying["steps"][0].update(
        transaction_id=one.transaction_id, block_number=6, endorsers=["semas"], function="create"
    )
    view = read_ledger("referral", blocks)
    view.certificates.add(("semas", signer("semas").certificate))
    assert places(render(sign(lying, signer("semas"))), view) == ["steps[0].validation_code"]


def test_a_record_that_stands_nowhere(blocks: Blocks) -> None:
    lying = report(blocks)
    record = {"channel": "referral", "chaincode": "demo", "id": "r9", "state": "new", "title": ""}
    lying["final"]["records"] = [record]
    view = read_ledger("referral", blocks)
    view.states["demo", "r1"] = "old"
    view.certificates.add(("semas", signer("semas").certificate))
    assert places(render(sign(lying, signer("semas"))), view) == ["final.records[0].id"]
    record["id"] = "r1"
    assert places(render(sign(lying, signer("semas"))), view) == ["final.records[0].state"]


def test_a_changed_block_is_not_believed(blocks: Blocks) -> None:
    forged = copy.deepcopy(blocks)
    forged[4].data.data[0] += b"\x00"
    view = read_ledger("referral", forged)
    assert view.problems == ["block 4: data hash does not match its transactions"]
    assert view.height == 4


def test_a_block_that_no_orderer_signed_is_not_believed(blocks: Blocks) -> None:
    forged = copy.deepcopy(blocks)
    del forged[5:]
    # Hashes can be made to fit; the orderers' signatures cannot.
    forged[4].data.data[0] = blocks[5].data.data[0]
    forged[4].header.data_hash = data_hash(forged[4].data)
    view = read_ledger("referral", forged)
    assert view.problems == ["block 4: 0 valid signatures, 3 are needed"]
    assert "ledger referral" in places(render(sign(report(blocks), signer("semas"))), view)


def test_a_missing_block_is_found(blocks: Blocks) -> None:
    view = read_ledger("referral", [*blocks[:5], *blocks[6:]])
    assert view.problems == ["block 6: expected number 5"]


def test_blocks_of_another_channel(blocks: Blocks) -> None:
    assert read_ledger("execution", blocks).problems == ["block 0: it is of channel referral"]
    assert read_ledger("referral", []).problems == ["there are no blocks"]


def test_what_is_no_report() -> None:
    outcome = audit("[]", {})
    assert [one.where for one in outcome.findings] == ["line 1"]
