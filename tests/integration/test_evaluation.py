"""Evaluation, override and review on a network: what is taken, what is refused, and what an onlooker sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from hlf.errors import EndorseError, EvaluateError
from lending.correspondence import write_letter
from lending.credit import compute, explain, opening_violations
from lending.demo.cast import Cast
from lending.documents import open_letter, public_key_text
from lending.documents.applicants import Applicant, load_applicant, threshold_for
from lending.institution import new_id, new_salt
from lending.review_letters import answer_letter, corrected, relay_id, request_letter, sealed_between
from lending_domain.canonical import canonical
from lending_domain.duplicates import business_number
from lending_domain.form import EvaluationForm
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.records import Record, read_record
from lending_domain.records_application import Firm
from lending_domain.records_evaluation import (
    EvaluationRecord,
    OverrideGround,
    OverrideRequest,
    Referral,
    Reservation,
)
from lending_domain.records_letters import ConfirmationBody
from lending_domain.records_review import (
    FieldCorrection,
    ReviewAnswer,
    ReviewAnswerBody,
    ReviewKind,
    ReviewOutcome,
    ReviewRequest,
    ReviewRequestBody,
)
from lending_domain.score import evaluate
from lending_domain.violations import Refused
from tests.integration.conftest import ROOT, DemoRun
from tests.integration.exposure import expose

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

SEOUL, GYEONGGI = "foundation-seoul", "foundation-gyeonggi"
WHY = "제 대출 잔액은 사백만 원이 아닙니다"
BORROWED, MISREAD = 9_400_000, 97_310_000


@pytest.fixture(scope="module")
def cast(demo_run: DemoRun) -> Iterator[Cast]:
    with Cast(demo_run.network) as found:
        yield found


@pytest.fixture(scope="module")
def applicant() -> Applicant:
    return load_applicant(ROOT / "tests" / "data" / "demo-applicant-2.yaml")


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises((EndorseError, EvaluateError)) as caught:
        act()
    assert caught.value.chaincode_message.startswith(f"{code}: "), caught.value


def _business_number(serial: int) -> str:
    """Nine digits and the check digit that makes them a business number."""
    for check in range(10):
        with suppress(Refused):
            return business_number(f"{serial:09d}{check}")
    raise AssertionError("one of ten check digits fits")


@dataclass
class Case:
    """A firm at foundation-seoul, confirmed by SEMAS, on days of its own."""

    cast: Cast
    applicant: Applicant
    referral_id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.on = self.applicant.as_of + timedelta(days=60)
        self.holder = self.cast.holder("applicant-2")
        firm = Firm(
            name="두레상회",
            business_number=_business_number(int(self.referral_id, 16) % 10**9),
            representative="이심사",
            representative_link=new_id(),
        )
        body = ConfirmationBody(
            holder=self.holder,
            fund=self.applicant.request.fund,
            amount_krw=self.applicant.request.amount_krw,
            firm=firm,
            profile=self.applicant.profile,
            valid_until=self.on + timedelta(days=30),
        )
        letter = write_letter(
            self.cast.identity("semas", "officer"),
            LetterKind.CONFIRMATION,
            SEOUL,
            new_id(),
            body.model_dump(mode="json"),
        )
        referral = Referral(salt=new_salt(), letter=letter)
        done = self.cast.semas.refer(self.referral_id, SEOUL, self.on, referral)
        assert done.state == "referred"

    def officer(self, user: str = "evaluator", organization: str = SEOUL) -> Any:
        return self.cast.foundation(organization, user)

    def computed(self, form: EvaluationForm) -> EvaluationRecord:
        model = self.officer().active_model(self.on)
        threshold = threshold_for(self.applicant, evaluate(form, model))
        return compute(self.applicant.screening, form, threshold, model)

    def misread(self) -> EvaluationRecord:
        """Below the threshold, for a figure that is not the applicant's."""
        form = self.applicant.form.model_copy(update={"total_borrowing_krw": MISREAD})
        record = self.computed(form)
        assert not record.guaranteeable
        return record

    def record(self) -> Record:
        contract = self.cast.gateway(SEOUL, "evaluator").network("referral").contract("credit-evaluation")
        return read_record(contract.evaluate("referral", self.referral_id))


def test_a_score_off_by_one_unit_is_refused_and_the_exact_one_taken(cast: Cast, applicant: Applicant) -> None:
    case = Case(cast, applicant)
    honest = case.computed(applicant.form)
    for unit in (1, -1):
        changed = {"base": honest.result.base + unit, "total": honest.result.total + unit}
        off = honest.model_copy(update={"result": honest.result.model_copy(update=changed)})
        refused("SCORE_MISMATCH", lambda off=off: case.officer().evaluate(case.referral_id, case.on, off))
    refused(
        "NOT_PARTY",
        lambda: case.officer(organization=GYEONGGI).evaluate(case.referral_id, case.on, honest),
    )
    done = case.officer().evaluate(case.referral_id, case.on, honest)
    assert (done.state, done.endorsers) == ("evaluated", (SEOUL,))
    assert case.record().commitments == {"evaluation": honest.commitment}
    model = case.officer().active_model(case.on)
    assert (
        opening_violations(case.officer().read_evaluation(case.referral_id), honest.commitment, model) == ()
    )


def test_two_different_officers_override_and_one_does_not(cast: Cast, applicant: Applicant) -> None:
    case = Case(cast, applicant)
    case.officer().evaluate(case.referral_id, case.on, case.misread())
    reservation = Reservation(salt=new_salt(), guarantee_id=new_id(), bank="bank-a")

    def sign(user: str) -> Any:
        request = OverrideRequest(
            salt=new_salt(), ground=OverrideGround.OUTSIDE_THE_MODEL, reason="orders for three years in hand"
        )
        return case.officer(user).override(case.referral_id, case.on, request)

    def reserve() -> Any:
        return case.officer().reserve_support(case.referral_id, case.on, reservation)

    refused("BELOW_THRESHOLD", reserve)
    assert sign("evaluator").state == "override-proposed"
    refused("SAME_OFFICER", lambda: sign("evaluator"))
    refused("BELOW_THRESHOLD", reserve)
    assert sign("reviewer").state == "overridden"
    assert set(case.record().commitments) == {"evaluation", "override"}
    assert reserve().state == "cleared"


@dataclass
class Reviewed:
    """What a review left behind: the letters in clear and the two evaluations."""

    case: Case
    id: str
    request: SignedLetter
    answer: SignedLetter
    before: EvaluationRecord
    after: EvaluationRecord


@pytest.fixture(scope="module")
def reviewed(cast: Cast, applicant: Applicant) -> Reviewed:
    """A correction, from the request to the answer read, with what is refused on the way."""
    case, review_id = Case(cast, applicant), new_id()
    before = case.misread()
    case.officer().evaluate(case.referral_id, case.on, before)
    me, semas = cast.applicant("applicant-2"), cast.semas
    evaluator, reviewer = case.officer(), case.officer("reviewer")
    keys = {case.holder: cast.public_key(case.holder), SEOUL: cast.public_key(SEOUL)}

    correction = FieldCorrection(field="total_borrowing_krw", value=BORROWED, because="부채증명원")
    body = ReviewRequestBody(
        referral_id=case.referral_id,
        kind=ReviewKind.CORRECTION,
        text=WHY,
        corrections=(correction,),
        reply_key=public_key_text(keys[case.holder]),
    )
    letter = request_letter(cast.identity("applicants", "applicant-2"), SEOUL, review_id, body)
    request = ReviewRequest(
        salt=new_salt(),
        evaluator=SEOUL,
        kind=ReviewKind.CORRECTION,
        referral_id=case.referral_id,
        sealed=sealed_between(letter, keys),
    )
    assert me.request_review(review_id, case.on, request).state == "requested"
    refused("NOT_HOLDER", lambda: cast.applicant("applicant-1").withdraw_review(review_id, case.on))

    seen = semas.read_request(review_id)
    with pytest.raises(Refused, match="NOT_A_RECIPIENT"):
        open_letter(seen.sealed, "semas", cast.sealing_key("semas"))
    assert set(semas.open_review(review_id, case.on, seen).endorsers) == {SEOUL, "semas"}
    assert semas.relay_request(review_id, case.on, seen).state == "relayed"

    refused("NOT_PARTY", lambda: case.officer(organization=GYEONGGI).read_review_request(review_id))
    due = [one for one in reviewer.reviews_due(case.on + timedelta(days=11)) if one.id == review_id]
    assert [(one.due_by, one.overdue) for one in due] == [(case.on + timedelta(days=10), True)]

    opened = open_letter(reviewer.read_review_request(review_id).sealed, SEOUL, cast.sealing_key(SEOUL))
    asked = ReviewRequestBody.model_validate(opened.letter.body)
    after = case.computed(corrected(before.form, asked.corrections))
    assert after.guaranteeable
    on = case.on + timedelta(days=2)
    refused("SAME_OFFICER", lambda: evaluator.re_evaluate(review_id, on, opened, after))
    off = after.model_copy(
        update={"result": after.result.model_copy(update={"total": after.result.total + 1})}
    )
    refused("SCORE_MISMATCH", lambda: reviewer.re_evaluate(review_id, on, opened, off))
    assert reviewer.re_evaluate(review_id, on, opened, after).state == "received"

    def answered(user: str) -> ReviewAnswer:
        signed = answer_letter(
            cast.identity(SEOUL, user),
            opened,
            ReviewOutcome.RE_EVALUATED,
            "부채증명원에 따라 정정하였습니다",
            holder=case.holder,
            received_on=case.on,
            answered_on=on,
            commitment=after.commitment,
            evaluation=after,
            explanation=explain(after.result, guaranteeable=True).model_dump(mode="json"),
        )
        return ReviewAnswer(salt=new_salt(), request=opened, answer=signed)

    refused("SAME_OFFICER", lambda: evaluator.answer_review(review_id, on, answered("evaluator")))
    answer = answered("reviewer")
    assert reviewer.answer_review(review_id, on, answer).state == "answered"
    refused("WRONG_STATE", lambda: reviewer.answer_review(review_id, on, answered("reviewer")))

    relay = relay_id(review_id, "answer")
    reviewer.relay(relay, on, sealed_between(answer.answer, keys))
    assert semas.deliver_answer(review_id, on, semas.receive_letter(relay), seen).state == "answered"
    mine = open_letter(me.read_answer(review_id), case.holder, cast.sealing_key(case.holder))
    assert mine == answer.answer
    assert me.close_review(review_id, on).state == "closed"
    return Reviewed(case, review_id, opened, mine, before, after)


def test_a_correction_is_answered_with_dates_and_the_evaluation_before_stays(reviewed: Reviewed) -> None:
    case, reviewer = reviewed.case, reviewed.case.officer("reviewer")
    record = reviewer.read_review(reviewed.id)
    assert (record.state, record.dates) == (
        "answered",
        {
            "received_on": case.on,
            "due_by": case.on + timedelta(days=10),
            "answered_on": case.on + timedelta(days=2),
        },
    )
    assert record.commitments["answer"] == reviewed.answer.digest
    commitments = case.record().commitments
    assert commitments["evaluation"] == reviewed.after.commitment
    kept = reviewer.read_evaluation_before(reviewed.id)
    model = reviewer.active_model(case.on)
    assert opening_violations(kept, commitments[f"evaluation-before-{reviewed.id}"], model) == ()
    assert kept == reviewed.before


def test_the_applicant_checks_the_new_evaluation_from_the_answer_alone(reviewed: Reviewed) -> None:
    body = ReviewAnswerBody.model_validate(reviewed.answer.letter.body)
    assert body.request == reviewed.request.digest
    assert body.evaluation is not None and body.commitment is not None
    model = reviewed.case.officer().active_model(reviewed.case.on)
    assert opening_violations(body.evaluation, body.commitment, model) == ()
    assert body.evaluation.form.total_borrowing_krw == BORROWED


def test_an_onlooker_sees_ids_states_and_dates_of_a_review_and_nothing_of_it(
    demo_run: DemoRun, reviewed: Reviewed
) -> None:
    exposure = expose(demo_run.network)
    blocks = b"".join(block for name in ("application", "referral") for block in exposure.blocks[name])
    assert reviewed.id.encode() in blocks
    secret = (
        WHY.encode(),
        b're-evaluated"',
        f'"total_borrowing_krw":{MISREAD}'.encode(),
        f'"value":{BORROWED}'.encode(),
        canonical(reviewed.after.form),
        reviewed.request.digest.encode(),
    )
    assert not [one for one in secret if one in blocks]
    # SEMAS passes the letters on: it holds them, and none of it in clear.
    passed_on = exposure.stores["semas"] + exposure.stores["applicants"]
    assert not [one for one in secret for store in passed_on if one in store]
    assert any(secret[0] in store for store in exposure.stores[SEOUL])
    hashes = {hashlib.sha256(one).digest() for one in secret}
    assert not hashes & exposure.digests
