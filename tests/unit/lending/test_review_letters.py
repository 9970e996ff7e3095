"""A review's letters between the two whom they are sealed to, and the form as an applicant corrects it."""

from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lending.documents import open_letter, public_key_text
from lending.documents.applicants import load_applicant
from lending.review_letters import (
    answer_letter,
    corrected,
    extension_letter,
    relay_id,
    request_letter,
    sealed_between,
)
from lending_domain.letters import LetterKind, verify_letter
from lending_domain.records_review import (
    FieldCorrection,
    ReviewAnswerBody,
    ReviewExtensionBody,
    ReviewKind,
    ReviewOutcome,
    ReviewRequestBody,
)
from lending_domain.violations import Refused
from tests.unit.lending.signers import START, authority, signer

FORM = load_applicant(Path(__file__).parents[2] / "data" / "demo-applicant-2.yaml").form
HOLDER, SEOUL, REVIEW = "ab" * 16, "foundation-seoul", "cd" * 16
KEYS = {name: X25519PrivateKey.generate() for name in (HOLDER, SEOUL, "semas", "foundation-gyeonggi")}
BODY = ReviewRequestBody(
    referral_id="ef" * 16,
    kind=ReviewKind.HUMAN_REVIEW,
    text="사람이 다시 보아 주십시오",
    reply_key=public_key_text(KEYS[HOLDER].public_key()),
)


def correction(field, value):
    return FieldCorrection(field=field, value=value, because="영수증")


@pytest.fixture
def request_of_applicant():
    return request_letter(signer("applicants"), SEOUL, REVIEW, BODY)


def test_only_the_two_open_a_letter_of_a_review(request_of_applicant):
    keys = {HOLDER: BODY.reply_key, SEOUL: KEYS[SEOUL].public_key()}
    sealed = sealed_between(request_of_applicant, keys)
    assert sealed.concerns == REVIEW
    for name in (HOLDER, SEOUL):
        assert open_letter(sealed, name, KEYS[name]) == request_of_applicant
    for stranger in ("semas", "foundation-gyeonggi"):
        with pytest.raises(Refused, match="NOT_A_RECIPIENT"):
            open_letter(sealed, stranger, KEYS[stranger])
        with pytest.raises(Refused, match="SEAL_BROKEN"):
            open_letter(sealed, SEOUL, KEYS[stranger])
    moved = sealed.model_copy(update={"concerns": "00" * 16})
    with pytest.raises(Refused, match="SEAL_BROKEN"):
        open_letter(moved, SEOUL, KEYS[SEOUL])
    assert BODY.text not in sealed.model_dump_json()


def test_each_letter_is_signed_to_its_addressee_about_the_review(request_of_applicant):
    notice = extension_letter(signer(SEOUL), HOLDER, REVIEW, date(2024, 3, 1), "회신 대기")
    answer = answer_letter(
        signer(SEOUL),
        request_of_applicant,
        ReviewOutcome.UPHELD,
        "다시 보았습니다",
        holder=HOLDER,
        received_on=date(2024, 2, 1),
        answered_on=date(2024, 2, 3),
        commitment="0" * 64,
    )
    expected = (
        (request_of_applicant, LetterKind.REVIEW_REQUEST, "applicants", SEOUL),
        (notice, LetterKind.REVIEW_EXTENSION, SEOUL, HOLDER),
        (answer, LetterKind.REVIEW_ANSWER, SEOUL, HOLDER),
    )
    for letter, kind, issuer, addressee in expected:
        anchors = {issuer: [authority(issuer)[0]]}
        at = max(letter.letter.issued_at, START)
        found = verify_letter(letter, anchors, at, addressee, kind=kind, issuer=issuer)
        assert found == ()
        assert letter.letter.subject == REVIEW
    assert ReviewExtensionBody.model_validate(notice.letter.body).due_by == date(2024, 3, 1)
    said = ReviewAnswerBody.model_validate(answer.letter.body)
    assert (said.request, said.kind, said.referral_id) == (
        request_of_applicant.digest,
        BODY.kind,
        BODY.referral_id,
    )


def test_the_form_as_corrected():
    found = corrected(
        FORM,
        (
            correction("total_borrowing_krw", 1_000_000),
            correction("residence.years", 9),
            correction("real_estate_pledged", True),
            correction("certificate", "engineer"),
        ),
    )
    assert found.total_borrowing_krw == 1_000_000
    assert (found.residence.years, found.residence.months) == (9, FORM.residence.months)
    assert found.real_estate_pledged is True
    assert found.certificate == "engineer"
    assert found.annual_sales_krw == FORM.annual_sales_krw


@pytest.mark.parametrize("field", ["salary", "residence.days", "lender_count.years"])
def test_a_field_that_the_form_does_not_have(field):
    with pytest.raises(Refused, match="CORRECTION_UNKNOWN") as caught:
        corrected(FORM, (correction(field, 1),))
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize(
    ("field", "value"), [("total_borrowing_krw", "much"), ("lender_count", -1), ("certificate", "driver")]
)
def test_a_value_that_is_none_of_the_field_s_is_not_repeated(field, value):
    with pytest.raises(Refused, match="CORRECTION_INVALID") as caught:
        corrected(FORM, (correction(field, value),))
    assert field in caught.value.violations[0].field
    assert str(value) not in str(caught.value)


def test_letters_are_found_under_ids_of_their_own():
    ids = {relay_id(REVIEW, what) for what in ("answer", "2024-03-01", "2024-03-31")}
    assert len(ids) == 3
    assert all(len(one) == 32 for one in ids)
