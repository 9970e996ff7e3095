"""Orderers killed under load, the leader too, and the quorum lost and found again, over and over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.outages import Load, check_tally, network_of_its_own

ROUNDS, WORKERS, DEADLINE = 5, 10, 90.0
LEADER, FOLLOWER = "orderer0.org-a", "orderer1.org-b"
HALF = ("orderer0.org-b", "orderer1.org-b")


@pytest.mark.fabric
def test_every_transaction_ends_as_its_client_was_told(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("config", "soak-orderers", tmp_path, fabric) as network:
        load, hasty = Load(network, WORKERS, DEADLINE), Load(network, 2, 5.0, "hasty")
        load.start()
        hasty.start()
        for _ in range(ROUNDS):
            for gone in ((FOLLOWER,), (LEADER,)):
                for node in gone:
                    network.stop_node(node)
                load.wait_for(50)
                for node in gone:
                    network.start_node(node)
                load.wait_for(50)
            for node in HALF:
                network.stop_node(node)
            hasty.wait_for_unknown(4)
            for node in HALF:
                network.start_node(node)
            load.wait_for(50)
        for one in (load, hasty):
            one.stop()
        for one in (load, hasty):
            check_tally(network, one.tally)
    for tally in (load.tally, hasty.tally):
        told = f"{len(tally.valid)} valid, {len(tally.unknown)} unknown, {len(tally.failed)} failed"
        sys.stdout.write(f"{told}, {tally.unendorsed} not endorsed: all as the chain says\n")
