"""docs/guides/survey.md, followed to the letter: its files, programs and commands, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lending.cli import main
from tests.unit.lending.guide_pages import follow

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "survey.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_what_the_page_shows_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib")
    kinds = follow(TEXT, tmp_path)
    assert kinds["console"] >= 3
    assert kinds["python"] >= 7
    assert (tmp_path / "synthetic-recovery.svg").is_file()


def test_every_command_and_option_of_the_page_is_there() -> None:
    commands = set(re.findall(r"dure ahp survey (\w+)", TEXT)) | {"transcribe"}
    assert commands == {
        "define", "show", "answer", "transcribe", "verify", "report", "panel", "recovery"
    }  # fmt: skip
    helps = {name: CliRunner().invoke(main, ["ahp", "survey", name, "--help"]) for name in commands}
    helps["propose"] = CliRunner().invoke(main, ["model", "propose", "--help"])
    assert all(one.exit_code == 0 for one in helps.values())
    options = set(re.findall(r"(--[a-z][\w-]+)", TEXT))
    assert [one for one in sorted(options) if not any(one in told.output for told in helps.values())] == []


def test_the_picture_of_the_page_says_that_it_is_synthetic() -> None:
    (name,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXT)
    assert "synthetic" in name
    assert "synthetic raters" in (PAGE.parent / name).read_text(encoding="utf-8")
