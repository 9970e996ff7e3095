"""One program on Fabric 2.5 and on Fabric 3.1, which negotiate differently with chaincodes."""

from __future__ import annotations

import asyncio
import os

import pytest

import hlf
from hlf_network.access import Access
from tests.networks import KINDS, Networks

pytestmark = pytest.mark.fabric
EACH = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("fabric-2.5", "raft", "slice")]


@pytest.mark.feature("F2")
@pytest.mark.parametrize(
    "kind",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("fabric-2.5", "raft", "slice")],
)
def test_the_same_program_runs_on_each_version(kind: str, networks: Networks) -> None:
    network = networks.network(kind)
    assert network.topology.fabric == KINDS[kind].fabric
    access, key = Access(network.layout), f"k-{os.urandom(6).hex()}"
    way = access.endpoint(network.layout.gateway("org-a")), access.identity("org-a", "user")
    with hlf.Gateway(*way) as gateway:
        contract = gateway.network("slice").contract("records")
        outcome = contract.execute("put", key, "sync")
        assert contract.evaluate("get", key) == b"sync"
        with gateway.network("slice").chaincode_events("records", start_block=outcome.block_number) as events:
            assert next(event.name for event in events if event.payload == key.encode()) == "put"
        with pytest.raises(hlf.EndorseError, match="NOT_TODAY: as asked"):
            contract.submit("refuse", "NOT_TODAY")

    async def asynchronously() -> bytes:
        async with hlf.AsyncGateway(*way, commits="stream") as gateway:
            contract = gateway.network("slice").contract("records")
            await contract.submit("put", key, "async")
            return await contract.evaluate("get", key)

    assert asyncio.run(asynchronously()) == b"async"
