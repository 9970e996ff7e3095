"""The principal eigenvector of many small positive matrices at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal(stack: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Perron vectors (r, n), each of sum 1, and eigenvalues (r,) of non-negative primitive (r, n, n).

    The power method by repeated squaring: the k-th step has the 2**k-th power of the matrix, whose row sums
    are the power iterate, so the error is squared at each step. It needs no more than 10 for the worst that
    Saaty's scale allows.
    """
    power = stack / stack.sum(axis=(1, 2), keepdims=True)
    weights = power.sum(axis=2)
    for _ in range(64):
        power = power @ power
        power /= power.sum(axis=(1, 2), keepdims=True)
        before, weights = weights, power.sum(axis=2)
        # The next step squares this difference.
        if np.all(np.abs(weights - before) <= 1e-9 * weights):
            break
    # Squaring adds rounding errors up; two plain steps with the matrix itself shrink them again.
    for _ in range(2):
        weights = to_shares(_apply(stack, weights))
    return weights, _apply(stack, weights).sum(axis=1)


def to_shares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r, n) with each row divided by its sum."""
    shares: NDArray[np.float64] = rows / rows.sum(axis=1, keepdims=True)
    return shares


def _apply(stack: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = np.matmul(stack, vectors[:, :, None])
    return product[:, :, 0]
