"""Random indices: the mean consistency index of matrices whose judgements are drawn at random.

Saaty's consistency ratio divides by it. Authors differ because they drew few matrices or many; which one was
used belongs to every reported ratio. Where comparisons are missing the index is smaller, since the completion
takes up part of the inconsistency.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from lending.credit.ahp.errors import AhpError


class RandomIndex(StrEnum):
    """Whose simulation the consistency index is divided by."""

    SAATY = "saaty"
    """Saaty, Theory and Applications of the Analytic Network Process (2005), p. 31; 3 to 15 items."""
    SAATY_1980 = "saaty-1980"
    """Saaty, The Analytic Hierarchy Process (1980), p. 21: the older values, in most textbooks; 3 to 15."""
    ALONSO_LAMATA = "alonso-lamata"
    """Alonso & Lamata, Int. J. of Uncertainty, Fuzziness and Knowledge-Based Systems 14 (2006) 445-459:
    500,000 matrices a size for 3 to 15 items; above, their line lambda_max = 2.7699 n - 4.3513."""
    ALONSO_LAMATA_LINE = "alonso-lamata-line"
    """The same line for every size, as AHP-OS has it: CR = (lambda_max - n) / (2.7699 n - 4.3513 - n)."""
    DONEGAN_DODD = "donegan-dodd"
    """Donegan & Dodd, Mathematical and Computer Modelling 15:10 (1991) 135-137: 3 to 100 items, linear
    between the sizes that they print."""


_SAATY = (0.52, 0.89, 1.11, 1.25, 1.35, 1.40, 1.45, 1.49, 1.52, 1.54, 1.56, 1.58, 1.59)
_SAATY_1980 = (0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59)
_ALONSO_LAMATA = (
    *(0.5247, 0.8816, 1.1086, 1.2479, 1.3417, 1.4057, 1.4499),
    *(1.4854, 1.5140, 1.5365, 1.5551, 1.5713, 1.5838),
)
_DONEGAN_DODD = (
    *(0.4914, 0.8286, 1.0591, 1.1797, 1.2519, 1.3171, 1.3733, 1.4055, 1.4213),
    *(1.4497, 1.4643, 1.4822, 1.4969, 1.5078, 1.5153, 1.5262, 1.5313, 1.5371),
)
# Without their 90 items, given as 1.6213: below 80's value, which a mean over random matrices cannot be.
_DONEGAN_DODD_LARGE = {
    20: 1.5371,
    25: 1.5619,
    30: 1.5772,
    40: 1.5976,
    50: 1.6102,
    60: 1.6178,
    70: 1.6237,
    80: 1.6277,
    100: 1.6339,
}
_TABLES = {
    RandomIndex.SAATY: _SAATY,
    RandomIndex.SAATY_1980: _SAATY_1980,
    RandomIndex.ALONSO_LAMATA: _ALONSO_LAMATA,
    RandomIndex.ALONSO_LAMATA_LINE: (),
    RandomIndex.DONEGAN_DODD: _DONEGAN_DODD,
}


def random_index(size: int, missing: int = 0, *, source: RandomIndex = RandomIndex.SAATY) -> float:
    """The random index of a matrix of ``size`` items of which ``missing`` pairs were not compared.

    It falls linearly with the number of missing pairs, to 0 where the comparisons form a tree and nothing
    can contradict: RI(n, m) = RI(n, 0) · (1 - 2m / ((n - 1)(n - 2))), the approximation of Agoston & Csato,
    Inconsistency thresholds for incomplete pairwise comparison matrices, Omega 108 (2022) 102576. It holds
    for matrices completed at their least eigenvalue.

    >>> random_index(5)
    1.11
    >>> round(random_index(4, missing=1, source=RandomIndex.ALONSO_LAMATA), 4)
    0.5877

    Raises:
        AhpError: the source has no value for the size, or so many pairs are missing that the rest cannot
            connect the items.
    """
    if size < 3:
        return 0.0
    most = (size - 1) * (size - 2) // 2
    if not 0 <= missing <= most:
        raise AhpError(
            f"{missing} missing pairs leave {size} items unconnected: at most {most} may be missing"
        )
    return _complete(size, RandomIndex(source)) * (1 - missing / most)


def _complete(size: int, source: RandomIndex) -> float:
    table = _TABLES[source]
    if size - 3 < len(table):
        return table[size - 3]
    if source in {RandomIndex.ALONSO_LAMATA, RandomIndex.ALONSO_LAMATA_LINE}:
        return (2.7699 * size - 4.3513 - size) / (size - 1)
    if source is RandomIndex.DONEGAN_DODD and size <= 100:
        return float(np.interp(size, list(_DONEGAN_DODD_LARGE), list(_DONEGAN_DODD_LARGE.values())))
    last = 100 if source is RandomIndex.DONEGAN_DODD else len(table) + 2
    others = f"{RandomIndex.DONEGAN_DODD} (to 100) or " if source is not RandomIndex.DONEGAN_DODD else ""
    raise AhpError(
        f"the random index {source} ends at {last} items and there are {size}: "
        f"choose {others}{RandomIndex.ALONSO_LAMATA} (any size)"
    )
