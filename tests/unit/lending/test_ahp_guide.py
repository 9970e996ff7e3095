"""docs/guides/ahp.md, followed to the letter: files, commands, programs, what they print, and every name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import lending.credit.ahp
from lending.cli import main
from tests.unit.lending.guide_pages import follow

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "ahp.md"
TEXT = PAGE.read_text(encoding="utf-8")


def command(line: str) -> str:
    """What `dure` prints, as a terminal shows it."""
    words = shlex.split(line)
    assert words[0] == "dure"
    return CliRunner().invoke(main, words[1:]).output


def test_what_the_page_shows_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = follow(TEXT, tmp_path)
    assert kinds["python"] >= 10
    assert kinds["console"] >= 4


def test_every_name_of_ours_is_there() -> None:
    rows = [line.strip("|").split(" | ")[-1] for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    names = {name for row in rows for name in re.findall(r"`([A-Za-z_]+)(?:\.\w+)?`", row)}
    names -= {"dure", "goal", "consistency_ratio"}
    assert len(names) > 20
    assert [name for name in sorted(names) if not hasattr(lending.credit.ahp, name)] == []
    for owner, attribute in re.findall(r"`([A-Z]\w+)\.(\w+)`", " ".join(rows)):
        assert hasattr(getattr(lending.credit.ahp, owner), attribute), f"{owner}.{attribute}"


def test_every_command_of_the_page_is_there() -> None:
    commands = set(re.findall(r"dure ahp (\w+)", TEXT))
    assert {"weights", "check", "repair", "aggregate"} <= commands
    for name in commands:
        assert CliRunner().invoke(main, ["ahp", name, "--help"]).exit_code == 0, name
    options = set(re.findall(r"`(--[\w-]+)", TEXT))
    help_texts = "".join(CliRunner().invoke(main, ["ahp", name, "--help"]).output for name in commands)
    assert [option for option in sorted(options) if option not in help_texts] == []
