"""`hlf chaincode`: what it passes on, and what it says where it cannot go on."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dure
import hlf_chaincode.dev
import hlf_chaincode.server
from hlf_chaincode.project.cli import main
from hlf_chaincode.project.scaffold import write_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    write_project("assets", tmp_path)
    return tmp_path


def test_serve_passes_the_project_s_contracts_and_its_arguments_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(hlf_chaincode.server, "main", lambda arguments: given.append(arguments) or 3)
    command = ["serve", "--project", str(project), "--address", "127.0.0.1:1", "--package-id", "a:b"]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 3, ended.output
    assert given == [["assets.contract:Assets", "--address", "127.0.0.1:1", "--package-id", "a:b"]]
    assert sys.path[0] == str(project)


def test_dev_with_a_package_id_deploys_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(hlf_chaincode.dev, "main", lambda arguments: given.append(arguments) or 0)
    command = ["dev", "--project", str(project), "--package-id", "a:b", "--address", "h:1", "--log", "text"]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 0, ended.output
    options = ["--address", "h:1", "--package-id", "a:b", "--log", "text"]
    assert given == [["assets.contract:Assets", *options]]


def test_dev_without_a_network_says_how_to_have_one(project: Path) -> None:
    command = ["dev", "--project", str(project), "--state", str(project / "nowhere")]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 1
    assert "assets was not deployed: no sample network runs in" in ended.output
    assert "`hlf emulator up` starts it" in ended.output
    assert "--package-id" in ended.output


def test_tests_without_pytest_say_what_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = CliRunner().invoke(main, ["test", "--project", str(project)])
    assert (ended.exit_code, ended.output) == (1, "Error: pytest is missing: pip install pytest\n")


def _hlf(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["hlf", *arguments])
    with pytest.raises(SystemExit) as ended:
        dure.hlf()
    return ended.value.code


def test_hlf_lists_it_and_runs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _hlf(monkeypatch, "--help") == 0
    assert "chaincode  Write, test and serve a chaincode in Python." in capsys.readouterr().out
    assert _hlf(monkeypatch, "chaincode", "--help") == 0
    assert capsys.readouterr().out.startswith("Usage: hlf chaincode ")


@pytest.mark.parametrize(
    ("arguments", "module", "extra"),
    [
        (["chaincode", "new"], "hlf_chaincode.project.cli", "chaincode"),
        (["network"], "hlf_network.cli", "network"),
    ],
)
def test_a_missing_extra_is_named(
    arguments: list[str], module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=f"needed_by_{name}")

    monkeypatch.setattr(importlib, "import_module", missing)
    told = _hlf(monkeypatch, *arguments)
    assert told == f"needed_by_{module} is missing: this command needs pip install 'dure[{extra}]'"
