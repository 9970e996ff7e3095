"""The principal eigenvector of many small positive matrices at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# As many matrices as a processor's cache holds.
_AT_ONCE = 1_000


def principal(stack: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Perron vectors (r, n), each of sum 1, and eigenvalues (r,) of non-negative primitive (r, n, n).

    The power method by repeated squaring: the k-th step has the 2**k-th power of the matrix, whose row sums
    are the power iterate, so the error is squared at each step. It needs no more than 10 for the worst that
    Saaty's scale allows.
    """
    if len(stack) > _AT_ONCE:
        parts = [principal(stack[start : start + _AT_ONCE]) for start in range(0, len(stack), _AT_ONCE)]
        return np.concatenate([vectors for vectors, _ in parts]), np.concatenate(
            [value for _, value in parts]
        )
    # Raters last: numpy then runs over raters, of which there are many, and not over a few items.
    matrix = np.ascontiguousarray(np.moveaxis(stack, 0, -1))
    power = matrix / matrix.sum(axis=(0, 1))
    weights = power.sum(axis=1)
    for _ in range(64):
        power = _square(power)
        power /= power.sum(axis=(0, 1))
        before, weights = weights, power.sum(axis=1)
        # The next step squares this difference.
        if np.all(np.abs(weights - before) <= 1e-9 * weights):
            break
    # Squaring adds rounding errors up; two plain steps with the matrix itself shrink them again.
    for _ in range(2):
        weights = (matrix * weights).sum(axis=1)
        weights /= weights.sum(axis=0)
    return np.ascontiguousarray(weights.T), (matrix * weights).sum(axis=(0, 1))


def to_shares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r, n) with each row divided by its sum."""
    shares: NDArray[np.float64] = rows / rows.sum(axis=1, keepdims=True)
    return shares


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square of (n, n, r), matrix by matrix."""
    product = matrix[:, 0, None] * matrix[None, 0]
    for k in range(1, len(matrix)):
        product += matrix[:, k, None] * matrix[None, k]
    return product
