"""The deadlines of reviews, where they are written, and what the letters' bodies have to be."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from lending_domain.records_review import (
    FieldCorrection,
    ReviewAnswerBody,
    ReviewKind,
    ReviewOutcome,
    ReviewRequestBody,
)
from lending_domain.review import due_date, extended, review_periods
from lending_domain.violations import Refused

DAY = date(2024, 2, 1)


@pytest.mark.parametrize(
    ("kind", "due"),
    [
        # Enforcement Decree of the Personal Information Protection Act, article 43 (3): within 10 days.
        (ReviewKind.CORRECTION, date(2024, 2, 11)),
        # Of March 2024, on article 37-2: 30 days; over 29 February.
        (ReviewKind.EXPLANATION, date(2024, 3, 2)),
        (ReviewKind.HUMAN_REVIEW, date(2024, 3, 2)),
    ],
)
def test_the_day_of_receipt_is_not_counted(kind, due):
    assert due_date(kind, DAY) == due


def test_what_was_not_verified_says_so():
    periods = review_periods()
    assert periods.extension.source.startswith("not verified")
    assert set(periods.periods) == set(ReviewKind)
    assert all("Personal Information Protection Act" in one.source for one in periods.periods.values())


def test_an_answer_is_put_off_twice_and_in_time():
    due = due_date(ReviewKind.EXPLANATION, DAY)
    once = extended(ReviewKind.EXPLANATION, DAY, due, due)
    twice = extended(ReviewKind.EXPLANATION, DAY, once, once)
    assert (once - due, twice - due) == (timedelta(days=30), timedelta(days=60))
    with pytest.raises(Refused, match="EXTENSIONS_USED"):
        extended(ReviewKind.EXPLANATION, DAY, twice, twice)
    with pytest.raises(Refused, match="EXTENSION_TOO_LATE"):
        extended(ReviewKind.EXPLANATION, DAY, due, due + timedelta(days=1))


def body(**changes):
    fields = {"referral_id": "0" * 32, "kind": "explanation", "text": "why?", "reply_key": "a" * 64}
    return ReviewRequestBody.model_validate({**fields, **changes})


def test_corrections_are_named_in_a_request_for_correction_and_only_there():
    one = FieldCorrection(field="lender_count", value=1, because="the lender's statement")
    assert body(kind="correction", corrections=[one]).corrections == (one,)
    for wrong in ({"kind": "correction"}, {"corrections": [one]}):
        with pytest.raises(ValidationError, match="corrections"):
            body(**wrong)


@pytest.mark.parametrize("value", [True, 5, "none"])
def test_a_corrected_value_keeps_its_type(value):
    found = FieldCorrection.model_validate_json(
        FieldCorrection(field="a.b", value=value, because="x").model_dump_json()
    )
    assert found.value == value
    assert type(found.value) is type(value)


@pytest.mark.parametrize("field", ["", "A", "a.b.c", "__class__", "a b"])
def test_a_field_is_a_path_of_the_form(field):
    with pytest.raises(ValidationError):
        FieldCorrection(field=field, value=1, because="x")


@pytest.mark.parametrize(
    ("outcome", "fitting"),
    [
        (ReviewOutcome.EXPLAINED, {(ReviewKind.EXPLANATION, False)}),
        (ReviewOutcome.UPHELD, {(kind, False) for kind in ReviewKind}),
        (ReviewOutcome.REFUSED, {(kind, False) for kind in ReviewKind}),
        (ReviewOutcome.RE_EVALUATED, {(kind, True) for kind in ReviewKind}),
    ],
)
def test_an_outcome_is_one_of_what_was_asked_for_and_done(outcome, fitting):
    answer = ReviewAnswerBody(
        referral_id="0" * 32,
        kind=ReviewKind.EXPLANATION,
        request="0" * 64,
        outcome=outcome,
        text="as asked",
        received_on=DAY,
        answered_on=DAY,
    )
    cases = {(kind, done) for kind in ReviewKind for done in (False, True)}
    assert {one for one in cases if answer.fits(*one)} == fitting
