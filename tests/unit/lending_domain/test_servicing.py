"""Servicing: the fold of events, every refusal, and the balances that must hold after any of them."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lending_domain.canonical import canonical
from lending_domain.loan_events import (
    EVENT,
    Acceleration,
    Accident,
    AnyEvent,
    Closing,
    Component,
    Disbursement,
    Extension,
    FeeCharge,
    Outcome,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Repayment,
    ServicingTerms,
    Subrogation,
)
from lending_domain.loan_state import Bucket, LoanState, Stage, advance, bucket, position
from lending_domain.schedules import LoanTerms, Plan, schedule
from lending_domain.servicing import accident_deadline, apply, check, fold
from lending_domain.violations import Refused

START = date(2024, 1, 15)


def disbursement(**changes: Any) -> Disbursement:
    servicing = changes.pop("servicing", {})
    fields: dict[str, Any] = {
        "principal": 50_000_000,
        "annual": "3.65",
        "start": START,
        "months": 60,
        "grace_months": 24,
    }
    terms = LoanTerms.model_validate(fields | changes)
    return Disbursement(
        on=terms.start, terms=terms, servicing=ServicingTerms.model_validate({"spread": "0.6"} | servicing)
    )


def loan(**changes: Any) -> LoanState:
    return apply(None, disbursement(**changes))


def pay_due(state: LoanState, on: date) -> LoanState:
    due = advance(state, on).due.total
    return apply(state, Repayment(on=on, amount=due)) if due else advance(state, on)


def code(state: LoanState | None, event: AnyEvent) -> str:
    found = check(state, event)
    assert all(one.ko and one.en for one in found)
    with pytest.raises(Refused):
        apply(state, event)
    return found[0].code


@pytest.mark.parametrize("plan", Plan)
def test_paid_on_time_follows_the_schedule(plan: Plan) -> None:
    first = disbursement(plan=plan)
    state = apply(None, first)
    for row in schedule(first.terms):
        now = advance(state, row.due)
        assert (now.due.principal, now.due.interest, now.due.overdue_interest) == (
            row.principal,
            row.interest,
            0,
        )
        state = pay_due(state, row.due)
        assert state.principal == row.balance
    assert state.payoff == 0
    assert state.paid.principal == 50_000_000
    closed = apply(state, Closing(on=state.through, outcome=Outcome.REPAID))
    assert closed.stage is Stage.CLOSED
    assert code(closed, FeeCharge(on=closed.through, amount=1, reason="x")) == "LOAN_CLOSED"


def test_interest_of_the_first_month_by_hand() -> None:
    # 50,000,000 x 3.65 % x 31/365 = 155,000
    assert advance(loan(), date(2024, 2, 15)).due.interest == 155_000
    assert advance(loan(day_count="30/360"), date(2024, 2, 15)).due.interest == 152_083


def test_allocation_order_and_overdue_interest() -> None:
    late = apply(
        pay_due(loan(grace_months=0, plan=Plan.EQUAL_PRINCIPAL), START),
        FeeCharge(on=START, amount=1_000, reason="우편"),
    )
    now = advance(late, date(2024, 3, 15))
    # The first part, 833,333, is 29 days late at 3.65 + 3 per cent: 4,402.97... The second is due today.
    assert now.due.overdue_interest == 4_402
    assert (now.due.fee, now.due.principal) == (1_000, 1_666_666)
    part = apply(late, Repayment(on=date(2024, 3, 15), amount=1_000 + 4_402 + 100))
    assert part.last.model_dump() == {
        "fee": 1_000,
        "overdue_interest": 4_402,
        "interest": 100,
        "principal": 0,
    }
    order = [Component.PRINCIPAL, Component.INTEREST, Component.OVERDUE_INTEREST, Component.FEE]
    first = apply(None, disbursement(grace_months=0, plan="equal-principal", servicing={"allocation": order}))
    assert apply(first, Repayment(on=date(2024, 2, 15), amount=100)).last.principal == 100


def test_arrears_age() -> None:
    due = date(2024, 2, 15)
    ages = {0: Bucket.CURRENT, 1: Bucket.D1, 29: Bucket.D1, 30: Bucket.D30, 60: Bucket.D60, 90: Bucket.D90}
    for days, expected in ages.items():
        shown = position(loan(), due + timedelta(days))
        assert (shown.days_past_due, shown.bucket) == (days, expected)
        assert bucket(days) is expected
    # Paying the oldest instalment makes the loan as old as the next one.
    state = apply(loan(), Repayment(on=date(2024, 3, 20), amount=155_000))
    assert state.days_past_due == 5


def test_repayment_refusals() -> None:
    assert code(None, Repayment(on=START, amount=1)) == "NOT_DISBURSED"
    assert code(loan(), disbursement()) == "ALREADY_DISBURSED"
    assert code(loan(), Repayment(on=START, amount=1)) == "NOTHING_DUE"
    assert code(loan(), Repayment(on=date(2024, 2, 15), amount=155_001)) == "OVERPAYMENT"
    later = advance(loan(), date(2024, 2, 15))
    assert code(later, Repayment(on=date(2024, 2, 14), amount=1)) == "DATE_BEFORE_LAST_EVENT"
    wrong = disbursement().model_copy(update={"on": date(2024, 1, 16)})
    assert code(None, wrong) == "START_IS_NOT_DISBURSEMENT"


def test_rate_reset() -> None:
    reset = RateReset(on=date(2024, 4, 1), quarter="2024Q2", base="3.29")
    state = apply(pay_due(loan(), date(2024, 3, 15)), reset)
    assert str(state.annual) == "3.89"
    # 17 days at 3.65, 14 days at 3.89: 85,000 + 74,602.73..., floored once when billed.
    assert advance(state, date(2024, 4, 15)).due.interest == 159_602
    assert code(state, reset) == "QUARTER_ALREADY_SET"
    assert (
        code(state, RateReset(on=date(2024, 7, 1), quarter="2024Q2", base="3.3")) == "RATE_OF_ANOTHER_QUARTER"
    )
    assert code(loan(), RateReset(on=START, quarter="2024Q1", base="3.3")) == "QUARTER_ALREADY_SET"
    assert code(loan(servicing={"floating": False}), reset) == "RATE_IS_FIXED"


def test_rate_reset_replans_equal_instalments() -> None:
    state = loan(plan=Plan.EQUAL_INSTALMENT)
    reset = apply(state, RateReset(on=date(2024, 4, 1), quarter="2024Q2", base="5"))
    assert sum(one.principal for one in reset.planned) == reset.undue
    assert reset.planned[30].principal < advance(state, date(2024, 4, 1)).planned[30].principal


@pytest.mark.parametrize("plan", Plan)
def test_prepayment(plan: Plan) -> None:
    state = pay_due(loan(plan=plan), date(2024, 2, 15))
    paid = apply(state, Prepayment(on=date(2024, 3, 1), amount=10_000_001))
    assert paid.principal == sum(one.principal for one in paid.planned) == 39_999_999
    assert paid.maturity == state.maturity
    # 15 days on 50,000,000 and 14 on 39,999,999
    assert advance(paid, date(2024, 3, 15)).due.interest == 130_999
    assert code(state, Prepayment(on=date(2024, 3, 1), amount=50_000_000)) == "PREPAYMENT_TOO_LARGE"
    assert code(state, Prepayment(on=date(2024, 3, 15), amount=1)) == "PAY_DUE_FIRST"
    feed = pay_due(loan(servicing={"prepayment_fee": "1.5"}), date(2024, 2, 15))
    assert apply(feed, Prepayment(on=date(2024, 3, 1), amount=1_000_000)).fees == 15_000


def test_payoff() -> None:
    state = pay_due(loan(), date(2024, 2, 15))
    # 10 days on 50,000,000 at 3.65 per cent
    exact = 50_000_000 + 50_000
    assert code(state, Payoff(on=date(2024, 2, 25), amount=exact - 1)) == "PAYOFF_AMOUNT"
    paid = apply(state, Payoff(on=date(2024, 2, 25), amount=exact))
    assert paid.payoff == 0
    assert apply(paid, Closing(on=paid.through, outcome=Outcome.REPAID)).stage is Stage.CLOSED
    assert code(state, Closing(on=date(2024, 2, 25), outcome=Outcome.REPAID)) == "CLOSING_OUTCOME"


def test_extension() -> None:
    state = pay_due(loan(), date(2024, 2, 15))
    longer = apply(state, Extension(on=date(2024, 2, 15), months=12))
    assert longer.maturity == date(2030, 1, 15)
    assert sum(one.principal for one in longer.planned) == 50_000_000
    assert code(longer, Extension(on=date(2024, 2, 15), months=25)) == "EXTENSION_LIMIT"
    assert code(loan(), Extension(on=date(2024, 2, 16), months=1)) == "PAY_DUE_FIRST"
    ended = fold([disbursement(months=1, grace_months=0)])
    ended = pay_due(ended, date(2024, 2, 15))
    assert code(ended, Extension(on=date(2024, 2, 15), months=1)) == "PAST_MATURITY"


def accelerated() -> LoanState:
    return apply(loan(), Acceleration(on=date(2024, 4, 1), notified_on=date(2024, 3, 1)))


def test_acceleration() -> None:
    state = accelerated()
    assert (state.undue, state.principal, state.planned) == (0, 50_000_000, ())
    assert advance(state, date(2024, 4, 11)).due.overdue_interest == 50_000_000 * 665 * 10 // 3_650_000
    assert (
        code(state, Acceleration(on=date(2024, 4, 2), notified_on=date(2024, 3, 1))) == "ALREADY_ACCELERATED"
    )
    early = Acceleration(on=date(2024, 3, 15), notified_on=date(2024, 3, 1))
    assert code(loan(), early) == "ARREARS_TOO_SHORT"
    for told in (date(2024, 2, 15), date(2024, 3, 23), date(2024, 4, 2)):
        assert code(loan(), Acceleration(on=date(2024, 4, 1), notified_on=told)) == "NOTICE_PERIOD"
    assert code(state, Prepayment(on=date(2024, 4, 1), amount=1)) == "LOAN_NOT_RUNNING"
    assert code(state, Extension(on=date(2024, 4, 1), months=1)) == "LOAN_NOT_RUNNING"


ACCIDENT = Accident(on=date(2024, 4, 10), occurred_on=date(2024, 4, 1), reason="arrears")


def test_accident() -> None:
    assert apply(accelerated(), ACCIDENT).stage is Stage.ACCIDENT
    assert accident_deadline(loan(), date(2024, 4, 1)) == date(2024, 5, 31)
    assert code(apply(accelerated(), ACCIDENT), ACCIDENT) == "ALREADY_ACCIDENT"
    late = ACCIDENT.model_copy(update={"on": date(2024, 6, 1)})
    assert code(accelerated(), late) == "ACCIDENT_NOTICE_DEADLINE"
    future = ACCIDENT.model_copy(update={"occurred_on": date(2024, 4, 11)})
    assert code(accelerated(), future) == "ACCIDENT_NOTICE_DEADLINE"
    young = Accident(on=date(2024, 3, 1), occurred_on=date(2024, 3, 1), reason="arrears")
    assert code(loan(), young) == "ARREARS_TOO_SHORT"
    closure = Accident(on=date(2024, 3, 1), occurred_on=date(2024, 3, 1), reason="closure")
    assert apply(loan(), closure).accident_on == date(2024, 3, 1)
    assert code(loan(servicing={"coverage": "0"}), closure) == "NOT_GUARANTEED"


def subrogated() -> LoanState:
    state = apply(accelerated(), ACCIDENT)
    amount = advance(state, date(2024, 5, 1)).subrogation_amount
    return apply(state, Subrogation(on=date(2024, 5, 1), amount=amount))


def test_subrogation_by_hand() -> None:
    state = advance(apply(accelerated(), ACCIDENT), date(2024, 5, 1))
    # Interest 15 Jan to 1 Apr, billed monthly: 155,000 + 145,000 + 85,000. Overdue 30 days at 6.65 per cent.
    assert state.due.interest == 385_000
    assert state.due.overdue_interest == 273_287
    assert state.subrogation_amount == 42_500_000 + (385_000 + 273_287) * 85 // 100
    assert (
        code(state, Subrogation(on=date(2024, 5, 1), amount=state.subrogation_amount + 1))
        == "SUBROGATION_AMOUNT"
    )
    assert code(accelerated(), Subrogation(on=date(2024, 5, 1), amount=1)) == "NO_ACCIDENT"
    closure = Accident(on=date(2024, 3, 1), occurred_on=date(2024, 3, 1), reason="closure")
    assert code(apply(loan(), closure), Subrogation(on=date(2024, 5, 1), amount=1)) == "NOT_ACCELERATED"


def test_recovery_splits_pro_rata_and_closes() -> None:
    state = subrogated()
    claims = state.foundation_claim + state.bank_claim
    assert claims == 50_000_000 + 385_000 + 273_287
    assert code(state, Repayment(on=date(2024, 5, 2), amount=1)) == "ALREADY_SUBROGATED"
    assert code(state, Recovery(on=date(2024, 5, 2), amount=claims + 1)) == "OVERPAYMENT"
    some = apply(state, Recovery(on=date(2024, 6, 1), amount=1_000_000))
    assert (some.recovered_foundation, some.recovered_bank) == (850_000, 150_000)
    assert code(some, Closing(on=date(2024, 6, 1), outcome=Outcome.RECOVERED)) == "CLOSING_OUTCOME"
    assert (
        apply(some, Closing(on=date(2024, 6, 1), outcome=Outcome.WRITTEN_OFF)).outcome is Outcome.WRITTEN_OFF
    )
    rest = apply(some, Recovery(on=date(2024, 7, 1), amount=claims - 1_000_000))
    assert (rest.foundation_claim, rest.bank_claim) == (0, 0)
    assert apply(rest, Closing(on=date(2024, 7, 1), outcome=Outcome.RECOVERED)).stage is Stage.CLOSED
    assert code(loan(), Recovery(on=START, amount=1)) == "NOT_SUBROGATED"


def test_events_and_states_travel_as_json() -> None:
    events: list[AnyEvent] = [
        disbursement(),
        Repayment(on=date(2024, 2, 15), amount=155_000),
        RateReset(on=date(2024, 4, 1), quarter="2024Q2", base="3.29"),
    ]
    again = [EVENT.validate_json(canonical(event)) for event in events]
    assert again == events
    state = fold(events)
    assert LoanState.model_validate_json(canonical(state)) == state == fold(again)
    with pytest.raises(ValueError, match="disbursement"):
        fold([])


STEPS = st.lists(
    st.tuples(
        st.integers(0, 70),
        st.sampled_from(
            [
                "due",
                "part",
                "prepay",
                "reset",
                "extend",
                "accelerate",
                "accident",
                "subrogate",
                "recover",
                "fee",
            ]
        ),
        st.integers(1, 20_000_000),
    ),
    max_size=12,
)


@given(plan=st.sampled_from(Plan), steps=STEPS)
def test_no_won_is_lost(plan: Plan, steps: list[tuple[int, str, int]]) -> None:
    """Whatever is tried in whatever order: principal paid and owed is the loan; replay agrees."""
    events: list[AnyEvent] = [disbursement(plan=plan, months=12, grace_months=3)]
    state, on = fold(events), START
    for days, what, amount in steps:
        on += timedelta(days)
        event = _event(advance(state, on), what, on, amount)
        if check(state, event):
            continue
        events.append(event)
        state = apply(state, event)
        assert sum(one.principal for one in state.planned) == state.undue
        if state.subrogated_on is None:
            assert state.principal + state.paid.principal == 50_000_000
        else:
            assert state.subrogated == state.foundation_claim + state.recovered_foundation
    assert fold(events) == state


def _event(now: LoanState, what: str, on: date, amount: int) -> AnyEvent:
    quarter = f"{on.year}Q{(on.month + 2) // 3}"
    made: dict[str, AnyEvent] = {
        "due": Repayment(on=on, amount=max(1, now.due.total)),
        "part": Repayment(on=on, amount=amount),
        "prepay": Prepayment(on=on, amount=amount),
        "reset": RateReset(on=on, quarter=quarter, base="4"),
        "extend": Extension(on=on, months=6),
        "accelerate": Acceleration(on=on, notified_on=on - timedelta(12)),
        "accident": Accident(on=on, occurred_on=on, reason="closure"),
        "subrogate": Subrogation(on=on, amount=max(1, now.subrogation_amount)),
        "recover": Recovery(on=on, amount=amount),
        "fee": FeeCharge(on=on, amount=amount, reason="x"),
    }
    return made[what]


def test_allocation_names_each_component_once() -> None:
    for wrong in (["fee", "fee", "interest", "principal"], ["principal"] * 4):
        with pytest.raises(ValidationError, match="each component once"):
            ServicingTerms(spread="0.6", allocation=wrong)
    with pytest.raises(ValidationError):
        ServicingTerms(spread="0.6", overdue_spread="3.0001")
