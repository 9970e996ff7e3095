"""What a review refuses: strangers, letters that are not right, the evaluator himself, a second time."""

from datetime import timedelta

import pytest

from hlf_chaincode.errors import PeerError
from lending_domain.letters import LetterKind
from lending_domain.records_documents import SealedLetter
from lending_domain.records_review import ReviewKind, ReviewRequest
from tests.unit.lending_chaincode.consortium import START, new_id, refused
from tests.unit.lending_chaincode.reviews import ASKED, Review, corrected, wrongly_entered


@pytest.fixture
def review(consortium):
    """A correction that was asked for, passed on and received."""
    found = Review(consortium)
    found.request()
    found.open()
    found.relay()
    return found


# -- on application


def test_a_request_belongs_to_its_holder(consortium):
    review = Review(consortium)
    review.request()
    stranger = consortium.other_applicant
    with refused("NOT_HOLDER"):
        review.here("withdraw_request", stranger, ASKED)
    with refused("NOT_HOLDER"):
        review.ask_here("request", stranger, review.id)
    assert review.ask_here("requests", stranger, "") == ()
    assert [one.id for one in review.ask_here("requests", consortium.semas, "")] == [review.id]
    with refused("NOT_PERMITTED"):
        review.ask_here("requests", consortium.issuers["nts"], "")
    review.open()
    review.relay()
    review.deliver()
    with refused("NOT_HOLDER"):
        review.ask_here("answer", stranger, review.id)
    with refused("NOT_HOLDER"):
        review.here("close_request", stranger, ASKED)


def test_a_request_is_sealed_to_applicant_and_evaluator_and_nobody_else(consortium):
    review, holder = Review(consortium), consortium.applicant.holder
    for recipients in (
        ("foundation-seoul",),
        (holder, "foundation-seoul", "semas"),
        (holder, "foundation-gyeonggi"),
        (consortium.other_applicant.holder, "foundation-seoul"),
    ):
        with refused("WRONG_RECIPIENT"):
            review.request(sealed=review.sealed(*recipients))
    with refused("WRONG_RECIPIENT"):
        review.request(sealed=review.sealed(concerns=new_id()))
    with refused("BAD_ARGUMENT"):
        review.request(evaluator="bank-a", sealed=review.sealed(holder, "bank-a"))
    review.request()
    with refused("ALREADY_EXISTS"):
        review.request()


def test_semas_passes_on_what_it_cannot_read_and_only_to_these_two(consortium):
    review = Review(consortium)
    review.request()
    seen = review.ask_here("request", consortium.semas, review.id)
    assert set(seen.sealed.wrapped_keys) == {consortium.applicant.holder, "foundation-seoul"}
    changed = review.asked.model_copy(update={"kind": ReviewKind.HUMAN_REVIEW})
    with refused("STALE_VALUE"):
        review.here("relay_request", consortium.semas, ASKED, request=changed)
    review.open()
    review.relay()
    with refused("WRONG_RECIPIENT"):
        review.deliver(sealed=review.sealed(consortium.applicant.holder, "foundation-seoul", "semas"))
    changed = ReviewRequest.model_validate({**review.asked.model_dump(), "evaluator": "foundation-gyeonggi"})
    with refused("STALE_VALUE"):
        review.here("deliver_answer", consortium.semas, ASKED, answer=review.sealed(), request=changed)
    with refused("NOT_PERMITTED"):
        review.deliver(who=consortium.applicant)


def test_requests_go_their_way_once(consortium):
    review = Review(consortium)
    review.request()
    with refused("WRONG_STATE"):
        review.deliver()
    review.relay()
    for again in (review.relay, lambda: review.here("withdraw_request", consortium.applicant, ASKED)):
        with refused("WRONG_STATE"):
            again()
    with refused("WRONG_STATE"):
        review.here("close_request", consortium.applicant, ASKED)
    review.deliver()
    with refused("WRONG_STATE"):
        review.deliver()
    with refused("DATE_BACKWARDS"):
        review.here("close_request", consortium.applicant, ASKED - timedelta(days=1))


# -- handed over


def test_a_request_goes_to_the_foundation_that_evaluated(consortium):
    review, holder = Review(consortium), consortium.applicant.holder
    with refused("WRONG_RECIPIENT"):
        review.open(sealed=review.sealed(holder, "foundation-gyeonggi"))
    with refused("WRONG_RECIPIENT"):
        review.open(sealed=review.sealed(concerns=new_id()))
    with refused("WRONG_RECIPIENT"):
        review.open(evaluator="foundation-gyeonggi")
    with refused("UNKNOWN_RECORD"):
        review.open(referral_id=new_id())
    review.open()
    with refused("ALREADY_EXISTS"):
        review.open()


def test_another_foundation_has_no_part_in_it(review):
    gyeonggi = review.world.gyeonggi
    with refused("NOT_PARTY"):
        review.there("review_request", gyeonggi, review.id)
    with refused("NOT_PARTY"):
        review.answer(gyeonggi)
    with refused("NOT_PARTY"):
        review.re_evaluate(gyeonggi)
    assert review.there("reviews", gyeonggi, "") == ()
    with pytest.raises(PeerError):
        review.there("stored", gyeonggi, "semas_foundation-seoul", f"{review.id}.review")
    notice = review.extension_letter(ASKED + timedelta(days=60), review.world.seoul)
    with pytest.raises(PeerError):
        review.world.referral.submit(
            "credit-evaluation",
            "extend_review",
            review.id,
            ASKED,
            transient={"notice": notice.model_dump(mode="json")},
            caller=review.world.seoul.caller,
            endorsers=["foundation-gyeonggi"],
        )


# -- the applicant's letter


def test_a_request_is_signed_by_the_applicant_whom_semas_confirmed(review):
    world = review.world
    of_another = review.request_letter(world.other_applicant)
    with refused("LETTER_SIGNER_ROLE"):
        review.re_evaluate(request=of_another)
    by_semas = world.letter(
        world.semas,
        LetterKind.REVIEW_REQUEST,
        "foundation-seoul",
        review.id,
        review.letter.letter.body,
        issuer="applicants",
    )
    with refused("LETTER_UNTRUSTED_SIGNER"):
        review.re_evaluate(request=by_semas)


def test_letters_altered_or_of_another_kind_addressee_referral_or_time(review):
    letter = review.letter
    body = {**letter.letter.body, "text": "altered"}
    altered = letter.model_copy(update={"letter": letter.letter.model_copy(update={"body": body})})
    early = review.world.referral.time - timedelta(days=40)
    for code, other in (
        ("LETTER_SIGNATURE", altered),
        ("LETTER_KIND", review.request_letter(letter_kind=LetterKind.EXPLANATION)),
        ("LETTER_ADDRESSEE", review.request_letter(addressee="foundation-gyeonggi")),
        ("LETTER_MISMATCH", review.request_letter(subject=new_id())),
        ("LETTER_MISMATCH", review.request_letter(referral_id=new_id())),
        ("LETTER_EXPIRED", review.request_letter(issued_at=early, days=30)),
    ):
        with refused(code):
            review.answer(request_letter=other, request=other.digest)
        with refused(code):
            review.re_evaluate(request=other)


# -- evaluated again


def test_the_evaluator_neither_evaluates_again_nor_answers(review):
    with refused("SAME_OFFICER"):
        review.re_evaluate(review.world.seoul)
    with refused("SAME_OFFICER"):
        review.answer(review.world.seoul)
    enrolled_anew = review.world.authorities["foundation-seoul"].issue("evaluator", role="evaluator")
    with refused("SAME_OFFICER"):
        review.answer(enrolled_anew)
    review.re_evaluate()
    # Who evaluated again in this review is its reviewer, and answers.
    with refused("SAME_OFFICER"):
        review.answer(review.world.seoul)
    assert review.answer().state == "answered"


def test_a_new_evaluation_is_held_to_the_unit_too(review):
    honest = corrected(review.world)
    for change in (1, -1):
        altered = honest.result.model_copy(update={"total": honest.result.total + change})
        with refused("SCORE_MISMATCH"):
            review.re_evaluate(evaluation=honest.model_copy(update={"result": altered}))
    with refused("RESULT_MISMATCH"):
        review.re_evaluate(evaluation=honest.model_copy(update={"guaranteeable": False}))
    with refused("MODEL_NOT_ACTIVE"):
        review.re_evaluate(evaluation=honest.model_copy(update={"model_digest": "0" * 64}))
    review.re_evaluate(evaluation=honest)
    with refused("NOT_NEEDED"):
        review.re_evaluate(evaluation=corrected(review.world))


def test_there_is_no_new_evaluation_without_a_review_or_after_its_answer(consortium):
    review = Review(consortium)
    with refused("UNKNOWN_RECORD"):
        review.re_evaluate()
    review.open()
    review.answer()
    with refused("WRONG_STATE"):
        review.re_evaluate()


def test_a_firm_that_is_supported_is_not_evaluated_again(consortium):
    review = Review(consortium, evaluation=corrected(consortium))
    reservation = {"salt": new_id(), "guarantee_id": new_id(), "bank": "bank-a"}
    consortium.at_foundation(
        "reserve_support", consortium.seoul, review.referral_id, START, reservation=reservation
    )
    review.open()
    with refused("WRONG_STATE"):
        review.re_evaluate(evaluation=wrongly_entered(consortium))
    assert review.answer().state == "answered"


# -- answered


def test_there_is_one_answer(review):
    review.answer()
    with refused("WRONG_STATE"):
        review.answer()
    with refused("WRONG_STATE"):
        review.extend(ASKED, ASKED + timedelta(days=60))


def test_an_answer_says_what_the_ledger_says(review):
    another = corrected(review.world)
    for change in (
        {"referral_id": new_id()},
        {"kind": ReviewKind.HUMAN_REVIEW},
        {"request": "0" * 64},
        {"received_on": ASKED - timedelta(days=1)},
        {"answered_on": ASKED + timedelta(days=1)},
        {"commitment": another.commitment},
        {"evaluation": another},
        {"outcome": "re-evaluated"},
        {"outcome": "explained"},
    ):
        with refused("LETTER_MISMATCH"):
            review.answer(**change)
    review.re_evaluate()
    with refused("LETTER_MISMATCH"):
        review.answer(outcome="upheld")
    with refused("LETTER_MISMATCH"):
        review.answer(commitment=review.first.commitment)


def test_an_answer_is_signed_by_the_officer_who_hands_it_in_and_for_this_applicant(review):
    world = review.world
    with refused("LETTER_SIGNER_ROLE"):
        review.answer(letter=review.answer_letter(world.seoul))
    with refused("LETTER_ADDRESSEE"):
        review.answer(addressee=world.other_applicant.holder)
    with refused("LETTER_MISMATCH"):
        review.answer(subject=new_id())
    altered = review.answer_letter()
    body = {**altered.letter.body, "text": "something else"}
    altered = altered.model_copy(update={"letter": altered.letter.model_copy(update={"body": body})})
    with refused("LETTER_SIGNATURE"):
        review.answer(letter=altered)


# -- put off


def test_a_deadline_is_put_off_twice_in_time_and_by_its_letter(review):
    first, second = ASKED + timedelta(days=40), ASKED + timedelta(days=70)
    with refused("EXTENSION_TOO_LATE"):
        review.extend(ASKED + timedelta(days=11), first)
    with refused("LETTER_MISMATCH"):
        review.extend(ASKED, second)
    with refused("LETTER_ADDRESSEE"):
        review.extend(ASKED, first, addressee=review.world.other_applicant.holder)
    review.extend(ASKED + timedelta(days=10), first)
    review.extend(first, second)
    with refused("EXTENSIONS_USED"):
        review.extend(second, second + timedelta(days=30))
    (due,) = review.there("reviews_due", review.world.seoul, second)
    assert (due.state, due.due_by, due.overdue) == ("extended", second, False)


def test_semas_passes_a_notice_on_a_day_late_and_no_more_often_than_the_rule(review):
    world = review.world

    def passed_on(on):
        notice: SealedLetter = review.sealed()
        return review.here("relay_extension", world.semas, on, notice=notice, request=review.asked)

    assert passed_on(ASKED + timedelta(days=11)).state == "extended"
    passed_on(ASKED + timedelta(days=12))
    with refused("EXTENSIONS_USED"):
        passed_on(ASKED + timedelta(days=13))
    (record,) = review.ask_here("requests", world.applicant, "extended")
    assert record.dates["due_by"] == ASKED + timedelta(days=70)
