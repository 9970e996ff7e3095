"""A chaincode process under load, and streams under fire."""

from __future__ import annotations

import asyncio
import sys

from tests.soak.chaincode_fuzz import STATES, Fuzz
from tests.soak.chaincode_load import chaincode_process, load

MESSAGES = 100_000
TRANSACTIONS = 100_000
_WARM = 20_000
_ALLOWED = 50
"""Bytes that a transaction may leave in memory: none of its own would be, but a heap is never quite still."""


def test_anything_in_every_state_of_the_stream() -> None:
    fuzz = Fuzz(seed=20260101)
    asyncio.run(fuzz.run(MESSAGES))
    sys.stdout.write(f"{fuzz.sent} messages on {fuzz.streams.total()} streams: {dict(fuzz.ends)}\n")
    assert fuzz.sent >= MESSAGES
    assert set(fuzz.streams) == set(STATES)


def test_500_in_flight_none_lost_none_answered_twice() -> None:
    with chaincode_process() as process:
        answers = asyncio.run(load(process.address, 10_000, 500))
    assert answers.wrong == []
    assert len(answers.counts) == 10_000
    assert set(answers.counts.values()) == {1}


def test_memory_is_flat() -> None:
    with chaincode_process() as process:
        asyncio.run(load(process.address, _WARM, 100))
        sizes = [process.memory()]
        for part in range(5):
            first = _WARM + part * (TRANSACTIONS // 5)
            answers = asyncio.run(load(process.address, TRANSACTIONS // 5, 100, first))
            assert answers.wrong == []
            sizes.append(process.memory())
    each = (sizes[5] - sizes[0]) / TRANSACTIONS
    shown = ", ".join(f"{size / 2**20:.1f}" for size in sizes)
    sys.stdout.write(f"MiB after warm-up and every fifth of {TRANSACTIONS}: {shown}; {each:.0f} bytes each\n")
    assert each < _ALLOWED
