"""Fixtures for tests of Fabric applications and contracts: a network, a fresh channel, a deployed contract.

`fabric_network` is started once a session (under pytest-xdist once a worker) on free ports; `channel` is a
new channel of both organizations for each test; `contract` deploys the classes of the marker
`@pytest.mark.chaincode(contracts=[Class])` on it, served by this very process, so a debugger stops there.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# pytest loads this in every run of every project that has it installed: the rest is loaded when it is used.
if TYPE_CHECKING:
    import hlf
    from hlf_network.testing import Channel, FabricNetwork


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "chaincode(contracts=[...], name=None, policy=None, collections=()): what the fixture `contract` "
        "deploys on the test's channel and calls (by keyword: pytest takes a lone class for what it marks)",
    )


@pytest.fixture(scope="session")
def fabric_network(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[FabricNetwork]":
    """Two organizations and an orderer on the emulator, in memory; it ends with this process."""
    from hlf_network.testing import FabricNetwork

    reading, writing = os.pipe()
    network = FabricNetwork.start(tmp_path_factory.mktemp("fabric") / "network", reading)
    try:
        yield network
    finally:
        network.close()
        os.close(reading)
        os.close(writing)


@pytest.fixture
def channel(fabric_network: "FabricNetwork") -> "Iterator[Channel]":
    """A fresh channel of both organizations, gone after the test; faults are healed with it."""
    made = fabric_network.create_channel()
    try:
        yield made
    finally:
        made.drop()


@pytest.fixture
def contract(request: pytest.FixtureRequest, channel: "Channel") -> "hlf.Contract":
    """The chaincode of the marker, deployed on `channel`, as User1 of Org1MSP calls it."""
    marker = request.node.get_closest_marker("chaincode")
    if marker is None or not marker.kwargs.get("contracts"):
        raise pytest.UsageError("the fixture `contract` needs @pytest.mark.chaincode(contracts=[…])")
    return channel.contract(channel.deploy(**marker.kwargs))


@pytest.fixture
def gateway(fabric_network: "FabricNetwork") -> "hlf.Gateway":
    """User1 of Org1MSP, connected to its peer."""
    return fabric_network.gateway()
