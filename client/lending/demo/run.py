"""`make demo`: the network, the two loans, a killed orderer, the attempts to cheat, the signed report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fabric_protos.common import common_pb2

from hlf.admin.qscc import Ledger
from hlf.wire.blocks import signatures_metadata
from hlf_network import Consortium
from hlf_network.runtime import Choice
from lending.audit import READERS
from lending.demo.cast import Cast
from lending.demo.cheats import Cheats
from lending.demo.founding import found
from lending.demo.servicing import Servicing
from lending.demo.story import Story
from lending.demo.telling import Narrator
from lending.documents.applicants import Applicant, load_applicant
from lending.report import render, sign
from lending.report_page import page
from lending.visibility import visibility

ROOT = Path(__file__).parents[3]


def main(
    runtime: Choice = "auto",
    state: Path | None = None,
    *,
    build: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run the demonstration and leave the network up; returns the exit code.

    state: where the network lives (default network/state). build: where the report goes (default build).
    """
    tell = say or _print
    network = Consortium(
        ROOT / "network" / "topology.yaml",
        state or ROOT / "network" / "state",
        runtime=runtime,
        profiles_dir=None if state else ROOT / "connection-profiles",
    )
    began, started = time.monotonic(), datetime.now(UTC).replace(microsecond=0)
    network.up(tell)
    with Cast(network) as cast:
        narrator = Narrator(tell, cast.spread)
        first, second, staged = _stories(cast, narrator)
        tell("\nThe consortium decides: charters, model, thresholds.")
        found(cast, narrator, [first.applicant, second.applicant])
        tell("\nTwo applicants, two loans, four channels.")
        with ThreadPoolExecutor(max_workers=1) as beside:
            other = beside.submit(_in_full, second)
            first.originate()
            servicing = Servicing(first)
            _without_a_leader(network, narrator, cast, servicing, tell)
            other.result()
        servicing.fails()
        _stage(staged, second)
        tell("\nNow cheat: each attempt is really sent.")
        Cheats(cast, narrator, first, staged).attempt_all()
        body = _body(network, cast, narrator, first, second)
        times = {"started": started.isoformat().replace("+00:00", "Z"), "seconds": _since(began)}
        report = sign({**body, **times}, cast.identity("semas", "officer"))
    folder = build or ROOT / "build"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo-report.json").write_text(render(report), encoding="utf-8")
    (folder / "demo-report.html").write_text(page(report), encoding="utf-8")
    (folder / "demo-letter.json").write_bytes(first.guarantee_letter.to_bytes())
    _closing_words(tell, report, folder)
    return 0


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _stories(cast: Cast, narrator: Narrator) -> tuple[Story, Story, Story]:
    data = ROOT / "tests" / "data"
    one = load_applicant(data / "demo-applicant.yaml")
    other = load_applicant(data / "demo-applicant-2.yaml")
    return (
        Story(cast, narrator, one, "applicant-1"),
        Story(cast, narrator, other, "applicant-2", label=" (second applicant)"),
        _staged(cast, narrator, other),
    )


def _staged(cast: Cast, narrator: Narrator, applicant: Applicant) -> Story:
    return Story(cast, narrator, applicant, "applicant-2", label=" (staged for the attempts)")


def _in_full(story: Story) -> None:
    story.originate()
    Servicing(story).pays_in_full()


def _stage(staged: Story, second: Story) -> None:
    """A referral that waits for its evaluation, on the documents that are there already."""
    staged.consent_id, staged.documents = second.consent_id, second.documents
    staged.apply()
    staged.review()
    staged.hand_over(evidence=False)


def _without_a_leader(
    network: Consortium, narrator: Narrator, cast: Cast, servicing: Servicing, tell: Callable[[str], None]
) -> None:
    """Kill the orderer that leads `execution` while the loan is serviced, and start it again."""
    leader = _leader(network, cast, "execution")
    simulated = "" if network.running_on == "docker" else " (simulated by the emulator)"
    tell(f"\n     the leading orderer, {leader}, is killed{simulated}; the loan goes on")
    network.stop_node(leader)
    try:
        servicing.pays_for_a_while()
    finally:
        narrator.aside(
            f"{leader} is started again{simulated}",
            network.layout.node(leader).organization,
            lambda: network.start_node(leader),
        )


def _leader(network: Consortium, cast: Cast, channel: str) -> str:
    """The orderer that leads a channel: consenters in turn, by the view in the newest block's metadata."""
    ledger = Ledger(cast.gateway(*READERS[channel]).network(channel))
    block = ledger.block(ledger.info().height - 1)
    metadata = common_pb2.OrdererBlockMetadata.FromString(signatures_metadata(block).value)
    orderers = network.layout.channels[channel].orderers
    return orderers[_view(metadata.consenter_metadata) % len(orderers)].name


def _view(metadata: bytes) -> int:
    """smartbftprotos.ViewMetadata.view_id, its field 1, which is absent while it is 0."""
    if not metadata or metadata[0] != 0x08:
        return 0
    value = shift = 0
    for byte in metadata[1:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value


def _body(network: Consortium, cast: Cast, narrator: Narrator, first: Story, second: Story) -> dict[str, Any]:
    networks = {channel: cast.gateway(*reader).network(channel) for channel, reader in READERS.items()}
    on_docker = network.running_on == "docker"
    return {
        "runtime": network.running_on,
        "fabric_version": network.fabric_version,
        "steps": [step.to_json() for step in narrator.steps],
        "refused": [
            {"attempt": one.attempt, "where": one.where, "code": one.code, "message": one.message}
            for one in narrator.refusals
        ],
        "final": {
            "letters": narrator.letters,
            "records": list(narrator.records.values()),
            "evaluation": first.evaluation.result.model_dump(mode="json"),
            "explanation": first.explanation.model_dump(mode="json"),
            "review": second.reviewed,
            "visibility": visibility(networks),
        },
        "not_verified": []
        if on_docker
        else [
            "real Fabric: this run was on the emulator; `make demo RUNTIME=docker` runs the same on Fabric"
        ],
    }


def _closing_words(tell: Callable[[str], None], report: dict[str, Any], folder: Path) -> None:
    steps, refused = len(report["steps"]), len(report["refused"])
    tell(f"\n{steps} steps, {refused} attempts refused, {report['seconds']:.1f} s. The network is still up.")
    tell(f"  look:   {folder / 'demo-report.html'}")
    tell(f"  check:  .venv/bin/dure audit {folder / 'demo-report.json'}")
    tell(f"  verify: .venv/bin/dure verify {folder / 'demo-letter.json'}   (a guarantee letter, offline)")
    tell("  watch:  make status")
    tell("  end:    make down")
    for item in report["not_verified"]:
        tell(f"NOT VERIFIED: {item}")
