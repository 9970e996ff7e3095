"""The deadline of a review: until when an answer is due, and how far that can be put off.

Personal Information Protection Act article 37-2 and Credit Information Act article 36-2 give an applicant the
right to an explanation, to a person's review and to correction; the periods and their sources are in
data/review.yaml.
"""

from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import yaml
from pydantic import Field

from lending_domain.values import Count, Value
from lending_domain.violations import refuse


class ReviewPeriods(Value):
    """Days for an answer; how many days an extension adds, and how many extensions there may be."""

    answer_days: int = Field(ge=1, le=366)
    answer_source: str
    extension_days: int = Field(ge=1, le=366)
    extensions: Count
    extension_source: str


@cache
def review_periods() -> ReviewPeriods:
    """The periods in force."""
    text = (files("lending_domain") / "data" / "review.yaml").read_text(encoding="utf-8")
    return ReviewPeriods.model_validate(yaml.safe_load(text))


def due_date(received_on: date) -> date:
    """The last day for an answer; the day of receipt is not counted."""
    return received_on + timedelta(days=review_periods().answer_days)


def extended(received_on: date, due_by: date, on: date) -> date:
    """The new last day, put off on day `on`. Raises `Refused` EXTENSION_TOO_LATE and EXTENSIONS_USED."""
    if on > due_by:
        raise refuse(
            "EXTENSION_TOO_LATE",
            "답변 기한이 지나 연장할 수 없습니다.",
            "The deadline has passed: it can no longer be put off.",
            "due_by",
        )
    periods = review_periods()
    later = due_by + timedelta(days=periods.extension_days)
    if later > due_date(received_on) + timedelta(days=periods.extensions * periods.extension_days):
        raise refuse(
            "EXTENSIONS_USED",
            "연장할 수 있는 횟수를 모두 사용하였습니다.",
            "The deadline has been put off as often as it may be.",
            "due_by",
        )
    return later
