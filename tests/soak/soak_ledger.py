"""The long run of the ledger against its model."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.ledger_machine import LedgerMachine, template


def test_the_ledger_is_what_the_model_says() -> None:
    long = settings(
        max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with template():
        run_state_machine_as_test(LedgerMachine, settings=long)
