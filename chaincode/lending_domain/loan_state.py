"""What is owed on a loan at one moment, and how it moves with the days."""

from datetime import date
from enum import StrEnum

from lending_domain.loan_events import Component, Outcome, ServicingTerms
from lending_domain.money import Percent, Won, interest_units, percent_of, to_won
from lending_domain.schedules import LoanTerms
from lending_domain.values import Value


class Planned(Value):
    """A due date to come: month number, date, won of principal."""

    number: int
    due: date
    principal: Won


class Bill(Value):
    """What fell due and is not paid yet, in won."""

    number: int
    due: date
    principal: Won
    interest: Won


class Allocation(Value):
    """A repayment's parts in won."""

    fee: Won = 0
    overdue_interest: Won = 0
    interest: Won = 0
    principal: Won = 0

    @property
    def total(self) -> int:
        """All parts."""
        return self.fee + self.overdue_interest + self.interest + self.principal


class Stage(StrEnum):
    """Where a loan stands; arrears are a matter of days, not a stage."""

    ACTIVE = "active"
    ACCELERATED = "accelerated"
    ACCIDENT = "accident"
    SUBROGATED = "subrogated"
    CLOSED = "closed"


class LoanState(Value):
    """A loan after its events. Exact interest is in units of money.INTEREST_UNITS to the won.

    through: the day up to which interest is accounted for. undue: principal not yet due. bills: due and
    unpaid, oldest first. accrued: interest earned and not yet billed. overdue: interest on overdue principal.
    foundation_claim, bank_claim: after subrogation, in place of all other balances.
    """

    terms: LoanTerms
    servicing: ServicingTerms
    through: date
    annual: Percent
    quarter: str
    undue: Won
    planned: tuple[Planned, ...]
    bills: tuple[Bill, ...] = ()
    fees: Won = 0
    accrued: int = 0
    overdue: int = 0
    extended_months: int = 0
    paid: Allocation = Allocation()
    last: Allocation = Allocation()
    accelerated_on: date | None = None
    accident_on: date | None = None
    subrogated_on: date | None = None
    closed_on: date | None = None
    outcome: Outcome | None = None
    subrogated: Won = 0
    foundation_claim: Won = 0
    bank_claim: Won = 0
    recovered_foundation: Won = 0
    recovered_bank: Won = 0

    @property
    def stage(self) -> Stage:
        """The furthest stage reached."""
        for stage, day in (
            (Stage.CLOSED, self.closed_on),
            (Stage.SUBROGATED, self.subrogated_on),
            (Stage.ACCIDENT, self.accident_on),
            (Stage.ACCELERATED, self.accelerated_on),
        ):
            if day is not None:
                return stage
        return Stage.ACTIVE

    @property
    def principal(self) -> int:
        """Principal owed, due or not; 0 once the guarantor has paid."""
        return self.undue + sum(bill.principal for bill in self.bills)

    @property
    def due(self) -> Allocation:
        """What is due now, by component."""
        return Allocation(
            fee=self.fees,
            overdue_interest=to_won(self.overdue, self.terms.rounding),
            interest=sum(bill.interest for bill in self.bills),
            principal=sum(bill.principal for bill in self.bills),
        )

    @property
    def payoff(self) -> int:
        """What clears the loan on the day `through`: all that is due, all principal, interest to the day."""
        return self.due.total + self.undue + to_won(self.accrued, self.terms.rounding)

    @property
    def subrogation_amount(self) -> int:
        """What the guarantor pays on the day `through`: coverage of principal, and of interest to the day."""
        due = self.due
        interest = due.interest + due.overdue_interest + to_won(self.accrued, self.terms.rounding)
        coverage = self.servicing.coverage
        return percent_of(self.principal, coverage) + percent_of(interest, coverage)

    @property
    def days_past_due(self) -> int:
        """Days since the oldest unpaid due date; 0 on the due date itself and without arrears."""
        return (self.through - self.bills[0].due).days if self.bills else 0

    @property
    def maturity(self) -> date | None:
        """The last due date to come, None when there is none."""
        return self.planned[-1].due if self.planned else None


class Bucket(StrEnum):
    """Arrears ageing: D+1, D+30, D+60, D+90."""

    CURRENT = "current"
    D1 = "D+1"
    D30 = "D+30"
    D60 = "D+60"
    D90 = "D+90"


def bucket(days_past_due: int) -> Bucket:
    """The ageing bucket of so many days past due."""
    for bound, name in ((90, Bucket.D90), (60, Bucket.D60), (30, Bucket.D30), (1, Bucket.D1)):
        if days_past_due >= bound:
            return name
    return Bucket.CURRENT


def advance(state: LoanState, to: date) -> LoanState:
    """The state on the day `to`: due dates on the way are billed, interest is earned, nothing else happens.

    Overdue principal bears the loan's rate and the overdue spread, all of it overdue interest; there is no
    interest on interest. ValueError when `to` lies before `through`.
    """
    if to < state.through:
        raise ValueError("a loan does not go back in time")
    if state.subrogated_on is not None or state.closed_on is not None:
        # The guarantor's indemnity and the rest of the bank's claim bear no further interest here.
        return state.model_copy(update={"through": to})
    while state.planned and state.planned[0].due <= to:
        nearest = state.planned[0]
        state = _earn(state, nearest.due)
        bill = Bill(
            number=nearest.number,
            due=nearest.due,
            principal=nearest.principal,
            interest=to_won(state.accrued, state.terms.rounding),
        )
        bills = (*state.bills, bill) if bill.principal or bill.interest else state.bills
        state = state.model_copy(
            update={
                "undue": state.undue - nearest.principal,
                "planned": state.planned[1:],
                "bills": bills,
                "accrued": 0,
            }
        )
    return _earn(state, to)


def _earn(state: LoanState, to: date) -> LoanState:
    basis = state.terms.day_count
    late = sum(bill.principal for bill in state.bills)
    rate = state.annual + state.servicing.overdue_spread
    return state.model_copy(
        update={
            "accrued": state.accrued + interest_units(state.undue, state.annual, state.through, to, basis),
            "overdue": state.overdue + interest_units(late, rate, state.through, to, basis),
            "through": to,
        }
    )


COMPONENTS = {
    Component.FEE: "fee",
    Component.OVERDUE_INTEREST: "overdue_interest",
    Component.INTEREST: "interest",
    Component.PRINCIPAL: "principal",
}
"""Component -> its field of an Allocation."""


class Position(Value):
    """A loan's position on a day, for people: won, days, and the ageing bucket."""

    on: date
    stage: Stage
    annual: Percent
    principal: Won
    due: Allocation
    payoff: Won
    days_past_due: int
    bucket: Bucket
    next_due: date | None
    maturity: date | None
    foundation_claim: Won
    bank_claim: Won


def position(state: LoanState, on: date) -> Position:
    """The position on the day `on`, not before the loan's last event."""
    now = advance(state, on)
    return Position(
        on=on,
        stage=now.stage,
        annual=now.annual,
        principal=now.principal,
        due=now.due,
        payoff=now.payoff,
        days_past_due=now.days_past_due,
        bucket=bucket(now.days_past_due),
        next_due=now.planned[0].due if now.planned else None,
        maturity=now.maturity,
        foundation_claim=now.foundation_claim,
        bank_claim=now.bank_claim,
    )
