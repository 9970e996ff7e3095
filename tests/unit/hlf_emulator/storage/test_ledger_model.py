"""A short run of the ledger against its model; `make soak` has the long one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.ledger_machine import LedgerMachine, template


def test_the_ledger_is_what_the_model_says() -> None:
    short = settings(
        max_examples=6,
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with template():
        run_state_machine_as_test(LedgerMachine, settings=short)
