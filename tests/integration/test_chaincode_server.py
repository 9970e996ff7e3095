"""Our chaincode server behind real peers: mutual TLS as the package asks, and a server that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from hlf import AsyncGateway, Gateway
from hlf.errors import EndorseError, EvaluateError
from hlf_network import Consortium
from hlf_network.access import Access
from tests.official.serving import deploy, prepare, running
from tests.official.toolkits import ours

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("slice")]

RECORDS = ["tests.data.slice.contract:Records"]
CALLS, AT_ONCE, SECONDS = 90, 30, 60
# What a caller is told of a chaincode whose server has gone, in mid-call or before.
GONE = ("chaincode stream terminated", "could not launch chaincode", "chaincode registration failed")


def test_a_contract_is_served_over_mutual_tls(slice_network: Consortium, tmp_path: Path) -> None:
    prepared = prepare(slice_network, tmp_path, contracts=RECORDS, client_of="org-a", clients_of="org-a")
    with running(ours(), prepared), _gateway(slice_network) as gateway:
        deploy(slice_network, prepared)
        contract = gateway.network("slice").contract(prepared.name)
        contract.submit("put", "k", "v")
        assert contract.evaluate("get", "k") == b"v"


@pytest.mark.parametrize(
    ("client_of", "root_of"),
    [
        pytest.param(None, "org-a", id="a peer without a certificate"),
        pytest.param("org-b", "org-a", id="a peer with another authority's certificate"),
        pytest.param("org-a", "org-b", id="a server with another authority's certificate"),
    ],
)
def test_tls_that_does_not_fit_serves_nobody(
    client_of: str | None, root_of: str, slice_network: Consortium, tmp_path: Path
) -> None:
    prepared = prepare(
        slice_network,
        tmp_path,
        contracts=RECORDS,
        client_of=client_of,
        clients_of="org-a",
        root_of=root_of,
    )
    with running(ours(), prepared), _gateway(slice_network) as gateway:
        deploy(slice_network, prepared)
        contract = gateway.network("slice").contract(prepared.name)
        with pytest.raises(EndorseError) as refused:
            contract.propose("put", "k", "v").endorse()
        assert refused.value.code == "ABORTED"
        said = " ".join(detail.message for detail in refused.value.details)
        assert "could not launch chaincode" in said
        assert "context deadline exceeded" in said


def test_a_killed_server_keeps_nobody_waiting_and_serves_again(
    slice_network: Consortium, tmp_path: Path
) -> None:
    """The peers dial; nothing but this test starts the server again."""
    prepared = prepare(slice_network, tmp_path, contracts=RECORDS, client_of="org-a", clients_of="org-a")
    with running(ours(), prepared) as first:
        deploy(slice_network, prepared)
        outcomes = asyncio.run(_kill_under_load(slice_network, prepared.name, first.kill))
    failures = [each for each in outcomes if each]
    assert len(outcomes) == CALLS
    # What was under way when it was killed, at the least, and nothing by the client's own deadline.
    assert AT_ONCE <= len(failures) < CALLS
    assert [each for each in failures if not any(text in each for text in GONE)] == []
    with running(ours(), prepared), _gateway(slice_network) as gateway:
        contract = gateway.network("slice").contract(prepared.name)
        contract.submit("put", "k", "after")
        assert contract.evaluate("get", "k") == b"after"


async def _kill_under_load(network: Consortium, chaincode: str, kill: Callable[[], None]) -> list[str]:
    """What each of the calls failed with, "" for one that did not; the server is killed amid them."""
    way = Access(network.layout)
    endpoint = way.endpoint(network.layout.gateway("org-a"))
    outcomes: list[str] = []
    numbers = iter(range(CALLS))
    enough = asyncio.Event()
    async with AsyncGateway(endpoint, way.identity("org-a", "user")) as gateway:
        contract = gateway.network("slice").contract(chaincode)

        async def worker() -> None:
            for _ in numbers:
                try:
                    await contract.evaluate("wait", "400", timeout=SECONDS)
                    outcomes.append("")
                except EvaluateError as error:
                    outcomes.append(str(error))
                if len(outcomes) >= AT_ONCE:
                    enough.set()

        async with asyncio.timeout(2 * SECONDS), asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker())
            await enough.wait()
            kill()
    return outcomes


def _gateway(network: Consortium) -> Gateway:
    way = Access(network.layout)
    return Gateway(way.endpoint(network.layout.gateway("org-a")), way.identity("org-a", "user"))
