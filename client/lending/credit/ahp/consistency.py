"""How far comparisons contradict each other, and which of them do.

The indices here look at what was judged; the eigenvalue and the ratio are those of the completed matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.completion import Completion, log_least_squares
from lending.credit.ahp.matrix import ComparisonMatrix, ratio_text, refuse_disconnected
from lending.credit.ahp.priorities import weigh
from lending.credit.ahp.random_indices import RandomIndex


@dataclass(frozen=True)
class CellError:
    """One comparison beside what the weights say."""

    a: str
    b: str
    judged: float
    implied: float
    """w_a / w_b"""

    @property
    def error(self) -> float:
        """a_ij · w_j / w_i: 1 where judgement and weights agree, 2 where the judgement is twice as large."""
        return self.judged / self.implied

    def __str__(self) -> str:
        way = "high" if self.error > 1 else "low"
        return (
            f"{self.a} against {self.b} was judged {ratio_text(self.judged)}, and the weights say "
            f"{self.implied:.3g}: {max(self.error, 1 / self.error):.3g} times too {way}"
        )


@dataclass(frozen=True)
class Triad:
    """Three items whose comparisons disagree: a over b and b over c imply one value of a over c."""

    a: str
    b: str
    c: str
    first: float
    """a against b as judged"""
    second: float
    """b against c as judged"""
    direct: float
    """a against c as judged"""

    @property
    def implied(self) -> float:
        """a against c as the two other comparisons have it."""
        return self.first * self.second

    @property
    def factor(self) -> float:
        """How many times the direct comparison misses the implied one, at least 1."""
        return max(self.implied / self.direct, self.direct / self.implied)

    @property
    def koczkodaj(self) -> float:
        """Koczkodaj's inconsistency of the three, from 0 to less than 1."""
        return 1 - 1 / self.factor

    @property
    def circular(self) -> bool:
        """Whether a is over b, b over c, and c over a."""
        return self.first > 1 and self.second > 1 and self.direct < 1

    def __str__(self) -> str:
        return (
            f"{self.a} is {ratio_text(self.first)} × {self.b} and {self.b} is {ratio_text(self.second)} × "
            f"{self.c}, so {self.a} should be {ratio_text(self.implied)} × {self.c}; it was judged "
            f"{ratio_text(self.direct)}" + (" (a circle)" if self.circular else "")
        )


@dataclass(frozen=True)
class Consistency:
    """Every index of one matrix, and its comparisons from the worst to the best."""

    labels: tuple[str, ...]
    lambda_max: float
    consistency_index: float
    random_index: float
    consistency_ratio: float
    geometric_consistency_index: float
    geometric_limit: float
    """The geometric index that goes with a consistency ratio of 0.1."""
    koczkodaj_index: float
    cells: tuple[CellError, ...]
    triads: tuple[Triad, ...]


def examine(
    matrix: ComparisonMatrix,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> Consistency:
    """All indices of a matrix, with its comparisons and triads sorted, the worst first.

    >>> report = examine(ComparisonMatrix([[1, 2, 2], [None, 1, 4], [None, None, 1]], ["a", "b", "c"]))
    >>> print(report.triads[0])
    a is 2 × b and b is 4 × c, so a should be 8 × c; it was judged 2

    Raises:
        AhpError: the comparisons do not connect all items, or the random index has no value for the size.
    """
    weights = weigh(matrix, completion=completion, random_index=random_index)
    found = triads(matrix)
    return Consistency(
        matrix.labels,
        weights.lambda_max,
        weights.consistency_index,
        weights.random_index,
        weights.consistency_ratio,
        geometric_consistency_index(matrix),
        geometric_limit(matrix.size),
        found[0].koczkodaj if found else 0.0,
        cell_errors(matrix, weights.values),
        found,
    )


def cell_errors(matrix: ComparisonMatrix, weights: NDArray[np.float64]) -> tuple[CellError, ...]:
    """Each comparison beside the ratio of the weights, the furthest from it first; judged at least 1."""
    errors = []
    for i, j in combinations(range(matrix.size), 2):
        if np.isnan(matrix.values[i, j]):
            continue
        a, b = (i, j) if matrix.values[i, j] >= 1 else (j, i)
        judged, implied = float(matrix.values[a, b]), float(weights[a] / weights[b])
        errors.append(CellError(matrix.labels[a], matrix.labels[b], judged, implied))
    return tuple(sorted(errors, key=lambda one: -max(one.error, 1 / one.error)))


def triads(matrix: ComparisonMatrix) -> tuple[Triad, ...]:
    """Every three items that were all compared, the worst first; a over b and b over c, at least 1 each."""
    values = matrix.values
    found = []
    for three in combinations(range(matrix.size), 3):
        if np.isnan(values[np.ix_(three, three)]).any():
            continue
        a, b, c = next(p for p in permutations(three) if values[p[0], p[1]] >= 1 and values[p[1], p[2]] >= 1)
        names = (matrix.labels[a], matrix.labels[b], matrix.labels[c])
        found.append(Triad(*names, float(values[a, b]), float(values[b, c]), float(values[a, c])))
    return tuple(sorted(found, key=lambda one: -one.factor))


def koczkodaj_index(matrix: ComparisonMatrix) -> float:
    """The worst triad's inconsistency, 0 to less than 1; 0 where no three items were all compared.

    min(|1 - a_ik / (a_ij a_jk)|, |1 - a_ij a_jk / a_ik|), at its largest: Koczkodaj, Mathematical and
    Computer Modelling 18:7 (1993) 79-84; for incomplete matrices over what was compared.
    """
    found = triads(matrix)
    return found[0].koczkodaj if found else 0.0


def geometric_consistency_index(matrix: ComparisonMatrix) -> float:
    """Mean squared logarithm of the errors a_ij w_j / w_i, w the logarithmic least squares weights.

    The divisor is the number of comparisons beyond a spanning tree, (n - 1)(n - 2) / 2 when complete, so it
    estimates the variance of a judgement's logarithm: Aguaron & Moreno-Jimenez, European Journal of
    Operational Research 147 (2003) 137-145, where all comparisons are made.

    Raises:
        AhpError: the comparisons do not connect all items.
    """
    refuse_disconnected(matrix)
    compared = ~np.isnan(matrix.values)
    freedom = int(np.triu(compared, 1).sum()) - (matrix.size - 1)
    if freedom < 1:
        return 0.0
    weights = log_least_squares(matrix.values[None])[0]
    errors = np.log(matrix.values * weights[None, :] / weights[:, None])
    return float((np.where(compared, errors, 0.0) ** 2).sum() / 2 / freedom)


def geometric_limit(size: int) -> float:
    """The geometric index that goes with a consistency ratio of 0.1 (Aguaron & Moreno-Jimenez, 2003)."""
    return {1: 0.0, 2: 0.0, 3: 0.3147, 4: 0.3526}.get(size, 0.370)
