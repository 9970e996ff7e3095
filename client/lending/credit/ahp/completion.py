"""What takes the place of comparisons that were not made."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.eigen import principal
from lending.credit.ahp.matrix import ComparisonMatrix, refuse_disconnected


class Completion(StrEnum):
    """How an incomplete matrix is completed."""

    EIGENVALUE = "eigenvalue"
    LOG_LEAST_SQUARES = "log-least-squares"
    HARKER = "harker"


def complete(matrix: ComparisonMatrix, completion: Completion = Completion.EIGENVALUE) -> ComparisonMatrix:
    """The matrix with every missing comparison filled."""
    refuse_disconnected(matrix)
    return ComparisonMatrix(complete_stack(matrix.values[None], completion)[0], matrix.labels)


def complete_stack(stack: NDArray[np.float64], completion: Completion) -> NDArray[np.float64]:
    """(r, n, n) connected matrices with NaN -> the same, completed."""
    missing = np.isnan(stack)
    if not missing.any():
        return stack
    weights = harker(stack) if completion is Completion.HARKER else log_least_squares(stack)
    filled: NDArray[np.float64] = np.where(missing, weights[:, :, None] / weights[:, None, :], stack)
    return filled


def harker(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (r, n) by Harker (1987): a missing comparison is 0 and adds 1 to its row's diagonal."""
    missing = np.isnan(stack)
    filled = np.where(missing, 0.0, stack)
    diagonal = np.arange(stack.shape[1])
    filled[:, diagonal, diagonal] += missing.sum(axis=2)
    return principal(filled)[0]


def log_least_squares(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (r, n), each of sum 1, that minimise the squared error of logarithms over what was compared."""
    known = ~np.isnan(stack)
    size = stack.shape[1]
    logs = np.log(np.where(known, stack, 1.0)).sum(axis=2)
    laplacian = known.sum(axis=2)[:, :, None] * np.eye(size) - known
    solved = np.linalg.solve(laplacian + 1 / size, logs[:, :, None])[:, :, 0]
    weights: NDArray[np.float64] = np.exp(solved - solved.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
