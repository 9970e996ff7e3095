"""docs/reference/conformance.md: each RPC's outcomes, and which of them real Fabric has been seen to give.

`python -m tests.conformance.table` writes it and the counts in the README; with `--check` it only says
whether both are what the recordings and `unproven.yaml` make of them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.conformance import shim_methods
from tests.conformance.book import CASES, HERE, Case
from tests.networks import KINDS

ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
README = ROOT / "README.md"
VERSIONS = tuple(dict.fromkeys(kind.version for kind in KINDS.values()))
_MARK = re.compile(r"(<!-- conformance -->\n).*?(<!-- /conformance -->)", re.S)
_SHOWN = 400  # characters of a text

# What a case's call is a question to. A call that is not here is asked by its own name.
_RPCS: Mapping[str, str] = {
    "Evaluate": "gateway.Gateway/Evaluate",
    "Endorse": "gateway.Gateway/Endorse",
    "SubmitBare": "gateway.Gateway/Submit",
    "SubmitOther": "gateway.Gateway/Submit",
    "CommitStatus": "gateway.Gateway/CommitStatus",
    "Status": "gateway.Gateway/CommitStatus",
    "ChaincodeEvents": "gateway.Gateway/ChaincodeEvents",
    "Events": "gateway.Gateway/ChaincodeEvents",
    "Transact": "validation of a transaction",
    "EndorsedBy": "validation of a transaction",
    "Crafted": "validation of a transaction",
    "RangeReads": "simulation of range reads",
    "ProcessProposal": "protos.Endorser/ProcessProposal",
    "Propose": "protos.Endorser/ProcessProposal",
    "Deliver": "protos.Deliver/Deliver",
    "Seek": "protos.Deliver/Deliver",
    "DeliverFiltered": "protos.Deliver/DeliverFiltered",
    "SeekFiltered": "protos.Deliver/DeliverFiltered",
    "DeliverWithPrivateData": "protos.Deliver/DeliverWithPrivateData",
    "SeekPrivate": "protos.Deliver/DeliverWithPrivateData",
    "OrdererDeliver": "orderer.AtomicBroadcast/Deliver",
    "SeekOrderer": "orderer.AtomicBroadcast/Deliver",
    "Broadcast": "orderer.AtomicBroadcast/Broadcast",
    "BroadcastStream": "orderer.AtomicBroadcast/Broadcast",
    "Ordered": "orderer.AtomicBroadcast/Broadcast",
    "RaftMetadata": "metadata of a block",
    "ConfigUpdate": "update of a channel's configuration",
    "Discover": "discovery.Discovery/Discover",
    "DiscoverMany": "discovery.Discovery/Discover",
    "Participation": "channel participation REST",
    "Rest": "channel participation REST",
    "Steps": "channel participation REST",
    "Stream": "protos.Chaincode stream",
    "Register": "protos.Chaincode stream",
    "Seen": "what a contract is told of its call",
    "Simulate": "simulation of a contract",
    "Large": "simulation of a contract",
    "JoinPeer": "cscc JoinChain",
    "Across": "validation of a transaction",
    "Private": "private data of a peer",
    "Crowd": "limits of a server",
    "Pings": "limits of a server",
    "Install": "_lifecycle InstallChaincode",
    "Launch": "launch of a chaincode",
    "OrdererSeeks": "orderer.AtomicBroadcast/Deliver",
    "ProposeAgain": "protos.Endorser/ProcessProposal",
    "ProposeMeanwhile": "protos.Endorser/ProcessProposal",
}
# What the cases of a page that has no file of cases ask of: networks whose nodes stop.
_PAGES: Mapping[str, str] = {"raft-faults": "orderers that stop", "orderers-faults": "orderers that stop"}
_TELLING = (
    *("validation_code", "codes", "ends", "error", "tls"),
    *("answers", "messages", "results", "orderer", "json", "stream", "client", "steps", "then"),
)
_FINE = (None, 200, 201, 204, "SUCCESS")


def question(page: str, case: Case | None) -> str:
    """What is asked: an RPC, a function of a system chaincode, or (with no case) the page's subject."""
    if case is None:
        return _PAGES.get(page, page)
    call = str(case["rpc"])
    if "function" in case:
        return f"_lifecycle {case['function']}"
    if call == "Ledger":
        return f"qscc {case['ask']}"
    if call == "System":
        return f"{case.get('chaincode')} {case['call'][0]}".strip()
    if "/" in str(case.get("method", "")):  # a case that spoils whichever request it names
        return str(case["method"])
    return _RPCS.get(call, call)


def outcome(answer: Any) -> str:
    """What makes an answer another outcome than the rest: its codes, its statuses, its texts."""
    return ", ".join(dict.fromkeys(_said(answer))) or "OK"


def _said(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _said(item)
    elif isinstance(value, str):
        if value != "SUCCESS":
            yield value
    elif isinstance(value, dict):
        yield from _stated(value)
        for field in _TELLING:
            if field in value and not (field == "error" and "status" in value):
                yield from _said(value[field])


def _stated(answer: Mapping[str, Any]) -> Iterator[str]:
    """An answer's own code or status, with what is said to it."""
    code, status = answer.get("code", "OK"), answer.get("status")
    if isinstance(status, list):  # one for each transaction, as `codes` has them
        status = None
    text = next((str(answer[each]) for each in ("message", "info", "error", "text") if answer.get(each)), "")
    if "errors" in answer:
        text = "; ".join(map(str, answer["errors"]))
    if code != "OK":
        said = dict.fromkeys(each["message"] for each in answer.get("details", ()) if "message" in each)
        more = [each for each in said if each not in text]
        yield f"{code}: {text}" + (f" [{'; '.join(more)}]" if more else "")
    elif answer.get("type") == "ERROR":
        yield f"ERROR {answer.get('payload', '')}"
    elif status not in _FINE:
        yield f"{status}: {text}" if text else str(status)


def proven() -> dict[str, dict[str, Counter[str]]]:
    """Question -> outcome -> how many recorded answers of each version."""
    by_name: dict[tuple[str, str], Case] = {(page, case["case"]): case for page, case in CASES}
    rows: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for version, page, name, answer in recorded():
        rows[question(page, by_name.get((page, name)))][outcome(answer)][version] += 1
    return rows


def recorded() -> Iterator[tuple[str, str, str, Any]]:
    """Every recorded answer: version, page, case, answer."""
    for version in VERSIONS:
        for path in sorted((HERE / "recordings" / version).glob("*.json")):
            if path.stem != "recorded":
                for name, answer in json.loads(path.read_text()).items():
                    yield version, path.stem, name, answer


def unproven() -> list[dict[str, Any]]:
    """What no recording shows, each with `rpc`, `outcome`, `emulated` and `why`."""
    return yaml.safe_load((HERE / "unproven.yaml").read_text()) or []


def counts() -> str:
    """The counts, in a sentence."""
    answers = Counter(version for version, *_ in recorded())
    cells = sum(len(outcomes) for outcomes in proven().values())
    listed = Counter(bool(each["emulated"]) for each in unproven())
    heard = " and ".join(
        f"{answers[version]} on Fabric {version}" for version in VERSIONS if answers[version]
    )
    return (
        f"{cells} outcomes of {len(proven())} calls are proven by {sum(answers.values())} recorded answers "
        f"({heard}); {listed[True]} are emulated but unproven, {listed[False]} not emulated."
    )


def page() -> str:
    """The table, as Markdown."""
    lines = [
        "# What is proven of the emulator",
        "",
        "Made by `python -m tests.conformance.table` from the recordings of real Fabric; do not edit.",
        counts(),
        "`make test` asks the emulator every recorded question and compares; a number is how many recorded",
        "answers show the outcome on that version of Fabric, a dash that none does.",
        "What varies from run to run is masked (`tests/conformance/masks.py`).",
        "",
    ]
    head = [f"| outcome | {' | '.join(VERSIONS)} |", f"|---|{'---|' * len(VERSIONS)}"]
    for asked, outcomes in sorted(proven().items(), key=lambda row: row[0].lower()):
        lines += [f"## {asked}", "", *head]
        for text, found in sorted(outcomes.items()):
            numbers = " | ".join(str(found[version]) if found[version] else "–" for version in VERSIONS)
            lines.append(f"| {_cell(text)} | {numbers} |")
        lines.append("")
    lines.append(shim_methods.page())
    for emulated, title in ((True, "Emulated, unproven"), (False, "Not emulated")):
        rows = [each for each in unproven() if bool(each["emulated"]) is emulated]
        if rows:
            lines += [f"## {title}", "", "| call | outcome | why |", "|---|---|---|"]
            lines += [
                f"| {_cell(row['rpc'])} | {_cell(row['outcome'])} | {_cell(row['why'])} |" for row in rows
            ]
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    short = " ".join(str(text).split())
    if len(short) > _SHOWN:
        short = short[: _SHOWN - 1] + "…"
    return short.replace("|", "\\|").replace("<", "&lt;")


def main(arguments: list[str] | None = None) -> int:
    """Write both files, or with --check compare; 1 when they differ."""
    parser = argparse.ArgumentParser(prog="tests.conformance.table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if something would change")
    check = parser.parse_args(arguments).check
    readme = README.read_text(encoding="utf-8")
    if not _MARK.search(readme):
        sys.stderr.write("README.md has no <!-- conformance --> mark\n")
        return 1
    wanted = {
        PAGE: page(),
        README: _MARK.sub(lambda match: match[1] + counts() + "\n" + match[2], readme),
    }
    stale = [path for path, text in wanted.items() if _read(path) != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: python -m tests.conformance.table\n")
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return int(check and bool(stale))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
