"""A model version's life: proposed, commented, voted, activated from a date, superseded; and what used it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from hlf_chaincode.testing.world import Entry
from lending.credit import reproduces
from lending_domain.canonical import plain
from lending_domain.model import model2
from lending_domain.records import encode
from lending_domain.records_evaluation import Referral
from lending_domain.records_model import BEFORE_DATES
from lending_domain.score import evaluate
from tests.unit.lending_chaincode.consortium import FOUNDED, NOW, START, failed, new_id, refused
from tests.unit.lending_chaincode.governing import BUSAN, GYEONGGI, LATER, SEOUL, Chamber, version


@pytest.fixture
def chamber(consortium):
    return Chamber(consortium)


def test_a_version_passes_through_all_its_states(chamber):
    model = version(predecessor=model2().digest)
    assert chamber.propose(model) == "proposed"
    assert chamber.do(GYEONGGI, "comment_model", model.digest, LATER, "0.106 rests on a survey") == "proposed"
    assert chamber.do(GYEONGGI, "vote_model", model.digest, LATER + timedelta(days=1)) == "carried"
    assert chamber.do(SEOUL, "comment_model", model.digest, LATER + timedelta(days=1), "noted") == "carried"
    since = LATER + timedelta(days=30)
    assert chamber.do(SEOUL, "activate_model", model.digest, LATER + timedelta(days=2), since) == "active"
    found = chamber.life(model.digest)
    assert (found.number, found.name, found.state, found.proposer) == (2, "model-3", "active", SEOUL)
    assert (found.carried_on, found.effective_from) == (LATER + timedelta(days=1), since)
    assert found.predecessor == model2().digest
    before = chamber.life(model2().digest)
    assert (before.state, before.effective_from, before.superseded_from) == ("superseded", FOUNDED, since)
    said = chamber.ask("model_comments", model.digest)
    assert [(one.organization, one.text) for one in said] == [
        (GYEONGGI, "0.106 rests on a survey"),
        (SEOUL, "noted"),
    ]


def test_the_version_in_force_is_the_business_date_s(chamber):
    model = version()
    since = LATER + timedelta(days=30)
    chamber.activate(model, since=since)
    assert chamber.ask("active_model", since - timedelta(days=1)).digest == model2().digest
    assert chamber.ask("active_model", since).digest == model.digest
    assert chamber.ask("active_model").digest == model.digest  # today
    with refused("MODEL_NOT_ACTIVE"):
        chamber.ask("active_model", FOUNDED - timedelta(days=1))


def test_a_version_may_take_effect_in_the_future(chamber):
    model, today = version(), NOW.date()
    chamber.activate(model, today, since=today + timedelta(days=90))
    assert chamber.ask("active_model").digest == model2().digest
    assert chamber.life(model.digest).effective_from == today + timedelta(days=90)


def test_votes_are_counted_for_and_against(chamber):
    chamber.join()
    against = version("model-against")
    assert chamber.propose(against) == "proposed"
    assert chamber.do(GYEONGGI, "vote_model", against.digest, LATER, False) == "proposed"
    ballot = chamber.ask("ballot", against.digest)
    assert (ballot.needed, ballot.open) == (2, (BUSAN,))
    assert [(one.organization, one.support) for one in ballot.votes] == [(SEOUL, True), (GYEONGGI, False)]
    assert chamber.do(BUSAN, "vote_model", against.digest, LATER, False) == "rejected"
    carried = version("model-carried")
    chamber.propose(carried)
    chamber.do(GYEONGGI, "vote_model", carried.digest, LATER, False)
    assert chamber.do(BUSAN, "vote_model", carried.digest, LATER, True) == "carried"


def test_one_vote_against_rejects_where_two_vote(chamber):
    model = version()
    chamber.propose(model)
    assert chamber.do(GYEONGGI, "vote_model", model.digest, LATER, False) == "rejected"
    assert chamber.life(model.digest).carried_on is None


def test_a_proposal_is_withdrawn_and_its_name_free_again(chamber):
    model = version()
    chamber.propose(model)
    assert chamber.do(SEOUL, "withdraw_model", model.digest, LATER) == "withdrawn"
    another = version(bonus_cap_units=3_000_000)
    assert another.id == model.id
    assert chamber.propose(another) == "proposed"
    assert [one.state for one in chamber.ask("models")] == ["active", "withdrawn", "proposed"]
    assert chamber.ask("model", model.digest) == model


def test_an_evaluation_uses_the_version_of_its_date_and_stays_verifiable(consortium, chamber):
    world, newer = consortium, version()
    referrals = [_referred(world) for _ in range(2)]
    old = world.evaluation()
    world.at_foundation("evaluate", world.seoul, referrals[0], START, evaluation=old)
    chamber.activate(newer)
    _thresholds(world, newer)
    with refused("MODEL_NOT_ACTIVE"):
        world.at_foundation("evaluate", world.seoul, referrals[1], LATER, evaluation=world.evaluation())
    result = evaluate(old.form, newer)
    new = world.evaluation(model_digest=newer.digest, result=result)
    world.at_foundation("evaluate", world.seoul, referrals[1], LATER, evaluation=new)
    for referral_id, record in zip(referrals, (old, new), strict=True):
        public = world.ask(world.referral, "credit-evaluation", "referral", world.semas, referral_id)
        used = chamber.ask("model", record.model_digest)
        assert reproduces(record, public.commitments["evaluation"], used)
        assert record.result.model_digest == used.digest
    assert old.result.model_digest != new.result.model_digest
    assert not reproduces(old, old.commitment, newer)


def test_an_evaluation_dated_before_the_change_still_uses_the_old_version(consortium, chamber):
    world = consortium
    referral_id = _referred(world)
    chamber.activate(version())
    view = world.at_foundation(
        "evaluate", world.seoul, referral_id, LATER - timedelta(days=1), evaluation=world.evaluation()
    )
    assert view.state == "evaluated"


@pytest.mark.parametrize("function", ["vote_model", "activate_model", "comment_model", "withdraw_model"])
def test_no_minority_of_peers_writes_a_version(chamber, function):
    model = version()
    chamber.propose(model)
    who, args = (
        GYEONGGI,
        {
            "vote_model": (True,),
            "comment_model": ("a remark",),
            "withdraw_model": (),
            "activate_model": (LATER,),
        }[function],
    )
    if function == "activate_model":
        chamber.do(GYEONGGI, "vote_model", model.digest, LATER)
    if function == "withdraw_model":
        who = SEOUL
    for endorsers in (["semas", SEOUL], [SEOUL], [GYEONGGI]):
        with failed():
            chamber.do(who, function, model.digest, LATER, *args, endorsers=endorsers)
    chamber.do(who, function, model.digest, LATER, *args, endorsers=[SEOUL, GYEONGGI])


def test_a_proposal_too_needs_a_majority_once_there_is_a_register(chamber):
    with failed():
        chamber.do(SEOUL, "propose_model", plain(version()), LATER, endorsers=["semas", SEOUL])


def test_a_version_that_the_register_does_not_list_does_not_exist(consortium, chamber):
    forged, world = version("model-forged"), consortium.referral._world
    life = chamber.life(model2().digest)
    carried = life.model_copy(update={"id": forged.digest, "name": forged.id, "state": "carried"})
    state = world.public["credit-evaluation"]
    some = state[f"model/{model2().digest}"].version
    state[f"model/{forged.digest}"] = Entry(forged.text, some)
    state[f"model-version/{forged.digest}"] = Entry(encode(carried), some)
    with refused("UNKNOWN_MODEL"):
        chamber.do(SEOUL, "activate_model", forged.digest, LATER, LATER)
    with refused("UNKNOWN_MODEL"):
        chamber.ask("model", forged.digest)


SCHEMA_1 = json.loads(
    (Path(__file__).parents[2] / "data" / "ledger-schema-1.json").read_text(encoding="utf-8")
)


@pytest.fixture
def old(consortium, chamber):
    """The ledger as schema 1 left it: its digest in force, and one proposal still open."""
    state = consortium.referral._world.public["credit-evaluation"]
    some = state["models"].version
    for key in [one for one in state if one.startswith("model")]:
        del state[key]
    for key, value in SCHEMA_1["state"].items():
        state[key] = Entry(value.encode(), some)
    return SCHEMA_1["state"]["model-in-force"]


def test_what_schema_1_left_is_read_and_superseded(consortium, chamber, old):
    in_force = chamber.ask("active_model", START)
    # The packaged model without the origin that it has since: the digest stayed what it was.
    assert in_force.digest == old == model2().model_copy(update={"origin": None}).digest
    found = chamber.life(old)
    assert (found.state, found.effective_from, found.schema_version) == ("active", BEFORE_DATES, 1)
    assert [(one.organization, one.support, one.on) for one in found.votes] == [
        (GYEONGGI, True, None),
        (SEOUL, True, None),
    ]
    newer = version(predecessor=old)
    chamber.activate(newer)
    assert chamber.ask("active_model", LATER).digest == newer.digest
    assert chamber.ask("active_model", LATER - timedelta(days=1)).digest == old
    assert chamber.life(old).state == "superseded"
    assert chamber.ask("model", old) == in_force
    assert sorted(one.number for one in chamber.ask("models")) == [1, 2, 3]


def test_an_evaluation_of_before_the_upgrade_and_one_after(consortium, chamber, old):
    world, model = consortium, chamber.ask("active_model", START)
    _thresholds(world, model)
    form = world.evaluation().form
    record = world.evaluation(model_digest=old, result=evaluate(form, model))
    referral_id = _referred(world)
    world.at_foundation("evaluate", world.seoul, referral_id, START, evaluation=record)
    chamber.activate(version())
    assert reproduces(record, record.commitment, chamber.ask("model", old))


def test_a_vote_begun_under_schema_1_is_finished(chamber, old):
    (digest,) = (one.id for one in chamber.ask("models") if one.id != old)
    assert chamber.ask("ballot", digest).open == (GYEONGGI,)
    with refused("NOT_PROPOSER"):
        chamber.do(SEOUL, "withdraw_model", digest, LATER)  # schema 1 kept no proposer
    with refused("ALREADY_VOTED"):
        chamber.do(SEOUL, "vote_model", digest, LATER)
    assert chamber.do(GYEONGGI, "vote_model", digest, LATER) == "carried"
    assert chamber.do(GYEONGGI, "activate_model", digest, LATER, LATER) == "active"
    assert chamber.life(old).superseded_from == LATER


def _referred(world):
    """A referral to Seoul of a firm that SEMAS has confirmed."""
    referral_id = new_id()
    letter = world.confirmation(world.form(new_id(), []), new_id())
    referral = Referral(salt=new_id(), letter=letter)
    world.hand_over("credit-evaluation", "refer", referral_id, SEOUL, START, referral=referral)
    return referral_id


def _thresholds(world, model):
    """The same thresholds for another version."""
    table = world.thresholds(35_000_000)
    entries = tuple(one.model_copy(update={"model": model.id}) for one in table.entries)
    table = table.model_copy(update={"model_digest": model.digest, "entries": entries})
    threshold_id = new_id()
    world.at_foundation("vote_threshold", world.admins[SEOUL], threshold_id, table=table)
    assert world.carry_thresholds(threshold_id, table) == "active"
