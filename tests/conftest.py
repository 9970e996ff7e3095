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
