"""`dure model validate` and `dure model synthesize` at the prompt, and the guide that shows them."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from lending.cli import main
from lending.credit.validation import SYNTHETIC_EN, SYNTHETIC_KO, read
from lending_domain.model import model2
from tests.scenarios import guides


def dure(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("firms") / "firms.csv"
    done = dure("model", "synthesize", "--firms", 8000, "--seed", 1, "--output", path)
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{SYNTHETIC_KO}\n{SYNTHETIC_EN}\n8000 firms, ")
    assert "joint_guarantee: printed mean 1.65, sd 2.22; drawn with 4.65, 2.22" in done.output
    assert "(mean 1.65 read as 4.65)" in done.output
    return path


def test_synthesize_says_in_json_what_it_could_not_draw_as_printed(tmp_path: Path) -> None:
    path = tmp_path / "firms.json"
    done = dure("model", "synthesize", "--firms", 50, "--output", path, "--json")
    document = json.loads(done.output)
    assert document["synthetic"] is True
    assert document["notice"] == {"ko": SYNTHETIC_KO, "en": SYNTHETIC_EN}
    assert document["firms"] == 50
    moved = {one["item"]: one for one in document["margins_not_as_printed"]}
    assert moved["joint_guarantee"]["printed"] == {"mean": 1.65, "sd": 2.22}
    assert moved["joint_guarantee"]["used"]["mean"] == 4.65
    assert read(path).synthetic


def test_validate_prints_the_tables(data: Path) -> None:
    done = dure("model", "validate", data, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"* {SYNTHETIC_KO}")
    for words in ("표 11 양식", "표 12 양식", "R2 Nagelkerke", "King & Zeng", "no true default probability"):
        assert words in done.output


def test_validate_with_baseline_page_and_json(data: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = dure("model", "validate", data, "--baseline", data, "--html", page, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert done.stderr == f"The monitoring report is in {page}.\n"
    assert document["synthetic"] is True
    assert document["stability"]["score"]["psi"] == 0
    text = page.read_text(encoding="utf-8")
    assert hashlib.sha256(data.read_bytes()).hexdigest() in text
    assert SYNTHETIC_EN in text


def test_options_reach_the_analysis(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.yaml"
    changed = model2().model_dump(mode="json") | {"id": "model-3"}
    model.write_text(yaml.safe_dump(changed), encoding="utf-8")
    done = dure(
        "model", "validate", data, "--json", "--item", "real_estate", "--item", "residence",
        "--entry", 0.9, "--removal", 0.95, "--rate", 0.02, "--seed", 7, "--model", model,
    )  # fmt: skip
    document = json.loads(done.output)
    selection = document["logit"]["selection"]
    assert (selection["entry"], selection["removal"]) == (0.9, 0.95)
    assert set(selection["candidates"]) == {"real_estate", "residence"}
    assert document["logit"]["rate"] == 0.02
    assert document["seed"] == document["draw"]["seed"] == 7
    assert document["score"]["model"] == "model-3"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--item", "charm"], "the data have no item charm"),
        (["--entry", "2"], "p-values between 0 and 1"),
        (["--rate", "1"], "the population's rate is 1.0"),
        (["--html", "nowhere/report.html"], "nowhere/report.html: No such file or directory"),
        (["--item", "industry_career", "--entry", "1e-9"], "no item enters at p <= 1e-09: raise --entry"),
    ],
)
def test_what_fails_is_one_sentence(data: Path, arguments: list[str], says: str) -> None:
    done = dure("model", "validate", data, *arguments)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert says in done.output


def test_a_model_that_is_none(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.yaml"
    for text, says in (
        ("id: x\n", "source: Field required"),
        (":\n\t-", "it cannot be read as YAML or JSON"),
    ):
        model.write_text(text)
        done = dure("model", "validate", data, "--model", model)
        assert done.exit_code == 1
        assert f"model.yaml is no evaluation model: {says}" in done.output


def test_without_the_extra_the_remedy_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("lending.credit.validation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("lending.credit.validation", raising=False)
    monkeypatch.setitem(sys.modules, "scipy", None)
    done = dure("model", "validate", data)
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert "which revalidation needs: pip install 'dure[analysis]'" in done.output


def test_the_guide_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = guides.read("guides/revalidation.md")
    monkeypatch.chdir(tmp_path)
    for line in page.commands:
        words = shlex.split(line)
        if words[0] == "pip":
            assert words[1:] == ["install", "dure[analysis]"]
            continue
        assert words[0] == "dure"
        done = dure(*words[1:])
        assert done.exit_code == 0, f"{line}: {done.output}"
    assert (tmp_path / "report.html").is_file()
    guides.run(page, tmp_path)
