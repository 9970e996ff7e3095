"""What loan-execution refuses, and the orderings of servicing events that matter."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from hlf_chaincode import key_policy
from lending_domain.canonical import plain
from lending_domain.letters import LetterKind
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    Closing,
    Extension,
    FeeCharge,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Repayment,
    Subrogation,
)
from lending_domain.loan_state import advance
from lending_domain.records_letters import SubrogationBody
from lending_domain.records_servicing import Entry
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import BASE, START, failed, new_id, refused
from tests.unit.lending_chaincode.steps import pay_due, quarter_day


@pytest.fixture
def promised(consortium):
    guarantee_id, file = new_id(), consortium.file(new_id())
    letter = consortium.guarantee_letter(guarantee_id, file)
    return SimpleNamespace(world=consortium, guarantee_id=guarantee_id, file=file, letter=letter, id=new_id())


@pytest.fixture
def loan(promised):
    execute(promised)
    return promised


def execute(case, who=None, on=START, **named):
    world = case.world
    contract = named.pop("contract", None) or world.contract(named.pop("letter", case.letter), on)
    return world.at_execution(
        "execute", who or world.bank_a, named.pop("loan_id", case.id), on, contract=contract, **named
    )


def test_letter_at_another_bank_twice_forged_altered_expired(promised):
    world = promised.world
    with refused("LETTER_ADDRESSEE"):
        execute(promised, who=world.bank_b, endorsers=("applicants", "bank-b"))
    forger = world.authorities["bank-a"].issue("evaluator", role="evaluator")
    forged = world.guarantee_letter(promised.guarantee_id, promised.file, forger, issuer="foundation-seoul")
    with refused("LETTER_UNTRUSTED_SIGNER"):
        execute(promised, letter=forged)
    stolen = world.guarantee_letter(
        promised.guarantee_id, promised.file, world.gyeonggi, issuer="foundation-seoul"
    )
    with refused("LETTER_UNTRUSTED_SIGNER"):
        execute(promised, letter=stolen)
    letter = promised.letter.letter
    altered = promised.letter.model_copy(
        update={"letter": letter.model_copy(update={"body": {**letter.body, "principal_krw": 60_000_000}})}
    )
    with refused("LETTER_SIGNATURE"):
        execute(promised, letter=altered)
    expired = world.guarantee_letter(
        promised.guarantee_id,
        promised.file,
        issued_at=world.execution.time - timedelta(days=31),
    )
    with refused("LETTER_EXPIRED"):
        execute(promised, letter=expired)
    with refused("LETTER_EXPIRED"):
        execute(promised, on=START + timedelta(days=61))
    with refused("LETTER_KIND"):
        execute(promised, letter=world.letter(world.seoul, LetterKind.SUBROGATION, "bank-a", new_id(), {}))
    with refused("LETTER_MISMATCH"):
        execute(promised, letter=world.letter(world.seoul, LetterKind.GUARANTEE, "bank-a", new_id(), {}))
    with refused("LETTER_ISSUER"):
        own = world.guarantee_letter(promised.guarantee_id, promised.file, world.bank_a)
        execute(promised, letter=own)
    assert execute(promised).state == "executed"
    with refused("LETTER_USED"):
        execute(promised, loan_id=new_id())
    again = world.guarantee_letter(promised.guarantee_id, promised.file)
    with refused("LETTER_USED"):
        execute(promised, loan_id=new_id(), letter=again)
    with refused("ALREADY_EXISTS"):
        execute(promised)


def test_terms_are_the_letters_and_the_funds(promised):
    world = promised.world
    with refused("LOAN_TERMS"):
        execute(promised, contract=world.contract(promised.letter, principal=40_000_000))
    with refused("LETTER_MISMATCH"):
        holder = world.other_applicant.holder
        execute(promised, contract=world.contract(promised.letter, holder=holder))
    with refused("RATE_OF_ANOTHER_QUARTER"):
        notice = world.rate_notice(date(2021, 4, 1))
        execute(promised, contract=world.contract(promised.letter, rate_notice=notice))
    with refused("RATE_MISMATCH"):
        notice = world.rate_notice(START, Decimal("2.45"))
        execute(promised, contract=world.contract(promised.letter, rate_notice=notice))
    with refused("LETTER_UNTRUSTED_SIGNER"):
        notice = world.rate_notice(START, signer=world.bank_a)
        execute(promised, contract=world.contract(promised.letter, rate_notice=notice))
    good = world.contract(promised.letter)
    for change in ({"months": 72}, {"grace_months": 36}):
        terms = good.disbursement.terms.model_copy(update=change)
        disbursement = good.disbursement.model_copy(update={"terms": terms})
        with refused("LOAN_TERMS"):
            execute(promised, contract=good.model_copy(update={"disbursement": disbursement}))
    with refused("BAD_ARGUMENT"):
        world.at_execution("execute", world.bank_a, promised.id, START + timedelta(days=1), contract=good)
    with refused("NOT_PERMITTED"):
        execute(promised, who=world.applicant)
    with refused("NOT_PERMITTED"):
        execute(promised, who=world.authorities["bank-a"].issue("clerk"))


def test_one_party_alone_writes_nothing(promised):
    for alone in (["applicants"], ["bank-a"], ["applicants", "bank-b"]):
        with failed():
            execute(promised, endorsers=alone)
    execute(promised)
    world = promised.world
    assert world.execution.policy_of(f"loan/{promised.id}") == key_policy(["applicants", "bank-a"])
    for alone in (["applicants"], ["bank-a"], ["applicants", "bank-b"]):
        with failed():
            world.serve("charge_fee", promised.id, FeeCharge(on=START, amount=1, reason="x"), endorsers=alone)


def test_only_parties_read_and_write(loan):
    world = loan.world
    for function in ("head", "schedule"):
        with refused("NOT_HOLDER"):
            world.ask(world.execution, "loan-execution", function, world.other_applicant, loan.id)
        with refused("NOT_PARTY"):
            world.ask(world.execution, "loan-execution", function, world.bank_b, loan.id)
        assert world.ask(world.execution, "loan-execution", function, world.applicant, loan.id)
    day = quarter_day(1)
    with refused("NOT_PERMITTED"):
        world.serve("repay", loan.id, Repayment(on=day, amount=1), who=world.applicant)
    with refused("NOT_PARTY"):
        world.serve("repay", loan.id, Repayment(on=day, amount=1), who=world.bank_b)
    position = world.ask(world.execution, "loan-execution", "position", world.applicant, loan.id, day)
    assert position.principal == 50_000_000 and position.due.interest > 0


def test_repayments(loan):
    world, day = loan.world, quarter_day(1)
    with refused("NOTHING_DUE"):
        world.serve("repay", loan.id, Repayment(on=START, amount=1))
    due = advance(fold(world.head(loan.id).events), day).due.total
    with refused("OVERPAYMENT"):
        world.serve("repay", loan.id, Repayment(on=day, amount=due + 1))
    with refused("BAD_ARGUMENT"):
        world.serve("repay", loan.id, Prepayment(on=day, amount=1))
    head = world.head(loan.id)
    assert world.serve("repay", loan.id, Repayment(on=day, amount=due)) == "executed"
    with refused("STALE_VALUE"):
        world.serve("repay", loan.id, Repayment(on=day, amount=due), head=head)
    with refused("DATE_BEFORE_LAST_EVENT"):
        world.serve("repay", loan.id, Repayment(on=START, amount=1))
    with refused("DATE_IN_FUTURE"):
        world.serve("charge_fee", loan.id, FeeCharge(on=date(2027, 1, 4), amount=1, reason="x"))


def test_two_payments_at_once_count_once(loan):
    world, day = loan.world, quarter_day(1)
    head = plain(world.head(loan.id))

    def endorse():
        entry = Entry(salt=new_id(), event=Repayment(on=day, amount=1000))
        return world.execution.endorse(
            "loan-execution",
            "repay",
            loan.id,
            day,
            transient={"head": head, "entry": plain(entry)},
            caller=world.bank_a.caller,
            endorsers=["applicants", "bank-a"],
        )

    codes = world.execution.commit(endorse(), endorse())
    assert codes == ["VALID", "MVCC_READ_CONFLICT"]
    assert fold(world.head(loan.id).events).paid.total == 1000


def test_rate_resets(loan):
    world, day = loan.world, date(2021, 4, 1)
    reset = RateReset(on=day, quarter="2021Q2", base="2.80")
    with refused("RATE_NOTICE_MISSING"):
        world.serve("reset_rate", loan.id, reset)
    with refused("RATE_MISMATCH"):
        world.serve("reset_rate", loan.id, reset, world.rate_notice(day, BASE))
    with refused("RATE_MISMATCH"):
        world.serve("reset_rate", loan.id, reset, world.rate_notice(date(2021, 7, 1), Decimal("2.80")))
    with refused("LETTER_UNTRUSTED_SIGNER"):
        world.serve(
            "reset_rate", loan.id, reset, world.rate_notice(day, Decimal("2.80"), signer=world.bank_a)
        )
    with refused("RATE_OF_ANOTHER_QUARTER"):
        late = reset.model_copy(update={"on": date(2021, 7, 1)})
        world.serve("reset_rate", loan.id, late, world.rate_notice(day, Decimal("2.80")))
    notice = world.rate_notice(day, Decimal("2.80"))
    with refused("NOT_HOLDER"):
        world.serve("reset_rate", loan.id, reset, notice, who=world.other_applicant)
    with refused("NOT_PARTY"):
        world.serve("reset_rate", loan.id, reset, notice, who=world.bank_b)
    assert world.serve("reset_rate", loan.id, reset, notice, who=world.applicant) == "executed"
    with refused("QUARTER_ALREADY_SET"):
        world.serve("reset_rate", loan.id, reset, notice)


def test_prepayment_and_extension_wait_for_what_is_due(loan):
    world, day = loan.world, quarter_day(1)
    for function, event in (
        ("prepay", Prepayment(on=day, amount=1_000_000)),
        ("extend", Extension(on=day, months=6)),
    ):
        with refused("PAY_DUE_FIRST"):
            world.serve(function, loan.id, event)
    pay_due(world, loan.id, day)
    with refused("PREPAYMENT_TOO_LARGE"):
        world.serve("prepay", loan.id, Prepayment(on=day, amount=50_000_000))
    with refused("EXTENSION_LIMIT"):
        world.serve("extend", loan.id, Extension(on=day, months=37))
    assert world.serve("prepay", loan.id, Prepayment(on=day, amount=1_000_000)) == "executed"
    assert world.serve("extend", loan.id, Extension(on=day, months=6)) == "executed"


def test_arrears_accelerate_only_after_days_and_notice(loan):
    world, due = loan.world, quarter_day(1)

    def arrears(on):
        return world.at_execution("record_arrears", world.bank_a, loan.id, on, head=world.head(loan.id)).state

    with refused("NOT_IN_ARREARS"):
        arrears(due)
    assert arrears(due + timedelta(days=1)) == "overdue"
    with refused("WRONG_STATE"):
        world.serve("receive_subrogation", loan.id, Subrogation(on=due, amount=1), _paid(loan, 1, due))
    with refused("ARREARS_TOO_SHORT"):
        on = due + timedelta(days=29)
        world.serve("accelerate", loan.id, Acceleration(on=on, notified_on=due + timedelta(days=5)))
    on = due + timedelta(days=30)
    with refused("NOTICE_PERIOD"):
        world.serve("accelerate", loan.id, Acceleration(on=on, notified_on=on))
    with refused("DATE_BACKWARDS"):
        world.serve("charge_fee", loan.id, FeeCharge(on=due, amount=1, reason="x"))
    event = Acceleration(on=on, notified_on=due + timedelta(days=10))
    assert world.serve("accelerate", loan.id, event) == "accelerated"
    with refused("WRONG_STATE"):
        world.serve("accelerate", loan.id, event)
    with refused("WRONG_STATE"):
        world.serve("extend", loan.id, Extension(on=on, months=6))
    with refused("WRONG_STATE"):
        world.serve("prepay", loan.id, Prepayment(on=on, amount=1))


def test_paid_arrears_are_no_arrears(loan):
    world, on = loan.world, quarter_day(1) + timedelta(days=3)
    world.at_execution("record_arrears", world.bank_a, loan.id, on, head=world.head(loan.id))
    assert pay_due(world, loan.id, on) == "executed"
    with refused("NOT_IN_ARREARS"):
        world.at_execution("record_arrears", world.bank_a, loan.id, on, head=world.head(loan.id))


def _paid(case, amount, on, signer=None, **changes):
    world = case.world
    body = SubrogationBody(**{"loan_id": case.id, "amount_krw": amount, "paid_on": on, **changes})
    return world.letter(signer or world.seoul, LetterKind.SUBROGATION, "bank-a", case.guarantee_id, body)


def test_accident_before_acceleration_and_subrogation(loan):
    world = loan.world
    day = quarter_day(1) + timedelta(days=35)
    accident = Accident(on=day, occurred_on=day, reason="closure")
    assert world.serve("report_accident", loan.id, accident) == "accident"

    def subrogate(amount, letter, on=day):
        return world.serve("receive_subrogation", loan.id, Subrogation(on=on, amount=amount), letter)

    def owed(on):
        return advance(fold(world.head(loan.id).events), on).subrogation_amount

    with refused("NOT_ACCELERATED"):
        subrogate(owed(day), _paid(loan, owed(day), day))
    event = Acceleration(on=day, notified_on=quarter_day(1) + timedelta(days=10))
    assert world.serve("accelerate", loan.id, event) == "accident"
    with refused("LETTER_ISSUER"):
        subrogate(owed(day), _paid(loan, owed(day), day, signer=world.gyeonggi))
    with refused("LETTER_MISMATCH"):
        subrogate(owed(day), _paid(loan, owed(day), day, loan_id=new_id()))
    with refused("LETTER_MISMATCH"):
        subrogate(owed(day), _paid(loan, owed(day) + 1, day))
    with refused("LETTER_MISMATCH"):
        subrogate(owed(day), None)
    with refused("SUBROGATION_AMOUNT"):
        subrogate(owed(day) + 1, _paid(loan, owed(day) + 1, day))
    with refused("CLOSING_OUTCOME"):
        world.serve("close", loan.id, Closing(on=day, outcome="written-off"))
    assert subrogate(owed(day), _paid(loan, owed(day), day)) == "subrogated"
    for function, event in (
        ("repay", Repayment(on=day, amount=1)),
        ("reset_rate", RateReset(on=day, quarter="2021Q2", base=BASE)),
        ("accelerate", Acceleration(on=day, notified_on=day)),
        ("report_accident", accident),
    ):
        letter = world.rate_notice(day) if function == "reset_rate" else None
        with refused("WRONG_STATE"):
            world.serve(function, loan.id, event, letter)
    claims = fold(world.head(loan.id).events)
    whole = claims.foundation_claim + claims.bank_claim
    with refused("OVERPAYMENT"):
        world.serve("record_recovery", loan.id, Recovery(on=day, amount=whole + 1))
    assert world.serve("record_recovery", loan.id, Recovery(on=day, amount=whole)) == "subrogated"
    with refused("CLOSING_OUTCOME"):
        world.serve("close", loan.id, Closing(on=day, outcome="written-off"))
    assert world.serve("close", loan.id, Closing(on=day, outcome="recovered")) == "closed"
    with refused("WRONG_STATE"):
        world.serve("charge_fee", loan.id, FeeCharge(on=day, amount=1, reason="x"))


def test_recovery_waits_for_subrogation(loan):
    with refused("WRONG_STATE"):
        loan.world.serve("record_recovery", loan.id, Recovery(on=START, amount=1))


def test_paid_off_to_the_won_and_closed(loan):
    world, day = loan.world, quarter_day(1) + timedelta(days=9)
    with refused("CLOSING_OUTCOME"):
        world.serve("close", loan.id, Closing(on=day, outcome="repaid"))
    amount = advance(fold(world.head(loan.id).events), day).payoff
    with refused("PAYOFF_AMOUNT"):
        world.serve("pay_off", loan.id, Payoff(on=day, amount=amount - 1))
    assert world.serve("pay_off", loan.id, Payoff(on=day, amount=amount)) == "executed"
    assert world.serve("close", loan.id, Closing(on=day, outcome="repaid")) == "closed"
    record = world.ask(world.execution, "loan-execution", "loan", world.bank_b, loan.id)
    assert (record.state, record.on) == ("closed", day)


def test_replaying_the_log_rebuilds_the_balances(loan):
    world, day = loan.world, quarter_day(1)
    pay_due(world, loan.id, day)
    world.serve("charge_fee", loan.id, FeeCharge(on=day, amount=12_000, reason="postage"))
    head = world.head(loan.id)
    state = fold(head.events)
    assert (state.fees, state.principal) == (12_000, 50_000_000)
    position = world.ask(world.execution, "loan-execution", "position", world.bank_a, loan.id, day)
    assert (position.payoff, position.principal) == (state.payoff, state.principal)


def test_holder_adds_nothing_to_the_log_under_an_accident(loan):
    world, day = loan.world, date(2021, 4, 5)
    world.serve("report_accident", loan.id, Accident(on=day, occurred_on=day, reason="closure"))
    reset = RateReset(on=day, quarter="2021Q2", base="2.80")
    notice = world.rate_notice(day, Decimal("2.80"))
    with refused("WRONG_STATE"):
        world.serve("reset_rate", loan.id, reset, notice, who=world.applicant)
    assert world.serve("reset_rate", loan.id, reset, notice) == "accident"
