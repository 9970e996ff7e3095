"""Peers and orderers that die while clients listen and submit: the short form of tests/soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.outages import Load, Orderers, check_tally, kill_peers_under_listeners, network_of_its_own

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("outages")]

LEADER, FOLLOWER, OTHER = "orderer0.org-a", "orderer1.org-b", "orderer0.org-b"
ALL = (LEADER, "orderer1.org-a", OTHER, FOLLOWER)


@pytest.mark.feature("A13", "sync", "async")
@pytest.mark.feature("A12", "sync", "async")
@pytest.mark.feature("F5")
def test_events_survive_the_death_of_the_peer_they_come_from(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("peers", "outages-peers", tmp_path, fabric) as network:
        assert len(kill_peers_under_listeners(network, tmp_path, 3, 60)) == 61


@pytest.mark.feature("A17", "async")
@pytest.mark.feature("A20", "async")
def test_transactions_survive_the_death_of_orderers(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("config", "outages-orderers", tmp_path, fabric) as network:
        orderers = Orderers(network, ALL)
        patient, hasty = Load(network, 3, 60.0), Load(network, 1, 3.0, "hasty")
        with patient, hasty:
            for node in (FOLLOWER, LEADER):
                orderers.stop(node)
                patient.wait_for(10, orderers.remedy)
                orderers.start(node)
                patient.wait_for(10, orderers.remedy)
            orderers.stop(FOLLOWER, OTHER)
            hasty.wait_for_unknown(2)
            orderers.start(FOLLOWER, OTHER)
            patient.wait_for(10, orderers.remedy)
        check_tally(network, patient)
        check_tally(network, hasty)
        assert not patient.tally.failed
        assert hasty.tally.unknown
