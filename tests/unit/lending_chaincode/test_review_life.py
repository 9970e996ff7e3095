"""A review from request to answer: states, dates, what stays of the evaluation before, the queue."""

import hashlib
import json
from datetime import timedelta

import pytest

from hlf_chaincode.testing.world import Entry, key_hash
from lending_domain.canonical import canonical, plain
from lending_domain.model import model2
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_review import ReviewKind
from lending_domain.score import evaluate
from tests.unit.lending_chaincode.consortium import FOUNDED, START, new_id, refused
from tests.unit.lending_chaincode.governing import GYEONGGI, SEOUL, Chamber, version
from tests.unit.lending_chaincode.reviews import ASKED, Review, corrected, opens, told, wrongly_entered


def test_a_correction_from_request_to_closing(consortium):
    review = told(consortium)
    (request,) = (
        one for one in review.ask_here("requests", consortium.applicant, "closed") if one.id == review.id
    )
    assert request.dates == {
        "requested_on": ASKED,
        "relayed_on": ASKED,
        "due_by": ASKED + timedelta(days=40),
        "answered_on": ASKED,
    }
    record = review.record()
    assert (record.state, record.parties) == ("answered", ("foundation-seoul",))
    assert record.references == {"referral": review.referral_id}
    assert record.dates == {
        "received_on": ASKED,
        "due_by": ASKED + timedelta(days=40),
        "answered_on": ASKED,
    }
    assert set(record.commitments) == {"extension", "evaluation", "answer"}


def test_the_evaluation_before_stays_verifiable(consortium):
    review = Review(consortium)
    before = review.referral().commitments["evaluation"]
    review.open()
    again = corrected(consortium)
    review.re_evaluate(evaluation=again)
    referral = review.referral()
    assert referral.state == "evaluated"
    assert referral.commitments == {
        "evaluation": again.commitment,
        f"evaluation-before-{review.id}": before,
    }
    assert review.there("evaluation", consortium.seoul, review.referral_id) == again
    kept = review.there("evaluation_before", consortium.seoul_reviewer, review.id)
    assert kept == review.first
    assert opens(EvaluationRecord.model_validate(kept), before)
    assert not opens(EvaluationRecord.model_validate(kept), again.commitment)
    with refused("NOT_PARTY"):
        review.there("evaluation_before", consortium.gyeonggi, review.id)


def test_an_applicant_declined_for_a_wrong_figure_is_evaluated_again(consortium):
    review = Review(consortium)
    consortium.at_foundation("decline", consortium.seoul, review.referral_id, START)
    review.open()
    review.re_evaluate()
    assert review.referral().state == "evaluated"


def test_firms_filtered_out_before_an_evaluation_have_a_review_too(consortium):
    review = Review(consortium, ReviewKind.HUMAN_REVIEW)
    other = new_id()
    letter = consortium.confirmation(consortium.form(new_id(), []), new_id())
    consortium.hand_over(
        "credit-evaluation",
        "refer",
        other,
        "foundation-seoul",
        START,
        referral={"salt": new_id(), "letter": letter},
    )
    filtered = Review(consortium, ReviewKind.HUMAN_REVIEW, referral_id=other)
    with refused("NOT_EVALUATED"):
        filtered.open()
    consortium.at_foundation("decline", consortium.seoul, other, START)
    filtered.open()
    filtered.re_evaluate()
    assert set(filtered.referral().commitments) == {"evaluation"}
    assert review.referral().state == "evaluated"


def test_a_second_review_needs_an_officer_who_took_no_part_in_the_first(consortium):
    first = Review(consortium)
    first.open()
    first.re_evaluate()
    first.answer()
    second = Review(consortium, referral_id=first.referral_id)
    second.open()
    for had_a_part in (consortium.seoul, consortium.seoul_reviewer):
        with refused("SAME_OFFICER"):
            second.answer(had_a_part)
    third = consortium.authorities["foundation-seoul"].issue("third", role="evaluator")
    assert second.answer(third).state == "answered"


def test_an_explanation_may_come_from_the_officer_who_evaluated(consortium):
    review = Review(consortium, ReviewKind.EXPLANATION)
    review.open()
    with refused("NOT_ASKED"):
        review.re_evaluate()
    assert review.answer(consortium.seoul, outcome="explained").state == "answered"


@pytest.mark.parametrize(
    ("kind", "days"),
    [(ReviewKind.CORRECTION, 10), (ReviewKind.HUMAN_REVIEW, 30), (ReviewKind.EXPLANATION, 30)],
)
@pytest.mark.parametrize(("late", "overdue"), [(0, False), (1, True)])
def test_the_queue_says_what_is_due_and_what_is_overdue(consortium, kind, days, late, overdue):
    review = Review(consortium, kind)
    review.open()
    (due,) = review.there("reviews_due", consortium.seoul, ASKED + timedelta(days=days + late))
    assert (due.id, due.referral_id, due.state) == (review.id, review.referral_id, "received")
    assert (due.received_on, due.due_by) == (ASKED, ASKED + timedelta(days=days))
    assert due.overdue is overdue
    assert review.there("reviews_due", consortium.gyeonggi, ASKED) == ()


def test_an_answer_that_is_late_is_taken_and_its_dates_say_so(consortium):
    review = Review(consortium)
    review.open()
    late = ASKED + timedelta(days=31)
    review.answer(on=late)
    dates = review.record().dates
    assert dates["answered_on"] > dates["due_by"]
    assert review.there("reviews_due", consortium.seoul, late) == ()


def test_the_most_urgent_review_comes_first(consortium):
    later, sooner = Review(consortium), Review(consortium)
    later.open(on=ASKED + timedelta(days=3))
    sooner.open()
    due = review_ids(sooner.there("reviews_due", consortium.seoul, ASKED))
    assert due == [sooner.id, later.id]
    assert {one.id for one in sooner.there("reviews", consortium.seoul, "received")} == set(due)
    assert sooner.there("reviews", consortium.seoul, "answered") == ()


def review_ids(entries):
    return [one.id for one in entries]


def test_a_new_evaluation_is_by_the_version_in_force_or_the_one_used_before(consortium):
    newer, chamber = version(), Chamber(consortium)
    since = ASKED - timedelta(days=1)
    chamber.activate(newer, START, since=since)
    adopt_thresholds(consortium, newer)
    by_the_same, by_the_newer, by_another = (Review(consortium) for _ in range(3))
    for review in (by_the_same, by_the_newer, by_another):
        review.open()
    by_the_same.re_evaluate(evaluation=corrected(consortium))
    result = evaluate(corrected(consortium).form, newer)
    by_the_newer.re_evaluate(evaluation=corrected(consortium, model_digest=newer.digest, result=result))
    kept = by_the_newer.there("evaluation_before", consortium.seoul, by_the_newer.id)
    assert kept.model_digest == model2().digest
    assert by_the_newer.there("evaluation", consortium.seoul, by_the_newer.referral_id).result == result
    never_voted = version("model-4")
    result = evaluate(corrected(consortium).form, never_voted)
    with refused("MODEL_NOT_ACTIVE"):
        by_another.re_evaluate(
            evaluation=corrected(consortium, model_digest=never_voted.digest, result=result)
        )


def adopt_thresholds(world, model):
    """The same thresholds for another version."""
    table = world.thresholds(35_000_000)
    entries = tuple(one.model_copy(update={"model": model.id}) for one in table.entries)
    table, threshold_id = (
        table.model_copy(update={"model_digest": model.digest, "entries": entries}),
        new_id(),
    )
    for voter in (SEOUL, GYEONGGI):
        world.submit(
            world.referral,
            "credit-evaluation",
            "vote_threshold",
            world.admins[voter],
            (threshold_id,),
            private={"table": table},
            endorsers=(SEOUL, GYEONGGI),
        )


def test_an_override_ends_with_the_evaluation_that_it_departs_from(consortium):
    review = Review(consortium)

    def override(who):
        request = {"salt": new_id(), "ground": "other", "reason": "a reason of some length"}
        return consortium.at_foundation("override", who, review.referral_id, START, request=request)

    assert override(consortium.seoul).state == "override-proposed"
    proposed = review.referral().commitments["override"]
    assert override(consortium.seoul_reviewer).state == "overridden"
    assert review.referral().commitments["override"] != proposed
    review.open()
    third = consortium.authorities["foundation-seoul"].issue("third", role="evaluator")
    still_low = wrongly_entered(consortium)
    review.re_evaluate(third, still_low)
    assert review.referral().state == "evaluated"
    with refused("BELOW_THRESHOLD"):
        consortium.at_foundation(
            "reserve_support",
            consortium.seoul,
            review.referral_id,
            ASKED,
            reservation={"salt": new_id(), "guarantee_id": new_id(), "bank": "bank-a"},
        )


def test_what_an_earlier_version_left_is_read(consortium):
    review = Review(consortium)
    held = Held(consortium.referral._world, "foundation-seoul")
    held.drop(f"{review.referral_id}.officers")
    signed = {"officers": ["0" * 64, "1" * 64], "reasons": ["orders in hand", "they are real"]}
    held.put(f"{review.referral_id}.override", {"salt": new_id(), "schema_version": 1, **signed})
    reservation = {"salt": new_id(), "guarantee_id": new_id(), "bank": "bank-a"}
    view = consortium.at_foundation(
        "reserve_support", consortium.seoul, review.referral_id, ASKED, reservation=reservation
    )
    assert view.state == "cleared"
    review.open()
    assert review.answer().state == "answered"


class Held:
    """A foundation's own collection, written by hand as an earlier version of the contract wrote it."""

    def __init__(self, world, organization):
        place = ("credit-evaluation", organization)
        self.values = world.private[organization][place]
        self.hashes = world.hashed[place]
        self.some = next(iter(self.values.values())).version

    def drop(self, key):
        del self.values[key], self.hashes[key_hash(key)]

    def put(self, key, value):
        raw = canonical(value)
        self.values[key] = Entry(raw, self.some)
        self.hashes[key_hash(key)] = Entry(hashlib.sha256(raw).digest(), self.some)


def test_nothing_of_the_request_or_the_answer_stands_on_a_shared_ledger(consortium):
    ledgers = (consortium.application, consortium.referral)
    began = [len(ledger.transactions) for ledger in ledgers]  # before: the model, which is public
    review = told(consortium)
    public = b"".join(
        part
        for ledger, since in zip(ledgers, began, strict=True)
        for one in ledger.transactions[since:]
        for part in (*filter(None, one.rwset.writes.values()), one.result, one.function.encode())
    ).decode()
    for word in ("correction", "re-evaluated", "upheld", "lender", review.letter.digest):
        assert word not in public
    assert review.id in public
    for ledger, organization, collection in (
        (consortium.application, "semas", "applicants_semas"),
        (consortium.referral, "foundation-seoul", "semas_foundation-seoul"),
        (consortium.referral, "foundation-seoul", "foundation-seoul"),
    ):
        held = ledger.private(organization, collection, "credit-evaluation").values()
        assert held
        assert all(len(json.loads(value)["salt"]) >= 32 for value in held)


def test_semas_answers_for_the_direct_loans_that_it_evaluates(consortium):
    adopt_by_semas(consortium)
    semas, other = consortium.semas, consortium.authorities["semas"].issue("reviewer", role="officer")
    referral_id, first = new_id(), wrongly_entered(consortium)
    letter = consortium.confirmation(consortium.form(new_id(), []), new_id(), "semas")
    referral = {"salt": new_id(), "letter": plain(letter)}
    consortium.at_application(
        "credit-evaluation", "refer", semas, referral_id, "semas", START, referral=referral
    )

    def alone(function, who, name, on, **private):
        return consortium.application.submit(
            "credit-evaluation",
            function,
            name,
            on,
            transient={key: plain(value) for key, value in private.items()},
            caller=who.caller,
            endorsers=["semas"],
        )

    alone("evaluate", semas, referral_id, START, evaluation=first)
    review = Review(consortium, ReviewKind.CORRECTION, referral_id=referral_id, foundation="semas")
    review.request()
    assert review.here("open_review", semas, ASKED, request=review.handed()).state == "received"
    review.relay()
    again = corrected(consortium)
    with refused("SAME_OFFICER"):
        alone("re_evaluate", semas, review.id, ASKED, request=review.letter, evaluation=again)
    alone("re_evaluate", other, review.id, ASKED, request=review.letter, evaluation=again)
    signed = review.answer_letter(other, outcome="re-evaluated", commitment=again.commitment)
    answer = {"salt": new_id(), "request": plain(review.letter), "answer": plain(signed)}
    assert alone("answer_review", other, review.id, ASKED, answer=answer).state == "answered"
    assert review.deliver().state == "answered"
    due = review.ask_here("reviews", semas, "answered")
    assert [one.id for one in due] == [review.id]


def adopt_by_semas(world):
    """Model and thresholds on `application`, where SEMAS alone decides."""
    admin, digest = world.admins["semas"], model2().digest
    world.at_application("credit-evaluation", "propose_model", admin, plain(model2()), FOUNDED)
    world.at_application("credit-evaluation", "activate_model", admin, digest, FOUNDED, FOUNDED)
    transient = {"table": plain(world.thresholds(35_000_000))}
    world.application.submit(
        "credit-evaluation",
        "vote_threshold",
        new_id(),
        transient=transient,
        caller=admin.caller,
        endorsers=["semas"],
    )
