"""Weights of one comparison matrix, with its consistency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.batch import Method, weigh_stack
from lending.credit.ahp.completion import Completion
from lending.credit.ahp.matrix import ComparisonMatrix, refuse_disconnected
from lending.credit.ahp.random_indices import RandomIndex

__all__ = ["Completion", "Method", "RandomIndex", "Weights", "weigh"]


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the items, at full precision, and how consistent the comparisons are."""

    labels: tuple[str, ...]
    values: NDArray[np.float64]
    """(n,), positive, of sum 1."""
    method: Method
    lambda_max: float
    """Principal eigenvalue of the (completed) matrix, whatever the method: at least n, n when consistent."""
    consistency_index: float
    """(lambda_max - n) / (n - 1)."""
    random_index: float
    """What the index was divided by; 0 where no inconsistency is possible."""
    consistency_ratio: float

    def as_dict(self) -> dict[str, float]:
        """Label -> weight."""
        return dict(zip(self.labels, self.values.tolist(), strict=True))


def weigh(
    matrix: ComparisonMatrix,
    method: Method = Method.EIGENVECTOR,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> Weights:
    """Weights of the items and the consistency of the comparisons.

    >>> weights = weigh(ComparisonMatrix([[1, 2, 4], [None, 1, 2], [None, None, 1]], ["a", "b", "c"]))
    >>> {label: round(value, 3) for label, value in weights.as_dict().items()}
    {'a': 0.571, 'b': 0.286, 'c': 0.143}

    Raises:
        AhpError: the comparisons do not connect all items, or the random index has no value for the size.
    """
    refuse_disconnected(matrix)
    one = weigh_stack(matrix.values[None], method, completion=completion, random_index=random_index)
    values = one.weights[0].copy()
    values.flags.writeable = False
    return Weights(
        matrix.labels,
        values,
        Method(method),
        float(one.lambda_max[0]),
        float(one.consistency_index[0]),
        float(one.random_index[0]),
        float(one.consistency_ratio[0]),
    )
