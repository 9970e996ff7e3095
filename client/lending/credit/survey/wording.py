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
# Closing marks may stand between: 재정상태(비재무)와.
_PARTICLE = re.compile("([가-힣])([)\\]'\"]*)(" + "|".join(map(re.escape, _PARTICLES)) + ")")
_FIRST_SYLLABLE = 0xAC00


def fit_particles(text: str) -> str:
    """`text` with each 을(를), 이(가), 은(는), 과(와) as the syllable before it wants it; others stay."""

    def fit(match: re.Match[str]) -> str:
        syllable, marks, particle = match.groups()
        # The syllables of Unicode stand in groups of 28, the first of each without a final consonant.
        open_syllable = (ord(syllable) - _FIRST_SYLLABLE) % 28 == 0
        return syllable + marks + _PARTICLES[particle][open_syllable]

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
    told = _strength(definition, strength, language)
    if value == 1:
        return f"{told} (1)"
    shown = str(strength) if strength.denominator == 1 else f"{float(strength):.2f}"
    return f"{better.text(language)}: {told} ({shown})"


def _strength(definition: Definition, strength: Fraction, language: Language) -> str:
    """The word for a number of the scale; between two that have words, both."""
    words = {number: word.text(language) for number, word in definition.scale.words.items()}
    below = max((number for number in words if number <= strength), default=None)
    above = min((number for number in words if number >= strength), default=None)
    if below is None or above is None:
        return "더 중요" if language == "ko" else "more important"
    if below == above:
        return words[below]
    if language == "ko":
        return fit_particles(f"'{words[below]}'와(과) '{words[above]}' 사이")
    return f"between '{words[below]}' and '{words[above]}'"
