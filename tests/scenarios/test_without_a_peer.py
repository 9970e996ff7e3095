"""A peer that stops and comes back. Last of all, since real peers lose sight of it once more after that."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import hlf
from hlf_network.waiting import wait_until
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]
PATIENT = hlf.Retry(attempts=8)


def test_a_stopped_peer_is_done_without_where_the_policy_allows(way: Way, key: str) -> None:
    enough, all_of_them = way.contract(), way.contract(chaincode="unanimous")
    with way.without("org-c"):
        enough.submit("overwrite", key, "1")
        assert enough.evaluate("get", key) == b"1"
        with pytest.raises(hlf.EndorseError) as refused:
            all_of_them.submit("overwrite", key, "1")
        assert refused.value.code in {"FAILED_PRECONDITION", "UNAVAILABLE", "ABORTED"}
    all_of_them.submit("overwrite", key, "2", retry=PATIENT)
    theirs = way.contract("org-c", "unanimous")
    theirs.submit("overwrite", key, "3", retry=PATIENT)
    assert theirs.evaluate("get", key) == b"3"


@pytest.mark.feature("A13", "sync", "async")
@pytest.mark.feature("F5")
def test_a_peer_s_restart_loses_and_doubles_nothing(way: Way, key: str) -> None:
    elsewhere = way.contract("org-b")
    # Of org-c, administrators alone may ask for the channel's height, which a start at "next" needs.
    listener = way.gateway("org-c", way.identity("org-c", "admin")).network("trade")
    with listener.chaincode_events("assets", reconnect=True) as events:
        elsewhere.submit("announce", key, "before")
        assert _take(events, key, 1) == ["before"]
        with way.without("org-c"):
            for payload in ("while it was gone", "and once more"):
                elsewhere.submit("announce", key, payload, retry=PATIENT)
        elsewhere.submit("announce", key, "after", retry=PATIENT)
        assert _take(events, key, 3) == ["while it was gone", "and once more", "after"]


def test_no_peers_can_endorse_as_the_policy_asks(way: Way, key: str) -> None:
    contract = way.contract(chaincode="unanimous")
    contract.submit("overwrite", key, "0", retry=PATIENT)
    with pytest.raises(hlf.EndorseError, match="no running peer with this chaincode"):
        contract.submit("put", key, "1", endorsing_organizations=["org-x"])
    with way.without("org-c"):
        # Gossip takes its time until it counts a peer as gone.
        wait_until(lambda: "gossip" in _hint(contract, key), 90, lambda: "org-c's peer is still counted on")
    contract.submit("overwrite", key, "3", retry=PATIENT)


def _hint(contract: hlf.Contract, key: str) -> str:
    try:
        contract.submit("overwrite", key, "2")
    except hlf.EndorseError as error:
        return error.hint or error.code
    return ""


def _take(events: Any, name: str, count: int) -> list[str]:
    named = (one.payload.decode() for one in events if one.name == name)
    return list(itertools.islice(named, count))
