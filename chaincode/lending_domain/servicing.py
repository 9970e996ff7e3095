"""Servicing: a pure fold of events into balances; replaying the log rebuilds every one of them."""

from collections.abc import Iterable
from datetime import date, timedelta

from lending_domain.funds import quarter_of
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    AccidentReason,
    AnyEvent,
    Closing,
    Disbursement,
    Extension,
    FeeCharge,
    Outcome,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Repayment,
    Subrogation,
)
from lending_domain.loan_state import COMPONENTS, Allocation, Bill, LoanState, Planned, advance
from lending_domain.money import INTEREST_UNITS, percent_of, split, to_won
from lending_domain.schedules import Plan, plan_principal
from lending_domain.violations import Refused, Violations, refuse


def apply(state: LoanState | None, event: AnyEvent) -> LoanState:
    """The loan after one more event. Raises `Refused` when the event cannot happen now."""
    if isinstance(event, Disbursement):
        if state is not None:
            raise refuse("ALREADY_DISBURSED", "이미 실행된 대출입니다.", "The loan is disbursed already.")
        return _disburse(event)
    if state is None:
        raise refuse("NOT_DISBURSED", "아직 실행되지 않은 대출입니다.", "The loan is not disbursed yet.")
    if state.closed_on is not None:
        raise refuse("LOAN_CLOSED", "종결된 대출입니다.", "The loan is closed.")
    if event.on < state.through:
        raise refuse(
            "DATE_BEFORE_LAST_EVENT",
            "기준일이 직전 거래일보다 앞설 수 없습니다.",
            "The date lies before the loan's last event.",
            "on",
        )
    if state.subrogated_on is not None and not isinstance(event, Recovery | Closing):
        raise refuse(
            "ALREADY_SUBROGATED",
            "대위변제된 대출에는 회수와 종결만 할 수 있습니다.",
            "After subrogation there are only recoveries and the closing.",
        )
    return _happen(advance(state, event.on), event)


def _happen(state: LoanState, event: AnyEvent) -> LoanState:
    match event:
        case Repayment():
            return _repay(state, event)
        case FeeCharge():
            return state.model_copy(update={"fees": state.fees + event.amount})
        case RateReset():
            return _reset(state, event)
        case Prepayment():
            return _prepay(state, event)
        case Payoff():
            return _pay_off(state, event)
        case Extension():
            return _extend(state, event)
        case Acceleration():
            return _accelerate(state, event)
        case Accident():
            return _notify_accident(state, event)
        case Subrogation():
            return _subrogate(state, event)
        case Recovery():
            return _recover(state, event)
        case Closing():
            return _close(state, event)
        case Disbursement():
            raise refuse("ALREADY_DISBURSED", "이미 실행된 대출입니다.", "The loan is disbursed already.")


def fold(events: Iterable[AnyEvent]) -> LoanState:
    """The loan after all its events, in order. Raises `Refused`; ValueError without any event."""
    state: LoanState | None = None
    for event in events:
        state = apply(state, event)
    if state is None:
        raise ValueError("a loan begins with its disbursement")
    return state


def check(state: LoanState | None, event: AnyEvent) -> Violations:
    """Why the event cannot happen now; empty when it can."""
    try:
        apply(state, event)
    except Refused as refusal:
        return refusal.violations
    return ()


def _disburse(event: Disbursement) -> LoanState:
    terms = event.terms
    if terms.start != event.on:
        raise refuse(
            "START_IS_NOT_DISBURSEMENT",
            "이자 기산일은 실행일이어야 합니다.",
            "Interest starts on the day of disbursement.",
            "terms.start",
        )
    numbers = range(1, terms.months + 1)
    parts = plan_principal(terms, terms.principal, numbers, annual=terms.annual, since=terms.start)
    return LoanState(
        terms=terms,
        servicing=event.servicing,
        through=event.on,
        annual=terms.annual,
        quarter=quarter_of(event.on),
        undue=terms.principal,
        planned=tuple(
            Planned(number=number, due=terms.due(number), principal=part)
            for number, part in zip(numbers, parts, strict=True)
        ),
    )


def _repay(state: LoanState, event: Repayment) -> LoanState:
    due = state.due
    if due.total == 0:
        raise refuse(
            "NOTHING_DUE",
            "납부할 금액이 없습니다. 조기상환으로 접수하십시오.",
            "Nothing is due; this would be a prepayment.",
            "amount",
        )
    if event.amount > due.total:
        raise refuse(
            "OVERPAYMENT",
            "납부할 금액보다 많습니다. 초과분은 조기상환으로 접수하십시오.",
            "More than is due; the excess would be a prepayment.",
            "amount",
        )
    left, parts = event.amount, {}
    for component in state.servicing.allocation:
        name = COMPONENTS[component]
        parts[name] = min(left, getattr(due, name))
        left -= parts[name]
    return _pay(state, Allocation(**parts))


def _pay(state: LoanState, paid: Allocation) -> LoanState:
    bills, interest, principal = [], paid.interest, paid.principal
    for bill in state.bills:
        off_interest, off_principal = min(interest, bill.interest), min(principal, bill.principal)
        interest, principal = interest - off_interest, principal - off_principal
        rest = Bill(
            number=bill.number,
            due=bill.due,
            principal=bill.principal - off_principal,
            interest=bill.interest - off_interest,
        )
        if rest.principal or rest.interest:
            bills.append(rest)
    total = Allocation(
        **{name: getattr(state.paid, name) + getattr(paid, name) for name in COMPONENTS.values()}
    )
    overdue = state.overdue
    if paid.overdue_interest:
        # A fraction of a won is dropped with the payment that clears its whole part.
        cleared = paid.overdue_interest == state.due.overdue_interest
        overdue = 0 if cleared else overdue - paid.overdue_interest * INTEREST_UNITS
    return state.model_copy(
        update={
            "bills": tuple(bills),
            "fees": state.fees - paid.fee,
            "overdue": overdue,
            "paid": total,
            "last": paid,
        }
    )


def _reset(state: LoanState, event: RateReset) -> LoanState:
    if not state.servicing.floating:
        raise refuse("RATE_IS_FIXED", "고정금리 대출입니다.", "The loan has a fixed rate.")
    if quarter_of(event.on) != event.quarter:
        raise refuse(
            "RATE_OF_ANOTHER_QUARTER",
            "기준일이 고시된 분기에 들지 않습니다.",
            "The date does not lie in the notice's quarter.",
            "quarter",
        )
    if event.quarter <= state.quarter:
        raise refuse(
            "QUARTER_ALREADY_SET",
            "이 분기의 금리는 이미 정해졌습니다.",
            "The rate of this quarter is set already.",
            "quarter",
        )
    annual = event.base + state.servicing.spread
    reset = state.model_copy(update={"annual": annual, "quarter": event.quarter})
    if state.terms.plan is Plan.EQUAL_INSTALMENT and state.planned:
        return _replan(reset, [one.number for one in state.planned])
    return reset


def _replan(state: LoanState, numbers: list[int]) -> LoanState:
    parts = plan_principal(
        state.terms, state.undue, numbers, annual=state.annual, since=state.through, carried=state.accrued
    )
    return _with_plan(state, numbers, parts)


def _with_plan(state: LoanState, numbers: list[int], parts: tuple[int, ...]) -> LoanState:
    planned = tuple(
        Planned(number=number, due=state.terms.due(number), principal=part)
        for number, part in zip(numbers, parts, strict=True)
    )
    return state.model_copy(update={"planned": planned})


def _current(state: LoanState, event: AnyEvent) -> None:
    """Refuse while something is due or the loan is no longer running."""
    if state.accelerated_on is not None or state.accident_on is not None:
        raise refuse(
            "LOAN_NOT_RUNNING",
            "기한이익을 상실하였거나 사고 처리된 대출입니다.",
            "The loan is accelerated or under accident.",
        )
    if state.due.total:
        raise refuse(
            "PAY_DUE_FIRST",
            "납부기일이 된 금액을 먼저 납부하여야 합니다.",
            "What is due has to be paid first.",
        )
    if not state.planned:
        raise refuse(
            "PAST_MATURITY",
            "만기가 지난 대출입니다.",
            "The loan is past its maturity.",
            type(event).__name__.lower(),
        )


def _prepay(state: LoanState, event: Prepayment) -> LoanState:
    _current(state, event)
    if event.amount >= state.undue:
        raise refuse(
            "PREPAYMENT_TOO_LARGE",
            "남은 원금 전액은 전액상환으로 접수하십시오.",
            "The whole principal is paid by a payoff, not by a prepayment.",
            "amount",
        )
    paid = Allocation(principal=event.amount)
    numbers = [one.number for one in state.planned]
    after = state.model_copy(
        update={
            "undue": state.undue - event.amount,
            "fees": state.fees + percent_of(event.amount, state.servicing.prepayment_fee),
            "paid": state.paid.model_copy(update={"principal": state.paid.principal + event.amount}),
            "last": paid,
        }
    )
    if state.terms.plan is Plan.EQUAL_INSTALMENT:
        return _replan(after, numbers)
    # Every part to come shrinks alike: the plan keeps its shape, and maturity its share.
    return _with_plan(after, numbers, split(after.undue, [one.principal for one in state.planned]))


def _pay_off(state: LoanState, event: Payoff) -> LoanState:
    if event.amount != state.payoff:
        raise refuse(
            "PAYOFF_AMOUNT",
            "전액상환 금액이 기준일의 잔액과 다릅니다.",
            "The amount is not what clears the loan on that day.",
            "amount",
        )
    due = state.due
    paid = Allocation(
        fee=due.fee,
        overdue_interest=due.overdue_interest,
        interest=due.interest + to_won(state.accrued, state.terms.rounding),
        principal=state.principal,
    )
    total = Allocation(
        **{name: getattr(state.paid, name) + getattr(paid, name) for name in COMPONENTS.values()}
    )
    cleared = {"bills": (), "fees": 0, "overdue": 0, "accrued": 0, "undue": 0, "planned": ()}
    return state.model_copy(update={**cleared, "paid": total, "last": paid})


def _extend(state: LoanState, event: Extension) -> LoanState:
    _current(state, event)
    extended = state.extended_months + event.months
    if extended > state.servicing.extension_limit_months:
        raise refuse(
            "EXTENSION_LIMIT",
            "기한연장 한도를 넘습니다.",
            "The extension exceeds what the contract allows.",
            "months",
        )
    numbers = list(range(state.planned[0].number, state.planned[-1].number + event.months + 1))
    return _replan(state.model_copy(update={"extended_months": extended}), numbers)


def _accelerate(state: LoanState, event: Acceleration) -> LoanState:
    rules = state.servicing
    if state.accelerated_on is not None:
        raise refuse(
            "ALREADY_ACCELERATED", "이미 기한이익을 상실하였습니다.", "The loan is accelerated already."
        )
    if state.days_past_due < rules.acceleration_after_days:
        raise refuse(
            "ARREARS_TOO_SHORT",
            f"연체가 {rules.acceleration_after_days}일 이상이어야 합니다.",
            f"Acceleration needs arrears of at least {rules.acceleration_after_days} days.",
        )
    if not state.bills[0].due < event.notified_on <= event.on - timedelta(rules.acceleration_notice_days):
        raise refuse(
            "NOTICE_PERIOD",
            f"연체 후 기한이익상실 {rules.acceleration_notice_days}일 전까지 통지하여야 합니다.",
            f"The borrower needs notice in arrears, {rules.acceleration_notice_days} days before.",
            "notified_on",
        )
    interest = to_won(state.accrued, state.terms.rounding)
    number = state.planned[0].number if state.planned else state.bills[-1].number
    rest = Bill(number=number, due=event.on, principal=state.undue, interest=interest)
    bills = (*state.bills, rest) if rest.principal or rest.interest else state.bills
    return state.model_copy(
        update={"accelerated_on": event.on, "bills": bills, "undue": 0, "accrued": 0, "planned": ()}
    )


def _notify_accident(state: LoanState, event: Accident) -> LoanState:
    rules = state.servicing
    if not rules.coverage:
        raise refuse("NOT_GUARANTEED", "보증서가 없는 대출입니다.", "The loan has no guarantee.")
    if state.accident_on is not None:
        raise refuse("ALREADY_ACCIDENT", "이미 사고 통지되었습니다.", "The accident is notified already.")
    if not event.occurred_on <= event.on <= event.occurred_on + timedelta(rules.accident_notice_days):
        raise refuse(
            "ACCIDENT_NOTICE_DEADLINE",
            f"사고 발생일부터 {rules.accident_notice_days}일 이내에 통지하여야 합니다.",
            f"The notice is due within {rules.accident_notice_days} days of the accident.",
            "occurred_on",
        )
    if event.reason is AccidentReason.ARREARS and state.days_past_due < rules.accident_after_days:
        raise refuse(
            "ARREARS_TOO_SHORT",
            f"연체가 {rules.accident_after_days}일 이상이어야 합니다.",
            f"An accident by arrears needs at least {rules.accident_after_days} days.",
        )
    return state.model_copy(update={"accident_on": event.on})


def _subrogate(state: LoanState, event: Subrogation) -> LoanState:
    if state.accident_on is None:
        raise refuse("NO_ACCIDENT", "사고 통지가 없습니다.", "No accident has been notified.")
    if state.accelerated_on is None:
        raise refuse("NOT_ACCELERATED", "기한이익상실 전입니다.", "The loan is not accelerated.")
    if event.amount != state.subrogation_amount:
        raise refuse(
            "SUBROGATION_AMOUNT",
            "대위변제 금액이 기준일의 보증채무와 다릅니다.",
            "The amount is not the guaranteed claim of that day.",
            "amount",
        )
    cleared = {"bills": (), "fees": 0, "overdue": 0, "accrued": 0, "undue": 0, "planned": ()}
    return state.model_copy(
        update={
            **cleared,
            "subrogated_on": event.on,
            "subrogated": event.amount,
            "foundation_claim": event.amount,
            "bank_claim": state.payoff - event.amount,
        }
    )


def _recover(state: LoanState, event: Recovery) -> LoanState:
    if state.subrogated_on is None:
        raise refuse(
            "NOT_SUBROGATED",
            "대위변제 전에는 회수가 아니라 상환입니다.",
            "Before subrogation this is a repayment, not a recovery.",
        )
    claims = (state.foundation_claim, state.bank_claim)
    if event.amount > sum(claims):
        raise refuse(
            "OVERPAYMENT", "남은 채권보다 많습니다.", "More than the claims that are left.", "amount"
        )
    foundation, bank = split(event.amount, claims)
    return state.model_copy(
        update={
            "foundation_claim": claims[0] - foundation,
            "bank_claim": claims[1] - bank,
            "recovered_foundation": state.recovered_foundation + foundation,
            "recovered_bank": state.recovered_bank + bank,
        }
    )


def _close(state: LoanState, event: Closing) -> LoanState:
    claims = state.foundation_claim + state.bank_claim
    subrogated = state.subrogated_on is not None
    fits = {
        Outcome.REPAID: not subrogated and state.payoff == 0,
        Outcome.RECOVERED: subrogated and claims == 0,
        Outcome.WRITTEN_OFF: subrogated and claims > 0,
    }
    if not fits[event.outcome]:
        raise refuse(
            "CLOSING_OUTCOME",
            "잔액이 종결 사유와 맞지 않습니다.",
            "The balances do not fit this way of closing.",
            "outcome",
        )
    return state.model_copy(update={"closed_on": event.on, "outcome": event.outcome})


def accident_deadline(state: LoanState, occurred_on: date) -> date:
    """The last day on which the bank may notify an accident of that day."""
    return occurred_on + timedelta(state.servicing.accident_notice_days)
