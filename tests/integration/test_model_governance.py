"""A second version of the model on a network that has lent by the first one: from proposal to use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hlf import Gateway
from hlf.errors import CommitError, EndorseError, EvaluateError
from lending.cli import main
from lending.credit import compute, reproduces
from lending.credit.versions import as_yaml, differences
from lending.demo.cast import Cast
from lending.documents.applicants import Applicant, load_applicant
from lending.governance import GovernanceClient
from lending_domain.form import Industry
from lending_domain.model import Model, Origin, Source, Threshold, model2
from lending_domain.records_evaluation import EvaluationRecord, ThresholdTable
from tests.integration.conftest import ROOT, DemoRun
from tests.integration.test_evaluation import Case
from tests.scenarios import guides

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

SEOUL, GYEONGGI = "foundation-seoul", "foundation-gyeonggi"
PROPOSED, SINCE = date(2025, 6, 2), date(2025, 7, 1)
REMARK = "매출전망의 비중을 0.002 낮추는 까닭을 설명해 주십시오."


@pytest.fixture(scope="module")
def cast(demo_run: DemoRun) -> Iterator[Cast]:
    with Cast(demo_run.network) as found:
        yield found


@pytest.fixture(scope="module")
def applicant() -> Applicant:
    return load_applicant(ROOT / "tests" / "data" / "demo-applicant-2.yaml")


def renewed(name: str) -> Model:
    """Model 2 with 0.002 moved from sales outlook to manager's ability in retail, food, personal services."""
    model = model2()
    block = model.judgement[Industry.RETAIL_FOOD_PERSONAL]
    moved = {"manager_ability": Decimal("0.047"), "sales_outlook": Decimal("0.016")}
    origin = Origin(
        label=f"{name}, for a test",
        predecessor=model.digest,
        sources=(Source(kind="decision", citation="0.002 moved, to see what changes"),),
    )
    judgement = {**model.judgement, Industry.RETAIL_FOOD_PERSONAL: block | moved}
    return model.model_copy(update={"id": name, "judgement": judgement, "origin": origin})


@dataclass
class Desk:
    """`dure model` at the desk of one foundation's administrator."""

    network: DemoRun
    organization: str

    def run(self, *arguments: str, succeeds: bool = True) -> Any:
        options = ["--organization", self.organization, "--state", str(self.network.network.state_dir)]
        done = CliRunner().invoke(main, ["model", *arguments, *options, "--json"])
        assert (done.exit_code == 0) is succeeds, done.output
        return json.loads(done.output) if succeeds else done.output


@dataclass
class Voted:
    """The second version in force, and the evaluations made before and after it was."""

    model: Model
    case: Case
    old: EvaluationRecord
    new: EvaluationRecord
    commitments: tuple[str, str]


def computed(case: Case, applicant: Applicant, on: date) -> EvaluationRecord:
    """The applicant's evaluation by the version of the day, against the threshold that was voted for it."""
    model = case.officer().active_model(on)
    (threshold,) = (
        one
        for one in case.cast.administrator(SEOUL).thresholds("referral", model.digest).entries
        if (one.company_class, one.industry) == (applicant.form.company_class, applicant.form.industry)
    )
    return compute(applicant.screening, applicant.form, threshold, model)


@pytest.fixture(scope="module")
def voted(
    demo_run: DemoRun, cast: Cast, applicant: Applicant, tmp_path_factory: pytest.TempPathFactory
) -> Voted:
    """Propose, comment, vote, adopt thresholds, activate: at the prompt, each foundation at its own desk."""
    seoul, gyeonggi = Desk(demo_run, SEOUL), Desk(demo_run, GYEONGGI)
    folder, model = tmp_path_factory.mktemp("desk"), renewed("model-3")
    day = ["--on", PROPOSED.isoformat()]
    (folder / "model-3.yaml").write_text(as_yaml(model), encoding="utf-8")
    (folder / "thresholds.yaml").write_text(
        "entries:\n"
        "  - {company_class: general, industry: retail-food-personal, threshold: '0.61'}\n"
        "  - {company_class: startup, industry: retail-food-personal, threshold: '0.61'}\n",
        encoding="utf-8",
    )
    done = seoul.run("propose", str(folder / "model-3.yaml"), *day)
    assert (done["version"], done["state"]) == (model.digest, "proposed")
    assert gyeonggi.run("comment", "model-3", REMARK, *day)["state"] == "proposed"
    assert "PERSONAL_DATA" in gyeonggi.run("comment", "model-3", "010-1234-5678", *day, succeeds=False)
    assert "WRONG_STATE" in seoul.run("activate", "model-3", *day, succeeds=False)
    _alone(cast, "vote_model", model.digest, PROPOSED, True, organization=GYEONGGI)
    assert gyeonggi.run("vote", "model-3", *day)["state"] == "carried"
    assert "WRONG_STATE" in gyeonggi.run("vote", "model-3", *day, succeeds=False)
    ballot = seoul.run("thresholds", "model-3", "--vote", str(folder / "thresholds.yaml"))
    assert ballot["state"] == "proposed"
    table = cast.administrator(SEOUL).threshold_ballot("referral", ballot["version"]).table
    _alone(cast, "vote_threshold", ballot["version"], organization=GYEONGGI, private={"table": table})
    assert gyeonggi.run("thresholds", "model-3", "--vote-for", ballot["version"])["state"] == "active"
    _alone(cast, "activate_model", model.digest, PROPOSED, SINCE)
    case = Case(cast, applicant)
    before = Case(cast, applicant)
    old = computed(before, applicant, before.on)
    cast.foundation(SEOUL).evaluate(before.referral_id, before.on, old)
    done = seoul.run("activate", "model-3", "--from", SINCE.isoformat(), *day)
    assert done["state"] == "active"
    with pytest.raises(EndorseError, match="MODEL_NOT_ACTIVE"):
        cast.foundation(SEOUL).evaluate(case.referral_id, SINCE, old)
    new = computed(case, applicant, SINCE)
    cast.foundation(SEOUL).evaluate(case.referral_id, SINCE, new)
    commitments = tuple(one.record().commitments["evaluation"] for one in (before, case))
    return Voted(model, case, old, new, (commitments[0], commitments[1]))


def _alone(cast: Cast, function: str, *args: Any, organization: str = SEOUL, private: Any = None) -> None:
    """The same by one foundation's own peer, and by SEMAS's with it: in a block, and invalid."""
    client: GovernanceClient[Gateway] = cast.administrator(organization)
    # SEMAS's peer has nothing of the foundations' collection to read.
    for endorsers in ((organization,), ("semas", organization)) if private is None else ((organization,),):
        flow = client.execute(
            "referral", "credit-evaluation", function, *args, private=private, endorsers=endorsers
        )
        with pytest.raises(CommitError) as caught:
            client.gateway.run(flow)
        assert caught.value.validation_code == "ENDORSEMENT_POLICY_FAILURE"


def test_both_evaluations_stay_verifiable_each_by_its_own_version(voted: Voted, cast: Cast) -> None:
    client = cast.administrator(GYEONGGI)
    first, second = (client.model("referral", one.model_digest) for one in (voted.old, voted.new))
    assert (first.digest, second.digest) == (model2().digest, voted.model.digest)
    assert reproduces(voted.old, voted.commitments[0], first)
    assert reproduces(voted.new, voted.commitments[1], second)
    assert not reproduces(voted.old, voted.commitments[0], second)
    assert voted.old.result.total != voted.new.result.total


def test_each_date_has_its_version(voted: Voted, cast: Cast) -> None:
    client = cast.administrator("semas")  # the criteria are every member's
    assert client.active_model("referral", SINCE).digest == voted.model.digest
    assert client.active_model("referral", SINCE - timedelta(days=1)).digest == model2().digest


def test_the_list_tells_both_lives(voted: Voted, demo_run: DemoRun) -> None:
    found = Desk(demo_run, "semas").run("list", "--on", SINCE.isoformat())
    old, new = (
        next(one for one in found if one["id"] == digest) for digest in (model2().digest, voted.model.digest)
    )
    assert (old["state"], old["superseded_from"], old["in_force"]) == ("superseded", SINCE.isoformat(), False)
    assert (new["state"], new["effective_from"], new["in_force"]) == ("active", SINCE.isoformat(), True)
    assert new["carried_on"] == PROPOSED.isoformat()
    assert [(vote["organization"], vote["support"]) for vote in new["votes"]] == [
        (SEOUL, True),
        (GYEONGGI, True),
    ]


def test_show_says_what_changed_and_what_was_said(voted: Voted, demo_run: DemoRun) -> None:
    shown = Desk(demo_run, GYEONGGI).run("show", "model-3")
    wanted = [one._asdict() for one in differences(voted.model, model2())]
    assert {
        "path": "judgement.retail-food-personal.sales_outlook",
        "before": "0.018",
        "after": "0.016",
    } in wanted
    assert sorted(shown["changes"], key=str) == sorted(wanted, key=str)
    assert [(one["organization"], one["text"]) for one in shown["version"]["comments"]] == [
        (GYEONGGI, REMARK)
    ]
    assert shown["base_sums"]["retail-food-personal"] == {"startup": "0.972", "general": "0.972"}
    assert Model.model_validate(shown["model"]).digest == voted.model.digest


def test_thresholds_are_the_foundations_and_nobody_else_s(
    voted: Voted, cast: Cast, demo_run: DemoRun
) -> None:
    shown = Desk(demo_run, GYEONGGI).run("thresholds", "model-3")
    assert {one["threshold"] for one in shown["entries"]} == {"0.61"}
    assert "NOT_PERMITTED" in Desk(demo_run, "semas").run("thresholds", "model-3", succeeds=False)
    key = f"thresholds/{voted.model.digest}"
    # At the foundation's own peer, which has the value: the collection is for its members' clients alone.
    gateway = cast.gateway("semas", "officer", through=SEOUL)
    stored = GovernanceClient(gateway).ask(
        "referral", "credit-evaluation", "stored", "foundations", key, peers_of=(SEOUL,)
    )
    with pytest.raises(EvaluateError, match="does not have read access permission"):
        gateway.run(stored)


def test_a_threshold_for_a_version_not_proposed_is_refused(voted: Voted, cast: Cast) -> None:
    model = renewed("model-unknown")
    entry = Threshold(
        model=model.id,
        composition=model.composition,
        company_class="general",
        industry="other",
        units=36_000_000,
    )
    table = ThresholdTable(salt="ab" * 16, model_digest=model.digest, version=1, entries=(entry,))
    with pytest.raises((EndorseError, EvaluateError), match="UNKNOWN_MODEL"):
        cast.administrator(SEOUL).vote_threshold("referral", "ab" * 16, table)


def test_another_table_takes_a_majority_s_peers(
    voted: Voted, cast: Cast, demo_run: DemoRun, tmp_path: Path
) -> None:
    (tmp_path / "second.yaml").write_text(
        "entries:\n  - {company_class: general, industry: retail-food-personal, threshold: '0.62'}\n",
        encoding="utf-8",
    )
    ballot = Desk(demo_run, SEOUL).run("thresholds", "model-3", "--vote", str(tmp_path / "second.yaml"))[
        "version"
    ]
    table = cast.administrator(GYEONGGI).threshold_ballot("referral", ballot).table
    client = cast.administrator(GYEONGGI)
    alone = client.execute(
        "referral",
        "credit-evaluation",
        "vote_threshold",
        ballot,
        private={"table": table},
        endorsers=(GYEONGGI,),
    )
    with pytest.raises(CommitError) as caught:
        client.gateway.run(alone)
    assert caught.value.validation_code == "ENDORSEMENT_POLICY_FAILURE"
    assert client.vote_threshold("referral", ballot, table).state == "active"
    assert client.thresholds("referral", voted.model.digest).version == 2


def test_a_version_voted_down_and_one_withdrawn(voted: Voted, demo_run: DemoRun, tmp_path: Path) -> None:
    seoul, gyeonggi = Desk(demo_run, SEOUL), Desk(demo_run, GYEONGGI)
    day = ["--on", SINCE.isoformat()]
    for name in ("model-down", "model-back"):
        (tmp_path / name).with_suffix(".json").write_text(renewed(name).model_dump_json(), encoding="utf-8")
        assert seoul.run("propose", str(tmp_path / f"{name}.json"), *day)["state"] == "proposed"
    assert gyeonggi.run("vote", "model-down", "--against", *day)["state"] == "rejected"
    assert "NOT_PROPOSER" in gyeonggi.run("withdraw", "model-back", *day, succeeds=False)
    assert seoul.run("withdraw", "model-back", *day)["state"] == "withdrawn"


def test_semas_decides_alone_about_its_direct_loans(demo_run: DemoRun) -> None:
    semas, there = Desk(demo_run, "semas"), ["--channel", "application"]
    day = [*there, "--on", PROPOSED.isoformat()]
    assert semas.run("propose", "--packaged", "--composition", "normalised", *day)["state"] == "carried"
    assert semas.run("activate", "model-2", *day)["state"] == "active"
    assert semas.run("show", *there)["base_sums"]["other"] == {"startup": "1", "general": "1"}
    assert "NOT_PERMITTED" in semas.run("propose", "--packaged", "--on", PROPOSED.isoformat(), succeeds=False)


def test_the_guide_does_what_it_says(
    voted: Voted, demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = guides.read("guides/evaluation-models.md")
    guides.run(page, tmp_path)
    text = (guides.DOCS / "guides" / "evaluation-models.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "thresholds.yaml").write_text(table, encoding="utf-8")
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / "state").symlink_to(demo_run.network.state_dir)
    (tmp_path / "connection-profiles").symlink_to(demo_run.network.profile_path(SEOUL).parent)
    monkeypatch.chdir(tmp_path)
    console = "".join(re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S))
    ballot = "BALLOT"
    for step in console.split("$ dure ")[1:]:
        command, shown = step.split("\n", 1)
        said = CliRunner().invoke(main, shlex.split(command.replace("BALLOT", ballot))).output
        wanted = re.escape(shown.rstrip("\n")).replace("…", ".*")
        assert re.fullmatch(wanted, said.rstrip("\n"), re.S), f"{command}\n{said}"
        found = re.search(r"--vote-for ([0-9a-f]{32})", said)
        ballot = found.group(1) if found else ballot
