"""The demonstration's report: its shape, what it claims, and an audit of it in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lending.cli import main
from lending.demo.cast import Cast
from lending.demo.story import rate_notice
from tests.integration.conftest import DemoRun

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

STEP = {
    "step",
    "title",
    "organization",
    "channel",
    "chaincode",
    "function",
    "transaction_id",
    "block_number",
    "validation_code",
    "endorsers",
    "seconds",
}
OFF_LEDGER = {"step", "title", "organization", "seconds"}

# Each attempt of the table: words of the attempt, of the place that refuses it, and what is answered.
REFUSED = [
    ("a score altered by one unit", "foundation's contract", "SCORE_MISMATCH"),
    ("the same officer signing the override twice", "foundation's contract", "SAME_OFFICER"),
    ("a review answered by the officer who made", "foundation's contract", "SAME_OFFICER"),
    ("the letter presented at bank-b", "addressee", "LETTER_ADDRESSEE"),
    ("the letter presented twice at bank-a", "single use", "LETTER_USED"),
    ("signed under bank-a's CA", "receiving contract", "LETTER_UNTRUSTED_SIGNER"),
    ("foundation-gyeonggi asking for", "contract", "NOT_EVALUATOR"),
    ("foundation-gyeonggi reading", "member-only", "does not have read access permission"),
    ("querying `application`", "access", "access denied"),
    ("streaming `application` from bank-a's own orderer", "orderer's policy", "FORBIDDEN"),
    ("the second applicant reading", "holder", "NOT_HOLDER"),
    ("the second applicant streaming", "ACL", "FORBIDDEN"),
    ("endorsed by one party", "validation", "ENDORSEMENT_POLICY_FAILURE"),
]


def test_the_report_has_exactly_its_shape(demo_run: DemoRun, fabric: str) -> None:
    report = demo_run.report
    assert set(report) == {
        "runtime",
        "fabric_version",
        "started",
        "seconds",
        "steps",
        "refused",
        "final",
        "not_verified",
        "signature",
    }
    assert report["runtime"] == fabric
    assert report["fabric_version"].startswith("3.1")
    assert [step["step"] for step in report["steps"]] == list(range(1, len(report["steps"]) + 1))
    for step in report["steps"]:
        if "transaction_id" in step:
            assert set(step) == STEP
        else:
            assert set(step) >= OFF_LEDGER
    assert all(set(refusal) == {"attempt", "where", "code", "message"} for refusal in report["refused"])
    assert bool(report["not_verified"]) == (fabric == "emulator")


def test_every_step_is_valid_and_endorsed(demo_run: DemoRun) -> None:
    on_ledger = [step for step in demo_run.report["steps"] if "transaction_id" in step]
    assert {step["validation_code"] for step in on_ledger} == {"VALID"}
    assert all(step["endorsers"] for step in on_ledger)
    assert {step["channel"] for step in on_ledger} == {"application", "referral", "guarantee", "execution"}
    assert {step["chaincode"] for step in on_ledger} == {
        "document-exchange",
        "loan-application",
        "credit-evaluation",
        "guarantee",
        "loan-execution",
    }


@pytest.mark.parametrize(
    "function",
    [
        "repay",
        "reset_rate",
        "prepay",
        "record_arrears",
        "extend",
        "accelerate",
        "report_accident",
        "notify_accident",
        "claim",
        "subrogate",
        "receive_subrogation",
        "record_recovery",
        "close",
        "release",
    ],
)
def test_the_loan_goes_through_every_servicing_step(demo_run: DemoRun, function: str) -> None:
    assert function in {step.get("function") for step in demo_run.report["steps"]}


def test_both_loans_end_closed(demo_run: DemoRun) -> None:
    ends = {
        record["state"]
        for record in demo_run.report["final"]["records"]
        if record["chaincode"] in {"guarantee", "loan-execution"}
    }
    assert ends == {"closed"}
    loans = [
        record for record in demo_run.report["final"]["records"] if record["chaincode"] == "loan-execution"
    ]
    assert len(loans) == 2


@pytest.mark.parametrize(("attempt", "where", "code"), REFUSED)
def test_every_attempt_is_refused_where_the_table_says(
    demo_run: DemoRun, attempt: str, where: str, code: str
) -> None:
    (refusal,) = (one for one in demo_run.report["refused"] if attempt in one["attempt"])
    assert where in refusal["where"]
    assert code in f"{refusal['code']} {refusal['message']}"


def test_a_wrong_figure_was_corrected_on_request_and_answered_in_time(demo_run: DemoRun) -> None:
    told = demo_run.report["final"]["review"]
    assert (told["kind"], told["state"]) == ("correction", "answered")
    assert not told["before"]["guaranteeable"] and told["after"]["guaranteeable"]
    assert told["after"]["total"] == 45_816_000
    assert told["dates"]["received_on"] < told["dates"]["answered_on"] <= told["dates"]["due_by"]
    functions = [step.get("function") for step in demo_run.report["steps"]]
    assert {"request_review", "open_review", "re_evaluate", "answer_review", "deliver_answer"} <= set(
        functions
    )


def test_the_report_explains_the_evaluation(demo_run: DemoRun) -> None:
    final = demo_run.report["final"]
    assert final["explanation"]["total_units"] == final["evaluation"]["total"]
    assert final["explanation"]["reasons"]


def test_the_leading_orderer_was_killed_and_started_again(demo_run: DemoRun, fabric: str) -> None:
    (killed,) = (line for line in demo_run.said if "is killed" in line)
    assert any("is started again" in step["title"] for step in demo_run.report["steps"])
    assert ("simulated" in killed) == (fabric == "emulator")


def test_the_first_line_names_the_runtime_and_the_way_to_the_other(demo_run: DemoRun, fabric: str) -> None:
    other = {"emulator": "docker", "docker": "emulator"}[fabric]
    assert fabric in demo_run.said[0].lower()
    assert other in demo_run.said[0].lower()


def test_orderer_operators_are_in_the_matrix(demo_run: DemoRun) -> None:
    matrix = demo_run.report["final"]["visibility"]
    (row,) = (row for row in matrix if row["channel"] == "application" and row["what"].startswith("blocks"))
    assert {"organization": "bank-a", "how": "orderer"} in row["who"]
    assert {"organization": "semas", "how": "peer"} in row["who"]
    assert not any(one["organization"].endswith("-orderer") for row in matrix for one in row["who"])


def test_the_network_is_left_up(demo_run: DemoRun) -> None:
    status = demo_run.network.status()
    assert status["state"] in {"up", "running"}, status["state"]


def audit(demo_run: DemoRun, report: Path, *options: str) -> list[str]:
    return ["audit", str(report), "--state", str(demo_run.network.state_dir), *options]


def test_an_audit_in_a_fresh_process_agrees(demo_run: DemoRun) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lending.cli", *audit(demo_run, demo_run.report_path, "--json")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["agrees"] is True
    on_ledger = [step for step in demo_run.report["steps"] if "transaction_id" in step]
    assert outcome["transactions"] == len(on_ledger)
    assert outcome["records"] == len(demo_run.report["final"]["records"])


def _first(report: dict[str, Any], field: str) -> int:
    return next(index for index, step in enumerate(report["steps"]) if field in step)


@pytest.mark.parametrize(
    "place",
    [
        "steps.block_number",
        "steps.transaction_id",
        "steps.title",
        "final.records.state",
        "refused.code",
        "runtime",
        "final.evaluation.total",
        "signature.value",
    ],
)
def test_a_report_changed_anywhere_is_refused_with_the_place(
    demo_run: DemoRun, tmp_path: Path, place: str
) -> None:
    report = json.loads(demo_run.report_path.read_text(encoding="utf-8"))
    where = place.split(".")
    node, named = report, ""
    for name in where[:-1]:
        node, named = node[name], f"{named}.{name}".lstrip(".")
        if isinstance(node, list):
            index = _first(report, where[-1]) if name == "steps" else 0
            node, named = node[index], f"{named}[{index}]"
    old = node[where[-1]]
    node[where[-1]] = old + 1 if isinstance(old, int) else ("0" if old[0] != "0" else "1") + old[1:]
    named = f"{named}.{where[-1]}".lstrip(".")
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    result = CliRunner().invoke(main, audit(demo_run, path))
    assert result.exit_code == 1
    assert any(line.startswith(f"{named}: ") for line in result.output.splitlines()), result.output


def test_a_letter_is_verified_offline_from_certificates_alone(demo_run: DemoRun, tmp_path: Path) -> None:
    with Cast(demo_run.network) as cast:
        letter = rate_notice(cast, "2024Q1")
    path = tmp_path / "letter.json"
    path.write_bytes(letter.to_bytes())
    anchors = ["--anchors", str(demo_run.network.state_dir)]
    genuine = CliRunner().invoke(main, ["verify", str(path), *anchors])
    assert genuine.exit_code == 0, genuine.output
    path.write_text(
        letter.to_bytes().decode().replace('"issuer":"mss"', '"issuer":"semas"'), encoding="utf-8"
    )
    forged = CliRunner().invoke(main, ["verify", str(path), *anchors])
    assert forged.exit_code == 1
    assert "LETTER_UNTRUSTED_SIGNER" in forged.output


def test_officers_look_at_a_loan_and_an_evaluation(demo_run: DemoRun) -> None:
    records = demo_run.report["final"]["records"]
    loan = next(one["id"] for one in records if one["chaincode"] == "loan-execution")
    evaluation = next(one["id"] for one in records if one["state"] == "released")
    state = ["--state", str(demo_run.network.state_dir), "--json"]
    shown = CliRunner().invoke(main, ["loan", "show", loan, *state])
    assert json.loads(shown.output)["stage"] == "closed"
    shown = CliRunner().invoke(main, ["evaluation", "show", evaluation, *state])
    document = json.loads(shown.output)
    assert document["guaranteeable"] is True
    explained = CliRunner().invoke(main, ["evaluation", "explain", evaluation, *state])
    assert json.loads(explained.output) == document["explanation"]
    assert document["explanation"]["criteria"]
    stranger = ["--organization", "foundation-gyeonggi"]
    refused = CliRunner().invoke(main, ["evaluation", "show", evaluation, *state, *stranger])
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: NOT_EVALUATOR: ")
    assert refused.output.count("\n") == 1
