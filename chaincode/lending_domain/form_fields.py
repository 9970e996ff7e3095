"""The words of P2 figure 6's form: label, hint and choices of each field, in Korean and English, as data."""

from functools import cache
from typing import Literal

from pydantic import Field, TypeAdapter

from lending_domain.packaged import table
from lending_domain.values import Flag, Value


class FormField(Value):
    """One field of `EvaluationForm`.

    type: won, count (digits), span (years and months), flag, choice, or the officer's grades. example: as
    the figure prints it. scored: whether model 2 uses it. values: a choice's values with Korean and English.
    """

    id: str
    section: Literal["header", "financial", "nonfinancial", "bonus", "judgement"]
    type: Literal["won", "count", "span", "flag", "choice", "grades"]
    ko: str
    en: str
    example: str | None
    scored: Flag
    tooltip_ko: str
    tooltip_en: str
    values: dict[str, tuple[str, str]] = Field(default_factory=dict)


@cache
def form_fields() -> dict[str, FormField]:
    """Field id -> its words, in the figure's order."""
    fields = TypeAdapter(list[FormField]).validate_python(table("form_fields"))
    return {field.id: field for field in fields}


def wording(field: str, value: str) -> tuple[str, str]:
    """A choice's value in Korean and English; KeyError for a value that the field does not have."""
    return form_fields()[field].values[value]
