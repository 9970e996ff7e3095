"""The catalogue of reason codes: why an item cost points, who can change it, and where an error is put right.

One code an item, stable: a code is never given a second meaning. docs/guides/evaluation.md lists them.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from lending_domain.values import Value


class Change(StrEnum):
    """Who or what can change an item's grade: the applicant, time, past dealings, an officer's judgement."""

    APPLICANT = "applicant"
    TIME = "time"
    RECORD = "record"
    JUDGEMENT = "judgement"


_REVIEW_KO = "심사역의 판단 항목입니다. 사람이 다시 검토하도록 요구하고 증빙을 제출할 수 있습니다."
_REVIEW_EN = "An officer's judgement: you may ask that a human looks again, and submit evidence."


class ReasonCode(Value):
    """One entry: the sentence of the reason, what can be done, and where the fact comes from."""

    code: str
    change: Change
    ko: str
    en: str
    advice_ko: str = _REVIEW_KO
    advice_en: str = _REVIEW_EN
    evidence_ko: str = "심사역의 평가"
    evidence_en: str = "the officer's assessment"


@cache
def reason_codes() -> dict[str, ReasonCode]:
    """Item id -> its reason code, as packaged."""
    text = (files("lending.credit") / "data" / "reason_codes.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, ReasonCode]).validate_python(yaml.safe_load(text))


def reason_code(item: str, ko: str, en: str) -> ReasonCode:
    """The item's entry; for an item that a later model version adds, one made from its id and names."""
    found = reason_codes().get(item)
    if found:
        return found
    return ReasonCode(
        code=f"R-{item.upper().replace('_', '-')}",
        change=Change.JUDGEMENT,
        ko=f"{ko} 항목에서 감점되었습니다.",
        en=f"Points were lost for: {en}.",
    )
