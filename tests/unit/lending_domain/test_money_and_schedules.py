"""Money, interest and repayment plans."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending_domain.money import (
    DayCount,
    Rounding,
    days,
    interest_units,
    parse_won,
    percent_of,
    split,
    to_won,
)
from lending_domain.schedules import LoanTerms, Plan, add_months, schedule
from lending_domain.violations import Refused

RATES = st.decimals(min_value=0, max_value=20, places=4)


def terms(**changes: object) -> LoanTerms:
    fields: dict[str, object] = {
        "principal": 70_000_000,
        "annual": "3.35",
        "start": date(2024, 1, 31),
        "months": 60,
        "grace_months": 24,
        "plan": Plan.SEMAS,
    }
    return LoanTerms.model_validate(fields | changes)


@given(
    principal=st.integers(1, 10**9),
    annual=RATES,
    start=st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    months=st.integers(1, 120),
    grace=st.integers(0, 60),
    plan=st.sampled_from(Plan),
    basis=st.sampled_from(DayCount),
    rounding=st.sampled_from(Rounding),
)
def test_every_plan_sums_to_the_loan(
    *,
    principal: int,
    annual: Decimal,
    start: date,
    months: int,
    grace: int,
    plan: Plan,
    basis: DayCount,
    rounding: Rounding,
) -> None:
    loan = terms(
        principal=principal,
        annual=annual,
        start=start,
        months=months,
        grace_months=grace % months,
        plan=plan,
        day_count=basis,
        rounding=rounding,
    )
    rows = schedule(loan)
    assert len(rows) == months
    assert sum(row.principal for row in rows) == principal
    assert rows[-1].balance == 0
    assert all(row.principal >= 0 and row.interest >= 0 for row in rows)
    assert all(row.principal == 0 for row in rows[: loan.grace_months])
    assert [row.due for row in rows] == sorted({row.due for row in rows})
    assert rows[-1].due == add_months(start, months)


def test_semas_plan() -> None:
    rows = schedule(terms())
    parts = {row.number: row.principal for row in rows if row.principal}
    assert sorted(parts) == list(range(27, 61, 3))
    # 70 % of 70,000,000 in twelve parts of 4,083,333; the last takes the remainder and 30 %.
    assert {parts[n] for n in range(27, 60, 3)} == {4_083_333}
    assert parts[60] == 70_000_000 - 11 * 4_083_333
    assert rows[0].due == date(2024, 2, 29)
    # 70,000,000 x 3.35 % x 29/365 = 186,315.06...
    assert rows[0].interest == 186_315
    assert rows[1].due == date(2024, 3, 31)


def test_equal_principal_and_equal_instalment() -> None:
    rows = schedule(terms(plan=Plan.EQUAL_PRINCIPAL, principal=36_000_001))
    assert {row.principal for row in rows[24:59]} == {1_000_000}
    assert rows[59].principal == 1_000_001
    level = {row.total for row in schedule(terms(plan=Plan.EQUAL_INSTALMENT))[24:59]}
    assert len(level) == 1
    free = schedule(terms(plan=Plan.EQUAL_INSTALMENT, annual="0"))
    assert {row.interest for row in free} == {0}


@pytest.mark.parametrize(
    ("start", "end", "actual", "thirty"),
    [
        (date(2024, 1, 31), date(2024, 2, 29), 29, 29),
        (date(2024, 1, 31), date(2024, 3, 31), 60, 60),
        (date(2024, 2, 29), date(2025, 2, 28), 365, 359),
        (date(2024, 1, 1), date(2025, 1, 1), 366, 360),
        (date(2024, 5, 5), date(2024, 5, 5), 0, 0),
    ],
)
def test_day_counts(start: date, end: date, actual: int, thirty: int) -> None:
    assert days(start, end, DayCount.ACT_365) == actual
    assert days(start, end, DayCount.THIRTY_360) == thirty


@given(
    principal=st.integers(0, 10**9),
    annual=RATES,
    start=st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    first=st.integers(0, 4000),
    second=st.integers(0, 4000),
)
def test_interest_is_additive_over_days(
    principal: int, annual: Decimal, start: date, first: int, second: int
) -> None:
    middle = start + timedelta(first)
    end = middle + timedelta(second)
    basis = DayCount.ACT_365
    parts = interest_units(principal, annual, start, middle, basis) + interest_units(
        principal, annual, middle, end, basis
    )
    assert parts == interest_units(principal, annual, start, end, basis)


def test_a_year_of_interest() -> None:
    units = interest_units(1_000_000, Decimal("3.65"), date(2025, 1, 1), date(2026, 1, 1), DayCount.ACT_365)
    assert to_won(units) == 36_500
    assert to_won(units - 1) == 36_499
    assert to_won(units - 1, Rounding.HALF_UP) == 36_500


@given(total=st.integers(0, 10**15), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_split_is_exact(total: int, weights: list[int]) -> None:
    if sum(weights) == 0:
        with pytest.raises(ValueError, match="weights"):
            split(total, weights)
        return
    parts = split(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * w) < sum(weights) for part, w in zip(parts, weights, strict=True)
    )


def test_rates_and_amounts_are_exact() -> None:
    assert percent_of(50_000_001, Decimal(85)) == 42_500_000
    with pytest.raises(ValueError, match="binary fraction"):
        terms(annual=3.35)
    with pytest.raises(ValueError, match="four decimals"):
        terms(annual="3.35001")
    with pytest.raises(ValueError, match="principal"):
        terms(principal=1.0)
    with pytest.raises(ValueError, match="grace"):
        terms(grace_months=60)


def test_won_as_typed() -> None:
    assert parse_won("70,000,000") == parse_won("70000000") == 70_000_000
    for text in ("7천만", "1억", "7,00", "", "-1", "1.5", "１２", ",100"):
        with pytest.raises(Refused) as refusal:
            parse_won(text, "amount")
        assert refusal.value.code == "AMOUNT_NOT_DIGITS"
