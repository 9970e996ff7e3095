"""Orderers killed under load, the leader too, and the quorum lost and found again, over and over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.outages import Load, Orderers, check_tally, network_of_its_own

ROUNDS, WORKERS, DEADLINE = 5, 10, 90.0
LEADER, FOLLOWER = "orderer0.org-a", "orderer1.org-b"
HALF = ("orderer0.org-b", "orderer1.org-b")
ALL = (LEADER, "orderer1.org-a", *HALF)


@pytest.mark.fabric
def test_every_transaction_ends_as_its_client_was_told(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("config", "soak-orderers", tmp_path, fabric) as network:
        orderers = Orderers(network, ALL)
        patient, hasty = Load(network, WORKERS, DEADLINE), Load(network, 2, 5.0, "hasty")
        with patient, hasty:
            for _ in range(ROUNDS):
                for node in (FOLLOWER, LEADER):
                    orderers.stop(node)
                    patient.wait_for(50, orderers.remedy)
                    orderers.start(node)
                    patient.wait_for(50, orderers.remedy)
                orderers.stop(*HALF)
                hasty.wait_for_unknown(4)
                orderers.start(*HALF)
                patient.wait_for(50, orderers.remedy)
        for load in (patient, hasty):
            check_tally(network, load)
    for tally in (patient.tally, hasty.tally):
        told = f"{len(tally.valid)} valid, {len(tally.unknown)} unknown, {len(tally.failed)} failed"
        sys.stdout.write(f"{told}, {tally.unendorsed} not endorsed: all as the chain says\n")
