"""Each fault on request, as a client sees it, and its end."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable

import pytest

import hlf
from hlf.admin.definition import Collection
from hlf.admin.discovery import Discovery
from hlf_network.errors import NetworkError
from hlf_network.sample import MEMBERS, ORDERER, ORG1, ORG2
from hlf_network.testing import Channel, FabricNetwork
from hlf_network.waiting import wait_until
from tests.unit.hlf_emulator.product.assets import SECRETS, Assets

pytestmark = [pytest.mark.xdist_group("product")]
PEER1, PEER2 = ORG1.node, ORG2.node
BOTH = f"OR('{ORG1.msp_id}.member','{ORG2.msp_id}.member')"


def height(channel: Channel, node: str) -> int:
    return int(channel.network.faults.status()["nodes"][node]["channels"][channel.name])


def until(condition: Callable[[], bool]) -> None:
    wait_until(condition, 10, lambda: "it did not come to pass", every=0.01)


def level(channel: Channel) -> bool:
    return len({height(channel, one.node) for one in (*MEMBERS, ORDERER)}) == 1


def test_a_stopped_peer_is_found_by_nobody_and_comes_back_with_what_it_missed(channel: Channel) -> None:
    name = channel.deploy([Assets], policy=f"OR('{ORG1.msp_id}.peer')")
    faults = channel.network.faults
    faults.stop(PEER2)
    assert faults.status()["stopped"] == [PEER2]
    channel.contract(name).submit("put", "a", "1")
    with pytest.raises(hlf.GatewayError) as refused:
        channel.contract(name, ORG2.msp_id).evaluate("get", "a", timeout=2)
    assert refused.value.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    faults.start(PEER2)
    until(lambda: level(channel))
    admin = channel.contract(name, ORG2.msp_id, "Admin")
    assert admin.evaluate("get", "a", endorsing_organizations=(ORG2.msp_id,)) == b"1"


def test_without_a_quorum_nothing_is_ordered_until_it_is_healed(channel: Channel) -> None:
    name = channel.deploy([Assets])
    faults = channel.network.faults
    assert faults.lose_quorum(channel.name) == [ORDERER.node]
    before = height(channel, PEER1)
    with pytest.raises(hlf.GatewayError):
        channel.contract(name).submit("put", "a", "1", timeout=0.5)
    assert height(channel, PEER1) == before
    faults.heal()
    channel.contract(name).submit("put", "b", "2")
    with pytest.raises(NetworkError, match="no channel nowhere"):
        faults.lose_quorum("nowhere")


def test_a_delayed_peer_commits_later_than_the_others(channel: Channel) -> None:
    name = channel.deploy([Assets])
    faults = channel.network.faults
    faults.delay(PEER2, 60)
    channel.contract(name).submit("put", "a", "1")
    assert height(channel, PEER2) == height(channel, PEER1) - 1
    assert faults.status()["nodes"][PEER2]["faults"] == {"delay": 60.0}
    faults.delay(PEER2, 0)
    until(lambda: level(channel))
    assert faults.status()["nodes"][PEER2]["faults"] == {}


def test_a_lagging_peer_answers_as_of_its_own_height_and_catches_up(channel: Channel) -> None:
    name = channel.deploy([Assets], policy=f"OR('{ORG1.msp_id}.peer','{ORG2.msp_id}.peer')")
    mine, theirs = channel.contract(name), channel.contract(name, ORG2.msp_id)
    mine.submit("put", "a", "0")
    until(lambda: level(channel))
    channel.network.faults.lag(PEER2, 2)
    for value in ("1", "2", "3"):
        mine.submit("put", "a", value)
    until(lambda: height(channel, PEER2) == height(channel, PEER1) - 2)
    assert mine.evaluate("get", "a") == b"3"
    assert theirs.evaluate("get", "a", endorsing_organizations=(ORG2.msp_id,)) == b"1"
    channel.network.faults.lag(PEER2, 0)
    until(lambda: level(channel))
    assert theirs.evaluate("get", "a", endorsing_organizations=(ORG2.msp_id,)) == b"3"


def test_a_forgotten_peer_is_not_discovered_and_misses_private_data_until_it_is_healed(
    channel: Channel,
) -> None:
    name = channel.deploy(
        [Assets],
        policy=f"OR('{ORG1.msp_id}.peer','{ORG2.msp_id}.peer')",
        collections=[Collection(SECRETS, BOTH)],
    )
    network = channel.network
    network.faults.forget(PEER2)
    admin = network.identity(ORG1.msp_id, "Admin")
    with Discovery(network.emulated.endpoint(), admin) as discovery:
        assert [peer.msp_id for peer in discovery.peers(channel.name)] == [ORG1.msp_id]
    mine, theirs = channel.contract(name), channel.contract(name, ORG2.msp_id)
    with pytest.raises(hlf.EndorseError) as refused:
        mine.submit("put", "a", "1", endorsing_organizations=(ORG2.msp_id,))
    assert refused.value.code == "UNAVAILABLE"
    mine.submit("hide", "a", transient={"value": b'"1"'})
    # Its port answers and blocks still come, but nobody gave it the private value.
    until(lambda: level(channel))
    with pytest.raises(hlf.EvaluateError):
        theirs.evaluate("reveal", "a")
    network.faults.heal(PEER2)
    assert theirs.evaluate("reveal", "a") == b"1"


def test_an_expired_user_is_refused_where_fabric_looks_at_expiry(channel: Channel) -> None:
    name = channel.deploy([Assets])
    user = channel.contract(name)
    user.submit("put", "a", "1")
    channel.network.faults.expire(channel.network.identity().certificate)
    with pytest.raises(hlf.EvaluateError, match="proposal client identity expired"):
        user.evaluate("get", "a")
    assert channel.contract(name, ORG1.msp_id, "Admin").evaluate("get", "a") == b"1"
    channel.network.faults.heal()
    assert user.evaluate("get", "a") == b"1"
    with pytest.raises(NetworkError, match="expected certificate: one certificate in PEM"):
        channel.network.faults.expire(b"none")


def test_closed_streams_end_and_a_client_that_reconnects_misses_nothing(channel: Channel) -> None:
    name = channel.deploy([Assets])
    contract = channel.contract(name)
    network = channel.network.gateway().network(channel.name)
    seen: list[str] = []
    reached = threading.Semaphore(0)

    with network.chaincode_events(name, start_block=0, reconnect=True) as events:

        def listen() -> None:
            for event in events:
                seen.append(event.payload.decode())
                reached.release()
                if len(seen) == 2:
                    return

        listener = threading.Thread(target=listen)
        listener.start()
        contract.submit("put", "a", "1")
        assert reached.acquire(timeout=10)
        assert channel.network.faults.close_streams(PEER1) == 1
        contract.submit("put", "b", "2")
        assert reached.acquire(timeout=10)
        listener.join(10)
    assert seen == ["a", "b"]
    assert channel.network.faults.close_streams(PEER2) == 0


@pytest.mark.parametrize("node", [PEER1, ORDERER.node])
def test_a_full_disk_stops_writes_and_harms_nothing(channel: Channel, node: str) -> None:
    name = channel.deploy([Assets])
    contract = channel.contract(name)
    contract.submit("put", "a", "1")
    until(lambda: level(channel))
    before = height(channel, node)
    channel.network.faults.refuse_disk(node)
    assert channel.network.faults.status()["nodes"][node]["faults"] == {"disk refused": True}
    with pytest.raises(hlf.GatewayError):
        contract.submit("put", "a", "2", timeout=0.5)
    assert height(channel, node) == before
    assert contract.evaluate("get", "a") == b"1"
    channel.network.faults.heal(node)
    contract.submit("put", "b", "3")
    until(lambda: level(channel))
    assert contract.evaluate("get", "b") == b"3"


def test_a_ca_stops_and_starts_too(fabric_network: FabricNetwork) -> None:
    port = fabric_network.emulated.ports[ORG1.authority]
    fabric_network.faults.stop(ORG1.authority)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    fabric_network.faults.heal(ORG1.authority)
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/faults/stop", '{"node": "nobody"}', 400, "expected node: one of"),
        ("/faults/lag", json.dumps({"node": PEER1, "blocks": -1}), 400, "expected blocks"),
        ("/faults/delay", json.dumps({"node": PEER1, "seconds": True}), 400, "expected seconds"),
        ("/faults/delay", json.dumps({"node": ORDERER.node, "seconds": 1}), 400, "is no peer; there are"),
        ("/faults/stop", "{", 400, "not JSON"),
        ("/faults/stop", "[]", 400, "expected a JSON object"),
        ("/faults/none", "{}", 404, "no such call: POST /faults/none"),
    ],
)
def test_the_control_api_says_what_it_expects(
    fabric_network: FabricNetwork, path: str, body: str, status: int, text: str
) -> None:
    connection = http.client.HTTPConnection(fabric_network.faults.address, timeout=10)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        content = json.loads(answer.read())
    finally:
        connection.close()
    assert answer.status == status
    assert text in content["error"]
