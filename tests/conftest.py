"""Options and networks that the test suites share."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import docker
import pytest
from docker.errors import DockerException

from hlf_network import Consortium
from hlf_network.runtime import choose
from hlf_network.topology import load
from tests.conformance.calls import Access
from tests.containers import post_mortem
from tests.networks import TOPOLOGY, Networks, opened

pytest_plugins = ("hlf_network.pytest_plugin", "pytester")
BEGAN = datetime.now(UTC).isoformat()


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
        possible, why = choose("auto", load(TOPOLOGY))
        if possible != runtime:
            pytest.skip(why)
    return runtime


@pytest.fixture(scope="session")
def networks(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    """The kinds of network of tests/networks.py, each up once a session, from when it is first asked for."""
    with opened(fabric, tmp_path_factory.mktemp) as several:
        yield several


@pytest.fixture(scope="session")
def slice_network(networks: Networks) -> Consortium:
    """Two organizations, four orderers, one channel, one chaincode."""
    return networks.network("slice")


@pytest.fixture(scope="session")
def slice_access(networks: Networks) -> Access:
    """The bare protocol's way into the slice."""
    return networks.access("slice")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed on real Fabric, show the containers that have ended."""
    report = yield
    if report.failed and item.config.getoption("--fabric") == "docker":
        try:
            with contextlib.closing(docker.from_env()) as client:
                report.sections.extend(post_mortem(client, BEGAN))
        except (DockerException, OSError) as error:
            # The failure itself is what has to be seen.
            report.sections.append(("containers that have ended", f"Docker does not say: {error}"))
    return report


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
