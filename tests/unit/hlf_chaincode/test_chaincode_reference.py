"""docs/reference/chaincode.md holds what there is: every method, command, option, variable and metric."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import hlf_chaincode
from hlf_chaincode import (
    Context,
    Contract,
    PrivateCollection,
    State,
    contract,
    metrics,
    query,
)
from hlf_chaincode.project.cli import main
from hlf_chaincode.project.settings import Project
from hlf_chaincode.serving import command, environment
from hlf_chaincode.testing import MemoryLedger
from tests.unit.hlf_chaincode import test_chaincode_stub_methods as unit_tests

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "chaincode.md").read_text(encoding="utf-8")
METHODS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in REFERENCE.partition("## The 43 methods")[2].partition("Beside them:")[0].splitlines()
    if line.startswith("| `")
]


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", REFERENCE, re.M | re.S)
    assert found is not None, title
    return found[1]


def test_there_are_43_methods() -> None:
    assert len(METHODS) == len({row[0] for row in METHODS}) == 43


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row[0].strip("`"))
def test_every_method_is_there_and_tested(row: list[str]) -> None:
    (name,) = words(row[0])
    assert hasattr(unit_tests, f"test_{name}")
    (here,) = words(row[3])
    found = re.search(r"(ctx\.state|ctx|private)\.(\w+)", here)
    assert found is not None
    owner = {"ctx.state": State, "ctx": Context, "private": PrivateCollection}[found[1]]
    assert hasattr(owner, found[2]), here


def test_what_is_beside_them_is_there() -> None:
    beside = REFERENCE.partition("Beside them:")[2].partition("How they behave:")[0]
    ledger = MemoryLedger(organizations=["A"], contracts=[Shown])
    rows = [words(row) for row in beside.splitlines() if row.startswith("| `")]
    assert len(rows) > 5
    for name in {re.split(r"[ (]", name)[0] for _, *here in rows for name in here} - {"ClientIdentity"}:
        if name.startswith("ctx."):
            assert ledger.evaluate(Shown, "has", name.removeprefix("ctx.")), name
        else:
            assert hasattr(hlf_chaincode, name), name


class Shown(Contract):
    """Says whether a context has what the page promises."""

    @query
    def has(self, ctx: Context, path: str) -> bool:
        found: object = ctx
        for name in path.split("."):
            found = getattr(found, name)
        return True


def test_every_export_is_explained() -> None:
    described = set(re.findall(r"\w+", REFERENCE))
    assert [name for name in hlf_chaincode.__all__ if name not in described] == []


def test_every_command_and_its_options() -> None:
    projects = section("Projects")
    for name, found in main.commands.items():
        assert f"`{name}" in projects
        for parameter in found.params:
            for option in parameter.opts:
                assert not option.startswith("--") or f"`{option}" in projects, option


def test_every_option_of_the_server() -> None:
    server = section("Server")
    options = {
        option
        for action in command._parser("server")._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    assert options <= set(re.findall(r"--[a-z.-]+", server))


def test_every_environment_variable() -> None:
    source = Path(environment.__file__).read_text() + Path(command.__file__).read_text()
    read = set(re.findall(r"\"(C[A-Z]+_[A-Z_]+)\"", source)) - {"CORE_TLS_CLIENT_CERT", "CORE_TLS_CLIENT_KEY"}
    assert len(read) > 10
    assert read <= set(re.findall(r"C[A-Z]+_[A-Z_]+", section("Server")))


def test_every_metric() -> None:
    told = set(re.findall(r"``(hlf_chaincode_\w+)``", metrics.__doc__ or ""))
    assert told
    assert told == set(re.findall(r"`(hlf_chaincode_\w+)`", REFERENCE))


def test_every_field_of_a_project() -> None:
    fields = {name.removesuffix("_file") for name in vars(Project)["__dataclass_fields__"]} - {"folder"}
    table = section("Projects").partition("The table")[2]
    assert fields == set(re.findall(r"^\| `(\w+)` \|", table, re.M))


def test_every_method_of_the_ledger() -> None:
    told = section("MemoryLedger")
    for name in vars(MemoryLedger):
        if not name.startswith("_") and name not in ("evaluate_bytes", "certificate"):
            assert f"`{name}" in told, name


def test_every_option_of_the_ledger() -> None:
    told = section("MemoryLedger")
    for name in inspect.signature(MemoryLedger).parameters:
        assert re.search(rf"`{name}(=False)?`", told), name


def test_hooks_of_a_contract() -> None:
    told = section("A contract")
    for name in ("before", "after", "refusal", "unknown"):
        assert hasattr(Contract, name)
        assert f"`{name}(" in told
    assert contract.METADATA_FUNCTION in told


def test_the_snippets_run(pytester: pytest.Pytester) -> None:
    snippets = re.findall(r"```python\n(.*?)```", REFERENCE, re.S)
    assert len(snippets) == 3
    pytester.makepyfile("\n\n".join(snippets))
    result = pytester.runpytest_subprocess("-p", "hlf_pytest", "-p", "no:xdist", "-W", "error")
    result.assert_outcomes(passed=1)


def test_every_link_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", REFERENCE) if not link.startswith("https:")]
    folder = ROOT / "docs" / "reference"
    assert len(links) >= 2
    assert [link for link in links if not (folder / link).exists()] == []
