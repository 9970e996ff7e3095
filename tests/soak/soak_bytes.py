"""Broken bytes into every port for a long while."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.soak.broken_bytes import Attack
from tests.soak.emulated import emulated
from tests.soak.survival import check_survival

ROUNDS = 150
_SEED = 1


def test_broken_bytes_neither_end_nor_swell_the_process(tmp_path: Path) -> None:
    with emulated(tmp_path) as running:
        attack = Attack(running, _SEED)
        attack.run(10)
        before = running.memory()
        attack.run(ROUNDS)
        attack.check_impatience(15)
        check_survival(running)
        grown = running.memory() - before
        sys.stdout.write(f"{attack.sent} broken requests, {grown / 2**20:.1f} MiB more in memory\n")
        assert grown < 64 * 2**20
