"""An evaluation explained: the waterfall, the reasons, what weighed most, and what would change the result.

Personal Information Protection Act article 37-2 and Credit Information Act article 36-2 let an applicant ask
for an explanation of an automated evaluation. It names items, weights, grades and the answer; the threshold
is the foundations' and nothing here is computed from it (`lending.credit.sufficiency`, for evaluators, is).
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic_core import to_json

from lending.credit.criteria import Criterion, criteria
from lending.credit.reason_codes import Change, reason_code
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import Block, Composition, Model, model2
from lending_domain.review import review_periods
from lending_domain.score import UNIT, Evaluation, ItemScore
from lending_domain.values import Flag, Value

NOTE_KO = (
    "이 점수는 부도확률이 아닙니다. 모형은 보증을 받은 기업만을 표본으로 하였고, "
    "사고가 아직 충분히 드러나지 않은 시점의 자료입니다."
)
NOTE_EN = (
    "The score is no probability of default: the model was drawn from accepted firms only, before their "
    "accidents had matured."
)
SYNTHETIC_KO = "가상 응답으로 만든 모형이며, 실제 기업에 대한 근거가 아닙니다. "
SYNTHETIC_EN = "SYNTHETIC: the model was made from synthetic answers and is no evidence about real firms. "
CONTACT_KO = (
    "요구는 신청 화면에서 하거나 이 평가를 한 지역신용보증재단의 개인정보 보호책임자에게 하십시오. "
    "신청 화면의 요구는 봉인되어 전달되고, 받은 날과 답할 날이 기록됩니다. "
    "기한을 늘릴 때에는 사유를 알립니다. "
    "신용정보회사나 은행의 기록이 틀렸다면 그 기관에도 정정을 청구할 수 있습니다."
)
CONTACT_EN = (
    "Ask on the application page, or ask the privacy officer of the credit guarantee foundation that made "
    "this evaluation. A request made on the page travels sealed; the day it came and the day by which it is "
    "answered are recorded, and you are told why if the time is extended. Where the record of a credit "
    "bureau or a bank is wrong, that institution corrects it too."
)
Plain = dict[str, Any]

BLOCKS: tuple[Block, ...] = ("financial", "fact", "judgement", "bonus")
_COUNT = 4
_SHARED = {"criteria", "rights", "contact_ko", "contact_en", "note_ko", "note_en"}


class Bar(Value):
    """One step of the waterfall in units of 1/60,000,000: from start to end; `most` is what was possible."""

    item: str
    ko: str
    en: str
    block: Block
    grade: int
    grades: int
    start: int
    end: int
    most: int


class Reason(Value):
    """Why points were lost, most first. lost in 1/60,000,000; share: of all lost, per mille."""

    code: str
    item: str
    ko: str
    en: str
    grade: int
    lost: int
    share_permille: int
    evidence_ko: str
    evidence_en: str


class Strength(Value):
    """What gave most of the score. earned in 1/60,000,000; share: of the base earned, per mille."""

    item: str
    ko: str
    en: str
    grade: int
    earned: int
    share_permille: int


class Improvement(Value):
    """What one item at the next better grade would add, what that grade asks for, and who can change it."""

    item: str
    ko: str
    en: str
    grade: int
    better: int
    gain: int
    change: Change
    asks_ko: str
    asks_en: str
    advice_ko: str
    advice_en: str


class Right(Value):
    """What the applicant may ask for, by which law, answered within how many days (None: no fixed time)."""

    id: str
    law_ko: str
    law_en: str
    days: int | None
    ko: str
    en: str


class Explanation(Value):
    """What the applicant gets. score, base, bonus as text cut after six decimals; *_units exact, of 1/unit.

    guaranteeable: the answer, None where it was only scored. bonus stands apart from base and adds to it.
    """

    model: str
    model_digest: str
    composition: Composition
    company_class: CompanyClass
    industry: Industry
    guaranteeable: Flag | None = None
    score: str
    base: str
    bonus: str
    highest_base: str
    highest_bonus: str
    unit: int = UNIT
    total_units: int
    base_units: int
    bonus_units: int
    waterfall: tuple[Bar, ...]
    reasons: tuple[Reason, ...]
    strengths: tuple[Strength, ...]
    improvements: tuple[Improvement, ...]
    criteria: tuple[Criterion, ...]
    rights: tuple[Right, ...]
    contact_ko: str = CONTACT_KO
    contact_en: str = CONTACT_EN
    note_ko: str = NOTE_KO
    note_en: str = NOTE_EN


@cache
def rights() -> tuple[Right, ...]:
    """The applicant's rights, with the days that the contracts count an answer by."""
    text = (files("lending.credit") / "data" / "rights.yaml").read_text(encoding="utf-8")
    days = {kind.value: period.days for kind, period in review_periods().periods.items()}
    return tuple(Right(**fields, days=days.get(fields["id"])) for fields in yaml.safe_load(text))


def as_text(units: int) -> str:
    """A score for people: six decimals, cut off and not rounded up."""
    millionths = units * 1_000_000 // UNIT
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def in_order(evaluation: Evaluation) -> list[ItemScore]:
    """The breakdown block by block, the bonus last: a model read from its JSON has no order of its own."""
    return [row for block in BLOCKS for row in evaluation.items if row.block == block]


def _bars(ordered: list[ItemScore], total: int) -> list[Plain]:
    """One bar per item, each starting where the last one ended; a bonus beyond its cap adds nothing."""
    bars: list[Plain] = []
    at = 0
    for row in ordered:
        end = at + row.points
        if row.block == "bonus":
            end = min(end, total)
        bars.append(
            {
                "item": row.item,
                "ko": row.ko,
                "en": row.en,
                "block": row.block,
                "grade": row.grade,
                "grades": row.grades,
                "start": at,
                "end": end,
                "most": row.most,
            }
        )
        at = end
    return bars


def _reasons(base: list[ItemScore]) -> list[Plain]:
    """The items that cost the most points; the bonus is left out, since not to earn one is no reason."""
    lost_in_all = sum(row.most - row.points for row in base)
    worst = sorted(
        (row for row in base if row.points < row.most), key=lambda row: (row.points - row.most, row.item)
    )
    return [_reason(row, lost_in_all) for row in worst[:_COUNT]]


def _reason(row: ItemScore, lost_in_all: int) -> Plain:
    code, lost = reason_code(row.item, row.ko, row.en), row.most - row.points
    return {
        "code": code.code,
        "item": row.item,
        "ko": code.ko,
        "en": code.en,
        "grade": row.grade,
        "lost": lost,
        "share_permille": lost * 1000 // lost_in_all,
        "evidence_ko": code.evidence_ko,
        "evidence_en": code.evidence_en,
    }


def _strengths(base: list[ItemScore]) -> list[Plain]:
    """The items that gave the most points of the base, most first."""
    earned_in_all = sum(row.points for row in base)
    best = sorted((row for row in base if row.points), key=lambda row: (-row.points, row.item))
    return [
        {
            "item": row.item,
            "ko": row.ko,
            "en": row.en,
            "grade": row.grade,
            "earned": row.points,
            "share_permille": row.points * 1000 // earned_in_all,
        }
        for row in best[:_COUNT]
    ]


def gain(row: ItemScore, grade: int) -> int:
    """What the item at a better grade would add, in 1/60,000,000."""
    return row.weight * (row.grade - grade) * (60 // (row.grades - 1))


def better_grades(row: ItemScore, criterion: Criterion, company: CompanyClass) -> list[int]:
    """The grades that the item could still reach, the next one first.

    None for a startup's age: with a year it is a general firm, and scored by other weights.
    """
    if row.item == "business_age" and company is CompanyClass.STARTUP:
        return []
    # A flag has its two grades only, and a map may give a grade to no answer.
    return [one for one in range(row.grade - 1, 0, -1) if criterion.bounds[one - 1].ko != "-"]


class Explainer:
    """Explains evaluations by one model version; what does not depend on the firm is prepared once.

    An explanation is put together of plain values and checked as a whole where it leaves as `Explanation`.
    """

    def __init__(self, model: Model | None = None) -> None:
        self.model = model or model2()
        self._criteria: dict[tuple[CompanyClass, Industry], dict[str, Criterion]] = {}
        self._improvements: dict[tuple[CompanyClass, Industry, str, int], Plain | None] = {}
        # In JSON, what all explanations of a class and industry share: most of the text.
        self._shared: dict[tuple[CompanyClass, Industry], str] = {}

    def explain(self, evaluation: Evaluation, *, guaranteeable: bool | None = None) -> Explanation:
        """The explanation for the applicant. ValueError where another model made the evaluation."""
        criteria = self.criteria(evaluation.company_class, evaluation.industry)
        own = self._own(evaluation, guaranteeable)
        told = Explanation(**own, criteria=tuple(criteria.values()), rights=rights())
        if not self.model.synthetic:
            return told
        notes = {"note_ko": SYNTHETIC_KO + NOTE_KO, "note_en": SYNTHETIC_EN + NOTE_EN}
        return told.model_copy(update=notes)

    def json(self, evaluation: Evaluation, *, guaranteeable: bool | None = None) -> str:
        """`explain` as JSON text: for a batch, since what firms have in common is written once."""
        key = (evaluation.company_class, evaluation.industry)
        if key not in self._shared:
            told = self.explain(evaluation)
            self._shared[key] = told.model_dump_json(include=_SHARED)[1:]
        own = to_json(self._own(evaluation, guaranteeable)).decode()
        return f"{own[:-1]},{self._shared[key]}"

    def _own(self, evaluation: Evaluation, guaranteeable: bool | None) -> Plain:
        if evaluation.model_digest != self.model.digest:
            raise ValueError("the evaluation was made by another version of the model")
        ordered = in_order(evaluation)
        base = [row for row in ordered if row.block != "bonus"]
        highest, highest_bonus = sum(row.most for row in base), sum(row.most for row in ordered[len(base) :])
        if self.model.bonus_cap_units is not None:
            highest_bonus = min(highest_bonus, self.model.bonus_cap_units)
        improvements = [found for row in ordered if (found := self._improvement(evaluation, row))]
        improvements.sort(key=lambda one: (-one["gain"], one["item"]))
        return {
            "model": evaluation.model,
            "model_digest": evaluation.model_digest,
            "composition": evaluation.composition,
            "company_class": evaluation.company_class,
            "industry": evaluation.industry,
            "guaranteeable": guaranteeable,
            "score": as_text(evaluation.total),
            "base": as_text(evaluation.base),
            "bonus": as_text(evaluation.bonus),
            "highest_base": as_text(highest),
            "highest_bonus": as_text(highest_bonus),
            "unit": UNIT,
            "total_units": evaluation.total,
            "base_units": evaluation.base,
            "bonus_units": evaluation.bonus,
            "waterfall": _bars(ordered, evaluation.total),
            "reasons": _reasons(base),
            "strengths": _strengths(base),
            "improvements": improvements,
        }

    def criteria(self, company: CompanyClass, industry: Industry) -> dict[str, Criterion]:
        """Item id -> criterion for this class and industry."""
        key = (company, industry)
        if key not in self._criteria:
            self._criteria[key] = {one.item: one for one in criteria(self.model, company, industry)}
        return self._criteria[key]

    def _improvement(self, evaluation: Evaluation, row: ItemScore) -> Plain | None:
        key = (evaluation.company_class, evaluation.industry, row.item, row.grade)
        if key not in self._improvements:
            self._improvements[key] = self._improve(evaluation, row)
        return self._improvements[key]

    def _improve(self, evaluation: Evaluation, row: ItemScore) -> Plain | None:
        criterion = self.criteria(evaluation.company_class, evaluation.industry)[row.item]
        better = next(iter(better_grades(row, criterion, evaluation.company_class)), None)
        if better is None:
            return None
        code, asks = reason_code(row.item, row.ko, row.en), criterion.bounds[better - 1]
        return {
            "item": row.item,
            "ko": row.ko,
            "en": row.en,
            "grade": row.grade,
            "better": better,
            "gain": gain(row, better),
            "change": code.change,
            "asks_ko": asks.ko,
            "asks_en": asks.en,
            "advice_ko": code.advice_ko,
            "advice_en": code.advice_en,
        }


def explain(
    evaluation: Evaluation, model: Model | None = None, *, guaranteeable: bool | None = None
) -> Explanation:
    """The explanation for the applicant, by the model that made the evaluation (model 2 by default).

    Raises ValueError where another model made it. For many evaluations keep one `Explainer`.
    """
    return Explainer(model).explain(evaluation, guaranteeable=guaranteeable)
