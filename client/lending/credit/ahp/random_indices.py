"""Random indices: the mean consistency index of matrices filled at random, by several authors."""

from __future__ import annotations

from enum import StrEnum

from lending.credit.ahp.errors import AhpError


class RandomIndex(StrEnum):
    """Whose simulation the consistency index is divided by."""

    SAATY = "saaty"
    ALONSO_LAMATA = "alonso-lamata"
    DONEGAN_DODD = "donegan-dodd"


_SAATY = (0.52, 0.89, 1.11, 1.25, 1.35, 1.40, 1.45, 1.49, 1.52, 1.54, 1.56, 1.58, 1.59)


def random_index(size: int, missing: int = 0, *, source: RandomIndex = RandomIndex.SAATY) -> float:
    """The random index of a matrix of ``size`` items of which ``missing`` pairs were not compared."""
    if size < 3:
        return 0.0
    if size > 15:
        raise AhpError(f"the random index of {source} ends at 15 items: this matrix has {size}")
    most = (size - 1) * (size - 2) // 2
    return (1 - missing / most) * _SAATY[size - 3]
