"""Money in whole won, rates in per cent a year, interest exact until it is charged.

Won has no minor unit. A rate has at most four decimals of a per cent, so interest is an integer number of
units of 1/26,280,000,000 won (10^6 x lcm(365, 360)) and nothing is rounded before the day it is billed.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from lending_domain.violations import refuse

Won = Annotated[int, Strict(), Field(ge=0, le=10**15)]
PositiveWon = Annotated[int, Strict(), Field(gt=0, le=10**15)]

INTEREST_UNITS = 10**6 * 26_280
"""Interest units in one won."""


def _no_binary_fraction(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("a rate is given as text or Decimal, never as a binary fraction")
    return value


def short(value: Decimal) -> Decimal:
    """The value; ValueError when it is written with more than 28 decimals.

    Zero may have thousands of millions of them (0E-999999999), and canonical JSON would write them all.
    """
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -28:
        raise ValueError("a number has no more than 28 decimals, zeros included")
    return value


def _four_decimals(value: Decimal) -> Decimal:
    short(value)
    scaled = value.scaleb(4)
    if scaled != scaled.to_integral_value():
        raise ValueError("a rate has at most four decimals of a per cent")
    return value


Percent = Annotated[
    Decimal, BeforeValidator(_no_binary_fraction), Field(ge=0, le=100), AfterValidator(_four_decimals)
]
"""Per cent (a year, where it is a rate), e.g. Decimal("3.35")."""


class DayCount(StrEnum):
    """How days become a part of a year; the first day counts, the last does not."""

    ACT_365 = "ACT/365"
    THIRTY_360 = "30/360"


class Rounding(StrEnum):
    """How exact interest becomes won on the day it is billed."""

    FLOOR = "floor"
    HALF_UP = "half-up"


def days(start: date, end: date, basis: DayCount) -> int:
    """Days of interest from `start` (counted) to `end` (not counted); 30/360 is the bond basis."""
    if basis is DayCount.ACT_365:
        return (end - start).days
    first = min(start.day, 30)
    last = 30 if end.day == 31 and first == 30 else end.day
    return (end.year - start.year) * 360 + (end.month - start.month) * 30 + last - first


def interest_units(principal: int, annual: Decimal, start: date, end: date, basis: DayCount) -> int:
    """Exact interest in units of 1/INTEREST_UNITS won on `principal` won at `annual` per cent."""
    per_million = int(annual.scaleb(4))
    year = 365 if basis is DayCount.ACT_365 else 360
    return principal * per_million * days(start, end, basis) * (26_280 // year)


def to_won(units: int, rounding: Rounding = Rounding.FLOOR) -> int:
    """Interest units as whole won."""
    if rounding is Rounding.HALF_UP:
        return (2 * units + INTEREST_UNITS) // (2 * INTEREST_UNITS)
    return units // INTEREST_UNITS


def percent_of(amount: int, percent: Decimal) -> int:
    """`percent` of `amount` won, floored to one won."""
    return amount * int(percent.scaleb(4)) // 10**6


def split(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` in parts proportional to `weights` that sum to it exactly (largest remainder, first wins ties).

    ValueError without a positive weight.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("a split needs weights that are not negative and not all zero")
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def parse_won(text: str, field: str = "") -> int:
    """Won as a person types it: digits, optionally grouped by commas (P2 figure 6: no 억, 만).

    Raises `Refused` AMOUNT_NOT_DIGITS.
    """
    groups = text.strip().split(",")
    plain = "".join(groups)
    grouped = len(groups) == 1 or (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
    if not (plain.isascii() and plain.isdigit() and grouped):
        raise refuse(
            "AMOUNT_NOT_DIGITS",
            "금액은 숫자로만 입력하십시오. 억, 만 등의 한글은 쓸 수 없습니다.",
            "Give the amount in digits only, without Korean units such as 억 or 만.",
            field,
        )
    return int(plain)
