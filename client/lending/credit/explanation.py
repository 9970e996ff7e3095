"""An evaluation explained: the waterfall, the reasons, and what would change the result.

Personal Information Protection Act article 37-2 and Credit Information Act article 36-2 let an applicant ask
for an explanation of an automated evaluation. It names items, weights and grades; the threshold is the
foundations' and is in no explanation.
"""

from decimal import Decimal

from lending_domain.model import Threshold
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


class Bar(Value):
    """One step of the waterfall in units of 1/60,000,000: from start to end; `most` is what was possible."""

    item: str
    ko: str
    en: str
    block: str
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
    lost: int
    share_permille: int


class Improvement(Value):
    """What one item at a better grade would bring. reaches: whether that alone suffices, None if unknown."""

    item: str
    ko: str
    en: str
    grade: int
    better: int
    gain: int
    reaches: Flag | None = None


class Explanation(Value):
    """What the applicant gets: score as exact text, waterfall, reasons, criteria, and the note."""

    model: str
    model_digest: str
    score: str
    base: str
    bonus: str
    waterfall: tuple[Bar, ...]
    reasons: tuple[Reason, ...]
    improvements: tuple[Improvement, ...]
    note_ko: str = NOTE_KO
    note_en: str = NOTE_EN


def as_text(units: int) -> str:
    """A score for people: six decimals, cut off and not rounded up."""
    return format((Decimal(units) / UNIT).quantize(Decimal("0.000001"), rounding="ROUND_DOWN"), "f")


def waterfall(evaluation: Evaluation) -> tuple[Bar, ...]:
    """One bar per item, in the model's order, each starting where the last one ended."""
    bars, at = [], 0
    for row in evaluation.items:
        bars.append(
            Bar(
                item=row.item,
                ko=row.ko,
                en=row.en,
                block=row.block,
                grade=row.grade,
                grades=row.grades,
                start=at,
                end=at + row.points,
                most=row.most,
            )
        )
        at += row.points
    return tuple(bars)


def reasons(evaluation: Evaluation, count: int = 4) -> tuple[Reason, ...]:
    """The items that cost the most points, base items only: a bonus not earned is no reason."""
    base = [row for row in evaluation.items if row.block != "bonus"]
    lost_in_all = sum(row.most - row.points for row in base)
    worst = sorted(
        (row for row in base if row.points < row.most), key=lambda row: (row.points - row.most, row.item)
    )
    return tuple(
        Reason(
            code=f"R-{row.item.upper().replace('_', '-')}",
            item=row.item,
            ko=f"{row.ko} {row.grade}등급",
            en=f"{row.en}: grade {row.grade} of {row.grades}",
            lost=row.most - row.points,
            share_permille=(row.most - row.points) * 1000 // lost_in_all,
        )
        for row in worst[:count]
    )


def improvements(evaluation: Evaluation, threshold: Threshold | None = None) -> tuple[Improvement, ...]:
    """For each item not at grade 1: the next better grade, or the first that reaches the threshold.

    threshold: for evaluators only; an applicant's explanation is made without it.
    """
    found = []
    for row in evaluation.items:
        if row.grade == 1:
            continue
        better = row.grade - 1
        if threshold is not None:
            missing = threshold.units - evaluation.total
            better = next((g for g in range(row.grade - 1, 0, -1) if _gain(row, g) >= missing), 1)
        gain = _gain(row, better)
        reaches = None if threshold is None else evaluation.total + gain >= threshold.units
        found.append(
            Improvement(
                item=row.item,
                ko=f"{row.ko}: {row.grade}등급에서 {better}등급으로",
                en=f"{row.en}: from grade {row.grade} to {better}",
                grade=row.grade,
                better=better,
                gain=gain,
                reaches=reaches,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.gain, one.item)))


def _gain(row: ItemScore, grade: int) -> int:
    return row.weight * (row.grade - grade) * (60 // (row.grades - 1))


def explain(evaluation: Evaluation) -> Explanation:
    """The explanation for the applicant."""
    return Explanation(
        model=evaluation.model,
        model_digest=evaluation.model_digest,
        score=as_text(evaluation.total),
        base=as_text(evaluation.base),
        bonus=as_text(evaluation.bonus),
        waterfall=waterfall(evaluation),
        reasons=reasons(evaluation),
        improvements=improvements(evaluation),
    )
