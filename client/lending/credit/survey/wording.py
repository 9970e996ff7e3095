"""Korean particles that fit the word before them, and judgements in words."""

from __future__ import annotations

import re
from fractions import Fraction

from lending.credit.survey.definition import Definition, Language, Question

# (after a final consonant, after a vowel), as the templates write them: 을(를), 과(와) …
_PARTICLES = {
    "을(를)": ("을", "를"),
    "이(가)": ("이", "가"),
    "은(는)": ("은", "는"),
    "과(와)": ("과", "와"),
    "와(과)": ("과", "와"),
}
_PARTICLE = re.compile("(.)(" + "|".join(map(re.escape, _PARTICLES)) + ")", re.DOTALL)
_HANGUL = range(0xAC00, 0xD7A4)


def fit_particles(text: str) -> str:
    """`text` with each 을(를), 이(가), 은(는), 과(와) as the syllable before it wants it; others stay."""

    def fit(match: re.Match[str]) -> str:
        before, particle = match.groups()
        if ord(before) not in _HANGUL:
            return match.group()
        # The syllables of Unicode stand in groups of 28, the first of each without a final consonant.
        return str(before + _PARTICLES[particle][(ord(before) - _HANGUL.start) % 28 == 0])

    return _PARTICLE.sub(fit, text)


def question_text(definition: Definition, question: Question, language: Language) -> str:
    """What a rater is asked."""
    text = definition.question_text(question, language)
    return fit_particles(text) if language == "ko" else text


def judgement_text(definition: Definition, question: Question, judged: str, language: Language) -> str:
    """A judgement in words: "업력: 약간 더 중요 (3)"."""
    value = Fraction(judged)
    better = question.a if value >= 1 else question.b
    strength = max(value, 1 / value)
    shown = str(strength) if strength.denominator == 1 else f"{float(strength):.2f}"
    words = definition.scale.words
    # An even number lies between two that have words: it is told by the lower one.
    known = max((number for number in words if number <= strength), default=None)
    told = words[known].text(language) if known else ("더 중요" if language == "ko" else "more important")
    if value == 1:
        return f"{told} (1)"
    return f"{better.text(language)}: {told} ({shown})"
