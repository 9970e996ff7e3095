"""`dure ahp survey` at the prompt: from a definition to the weights, with a sentence for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from hlf.wallet import Wallet
from lending.cli import main
from lending.credit.survey.definition import packaged, packaged_text
from lending.credit.survey.response import SignedResponse, pseudonym
from tests.unit.lending.signers import authority, signer

SURVEY = packaged()


def survey(*args: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["ahp", "survey", *map(str, args)], input=typed, catch_exceptions=False)


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    Wallet(tmp_path / "wallet").put("examiner", signer("foundation-seoul"))
    return tmp_path / "wallet"


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "foundation-seoul.pem").write_bytes(authority("foundation-seoul")[0])
    return tmp_path / "anchors"


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panel")
    made = survey("panel", "--output", folder / "panel.json")
    assert made.exit_code == 0
    return folder / "synthetic-panel.json"


def test_a_session_is_left_taken_up_signed_verified_and_reported(
    tmp_path: Path, wallet: Path, anchors: Path
) -> None:
    output = tmp_path / "response.json"
    how = ("answer", "--output", output, "--wallet", wallet, "--as", "examiner")
    left = survey(*how, "--lang", "en", typed="3\n-2\nq\n")
    assert left.exit_code == 0
    assert not output.exists()
    assert "[2/46]" in left.output
    done = survey(*how, typed="1\n" * 44 + "d\n")
    assert done.exit_code == 0, done.output
    assert not output.with_name("response.json.draft").exists()
    signed = SignedResponse.from_bytes(output.read_bytes())
    assert signed.response.rater == pseudonym(SURVEY, signer("foundation-seoul").certificate)
    assert signed.response.answers["common.financial.nonfinancial"] == "3"
    assert signed.response.answers["nonfinancial.fact.judgement"] == "1/2"

    assert survey("verify", output, "--anchors", anchors).exit_code == 0
    told = survey("report", output, "--anchors", anchors, "--json")
    document = json.loads(told.output)
    assert document["synthetic"] is False
    assert document["provenance"]["unsigned"] == 0
    (general,) = (
        one["items"]
        for one in document["weights"]
        if (one["company_class"], one["industry"]) == ("general", "other")
    )
    assert general["borrowing"] == pytest.approx(0.75 / 3)

    content = json.loads(output.read_bytes())
    content["response"]["answers"]["common.financial.nonfinancial"] = "9"
    (tmp_path / "tampered.json").write_text(json.dumps(content))
    refused = survey("verify", tmp_path / "tampered.json", output, output, "--json")
    assert refused.exit_code == 1
    findings = [one["findings"][0]["code"] for one in json.loads(refused.output)["refused"]]
    assert findings == ["RESPONSE_SIGNATURE", "RESPONSE_TWICE"]


def test_a_draft_of_another_rater_is_not_taken_up(tmp_path: Path, wallet: Path) -> None:
    output = tmp_path / "response.json"
    survey("answer", "--output", output, "--unsigned", "--rater", "R-1", typed="3\nq\n")
    refused = survey("answer", "--output", output, "--wallet", wallet, "--as", "examiner", typed="q\n")
    assert refused.exit_code == 1
    assert "another rater's" in refused.output


def test_a_name_is_no_rater_and_is_not_repeated(tmp_path: Path) -> None:
    told = survey("answer", "--output", tmp_path / "r.json", "--unsigned", "--rater", "홍길동", typed="q\n")
    assert told.exit_code == 1
    assert "--rater: a rater is a serial number" in told.output
    assert "홍길동" not in told.output


def test_unsigned_only_where_it_is_asked_for(tmp_path: Path) -> None:
    refused = survey("answer", "--output", tmp_path / "r.json", typed="q\n")
    assert refused.exit_code == 1
    assert "--unsigned" in refused.output
    made = survey("answer", "--output", tmp_path / "r.json", "--unsigned", typed="1\n" * 46 + "d\n")
    assert made.exit_code == 0
    assert survey("verify", tmp_path / "r.json").exit_code == 1
    told = survey("verify", tmp_path / "r.json", "--unsigned")
    assert told.exit_code == 0
    assert "1 unsigned" in told.output


def test_paper_is_transcribed_under_the_collector_s_signature(
    tmp_path: Path, wallet: Path, anchors: Path
) -> None:
    rows = ["rater," + ",".join(SURVEY.asked), *(f"R-{n}," + ",".join(["2"] * 46) for n in range(3))]
    (tmp_path / "paper.csv").write_text("\n".join(rows), encoding="utf-8")
    output = tmp_path / "responses.json"
    assert survey("transcribe", tmp_path / "paper.csv", "--output", output).exit_code == 1
    made = survey(
        "transcribe", tmp_path / "paper.csv", "--output", output, "--wallet", wallet, "--as", "examiner"
    )
    assert made.exit_code == 0
    told = json.loads(survey("verify", output, "--anchors", anchors, "--json").output)
    assert told["counted"] == ["R-0", "R-1", "R-2"]
    assert survey("report", tmp_path / "paper.csv").exit_code == 1
    direct = json.loads(survey("report", tmp_path / "paper.csv", "--unsigned", "--json").output)
    signed = json.loads(survey("report", output, "--json").output)
    assert direct["weights"] == signed["weights"]
    assert direct["provenance"]["unsigned"] == 3


def test_the_panel_s_report_in_every_format_is_named_and_labelled_synthetic(
    panel: Path, tmp_path: Path
) -> None:
    for ending in ("xlsx", "csv", "yaml", "json", "txt"):
        made = survey("report", panel, "--unsigned", "--output", tmp_path / f"report.{ending}")
        assert made.exit_code == 0, made.output
        assert not (tmp_path / f"report.{ending}").exists()
    document = json.loads((tmp_path / "synthetic-report.json").read_text(encoding="utf-8"))
    assert document["synthetic"] is True
    assert document["provenance"]["accepted"] == 118
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    written = (tmp_path / "synthetic-report.yaml").read_text(encoding="utf-8")
    assert yaml.load(written, Loader=loader) == document
    assert "합성 자료" in (tmp_path / "synthetic-report.txt").read_text(encoding="utf-8")
    assert all(
        title.startswith("synthetic")
        for title in load_workbook(tmp_path / "synthetic-report.xlsx").sheetnames
    )
    lines = (tmp_path / "synthetic-report.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + sum(
        sum(not node.children for tree in SURVEY.trees(one) for node in tree.walk())
        for one in SURVEY.combinations
    )
    refused = survey("report", panel, "--unsigned", "--output", tmp_path / "report.docx")
    assert refused.exit_code == 1
    assert ".xlsx" in refused.output


def test_limit_mean_method_and_index_can_be_chosen(panel: Path) -> None:
    def provenance(*options: str) -> dict[str, object]:
        told = json.loads(survey("report", panel, "--unsigned", "--json", *options).output)["provenance"]
        assert isinstance(told, dict)
        return told

    chosen = provenance(
        "--limit",
        "0.1",
        "--mean",
        "judgements",
        "--method",
        "geometric-mean",
        "--random-index",
        "donegan-dodd",
    )
    assert (chosen["limit"], chosen["aggregation"], chosen["method"]) == (0.1, "judgements", "geometric-mean")
    assert chosen["random_index"] == "donegan-dodd"
    assert 0 < int(str(chosen["accepted"])) < 118


def test_a_definition_is_written_edited_checked_and_used(tmp_path: Path) -> None:
    assert survey("define").output == packaged_text()
    path = tmp_path / "mine.yaml"
    assert survey("define", "--output", path).exit_code == 0
    shown = json.loads(survey("show", "--survey", path, "--json").output)
    assert shown["digest"] == SURVEY.digest
    assert list(shown["questions"]) == list(SURVEY.asked)
    path.write_text(packaged_text().replace('limit: "0.2"', "limit: much"), encoding="utf-8")
    refused = survey("show", "--survey", path)
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: mine.yaml: limit: ")
    text = survey("show", "--lang", "en").output
    assert "Rent deposit (rent_deposit)" in text
    assert "ours: One survey" in text


def test_forms_are_written_for_paper(tmp_path: Path) -> None:
    survey("define", "--output", tmp_path / "rows.xlsx")
    survey("define", "--output", tmp_path / "rows.csv")
    survey("define", "--output", tmp_path / "sheet.xlsx", "--rater", "R-1")
    assert load_workbook(tmp_path / "rows.xlsx").sheetnames == ["answers", "questions"]
    assert load_workbook(tmp_path / "sheet.xlsx").sheetnames == ["R-1"]
    head = (tmp_path / "rows.csv").read_text(encoding="utf-8-sig").strip()
    assert head == "rater," + ",".join(SURVEY.asked)


def test_recovery_prints_its_numbers_and_draws_them(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ("--raters", "20", "--repetitions", "1")
    told = survey("recovery", *options, "--output", tmp_path / "recovery.svg")
    assert told.exit_code == 0
    assert told.output.startswith("SYNTHETIC")
    assert (tmp_path / "synthetic-recovery.svg").read_bytes().startswith(b"<?xml")
    document = json.loads(survey("recovery", *options, "--json").output)
    assert document["synthetic"] is True
    assert f"{document['points'][0]['error']:.4f}" in told.output


@pytest.mark.parametrize("command", ["verify", "report"])
@pytest.mark.parametrize("content", ["no JSON", "{}", '{"responses": [1]}', '{"responses": 1}', "[]"])
def test_a_file_of_no_responses_is_one_sentence(tmp_path: Path, command: str, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    told = survey(command, tmp_path / "a.json", "--unsigned")
    if command == "verify" and content == "[]":
        assert told.output.startswith("0 counted")
    else:
        assert told.exit_code == 1
        assert told.output.startswith("Error: a.json: " if content != "[]" else "Error: of 0 raters")
        assert len(told.output.splitlines()) == 1
