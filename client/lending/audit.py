"""Hold a report against the ledgers: rebuild its claims from blocks, check the signature over the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common.common_pb2 import Block

from hlf.wire.blocks import decode_block
from hlf.wire.records import DecodedTransaction
from hlf.wire.verify import ChainVerifier
from lending.report import Finding, Json, check_signature, parse

READERS: Mapping[str, tuple[str, str]] = {
    "application": ("semas", "officer"),
    "referral": ("semas", "officer"),
    "guarantee": ("bank-a", "officer"),
    "execution": ("bank-a", "officer"),
}
"""As whom (organization, wallet identity) an audit reads each channel."""


@dataclass
class LedgerView:
    """What the blocks of one channel say: transactions by id, public records' states, who took part.

    ``answers`` has the states that endorsed results name, for what is no record of the usual shape: a model,
    a sealing key, thresholds whose record is private.
    """

    channel: str
    height: int = 0
    transactions: dict[str, tuple[int, DecodedTransaction]] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)  # (chaincode, record id) -> state
    answers: dict[tuple[str, str], str] = field(default_factory=dict)  # likewise
    certificates: set[tuple[str, bytes]] = field(default_factory=set)  # (MSP id, PEM) of valid creators
    problems: list[str] = field(default_factory=list)


def read_ledger(channel: str, blocks: Iterable[Block]) -> LedgerView:
    """Fold a channel's blocks from 0, each checked for its hashes and for a quorum of orderers' signatures.

    Block 0 is taken on trust from the reader's own peer. At the first block that cannot be believed reading
    stops, and ``problems`` says why: what comes after it proves nothing.
    """
    view = LedgerView(channel)
    verifier = None
    for block in blocks:
        if verifier is None:
            try:
                verifier = ChainVerifier(block)
            except ValueError as error:
                view.problems.append(f"block {block.header.number}: {error}")
                break
            if verifier.channel != channel:
                view.problems.append(f"block 0: it is of channel {verifier.channel}")
                break
        elif problem := verifier.problem(block):
            view.problems.append(problem)
            break
        _fold(view, block)
    if not view.height and not view.problems:
        view.problems.append("there are no blocks")
    return view


def _fold(view: LedgerView, block: Block) -> None:
    view.height = block.header.number + 1
    for transaction in decode_block(block).transactions:
        if transaction.transaction_id:
            # The first one counts: peers mark a repeated id DUPLICATE_TXID.
            view.transactions.setdefault(transaction.transaction_id, (block.header.number, transaction))
        if transaction.validation_code == "VALID":
            _apply(view, transaction)


def _apply(view: LedgerView, transaction: DecodedTransaction) -> None:
    if transaction.creator is not None:
        view.certificates.add((transaction.creator.msp_id, transaction.creator.certificate))
    if transaction.response is not None:
        _note(view.answers, transaction.chaincode, transaction.response.payload)
    for namespace in transaction.rwset:
        for write in namespace.writes:
            _note(view.states, namespace.namespace, write.value)


def _note(states: dict[tuple[str, str], str], chaincode: str, value: bytes) -> None:
    try:
        record = json.loads(value) if value else None
    except ValueError:
        return
    if isinstance(record, dict) and {"id", "state"} <= record.keys():
        states[chaincode, str(record["id"])] = str(record["state"])


@dataclass(frozen=True)
class Audit:
    """The outcome: everything that is not so, and how much was compared."""

    findings: tuple[Finding, ...]
    transactions: int
    records: int
    heights: Mapping[str, int]

    @property
    def agrees(self) -> bool:
        """Whether ledgers and signature bear the report out."""
        return not self.findings


def audit(text: str, ledgers: Mapping[str, LedgerView]) -> Audit:
    """Compare a report's text with the ledgers of its channels (name -> view)."""
    report, findings = parse(text)
    if not report:
        return Audit(tuple(findings), 0, 0, {})
    findings += check_signature(report)
    steps = report.get("steps")
    on_ledger = [
        (f"steps[{index}]", step)
        for index, step in enumerate(steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and "transaction_id" in step
    ]
    for place, step in on_ledger:
        findings += _step_findings(place, step, ledgers)
    records = _records(report)
    for place, record in records:
        findings += _record_findings(place, record, ledgers)
    findings += _signer_findings(report, ledgers.values())
    for view in ledgers.values():
        findings += [Finding(f"ledger {view.channel}", problem) for problem in view.problems]
    return Audit(
        tuple(findings), len(on_ledger), len(records), {name: view.height for name, view in ledgers.items()}
    )


def _records(report: Json) -> list[tuple[str, dict[str, Any]]]:
    final = report.get("final")
    records = final.get("records") if isinstance(final, dict) else None
    return [
        (f"final.records[{index}]", record)
        for index, record in enumerate(records if isinstance(records, list) else [])
        if isinstance(record, dict)
    ]


def _step_findings(place: str, step: Mapping[str, Any], ledgers: Mapping[str, LedgerView]) -> list[Finding]:
    view = ledgers.get(str(step.get("channel")))
    if view is None:
        return [Finding(f"{place}.channel", f"no ledger of {step.get('channel')!r} was read")]
    found = view.transactions.get(str(step["transaction_id"]))
    if found is None:
        return [Finding(f"{place}.transaction_id", f"not in any block of {view.channel}")]
    number, transaction = found
    function = transaction.args[0].decode(errors="replace") if transaction.args else ""
    actual = {
        "organization": transaction.creator.msp_id if transaction.creator else "",
        "chaincode": transaction.chaincode,
        "function": function,
        "block_number": number,
        "validation_code": transaction.validation_code,
        "endorsers": sorted(transaction.endorsers),
    }
    return [
        Finding(f"{place}.{name}", f"the report says {step.get(name)!r}, the ledger {value!r}")
        for name, value in actual.items()
        if step.get(name) != value
    ]


def _record_findings(
    place: str, record: Mapping[str, Any], ledgers: Mapping[str, LedgerView]
) -> list[Finding]:
    view = ledgers.get(str(record.get("channel")))
    key = (str(record.get("chaincode")), str(record.get("id")))
    state = view.states.get(key, view.answers.get(key)) if view else None
    if state is None:
        return [Finding(f"{place}.id", "no such record stands on the ledger")]
    if state != record.get("state"):
        return [Finding(f"{place}.state", f"the report says {record.get('state')!r}, the ledger {state!r}")]
    return []


def _signer_findings(report: Json, views: Iterable[LedgerView]) -> list[Finding]:
    signature = report.get("signature")
    if not isinstance(signature, dict):
        return []
    signer = (str(signature.get("msp_id")), str(signature.get("certificate")).encode())
    if any(signer in view.certificates for view in views):
        return []
    return [
        Finding("signature.certificate", "signed no valid transaction on these ledgers: not a known member")
    ]
