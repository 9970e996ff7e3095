"""An evaluation and its override from a foundation's prompt, on the demonstration's network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from lending.cli import main
from lending.demo.cast import Cast
from lending.documents.applicants import Applicant
from tests.integration.conftest import DemoRun
from tests.integration.test_evaluation import MISREAD, Case, applicant, cast

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

__all__ = ["applicant", "cast"]  # fixtures

Dure = Callable[..., Any]


@pytest.fixture
def dure(demo_run: DemoRun) -> Dure:
    def run(*arguments: str, fails: str = "") -> Any:
        state = ["--state", str(demo_run.network.state_dir), "--json"]
        done = CliRunner().invoke(main, ["evaluation", *arguments, *state])
        if fails:
            assert done.exit_code
            assert fails in done.output
            return None
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    return run


@pytest.fixture
def firm(applicant: Applicant, tmp_path: Path) -> Path:
    """A form below the threshold, with the facts of the filter."""
    form = applicant.form.model_copy(update={"total_borrowing_krw": MISREAD})
    path = tmp_path / "firm.yaml"
    answers = {
        "form": form.model_dump(mode="json"),
        "screening": applicant.screening.model_dump(mode="json"),
    }
    path.write_text(yaml.safe_dump(answers, allow_unicode=True), encoding="utf-8")
    return path


def test_submit_and_override(dure: Dure, cast: Cast, applicant: Applicant, firm: Path) -> None:
    case = Case(cast, applicant)
    on = ["--on", case.on.isoformat()]
    submitted = dure("submit", case.referral_id, str(firm), *on)
    assert submitted["state"] == "evaluated"
    assert not submitted["guaranteeable"]
    assert submitted["commitment"] == case.record().commitments["evaluation"]
    assert dure("show", case.referral_id)["commitment"] == submitted["commitment"]

    override = ["override", case.referral_id, "--ground", "disaster-relief", *on]
    dure(*override, "--reason", "홍수", fails="ten characters")
    reason = ["--reason", "집중호우 피해로 일시 차입이 늘었습니다"]
    assert dure(*override, *reason)["state"] == "override-proposed"
    dure(*override, *reason, fails="SAME_OFFICER")
    assert dure(*override, *reason, "--user", "reviewer")["state"] == "overridden"


def test_the_filter_comes_first(dure: Dure, cast: Cast, applicant: Applicant, firm: Path) -> None:
    case = Case(cast, applicant)
    answers = yaml.safe_load(firm.read_text(encoding="utf-8"))
    answers["screening"]["tax_arrears"] = True
    firm.write_text(yaml.safe_dump(answers), encoding="utf-8")
    dure("submit", case.referral_id, str(firm), fails="tax arrears")
    del answers["screening"]
    firm.write_text(yaml.safe_dump(answers), encoding="utf-8")
    dure("submit", case.referral_id, str(firm), fails="screening")
    assert case.record().state == "referred"
