"""A bank's officer runs `examples/back_office.py` against the demonstration's network."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from lending.correspondence import write_letter
from lending.demo.cast import Cast
from lending.demo.story import rate_notice
from lending.documents.applicants import load_applicant
from lending.institution import new_id, new_salt
from lending_domain.funds import quarter_of
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.money import percent_of
from lending_domain.records_letters import GuaranteeBody
from lending_domain.records_servicing import GuaranteeFile
from tests.integration.conftest import ROOT, DemoRun

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

EXAMPLE = ROOT / "examples" / "back_office.py"
ISSUED = date(2024, 1, 24)


def issue(cast: Cast) -> SignedLetter:
    """A guarantee of foundation-seoul to bank-a that waits for its loan, and its letter."""
    request = load_applicant(ROOT / "tests" / "data" / "demo-applicant-2.yaml").request
    principal, coverage = request.amount_krw, request.coverage
    body = GuaranteeBody(
        referral_id=new_id(),
        holder=cast.holder("applicant-2"),
        fund=request.fund,
        principal_krw=principal,
        coverage=coverage,
        guaranteed_krw=percent_of(principal, coverage),
        valid_until=ISSUED + timedelta(days=60),
    )
    file = GuaranteeFile(salt=new_salt(), **body.model_dump())
    guarantee_id = new_id()
    done = cast.foundation(request.foundation).issue_guarantee(guarantee_id, request.bank, ISSUED, file)
    signer = cast.identity(request.foundation, "evaluator")
    return write_letter(
        signer,
        LetterKind.GUARANTEE,
        request.bank,
        guarantee_id,
        body.model_dump(mode="json"),
        about=done,
    )


def test_the_example_disburses_a_loan(demo_run: DemoRun, tmp_path: Path) -> None:
    day = ISSUED + timedelta(days=8)
    with Cast(demo_run.network) as cast:
        letter = issue(cast)
        notice = rate_notice(cast, quarter_of(day))
    (tmp_path / "letter.json").write_bytes(letter.to_bytes())
    (tmp_path / "notice.json").write_bytes(notice.to_bytes())
    done = subprocess.run(
        [
            sys.executable,
            EXAMPLE,
            demo_run.network.profile_path("bank-a"),
            demo_run.network.wallet("bank-a").folder,
            tmp_path / "letter.json",
            tmp_path / "notice.json",
            day.isoformat(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    said = {(words[0], words[1]) for words in lines}
    assert ("waiting", letter.letter.subject) in said
    assert ("accepted", letter.letter.subject) in said
    (disbursed,) = (words for words in lines if words[0] == "disbursed")
    (accepted,) = (words for words in lines if words[:2] == ["accepted", letter.letter.subject])
    assert accepted[-1] == disbursed[1]
    event = next(line for line in done.stdout.splitlines() if line.startswith("event"))
    assert disbursed[1] in event


def test_it_is_under_fifty_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 50
