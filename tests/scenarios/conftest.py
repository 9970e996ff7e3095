"""The network of the scenarios, and gateways into it by either face."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import hlf
from hlf_network import Consortium
from hlf_network.access import Access
from hlf_network.waiting import wait_until
from tests.scenarios.faces import Awaited

TOPOLOGY = Path(__file__).parents[1] / "data" / "scenario-topology.yaml"


class Way:
    """The way into the scenario network: who there is, and gateways by one face."""

    def __init__(self, network: Consortium, connect: Callable[..., Any]) -> None:
        self.network = network
        self._access = Access(network.layout)
        self.connect = connect

    def identity(self, organization: str = "org-a", name: str = "user") -> hlf.SigningIdentity:
        """A user of an organization, or another of its identities."""
        return self._access.identity(organization, name)

    def gateway(self, organization: str = "org-a", identity: Any = None, **options: Any) -> Any:
        """A connection to an organization's peer as its user, or as another identity."""
        endpoint = self._access.endpoint(self.network.layout.gateway(organization))
        return self.connect(endpoint, identity or self.identity(organization), **options)

    @contextmanager
    def without(self, organization: str) -> Iterator[None]:
        """Stop an organization's peer for the length of the block, and let the others find it again."""
        node = self.network.layout.gateway(organization).name
        self.network.stop_node(node)
        try:
            yield
        finally:
            self.network.start_node(node)
            # A peer that came back tells which chaincodes it has, and not of all of them at once.
            for chaincode in ("assets", "unanimous"):
                contract = self.contract("org-a", chaincode)
                found = functools.partial(_answers, contract, organization)
                wait_until(found, 90, lambda: f"{node} was not found again")

    def contract(self, organization: str = "org-a", chaincode: str = "assets") -> Any:
        """A chaincode as an organization's user calls it through its peer."""
        return self.gateway(organization).network("trade").contract(chaincode)


def _answers(contract: Any, organization: str) -> bool:
    """Whether the organization's peer endorses, together with all others."""
    try:
        contract.evaluate("echo", "x", endorsing_organizations=[organization])
        contract.propose("put", "found again", "x").endorse()
    except hlf.GatewayError as error:
        if error.code not in {"FAILED_PRECONDITION", "UNAVAILABLE", "ABORTED"}:
            raise
        return False
    return True


@pytest.fixture(scope="session")
def scenario_network(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    """Three organizations, up once a session."""
    network = Consortium(TOPOLOGY, tmp_path_factory.mktemp("scenarios") / "state", runtime=fabric)
    try:
        network.up()
        yield network
    finally:
        network.down()


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest, scenario_network: Consortium) -> Iterator[Way]:
    """The way into the network by one face, then by the other."""
    with ExitStack() as stack:
        if request.param == "sync":

            def connect(*arguments: Any, **options: Any) -> Any:
                return stack.enter_context(hlf.Gateway(*arguments, **options))
        else:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)

            def connect(*arguments: Any, **options: Any) -> Any:
                gateway = Awaited(hlf.AsyncGateway(*arguments, **options), loop)
                stack.callback(gateway.close)
                return gateway

        yield Way(scenario_network, connect)


@pytest.fixture
def key() -> str:
    """A key that no other test writes."""
    return f"k-{os.urandom(6).hex()}"
