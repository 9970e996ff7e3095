"""A review from the prompts of applicant, SEMAS and foundation, on the demonstration's network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hlf_network.waiting import wait_until
from lending.cli import main
from lending.credit import explain
from lending.demo.cast import Cast
from lending.documents import public_key_text, seal_letter
from lending.documents.applicants import Applicant
from lending.institution import new_id
from lending.review_letters import explanation_letter
from tests.integration.conftest import DemoRun
from tests.integration.test_evaluation import BORROWED, SEOUL, Case, applicant, cast
from tests.scenarios import guides

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

__all__ = ["applicant", "cast"]  # fixtures


def explained(case: Case) -> str:
    """The explanation of an evaluation below the threshold, relayed to the applicant; the relay's id."""
    cast, relay, evaluation = case.cast, new_id(), case.misread()
    case.officer().evaluate(case.referral_id, case.on, evaluation)
    letter = explanation_letter(
        cast.identity(SEOUL, "evaluator"),
        case.holder,
        case.referral_id,
        evaluation,
        explain(evaluation.result).model_dump(mode="json"),
        reply_key=public_key_text(cast.public_key(SEOUL)),
    )
    sealed = seal_letter(letter, case.referral_id, {case.holder: cast.public_key(case.holder)})
    cast.semas.relay("application", relay, case.holder, case.on, sealed)
    return relay


@pytest.fixture
def dure(demo_run: DemoRun) -> Callable[..., Any]:
    def run(*arguments: str, fails: str = "") -> Any:
        state = ["--state", str(demo_run.network.state_dir), "--json"]
        said: list[str] = []

        def told() -> bool:
            done = CliRunner().invoke(main, ["evaluation", "review", *arguments, *state])
            said.append(done.output)
            return (done.exit_code, fails in done.output) == (1 if fails else 0, True)

        # The next one's peer may be a block behind the last one's: what is refused for that leaves no trace.
        wait_until(told, 20, lambda: f"{arguments[0]}: {said[-1]}")
        return None if fails else json.loads(said[-1])

    return run


def test_a_review_from_the_prompt(
    dure: Callable[..., Any], cast: Cast, applicant: Applicant, tmp_path: Path
) -> None:
    case = Case(cast, applicant)
    relay = explained(case)
    keys = {}
    for name, owner in (("mine", case.holder), ("theirs", SEOUL), ("semas", "semas")):
        pem = cast.sealing_key(owner).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.pem").write_bytes(pem)
        keys[name] = ["--key", str(tmp_path / f"{name}.pem")]
    on = ["--on", case.on.isoformat()]
    later = ["--on", (case.on + timedelta(days=3)).isoformat()]
    me = ["--organization", "applicants", "--user", "applicant-2"]

    asked = ["request", relay, "--kind", "correction", "--text", "잔액이 다릅니다", "--user", "applicant-2"]
    dure(*asked, *keys["mine"], *on, fails="corrections")
    field = f"total_borrowing_krw={BORROWED}"
    review = dure(*asked, "--correct", field, *keys["mine"], *on)
    assert review["state"] == "requested"
    name = review["id"]
    assert dure("relay", name, *on)["state"] == "relayed"
    dure("relay", name, *on, fails="Nothing waits to be passed on")

    day = (case.on + timedelta(days=10)).isoformat()
    (waiting,) = (one for one in dure("list", "--due", day) if one["id"] == name)
    assert (waiting["state"], waiting["due_by"], waiting["overdue"]) == ("received", day, False)
    dure("show", name, *keys["semas"], fails="The seal does not open")
    body = dure("show", name, *keys["theirs"])["request"]
    assert body["corrections"][0]["value"] == BORROWED

    extended = dure("extend", name, "--reason", "대출기관의 회신 대기", *keys["theirs"], *on)
    assert extended["due_by"] == (case.on + timedelta(days=40)).isoformat()
    assert dure("relay", name, *on)["state"] == "extended"
    dure("re-evaluate", name, *keys["theirs"], *later, "--user", "evaluator", fails="SAME_OFFICER")
    again = dure("re-evaluate", name, *keys["theirs"], *later)
    assert (again["before"]["guaranteeable"], again["after"]["guaranteeable"]) == (False, True)
    answer = [
        "answer",
        name,
        "--outcome",
        "re-evaluated",
        "--text",
        "정정하였습니다",
        *keys["theirs"],
        *later,
    ]
    dure(*answer, "--user", "evaluator", fails="SAME_OFFICER")
    assert dure(*answer)["state"] == "answered"
    dure("show", name, *me, *keys["mine"], fails="There is no answer yet")
    assert dure("relay", name, *later)["state"] == "answered"

    told = dure("show", name, *me, *keys["mine"])
    assert told["answer"]["outcome"] == "re-evaluated"
    assert told["answer"]["commitment"] == again["commitment"] == case.record().commitments["evaluation"]
    assert not [one for one in dure("list", "--due", "2030-01-01") if one["id"] == name]
    assert name in [one["id"] for one in dure("list", "--status", "answered", *me)]


def test_the_guide_s_commands_do_what_it_says(
    dure: Callable[..., Any], cast: Cast, applicant: Applicant, tmp_path: Path
) -> None:
    case = Case(cast, applicant)
    relay, names = explained(case), {}
    for file, owner in (("applicant.pem", case.holder), ("foundation.pem", SEOUL)):
        pem = cast.sealing_key(owner).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / file).write_bytes(pem)
        names[file] = str(tmp_path / file)
    names["EXPLANATION"] = relay
    answers = []
    for command in guides.read("guides/review.md").commands:
        words = [names.get(word, word) for word in shlex.split(command)]
        assert words[:3] == ["dure", "evaluation", "review"]
        dated = [] if words[3] in {"list", "show"} else ["--on", case.on.isoformat()]
        answers.append((words[3], dure(*words[3:], *dated)))
        if words[3] == "request":
            names["REVIEW"] = answers[-1][1]["id"]
    states = [said["state"] for name, said in answers if name in {"request", "relay", "extend", "answer"}]
    assert states == ["requested", "relayed", "extended", "extended", "answered", "answered"]
    (waiting,) = (said for name, said in answers if name == "list")
    assert names["REVIEW"] in [one["id"] for one in waiting]
    assert answers[-1][1]["answer"]["outcome"] == "re-evaluated"
