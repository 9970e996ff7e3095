"""A few broken bytes into every port; `make soak` has the long run."""

from __future__ import annotations

from pathlib import Path

from tests.soak.broken_bytes import Attack
from tests.soak.emulated import emulated
from tests.soak.survival import check_survival


def test_the_network_outlives_what_nobody_should_send(tmp_path: Path) -> None:
    with emulated(tmp_path) as running:
        Attack(running, seed=2).run(1)
        check_survival(running)
