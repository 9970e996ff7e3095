"""Institutions' clients against the demonstration's network, by both gateways."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hlf import AsyncGateway, Gateway
from lending import BankClient, FoundationClient
from lending_domain.records import Record

if TYPE_CHECKING:
    from tests.integration.conftest import DemoRun

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]


def test_both_faces_of_a_bank_see_the_same(demo_run: DemoRun) -> None:
    profile = demo_run.network.profile_path("bank-a")
    officer = demo_run.network.wallet("bank-a").get("officer")

    async def by_asyncio() -> tuple[Record, ...]:
        async with AsyncGateway.from_profile(profile, officer) as gateway:
            return await BankClient(gateway).list_guarantees("closed")

    with Gateway.from_profile(profile, officer) as gateway:
        closed = BankClient(gateway).list_guarantees("closed")
    assert len(closed) == 2
    assert asyncio.run(by_asyncio()) == closed


def test_a_foundation_reads_back_what_it_evaluated(demo_run: DemoRun) -> None:
    referrals = [one["id"] for one in demo_run.report["final"]["records"] if one["state"] == "released"]
    officer = demo_run.network.wallet("foundation-seoul").get("evaluator")
    with Gateway.from_profile(demo_run.network.profile_path("foundation-seoul"), officer) as gateway:
        evaluations = [FoundationClient(gateway).read_evaluation(one) for one in referrals]
    totals = sorted(one.result.total for one in evaluations)
    # P2's model 2, worked by hand for the two applicants of tests/data: 0.706200 and 0.763600.
    assert totals == [42_372_000, 45_816_000]
