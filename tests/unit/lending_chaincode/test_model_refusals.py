"""What the contract refuses about versions of the model and their thresholds."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import pytest

from hlf_chaincode import ContractError
from hlf_chaincode.testing.world import key_hash
from lending_domain.canonical import plain
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import Composition, compose, model2
from lending_domain.records import encode
from lending_domain.records_evaluation import ThresholdBallot
from lending_domain.records_model import MOST_COMMENTS
from tests.unit.lending_chaincode.consortium import NOW, START, failed, new_id, refused
from tests.unit.lending_chaincode.governing import BUSAN, GYEONGGI, LATER, SEOUL, Chamber, version


@pytest.fixture
def chamber(consortium):
    return Chamber(consortium)


def test_only_administrators_of_evaluating_members_govern(consortium, chamber):
    model = version()
    with refused("NOT_PERMITTED"):
        chamber.propose(model, who="semas")
    chamber.propose(model)
    chamber.callers["evaluator"] = consortium.seoul.caller
    for function, args in (
        ("vote_model", (True,)),
        ("comment_model", ("no",)),
        ("withdraw_model", ()),
        ("activate_model", (LATER,)),
    ):
        for who in ("semas", "evaluator"):
            with refused("NOT_PERMITTED"):
                chamber.do(who, function, model.digest, LATER, *args)


def test_a_foundation_outside_the_charter_has_no_vote(chamber):
    model = version()
    chamber.propose(model)
    chamber.join()
    chamber.callers["foundation-jeju"] = chamber.callers[BUSAN]
    stranger = type(chamber.callers[BUSAN])("foundation-jeju", role="admin", name="admin")
    chamber.callers["foundation-jeju"] = stranger
    with refused("NOT_PERMITTED"):
        chamber.do("foundation-jeju", "vote_model", model.digest, LATER)


def test_no_vote_twice_and_none_when_it_is_decided(chamber):
    chamber.join()
    model = version()
    chamber.propose(model)
    for support in (True, False):
        with refused("ALREADY_VOTED"):
            chamber.do(SEOUL, "vote_model", model.digest, LATER, support)
    chamber.do(GYEONGGI, "vote_model", model.digest, LATER)
    with refused("WRONG_STATE"):
        chamber.do(BUSAN, "vote_model", model.digest, LATER, False)  # late
    chamber.do(BUSAN, "activate_model", model.digest, LATER, LATER)
    with refused("WRONG_STATE"):
        chamber.do(BUSAN, "vote_model", model2().digest, LATER)  # superseded by now


def test_a_version_is_activated_once_and_only_when_carried(chamber):
    model = version()
    chamber.propose(model)
    with refused("WRONG_STATE"):
        chamber.do(SEOUL, "activate_model", model.digest, LATER, LATER)
    chamber.do(GYEONGGI, "vote_model", model.digest, LATER)
    chamber.do(SEOUL, "activate_model", model.digest, LATER, LATER)
    with refused("WRONG_STATE"):
        chamber.do(SEOUL, "activate_model", model.digest, LATER, LATER + timedelta(days=1))
    with refused("WRONG_STATE"):
        chamber.do(SEOUL, "activate_model", model2().digest, LATER, LATER + timedelta(days=1))


@pytest.mark.parametrize("end", ["rejected", "withdrawn"])
def test_an_ended_proposal_stays_ended(consortium, chamber, end):
    model = version()
    chamber.propose(model)
    if end == "rejected":
        assert chamber.do(GYEONGGI, "vote_model", model.digest, LATER, False) == end
    else:
        assert chamber.do(SEOUL, "withdraw_model", model.digest, LATER) == end
    for function, args in (
        ("vote_model", (True,)),
        ("comment_model", ("too late",)),
        ("withdraw_model", ()),
        ("activate_model", (LATER,)),
    ):
        with refused("WRONG_STATE"):
            chamber.do(SEOUL, function, model.digest, LATER, *args)
    with refused("ALREADY_EXISTS"):
        chamber.propose(model)
    with refused("WRONG_STATE"):
        consortium.at_foundation(
            "vote_threshold", consortium.admins[SEOUL], new_id(), table=_table(consortium, model)
        )


def test_only_its_proposer_withdraws_an_open_proposal(chamber):
    chamber.join()
    model = version()
    chamber.propose(model)
    with refused("NOT_PROPOSER"):
        chamber.do(GYEONGGI, "withdraw_model", model.digest, LATER)
    chamber.do(GYEONGGI, "vote_model", model.digest, LATER)
    with refused("WRONG_STATE"):
        chamber.do(SEOUL, "withdraw_model", model.digest, LATER)


def test_dates_are_monotone_and_nothing_is_activated_backwards(chamber):
    model, day = version(), timedelta(days=1)
    chamber.propose(model)
    with refused("DATE_BACKWARDS"):
        chamber.do(GYEONGGI, "vote_model", model.digest, LATER - day)
    chamber.do(GYEONGGI, "vote_model", model.digest, LATER + day)
    with refused("DATE_BACKWARDS"):
        chamber.do(SEOUL, "activate_model", model.digest, LATER, LATER)  # before the vote carried
    with refused("ACTIVATION_DATE"):
        chamber.do(SEOUL, "activate_model", model.digest, LATER + day, LATER)
    with refused("ACTIVATION_DATE"):
        chamber.do(SEOUL, "activate_model", model.digest, LATER + day, LATER + 368 * day)
    with refused("DATE_IN_FUTURE"):
        chamber.do(SEOUL, "activate_model", model.digest, NOW.date() + day, NOW.date() + day)
    chamber.do(SEOUL, "activate_model", model.digest, LATER + day, LATER + 10 * day)
    newest = version("model-4")
    chamber.carry(newest, LATER + day)
    for since in (LATER + 5 * day, LATER + 10 * day):
        with refused("ACTIVATION_DATE"):
            chamber.do(SEOUL, "activate_model", newest.digest, LATER + 2 * day, since)
    chamber.do(SEOUL, "activate_model", newest.digest, LATER + 2 * day, LATER + 11 * day)


def test_the_same_text_or_the_same_id_is_not_proposed_twice(chamber):
    with refused("ALREADY_EXISTS"):
        chamber.propose(model2())
    with refused("MODEL_ID_TAKEN"):
        chamber.propose(version("model-2"))
    with refused("UNKNOWN_MODEL"):
        chamber.propose(version(predecessor="0" * 64))
    with refused("UNKNOWN_MODEL"):
        chamber.do(SEOUL, "vote_model", "0" * 64, LATER)


def test_an_incomplete_or_implausible_version_is_refused_for_all_its_breaches(chamber):
    block = model2().judgement[Industry.WHOLESALE]
    heavy = {Industry.WHOLESALE: block | {"manager_ability": Decimal("0.3")}}
    lacking = model2().model_copy(
        update={
            "id": "model-3",
            "industries": tuple(one for one in Industry if one is not Industry.OTHER),
            "judgement": model2().judgement | heavy,
        }
    )
    with pytest.raises(ContractError) as caught:
        chamber.propose(lacking)
    found = caught.value.fields["violations"]
    assert {"MODEL_INCOMPLETE", "MODEL_SUM", "MODEL_PARENT"} <= {one["code"] for one in found}
    assert "judgement.other" in {one["field"] for one in found}
    assert all(one["ko"] and one["en"] for one in found)


def test_comments_are_short_public_and_nobody_s_data(chamber):
    model = version()
    chamber.propose(model)
    for text in (
        "담당자 010-1234-5678",
        "900101-1234567",
        "사업자번호1234567890",
        "write to someone@example.org",
    ):
        with refused("PERSONAL_DATA"):
            chamber.do(SEOUL, "comment_model", model.digest, LATER, text)
    for text in ("", " ", "가" * 501):
        with refused("INVALID_ARGUMENT"):
            chamber.do(SEOUL, "comment_model", model.digest, LATER, text)
    chamber.do(SEOUL, "comment_model", model.digest, LATER, "가" * 500)
    for count in range(1, MOST_COMMENTS):
        chamber.do(SEOUL, "comment_model", model.digest, LATER, f"remark {count} of 2021-06-01, 0.045")
    with refused("TOO_MANY_COMMENTS"):
        chamber.do(SEOUL, "comment_model", model.digest, LATER, "one more")
    chamber.do(GYEONGGI, "comment_model", model.digest, LATER, "still heard")
    assert len(chamber.ask("model_comments", model.digest)) == MOST_COMMENTS + 1


def test_comments_end_when_a_version_is_in_force(chamber):
    chamber.activate(version())
    with refused("WRONG_STATE"):
        chamber.do(SEOUL, "comment_model", version().digest, LATER, "too late")


def test_thresholds_are_of_a_version_proposed_and_fit_it(consortium, chamber):
    world, model = consortium, version()
    seoul = world.admins[SEOUL]

    def vote(**changes):
        table = _table(world, model).model_copy(update=changes)
        return world.at_foundation("vote_threshold", seoul, new_id(), table=table)

    with refused("UNKNOWN_MODEL"):
        vote()
    chamber.propose(model)
    entries = _table(world, model).entries
    first = entries[0]
    for wrong in (
        first.model_copy(update={"model": "model-2"}),
        first.model_copy(update={"composition": Composition.NORMALISED}),
        first.model_copy(update={"units": 60 * sum(_weights(model, first)) + 1}),
        entries[1],
    ):
        with refused("THRESHOLD_INVALID"):
            vote(entries=(wrong, *entries[1:]))
    vote(entries=(first.model_copy(update={"units": 60 * sum(_weights(model, first))}), *entries[1:]))


def test_thresholds_are_read_by_the_foundations_alone(consortium, chamber):
    world, digest = consortium, model2().digest
    seoul, gyeonggi = world.admins[SEOUL], world.admins[GYEONGGI]
    read = world.ask(world.referral, "credit-evaluation", "thresholds", seoul, digest)
    assert read.entries == world.thresholds(35_000_000).entries
    assert world.ask(world.referral, "credit-evaluation", "thresholds", world.gyeonggi, digest) == read
    for other in (world.admins["semas"], world.semas):
        with refused("NOT_PERMITTED"):
            world.ask(world.referral, "credit-evaluation", "thresholds", other, digest)
    with refused("UNKNOWN_MODEL"):
        world.ask(world.referral, "credit-evaluation", "thresholds", seoul, "0" * 64)
    model, threshold_id = version(), new_id()
    chamber.propose(model)
    with refused("NO_THRESHOLD"):
        world.ask(world.referral, "credit-evaluation", "thresholds", seoul, model.digest)
    table = _table(world, model)
    world.at_foundation("vote_threshold", seoul, threshold_id, table=table)
    proposed = world.ask(world.referral, "credit-evaluation", "threshold_ballot", gyeonggi, threshold_id)
    assert proposed == ThresholdBallot(salt=table.salt, table=table, votes=(SEOUL,))
    with failed():
        world.at_foundation("vote_threshold", gyeonggi, threshold_id, table=proposed.table)
    assert world.carry_thresholds(threshold_id, proposed.table) == "active"


def test_what_one_foundation_alone_writes_is_no_threshold(consortium, chamber):
    """The collection lets any foundation write, so a table counts by its hash in the version's record."""
    world, key = consortium, f"thresholds/{model2().digest}"
    forged = encode(world.thresholds(1).model_copy(update={"version": 2}))
    ledger = world.referral._world
    for name in (SEOUL, GYEONGGI):
        ledger.private_entry(name, "credit-evaluation", "foundations", key).value = forged
    hashed = ledger.hashed_entry("credit-evaluation", "foundations", key_hash(key))
    hashed.value = hashlib.sha256(forged).digest()
    with refused("NO_THRESHOLD"):
        world.ask(world.referral, "credit-evaluation", "thresholds", world.admins[SEOUL], model2().digest)


def test_a_version_of_another_channel_is_another_s(consortium, chamber):
    """SEMAS decides alone about direct loans, on `application`; its version says nothing on `referral`."""
    world, model = consortium, compose(version("direct-1"), Composition.NORMALISED)
    admin = world.admins["semas"]
    view = world.at_application("credit-evaluation", "propose_model", admin, plain(model), START)
    assert view.state == "carried"
    view = world.at_application("credit-evaluation", "activate_model", admin, model.digest, START, START)
    assert view.state == "active"
    active = world.ask(world.application, "credit-evaluation", "active_model", world.semas, START)
    assert active.digest == model.digest
    assert model.digest not in {one.id for one in chamber.ask("models")}


def _weights(model, entry):
    return model.weights(CompanyClass(entry.company_class), entry.industry).values()


def _table(world, model):
    table = world.thresholds(30_000_000)
    entries = tuple(one.model_copy(update={"model": model.id}) for one in table.entries)
    return table.model_copy(update={"model_digest": model.digest, "entries": entries})
