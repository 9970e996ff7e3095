"""A peer killed under its listeners 20 times in 2,000 events: none lost, none doubled, by either face."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.outages import kill_peers_under_listeners, network_of_its_own

KILLS, EVENTS = 20, 2000


@pytest.mark.fabric
def test_no_event_is_lost_or_doubled(fabric: str, tmp_path: Path) -> None:
    with network_of_its_own("peers", "soak-events", tmp_path, fabric) as network:
        written = kill_peers_under_listeners(network, tmp_path, KILLS, EVENTS)
    assert len(written) == EVENTS + 1
    sys.stdout.write(f"{KILLS} kills, {len(written)} events: each once at three listeners\n")
