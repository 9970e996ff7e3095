"""Answers as matrices: what was said so far, how consistent it is, and where it goes round."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp import ComparisonMatrix, RandomIndex, parse_ratio, repairs, weigh
from lending.credit.survey.definition import Definition, Language, Matrix, SurveyError
from lending.credit.survey.wording import fit_particles

_EQUAL = 1e-9
"""Logarithms of ratios closer than this are the same judgement."""
_PLAIN = re.compile(r"[1-9]\d?(/[1-9]\d?)?|\d+\.\d+")
_EDGE = 1.02
"""A ratio this much beyond the scale is its end, rounded: 0.11 for 1/9."""


@lru_cache(maxsize=4096)
def _ratio(text: str) -> float:
    """`parse_ratio`; thousands of raters say the same few things."""
    return parse_ratio(text)


def read_judgement(definition: Definition, question: str, text: str) -> str:
    """An answer as it is kept: "3", "1/3", or a ratio such as "2.5". SurveyError naming the question.

    A ratio beyond the scale is refused; between its steps it is allowed (calibrated or averaged answers).
    """
    if question not in definition.asked:
        raise SurveyError(f"{question}: the survey has no such question")
    try:
        value = _ratio(text)
    except ValueError as error:
        raise SurveyError(f"{question}: {error}") from error
    largest = definition.scale.largest
    if not 1 / largest / _EDGE <= value <= largest * _EDGE:
        raise SurveyError(f"{question}: {text.strip()} is beyond the scale, 1/{largest} to {largest}")
    kept = re.sub(r"\s", "", text)
    return kept if _PLAIN.fullmatch(kept) else repr(value)


def write_judgement(value: float, doubt: float = 0.0) -> str:
    """A ratio as an answer is written: "3", "1/3", else its decimals.

    doubt: how far it may be off for its printed digits, so that 0.333 is 1/3.
    """
    near = doubt + _EQUAL
    whole = round(max(value, 1 / value))
    if abs(value - whole) <= near:
        return str(whole)
    if abs(value - 1 / whole) <= near:
        return f"1/{whole}"
    return format(value, ".17f")


def comparison_matrix(matrix: Matrix, answers: Mapping[str, str]) -> ComparisonMatrix:
    """One matrix of a rater's answers (question id -> judgement); what was not answered stays open."""
    judged = {
        (a, b): answers[f"{matrix.id}.{a}.{b}"]
        for a, b in itertools.combinations(matrix.items, 2)
        if f"{matrix.id}.{a}.{b}" in answers
    }
    return ComparisonMatrix.from_judgements(matrix.items, judged)


@dataclass(frozen=True)
class Conflict:
    """Three items whose judgements go round: a over b, b over c, and yet not a over c."""

    matrix: Matrix
    a: str
    b: str
    c: str
    equal: bool
    """Whether a and c were called equal; else c was called more important than a."""

    def text(self, language: Language) -> str:
        """The conflict in words."""
        name = {node.id: node.text(language) for node in self.matrix.node.children}
        a, b, c = name[self.a], name[self.b], name[self.c]
        if language == "en":
            said = f"{a} and {c} matter the same" if self.equal else f"{c} matters more than {a}"
            return f"You said that {a} matters more than {b}, and {b} more than {c}, yet that {said}."
        said = f"{a}와(과) {c}이(가) 같다고" if self.equal else f"{c}을(를) {a}보다 중요하다고"
        return fit_particles(f"{a}을(를) {b}보다, {b}을(를) {c}보다 중요하다고 하셨는데 {said} 하셨습니다.")


def conflicts(matrix: Matrix, answers: Mapping[str, str]) -> tuple[Conflict, ...]:
    """Every three items whose order goes round; each round once."""
    values = comparison_matrix(matrix, answers).values
    logs = np.log(values)
    found = []
    for i, j, k in itertools.permutations(range(matrix.size), 3):
        if not (logs[i, j] > _EQUAL and logs[j, k] > _EQUAL):  # false for an open comparison, too
            continue
        equal = bool(abs(logs[i, k]) <= _EQUAL)
        # A full circle is met three times, once from each of its items.
        if equal or (logs[i, k] < -_EQUAL and i == min(i, j, k)):
            found.append(Conflict(matrix, matrix.items[i], matrix.items[j], matrix.items[k], equal))
    return tuple(found)


@dataclass(frozen=True)
class Check:
    """One matrix as far as it was answered.

    consistency_ratio: None until the comparisons close a circle; before, nothing can contradict. revisit: the
    question whose answer, changed alone, would mend most; suggested: the step of the scale to take there (a
    over b). Both None while there is no conflict and the ratio is within the limit.
    """

    matrix: Matrix
    answered: int
    consistency_ratio: float | None
    conflicts: tuple[Conflict, ...]
    revisit: str | None
    suggested: float | None

    def exceeds(self, limit: float) -> bool:
        """Whether the ratio is above the limit: the same test as the screen's."""
        return self.consistency_ratio is not None and self.consistency_ratio > limit


def check(
    matrix: Matrix,
    answers: Mapping[str, str],
    limit: float = 0.2,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> Check:
    """How consistent a rater's answers to one matrix are, so far.

    For open comparisons the ratio is that of the eigenvalue-optimal completion. Items in several groups
    that nothing connects yet are judged group by group, and the worst group counts.
    """
    compared = comparison_matrix(matrix, answers)
    answered = matrix.size * (matrix.size - 1) // 2 - len(compared.missing)
    worst: tuple[float, ComparisonMatrix] | None = None
    for group in compared.components:
        places = [compared.labels.index(label) for label in group]
        part = ComparisonMatrix(compared.values[np.ix_(places, places)], group)
        edges = len(group) * (len(group) - 1) // 2 - len(part.missing)
        if edges < len(group):  # a tree: no circle is closed
            continue
        ratio = weigh(part, random_index=random_index).consistency_ratio
        if worst is None or ratio > worst[0]:
            worst = ratio, part
    found = conflicts(matrix, answers)
    if worst is None:
        return Check(matrix, answered, None, found, None, None)
    ratio, part = worst
    if not found and ratio <= limit:
        return Check(matrix, answered, ratio, found, None, None)
    # The nearest value within the limit may leave a conflict as it is: then the best one is asked for.
    best = repairs(part, 0.0 if found else limit, random_index=random_index)[0]
    a, b, value = best.a, best.b, best.scale
    if matrix.items.index(a) > matrix.items.index(b):
        a, b, value = b, a, 1 / value
    return Check(matrix, answered, ratio, found, f"{matrix.id}.{a}.{b}", value)


@dataclass(frozen=True, eq=False)
class Raters:
    """Many raters' answers as arrays. stacks: matrix id -> (raters, n, n), NaN where one did not answer."""

    definition: Definition
    names: tuple[str, ...]
    stacks: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, definition: Definition, raters: Sequence[tuple[str, Mapping[str, str]]]) -> Raters:
        """From pseudonyms with answers (question id -> judgement). AhpError: an answer is no number."""
        stacks = {}
        for name, matrix in definition.matrices.items():
            values = np.full((len(raters), matrix.size, matrix.size), np.nan)
            values[:, range(matrix.size), range(matrix.size)] = 1
            for i, j in itertools.combinations(range(matrix.size), 2):
                question = f"{name}.{matrix.items[i]}.{matrix.items[j]}"
                for place, (_, answers) in enumerate(raters):
                    if question in answers:
                        values[place, i, j] = _ratio(answers[question])
                values[:, j, i] = 1 / values[:, i, j]
            stacks[name] = values
        return cls(definition, tuple(name for name, _ in raters), stacks)

    def take(self, places: Sequence[int]) -> Raters:
        """Some of them, by place."""
        chosen = list(places)
        return Raters(
            self.definition,
            tuple(self.names[place] for place in chosen),
            {name: values[chosen] for name, values in self.stacks.items()},
        )
