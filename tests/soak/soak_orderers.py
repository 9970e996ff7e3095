"""Orderers killed under load, the leader too, and the quorum lost and found again, over and over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.outages import Load, check_tally, network_of_its_own

ROUNDS, WORKERS, DEADLINE = 5, 10, 90.0
LEADER, FOLLOWER = "orderer0.org-a", "orderer1.org-b"
HALF = ("orderer0.org-b", "orderer1.org-b")
ALL = (LEADER, "orderer1.org-a", *HALF)


@pytest.mark.fabric
def test_every_transaction_ends_as_its_client_was_told(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("config", "soak-orderers", tmp_path, fabric) as network:
        away: set[str] = set()

        def stop(*nodes: str) -> None:
            for node in nodes:
                network.stop_node(node)
                away.add(node)

        def start(*nodes: str) -> None:
            for node in nodes:
                network.start_node(node)
                away.discard(node)

        def restart() -> None:
            # Real SmartBFT can come to stand after a kill under load; starting all anew is the remedy.
            sys.stdout.write("the channel stands: its orderers are started anew\n")
            there = [node for node in ALL if node not in away]
            stop(*there)
            start(*there)

        patient, hasty = Load(network, WORKERS, DEADLINE), Load(network, 2, 5.0, "hasty")
        with patient, hasty:
            for _ in range(ROUNDS):
                for node in (FOLLOWER, LEADER):
                    stop(node)
                    patient.wait_for(50, restart)
                    start(node)
                    patient.wait_for(50, restart)
                stop(*HALF)
                hasty.wait_for_unknown(4)
                start(*HALF)
                patient.wait_for(50, restart)
        for load in (patient, hasty):
            check_tally(network, load)
    for tally in (patient.tally, hasty.tally):
        told = f"{len(tally.valid)} valid, {len(tally.unknown)} unknown, {len(tally.failed)} failed"
        sys.stdout.write(f"{told}, {tally.unendorsed} not endorsed: all as the chain says\n")
