"""The words of an explanation as text and as PDF, in Korean and in English."""

from typing import Literal

from lending.credit.criteria import Wording
from lending.credit.reason_codes import Change
from lending_domain.form import CompanyClass
from lending_domain.form_fields import wording
from lending_domain.model import Block, Composition
from lending_domain.score import UNIT
from lending_domain.values import Value

Language = Literal["ko", "en"]

BLOCK_WORDS: dict[Block, Wording] = {
    "financial": ("재무", "financial"),
    "fact": ("비재무 사실", "facts"),
    "judgement": ("비재무 판단", "judgement"),
    "bonus": ("가점", "bonus"),
}
CLASS_WORDS = {
    CompanyClass.STARTUP: ("창업기업", "startup"),
    CompanyClass.GENERAL: ("일반기업", "general firm"),
}
CHANGE_WORDS = {
    Change.APPLICANT: ("직접 바꿀 수 있음", "you can change it"),
    Change.TIME: ("시간이 지나면 오름", "grows by itself"),
    Change.RECORD: ("과거의 기록", "past dealings"),
    Change.JUDGEMENT: ("심사역의 판단", "an officer's judgement"),
}
COMPOSITION_WORDS = {
    Composition.AS_PUBLISHED: ("논문 그대로", "as published"),
    Composition.BLOCK_RESCALED: ("업종 판단 가중치 조정", "industry block rescaled"),
    Composition.NORMALISED: ("합계 1로 조정", "normalised to 1"),
}
_WORDS: dict[str, Wording] = {
    "title": ("신용평가 설명서", "Explanation of a credit evaluation"),
    "yes": ("보증 가능", "Guaranteeable"),
    "no": ("보증 불가", "Not guaranteeable"),
    "open": ("점수만 산출", "Scored only"),
    "score": ("점수", "Score"),
    "base": ("기본점수", "Base"),
    "bonus": ("가점", "Bonus"),
    "of": ("만점", "of"),
    "model": ("평가모형", "Model"),
    "firm": ("기업", "Firm"),
    "waterfall": ("항목별 점수", "The score, item by item"),
    "legend": ("진한 색: 얻은 점수, 옅은 색: 잃은 점수", "Dark: earned; pale: lost"),
    "earned": ("얻은 점수", "earned"),
    "lost": ("잃은 점수", "lost"),
    "reasons": ("점수를 가장 많이 잃은 이유", "What cost the most points"),
    "strengths": ("점수에 가장 크게 기여한 항목", "What gave the most points"),
    "improvements": ("무엇이 바뀌면 점수가 오르는가", "What would raise the score"),
    "criteria": ("평가기준", "The criteria"),
    "rights": ("요구할 수 있는 것", "What you may ask for"),
    "item": ("항목", "Item"),
    "weight": ("가중치", "Weight"),
    "grade": ("등급", "Grade"),
    "grades": ("등급 기준 (1이 가장 좋음)", "What each grade asks for (1 is best)"),
    "of_lost": ("잃은 점수의", "of what was lost"),
    "of_earned": ("기본점수의", "of the base earned"),
    "corrected_at": ("자료의 출처", "data from"),
    "any_time": ("기한 없음", "no fixed time"),
    "nothing_lost": ("잃은 점수가 없습니다.", "No points were lost."),
}


def word(name: str, lang: Language) -> str:
    """A heading or a label."""
    return _WORDS[name][lang == "en"]


def said(value: Value, lang: Language, prefix: str = "") -> str:
    """A value's text in the language: its field `ko` or `en`, or with a prefix `prefix_ko` or `prefix_en`."""
    text: str = getattr(value, f"{prefix}_{lang}" if prefix else lang)
    return text


def firm(company: CompanyClass, industry: str, lang: Language) -> str:
    """Class and industry in words."""
    return f"{CLASS_WORDS[company][lang == 'en']}, {wording('industry', industry)[lang == 'en']}"


def answer(guaranteeable: bool | None, lang: Language) -> str:
    """The answer in words (P2 figure 7: 보증가능여부)."""
    return word({True: "yes", False: "no", None: "open"}[guaranteeable], lang)


def within(days: int | None, lang: Language) -> str:
    """By when a request is answered."""
    if days is None:
        return word("any_time", lang)
    return f"{days}일 이내" if lang == "ko" else f"within {days} days"


def grade_of(grade: int, grades: int, lang: Language) -> str:
    """A grade and the scale it is of."""
    return f"{grades}등급 중 {grade}등급" if lang == "ko" else f"grade {grade} of {grades}"


def points_text(units: int) -> str:
    """Points for people: four decimals, cut off; exact units stand in the JSON."""
    return f"{units * 10_000 // UNIT / 10_000:.4f}"


def percent(permille: int) -> str:
    """A share for people."""
    return f"{permille / 10:.1f} %"
