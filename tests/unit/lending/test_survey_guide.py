"""docs/guides/survey.md, followed to the letter: its files, programs and commands, and what they print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lending.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "survey.md"
TEXT = PAGE.read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_INTO = re.compile(r"[Ii]nto `([\w.]+)`:\n\n\Z")


def test_what_the_page_shows_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "guide"}
    printed, kinds = "", []
    for block in _BLOCK.finditer(TEXT):
        kind, content = block.groups()
        kinds.append(kind)
        assert kind == "text" or not printed, "the page does not show what a program prints"
        match kind:
            case "csv" | "yaml":
                into = _INTO.search(TEXT[: block.start()])
                assert into, content
                (tmp_path / into[1]).write_text(content, encoding="utf-8")
            case "console":
                line, _, shown = content.partition("\n")
                told = CliRunner().invoke(main, shlex.split(line.removeprefix("$ dure ")))
                assert told.output == shown
            case "python":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(content, space)
                printed = out.getvalue()
            case "text":
                assert printed == content
                printed = ""
    assert printed == ""
    assert kinds.count("console") >= 3
    assert kinds.count("python") >= 7
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
