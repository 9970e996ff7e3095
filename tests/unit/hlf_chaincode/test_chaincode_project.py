"""A new project: its names, its files, and the table of its pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hlf_chaincode.project.cli import main
from hlf_chaincode.project.scaffold import contract_name, package_name, write_project
from hlf_chaincode.project.settings import load_project
from hlf_chaincode.serving.config import ConfigurationError
from hlf_chaincode.testing import CollectionSpec

TABLE = '[tool.hlf.chaincode]\nname = "assets"\ncontracts = ["assets.contract:Assets"]\n'


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a--b", "a-_b", "a b", "a/b", "é", "a\n", "_lifecycle", "lscc"]
)
def test_names_that_a_peer_refuses_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="chaincode name"):
        write_project(name, tmp_path / "project")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("name", "package", "contract"),
    [
        ("assets", "assets", "Assets"),
        ("loan-book_2", "loan_book_2", "LoanBook2"),
        ("7seas", "contract_7seas", "Contract7seas"),
        ("json", "json_contract", "Json"),
        ("class", "class_contract", "Class"),
        ("tests", "tests_contract", "Tests"),
        ("none", "none", "ContractNone"),
        ("hlf", "hlf_contract", "Hlf"),
    ],
)
def test_packages_and_classes_are_named_after_it(name: str, package: str, contract: str) -> None:
    assert (package_name(name), contract_name(name)) == (package, contract)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(FileExistsError):
        write_project("assets", tmp_path)
    refused = CliRunner().invoke(main, ["new", "assets", "--folder", str(tmp_path)])
    assert refused.exit_code == 1
    assert f"{tmp_path} is not empty" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_every_file_is_there_and_nothing_is_left_to_fill_in(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["new", "loan-book", "--folder", str(tmp_path / "p")])
    assert done.exit_code == 0, done.output
    written = {
        str(path.relative_to(tmp_path / "p")) for path in (tmp_path / "p").rglob("*") if path.is_file()
    }
    assert written == {
        "pyproject.toml",
        "README.md",
        "Dockerfile",
        ".dockerignore",
        ".gitignore",
        "loan_book/__init__.py",
        "loan_book/contract.py",
        "tests/test_contract.py",
        "tests/test_network.py",
    }
    for name in written:
        assert "$" not in (tmp_path / "p" / name).read_text(encoding="utf-8"), name
    project = load_project(tmp_path / "p")
    assert (project.name, project.contracts) == ("loan-book", ("loan_book.contract:LoanBook",))


def test_a_new_project_is_formatted(tmp_path: Path) -> None:
    write_project("loan-book", tmp_path)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        found = subprocess.run(ruff, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("name", ["loan-book", "json"])
def test_the_tests_of_a_new_project_pass(name: str, tmp_path: Path) -> None:
    write_project(name, tmp_path)
    command = [sys.executable, "-c", "import dure; dure.hlf()", "chaincode", "test"]
    arguments = ["--project", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ended = subprocess.run(
        [*command, *arguments], check=False, capture_output=True, text=True, timeout=120, env=clean
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed, 2 deselected" in ended.stdout


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name = ", "not TOML"),
        ("[tool.hlf]\nx = 1\n", r"there is no table \[tool.hlf.chaincode\]"),
        (TABLE + "colections = 1\n", "unknown field colections"),
        (TABLE.replace('"assets"', '"a b"'), "name: invalid chaincode name 'a b'"),
        (TABLE.replace('name = "assets"\n', ""), "name: expected a text"),
        (TABLE.replace('"assets.contract:Assets"', ""), "contracts: expected a list of module:Class"),
        (TABLE.replace(":Assets", ""), "contracts: expected a list of module:Class"),
        (TABLE + 'organizations = "A"\n', "organizations: expected a list of texts"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=what) as refused:
        load_project(tmp_path)
    assert str(refused.value).startswith(str(tmp_path / "pyproject.toml"))


def test_no_project_at_all(tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, ["test", "--project", str(tmp_path)])
    assert refused.exit_code == 1
    assert "`hlf chaincode new NAME` writes one" in refused.output


def test_contracts_that_are_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for contract in ("no_such_module:Assets", "json:nothing", "json:JSONDecoder"):
        (tmp_path / "pyproject.toml").write_text(TABLE.replace("assets.contract:Assets", contract))
        with pytest.raises(ConfigurationError, match=f"contracts: {contract}"):
            load_project(tmp_path).contract_classes()


def test_collections_are_read_from_the_samples_json(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE + 'collections = "collections.json"\n')
    (tmp_path / "collections.json").write_text(
        """[{"name": "both", "policy": "OR('A.member', 'B.member')", "requiredPeerCount": 1,
             "maxPeerCount": 2, "blockToLive": 3, "memberOnlyRead": true,
             "endorsementPolicy": {"signaturePolicy": "OR('A.peer')"}},
            {"name": "plain", "policy": "OR('A.member')"}]"""
    )
    full, plain = load_project(tmp_path).collections()
    assert full == CollectionSpec(
        "both", "OR('A.member', 'B.member')", 1, 2, 3, True, False, endorsement_policy="OR('A.peer')"
    )
    assert plain == CollectionSpec("plain", "OR('A.member')", 0, 1, 0, False, False)
    (tmp_path / "collections.json").write_text("[{}]")
    with pytest.raises(ConfigurationError, match=r"collections.json: not a list of collections"):
        load_project(tmp_path).collections()
