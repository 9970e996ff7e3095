"""Options and networks that the test suites share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hlf_network import Consortium
from hlf_network.runtime import choose
from hlf_network.topology import load
from tests.access import access_to
from tests.conformance.calls import Access

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fabric",
        choices=["emulator", "docker"],
        default="emulator",
        help="what conformance and integration tests run on; docker is real Fabric, and writes recordings",
    )


@pytest.fixture(scope="session")
def fabric(request: pytest.FixtureRequest) -> str:
    """The runtime under test: "emulator" or "docker"; where Docker cannot run Fabric, all of it skips."""
    runtime = str(request.config.getoption("--fabric"))
    if runtime == "docker":
        possible, why = choose("auto", load(HERE / "data" / "slice-topology.yaml"))
        if possible != runtime:
            pytest.skip(why)
    return runtime


@pytest.fixture(scope="session")
def slice_network(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    """Two organizations, four orderers, one channel, one chaincode: up once a session."""
    state = tmp_path_factory.mktemp("slice")
    network = Consortium(HERE / "data" / "slice-topology.yaml", state, runtime=fabric)
    try:
        network.up()
        yield network
    finally:
        network.down()


@pytest.fixture(scope="session")
def slice_access(slice_network: Consortium) -> Iterator[Access]:
    """The bare protocol's way into the slice."""
    access = access_to(slice_network)
    yield access
    access.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in the last lines what this run claims and did not run."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "fabric" in report.keywords]
    unproven = sum("unproven" in str(report.longrepr) for report in skipped)
    passed = [report for report in terminalreporter.stats.get("passed", []) if "fabric" in report.keywords]
    asked = sum("test_answers" in report.nodeid for report in passed)
    lines = []
    if config.getoption("--fabric") == "emulator" and passed:
        lines.append(
            f"real Fabric: {asked} answers were compared with its recordings, {len(passed) - asked} other "
            "tests of a network ran on the emulator alone; `make test-fabric` runs all of them on Fabric"
        )
    if unproven:
        lines.append(f"{unproven} cases of conformance were never asked of real Fabric")
    if len(skipped) > unproven:
        lines.append(
            f"{len(skipped) - unproven} tests of a network were skipped, for the reasons given above"
        )
    for line in lines:
        terminalreporter.write_line(f"NOT VERIFIED: {line}")
