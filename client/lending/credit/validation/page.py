"""The monitoring report: one HTML page with its plots, in Korean and English, that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from math import isnan
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from lending.credit.validation.figures import figures
from lending.credit.validation.published import published
from lending.credit.validation.quality import check_published
from lending.credit.validation.revalidation import Revalidation
from lending.credit.validation.stability import Shift
from lending.credit.validation.tables import classification_table, coefficient_table, p_text

_WORDS = {
    "startup": "창업기업 Startup",
    "general": "일반기업 General",
    "manufacturing": "제조업 Manufacturing",
    "wholesale": "도매업 Wholesale",
    "retail-food-personal": "소매/음숙박/개인서비스업 Retail, food, personal services",
    "business-services": "사업서비스업 Business services",
    "other": "기타 Other",
    "company_class": "기업 구분 Company class",
    "industry": "업종 Industry",
    "score": "평가점수 Score",
    "accident": "사고 여부 Outcome",
    "firm": "기업 Firm",
}
_SHIFTS = {
    Shift.STABLE: "안정 stable",
    Shift.MODERATE: "주의 moderate",
    Shift.SIGNIFICANT: "변화 significant",
}
CAPTIONS = {
    "score-distribution": ("평가점수 분포", "Scores of healthy firms and of accidents"),
    "roc": ("ROC 곡선", "ROC curves"),
    "ks": ("누적분포와 KS 통계량", "Cumulative scores and the KS distance"),
    "score-bands": ("점수 구간별 사고율", "Accident rate by band of the score, with 95 % intervals"),
    "calibration-draw": ("예측확률과 실제 사고율: 균형표본", "Calibration on the balanced draw"),
    "calibration-population": (
        "예측확률과 실제 사고율: 사전확률 보정 후 전체 기업",
        "Calibration on all firms, prior corrected",
    ),
    "odds-ratios": ("오즈비와 95 % 신뢰구간", "Odds ratios with 95 % intervals"),
    "psi": ("평가항목별 안정성지수", "Stability index by item"),
}


def page(result: Revalidation, *, source: str = "", digest: str = "") -> str:
    """The page; the same result, source (the data's name) and digest (its SHA-256) give the same bytes."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"pct": _percent, "p": p_text, "dec": _decimal}
    text = resources.files("lending.credit.validation").joinpath("revalidation.html").read_text("utf-8")
    plots = {name: Markup(svg) for name, svg in figures(result).items()}  # noqa: S704 - drawn here
    stability = result.stability
    return environment.from_string(text).render(
        result=result,
        logit=result.logit,
        fit=result.logit.selection.fit,
        source=source,
        digest=digest,
        plots=plots,
        captions=CAPTIONS,
        word=lambda name: _word(result, name),
        table11=coefficient_table(result),
        table12=classification_table(result.logit.classification),
        paper=published(),
        printed12=classification_table(published().classification),
        derived=published().derived(),
        impossible=check_published(),
        shifts=_SHIFTS,
        shifted=[] if stability is None else _shifted(stability),
    )


def _shifted(stability: Any) -> Sequence[Any]:
    first = [] if stability.score is None else [stability.score]
    return [*first, *stability.population, *stability.items]


def _word(result: Revalidation, name: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    place, _, item = name.rpartition(".")
    both = " ".join(dict.fromkeys(result.name(item)))
    return f"{both} ({_WORDS.get(place, place)})" if place else both


def _percent(value: float, digits: int = 1) -> str:
    return "-" if isnan(value) else f"{100 * value:.{digits}f} %"


def _decimal(value: float, digits: int = 3) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"
