"""An explanation as plain text, for a terminal, a letter or a screen reader."""

from collections.abc import Iterator

from lending.credit.explanation import Explanation
from lending.credit.explanation_words import (
    BLOCK_WORDS,
    CHANGE_WORDS,
    COMPOSITION_WORDS,
    Language,
    answer,
    firm,
    grade_of,
    percent,
    points_text,
    said,
    within,
    word,
)


def explanation_text(explanation: Explanation, lang: Language = "ko") -> str:
    """The whole explanation in Korean or English, one fact a line."""
    parts = (_result, _waterfall, _reasons, _improvements, _criteria, _rights)
    return "\n\n".join("\n".join(part(explanation, lang)) for part in parts) + "\n"


def _result(told: Explanation, lang: Language) -> Iterator[str]:
    composition = COMPOSITION_WORDS[told.composition][lang == "en"]
    yield word("title", lang)
    yield answer(told.guaranteeable, lang)
    yield f"{word('score', lang)} {told.score}"
    yield f"  {word('base', lang)} {told.base} ({word('of', lang)} {told.highest_base})"
    yield f"  {word('bonus', lang)} {told.bonus} ({word('of', lang)} {told.highest_bonus})"
    yield f"{word('firm', lang)}: {firm(told.company_class, told.industry, lang)}"
    yield f"{word('model', lang)}: {told.model}, {composition}, {told.model_digest[:16]}"
    yield said(told, lang, "note")


def _waterfall(told: Explanation, lang: Language) -> Iterator[str]:
    yield word("waterfall", lang)
    for bar in told.waterfall:
        block = BLOCK_WORDS[bar.block][lang == "en"]
        yield (
            f"  {points_text(bar.end - bar.start)} / {points_text(bar.most)}  "
            f"{said(bar, lang)} ({block}, {grade_of(bar.grade, bar.grades, lang)})"
        )


def _reasons(told: Explanation, lang: Language) -> Iterator[str]:
    yield word("reasons", lang)
    if not told.reasons:
        yield f"  {word('nothing_lost', lang)}"
    for reason in told.reasons:
        yield f"  {reason.code}: {said(reason, lang)}"
        yield (
            f"    -{points_text(reason.lost)}, {_share(reason.share_permille, 'of_lost', lang)}; "
            f"{word('corrected_at', lang)}: {said(reason, lang, 'evidence')}"
        )
    yield word("strengths", lang)
    for one in told.strengths:
        share = _share(one.share_permille, "of_earned", lang)
        yield f"  {said(one, lang)}: {points_text(one.earned)}, {share}"


def _improvements(told: Explanation, lang: Language) -> Iterator[str]:
    yield word("improvements", lang)
    for one in told.improvements:
        change = CHANGE_WORDS[one.change][lang == "en"]
        yield (
            f"  +{points_text(one.gain)}  {said(one, lang)}: {one.grade} -> {one.better} "
            f"({said(one, lang, 'asks')}); {change}"
        )
        yield f"    {said(one, lang, 'advice')}"


def _criteria(told: Explanation, lang: Language) -> Iterator[str]:
    yield word("criteria", lang)
    for one in told.criteria:
        yield f"  {said(one, lang)}: {word('weight', lang)} {one.weight / 1_000_000:.6f}"
        bounds = " / ".join(f"{bound.grade}: {said(bound, lang)}" for bound in one.bounds)
        yield f"    {bounds}"
        if said(one, lang, "note"):
            yield f"    {said(one, lang, 'note')}"


def _rights(told: Explanation, lang: Language) -> Iterator[str]:
    yield word("rights", lang)
    for right in told.rights:
        yield f"  {said(right, lang)} ({within(right.days, lang)}; {said(right, lang, 'law')})"
    yield said(told, lang, "contact")


def _share(permille: int, of: str, lang: Language) -> str:
    share = percent(permille)
    return f"{word(of, lang)} {share}" if lang == "ko" else f"{share} {word(of, lang)}"
