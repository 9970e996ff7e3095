"""Repayment plans: what falls due when, summing to the principal exactly.

Interest falls due every month on the day of the month of disbursement (the month's last day where it has no
such day); principal falls due after the grace period as the plan says. Amounts are whole won; the last
instalment takes the remainder. Bank holidays do not move a due date.
"""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import Field, Strict, model_validator

from lending_domain.money import DayCount, Percent, PositiveWon, Rounding, Won, interest_units, to_won
from lending_domain.values import Value


class Plan(StrEnum):
    """원금균등, 원리금균등, and SEMAS's usual plan.

    SEMAS: `1 - balloon` of the principal in equal three-monthly parts after grace, the rest at maturity.
    """

    EQUAL_PRINCIPAL = "equal-principal"
    EQUAL_INSTALMENT = "equal-instalment"
    SEMAS = "semas"


MonthCount = Annotated[int, Strict(), Field(ge=0, le=480)]


class LoanTerms(Value):
    """What fixes a schedule. annual: per cent a year on the first day. balloon: per cent due at maturity."""

    principal: PositiveWon
    annual: Percent
    start: date
    months: Annotated[int, Strict(), Field(ge=1, le=480)]
    grace_months: MonthCount = 0
    plan: Plan = Plan.SEMAS
    balloon: Percent = Decimal(30)
    part_months: Annotated[int, Strict(), Field(ge=1, le=12)] = 3
    day_count: DayCount = DayCount.ACT_365
    rounding: Rounding = Rounding.FLOOR

    @model_validator(mode="after")
    def _grace_ends_before_maturity(self) -> "LoanTerms":
        if self.grace_months >= self.months:
            raise ValueError("the grace period ends before maturity")
        return self

    def due(self, number: int) -> date:
        """The due date of the `number`th month (1 is the first)."""
        return add_months(self.start, number)


class Instalment(Value):
    """One due date: won of principal and of interest, and what is owed after it is paid."""

    number: int
    due: date
    principal: Won
    interest: Won
    balance: Won

    @property
    def total(self) -> int:
        """Principal and interest together."""
        return self.principal + self.interest


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or that month's last day where there is none."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def plan_principal(
    terms: LoanTerms,
    balance: int,
    numbers: Sequence[int],
    *,
    annual: Decimal,
    since: date,
    carried: int = 0,
) -> tuple[int, ...]:
    """The principal due at each of the month `numbers` still to come (ascending, the last is maturity).

    balance: won not yet due. since: the day up to which interest is accounted for, with `carried` interest
    units earned and not yet billed. The parts sum to `balance` exactly.
    """
    if terms.plan is Plan.EQUAL_INSTALMENT:
        return _annuity(terms, balance, numbers, annual=annual, since=since, carried=carried)
    last = numbers[-1]
    if terms.plan is Plan.EQUAL_PRINCIPAL:
        due = [n for n in numbers if n > terms.grace_months]
        pool = balance
    else:
        # Counted back from maturity, so that an extension or a prepayment keeps the three-monthly rhythm.
        due = [n for n in numbers if n > terms.grace_months and (last - n) % terms.part_months == 0]
        pool = balance - balance * int(terms.balloon.scaleb(4)) // 10**6
    part = pool // len(due)
    parts = {n: part for n in due}
    parts[last] += balance - part * len(due)
    return tuple(parts.get(n, 0) for n in numbers)


def _annuity(
    terms: LoanTerms,
    balance: int,
    numbers: Sequence[int],
    *,
    annual: Decimal,
    since: date,
    carried: int,
) -> tuple[int, ...]:
    paying = [n for n in numbers if n > terms.grace_months]
    rate = Fraction(annual) / 1200
    count = len(paying)
    exact = balance * rate / (1 - (1 + rate) ** -count) if rate else Fraction(balance, count)
    level = -(-exact.numerator // exact.denominator)
    parts, left, day, units = [], balance, since, carried
    for number in numbers:
        due = terms.due(number)
        units += interest_units(left, annual, day, due, terms.day_count)
        part = 0
        if number == numbers[-1]:
            part = left
        elif number > terms.grace_months:
            part = min(left, max(0, level - to_won(units, terms.rounding)))
        parts.append(part)
        left, day, units = left - part, due, 0
    return tuple(parts)


def schedule(terms: LoanTerms) -> tuple[Instalment, ...]:
    """All instalments at the rate of the first day; principal sums to the loan exactly."""
    numbers = range(1, terms.months + 1)
    parts = plan_principal(terms, terms.principal, numbers, annual=terms.annual, since=terms.start)
    rows, left, day = [], terms.principal, terms.start
    for number, part in zip(numbers, parts, strict=True):
        due = terms.due(number)
        units = interest_units(left, terms.annual, day, due, terms.day_count)
        left, day = left - part, due
        rows.append(
            Instalment(
                number=number, due=due, principal=part, interest=to_won(units, terms.rounding), balance=left
            )
        )
    return tuple(rows)
