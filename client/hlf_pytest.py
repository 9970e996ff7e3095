"""Fixtures for unit tests of contracts: ``ledger``, a channel in memory (hlf_chaincode.testing.MemoryLedger).

It runs the classes of the marker ``@pytest.mark.contracts([Class], organizations=[…], policy=…)``, or what
the table ``[tool.hlf.chaincode]`` of the project's pyproject.toml names. When a test fails, its output shows
what the last transactions read and wrote.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

# pytest loads this in every run of every project that has it installed: the rest is loaded when it is used.
if TYPE_CHECKING:
    from hlf_chaincode.testing import MemoryLedger

_SHOWN = 5
_LEDGER = pytest.StashKey["MemoryLedger"]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "contracts([Class, ...], **options): what the fixture `ledger` runs; options are MemoryLedger's "
        "(organizations, policy, collections, chaincodes, ...), by default the project's",
    )


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> MemoryLedger:
    """A fresh ledger in memory with the contracts of the marker, else of the project."""
    from hlf_chaincode.testing import MemoryLedger

    marker = request.node.get_closest_marker("contracts")
    named = dict(marker.kwargs) if marker is not None else {}
    if marker is not None and marker.args:
        named["contracts"] = marker.args[0]
    if "contracts" in named or "chaincodes" in named:
        made = MemoryLedger(**{"organizations": ["Org1MSP", "Org2MSP"], **named})
    else:
        made = MemoryLedger(**_of_project(request.config, named))
    request.node.stash[_LEDGER] = made
    return made


def _of_project(config: pytest.Config, named: dict[str, Any]) -> dict[str, Any]:
    """The options of the project's ledger, with what a marker says otherwise."""
    from hlf_chaincode.project.settings import load_project
    from hlf_chaincode.serving.config import ConfigurationError
    from hlf_chaincode.testing import ChaincodeSpec

    try:
        project = load_project(config.rootpath)
        spec = ChaincodeSpec(
            project.name,
            project.contract_classes(),
            named.pop("policy", project.policy),
            named.pop("collections", None) or project.collections(),
        )
    except ConfigurationError as error:
        raise pytest.UsageError(
            f"the fixture `ledger` needs @pytest.mark.contracts([…]) or a project: {error}"
        ) from None
    return {"organizations": project.organizations, "chaincodes": [spec], **named}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last transactions of a test that failed."""
    report = yield
    made = item.stash.get(_LEDGER, None)
    if made is not None and report.when == "call" and report.failed and made.transactions:
        shown = "\n".join(transaction.describe() for transaction in made.transactions[-_SHOWN:])
        report.sections.append((f"Ledger {made.channel}, at height {made.height}", shown))
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say why a transaction is not what a test expected of its block."""
    transactions = getattr(left, "transactions", None)
    if op != "==" or type(left).__name__ != "Codes" or not isinstance(transactions, tuple):
        return None
    lines = [f"{list(left)} == {right!r}"]  # type: ignore[call-overload]
    for transaction in transactions:
        lines.extend(transaction.describe().splitlines())
    return lines
