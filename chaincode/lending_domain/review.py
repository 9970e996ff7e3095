"""The deadline of a review: until when an answer is due, and how far that can be put off.

Personal Information Protection Act articles 36 and 37-2 and Credit Information Act article 36-2 give an
applicant the right to an explanation, to a person's review and to correction; the periods and their sources
are in data/review.yaml.
"""

from datetime import date, timedelta
from functools import cache
from typing import Annotated

from pydantic import Field

from lending_domain.packaged import table
from lending_domain.records_review import ReviewKind
from lending_domain.values import Count, Value
from lending_domain.violations import refuse

Days = Annotated[int, Field(ge=1, le=366)]


class Period(Value):
    """Days for an answer, and where that is written."""

    days: Days
    source: str


class Extension(Value):
    """How many days an extension adds, how many there may be, and where that is written."""

    days: Days
    times: Count
    source: str


class ReviewPeriods(Value):
    """The periods in force, by what is asked for."""

    periods: dict[ReviewKind, Period]
    extension: Extension


@cache
def review_periods() -> ReviewPeriods:
    """The periods in force, as packaged."""
    return ReviewPeriods.model_validate(table("review"))


def due_date(kind: ReviewKind, received_on: date) -> date:
    """The last day for an answer; the day of receipt is not counted."""
    return received_on + timedelta(days=review_periods().periods[kind].days)


def extended(kind: ReviewKind, received_on: date, due_by: date, on: date) -> date:
    """The new last day, put off on day `on`. Raises `Refused` EXTENSION_TOO_LATE and EXTENSIONS_USED."""
    if on > due_by:
        raise refuse(
            "EXTENSION_TOO_LATE",
            "답변 기한이 지나 연장할 수 없습니다.",
            "The deadline has passed: it can no longer be put off.",
            "due_by",
        )
    rule = review_periods().extension
    later = due_by + timedelta(days=rule.days)
    if later > due_date(kind, received_on) + timedelta(days=rule.times * rule.days):
        raise refuse(
            "EXTENSIONS_USED",
            "연장할 수 있는 횟수를 모두 사용하였습니다.",
            "The deadline has been put off as often as it may be.",
            "due_by",
        )
    return later
