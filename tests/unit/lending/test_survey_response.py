"""Signed responses: what is refused, and that nothing in them names a person."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from hlf.identity import SigningIdentity
from lending.credit.survey.definition import Definition, SurveyError, packaged, packaged_text, parse
from lending.credit.survey.response import (
    Origin,
    SignedResponse,
    collect,
    new_rater,
    pseudonym,
    respond,
    response_violations,
)
from lending_domain.violations import Refused
from tests.unit.lending.signers import END, authority, signer

SURVEY = packaged()
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ANSWERS = dict.fromkeys(SURVEY.asked, "1") | {"stability.business_age.residence": "3"}
ANCHORS = {"foundation-seoul": (authority("foundation-seoul")[0],)}


def _signed(who: SigningIdentity, at: datetime = AT, **changes: str) -> SignedResponse:
    return respond(SURVEY, ANSWERS | changes, at, rater=pseudonym(SURVEY, who.certificate), signer=who)


def _codes(signed: SignedResponse, **options: object) -> list[str]:
    return [one.code for one in response_violations(signed, SURVEY, **options)]  # type: ignore[arg-type]


def test_a_signed_response_verifies_and_survives_its_bytes() -> None:
    signed = _signed(signer("foundation-seoul"))
    again = SignedResponse.from_bytes(signed.to_bytes())
    assert again == signed
    assert _codes(again, anchors=ANCHORS) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rater", "R-1"),
        ("answered_at", "2026-03-02T09:31:00Z"),
        ("origin", "transcribed"),
        ("organization", "foundation-gyeonggi"),
        ("answers", ANSWERS | {"stability.business_age.residence": "5"}),
        ("answers", {}),
    ],
)
def test_whatever_is_changed_breaks_the_signature(field: str, value: object) -> None:
    content = json.loads(_signed(signer("foundation-seoul")).to_bytes())
    content["response"][field] = value
    assert "RESPONSE_SIGNATURE" in _codes(SignedResponse.from_json(content), anchors=ANCHORS)


def test_a_signature_of_another_or_none_at_all_is_refused() -> None:
    signed, other = _signed(signer("foundation-seoul")), signer("bank-a")
    forged = base64.b64encode(other.sign(signed.response.message())).decode()
    assert _codes(signed.model_copy(update={"signature": forged})) == ["RESPONSE_SIGNATURE"]
    assert _codes(signed.model_copy(update={"signature": ""})) == ["RESPONSE_SIGNATURE"]
    assert _codes(signed.model_copy(update={"certificate": "no certificate"})) == ["RESPONSE_SIGNATURE"]
    stripped = signed.model_copy(update={"signature": "", "certificate": ""})
    assert _codes(stripped) == ["RESPONSE_UNSIGNED"]
    assert _codes(stripped, allow_unsigned=True) == []


def test_a_signer_of_no_known_ca_is_refused_as_is_one_who_claims_another_organization() -> None:
    stranger = _signed(signer("bank-a"))
    assert _codes(stranger, anchors=ANCHORS) == ["RESPONSE_UNTRUSTED_SIGNER"]
    assert _codes(stranger, anchors={"foundation-seoul": ANCHORS["foundation-seoul"], "bank-a": ()}) == [
        "RESPONSE_UNTRUSTED_SIGNER"
    ]
    assert _codes(stranger) == []


def test_a_certificate_that_was_not_valid_when_the_rater_answered_is_refused() -> None:
    late = _signed(signer("foundation-seoul"), at=END + timedelta(days=1))
    assert _codes(late, anchors=ANCHORS) == ["RESPONSE_UNTRUSTED_SIGNER"]


def test_a_session_is_answered_under_the_key_s_own_pseudonym_and_paper_under_any() -> None:
    who = signer("foundation-seoul")
    assert _codes(respond(SURVEY, ANSWERS, AT, rater="R-7", signer=who)) == ["RESPONSE_RATER"]
    paper = [
        respond(SURVEY, ANSWERS, AT, rater=f"R-{n}", origin=Origin.TRANSCRIBED, signer=who) for n in range(3)
    ]
    assert len(collect(SURVEY, paper, ANCHORS).responses) == 3


def test_one_key_has_one_pseudonym_in_a_survey_and_another_in_the_next() -> None:
    who = signer("foundation-seoul")
    assert pseudonym(SURVEY, who.certificate) == pseudonym(SURVEY, who.certificate)
    assert pseudonym(SURVEY, who.certificate) != pseudonym(_next_version(), who.certificate)


def _next_version() -> Definition:
    return parse(yaml.safe_dump(yaml.safe_load(packaged_text()) | {"version": 2}, allow_unicode=True))


def test_a_response_to_another_survey_is_refused() -> None:
    other = _next_version()
    assert "RESPONSE_OF_ANOTHER_SURVEY" in [
        one.code for one in response_violations(_signed(signer("foundation-seoul")), other)
    ]


def test_of_a_response_given_twice_one_counts_and_of_two_that_differ_none() -> None:
    first = _signed(signer("foundation-seoul"))
    copies = collect(SURVEY, [first, first], ANCHORS)
    assert [len(copies.responses), [one.place for one in copies.refused]] == [1, [1]]
    other = _signed(signer("foundation-seoul"), **{"fact.condition.stability": "9"})
    both = collect(SURVEY, [first, other], ANCHORS)
    assert not both.responses
    assert {one.violations[0].code for one in both.refused} == {"RESPONSE_TWICE"}


def test_a_forgery_in_a_rater_s_name_takes_away_nothing() -> None:
    genuine = _signed(signer("foundation-seoul"))
    content = json.loads(genuine.to_bytes())
    content["response"]["answers"]["fact.condition.stability"] = "9"
    found = collect(SURVEY, [SignedResponse.from_json(content), genuine], ANCHORS)
    assert found.responses == (genuine,)
    assert [one.violations[0].code for one in found.refused] == ["RESPONSE_SIGNATURE"]


@pytest.mark.parametrize(
    "name",
    [
        "김철수",
        "Kim Cheol-su",
        "kim@example.org",
        "900101-1234567",
        "9001011234567",
        "010-1234-5678",
        "kim",
        "",
    ],
)
def test_a_rater_is_no_name_and_no_number_of_a_person(name: str) -> None:
    with pytest.raises(SurveyError, match="rater") as refused:
        respond(SURVEY, ANSWERS, AT, rater=name)
    assert not name or name not in str(refused.value)


def test_serial_numbers_and_random_names_are_raters() -> None:
    for name in ("R-017", "17", "rater-3", new_rater()):
        assert respond(SURVEY, ANSWERS, AT, rater=name).response.rater == name


def test_answers_to_no_question_or_off_the_scale_are_refused_when_made_and_when_collected() -> None:
    with pytest.raises(SurveyError, match=r"no\.such\.question"):
        respond(SURVEY, {"no.such.question": "1"}, AT, rater="R-1")
    with pytest.raises(SurveyError, match=r"stability\.business_age\.residence"):
        respond(SURVEY, {"stability.business_age.residence": "12"}, AT, rater="R-1")
    signed = respond(SURVEY, ANSWERS, AT, rater="R-1")
    wrong = signed.response.model_copy(update={"answers": {"stability.business_age.residence": "12"}})
    (found,) = response_violations(SignedResponse(response=wrong), SURVEY, allow_unsigned=True)
    assert (found.code, found.field) == ("RESPONSE_ANSWER", "answers.stability.business_age.residence")


def test_a_synthetic_response_cannot_shed_its_label() -> None:
    signed = respond(SURVEY, ANSWERS, AT, rater="synthetic-1", origin=Origin.SYNTHETIC)
    assert signed.response.synthetic
    bare = SignedResponse(response=signed.response.model_copy(update={"synthetic": False}))
    assert _codes(bare, allow_unsigned=True) == ["RESPONSE_LABEL"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"response": 1.5}', b"\xff", b'{"a": 1, "a": 2}'])
def test_what_is_no_response_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        SignedResponse.from_bytes(data)
    assert refused.value.code == "RESPONSE_MALFORMED"
