"""What takes the place of comparisons that were not made.

Every way here gives a complete reciprocal matrix, so any method of priorities can follow it.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.eigen import principal, to_shares
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix, refuse_disconnected

_STEPS = 100


class Completion(StrEnum):
    """How an incomplete matrix is completed."""

    EIGENVALUE = "eigenvalue"
    """The values that make the principal eigenvalue, and with it the inconsistency, least: Bozoki, Fulop &
    Ronyai, Mathematical and Computer Modelling 52 (2010) 318-333. Unique when the comparisons connect."""
    LOG_LEAST_SQUARES = "log-least-squares"
    """Ratios of the weights that fit the logarithms of what was compared best (section 4 of the same)."""
    HARKER = "harker"
    """Ratios of the principal eigenvector of the matrix that has 0 for a missing comparison and 1 more on
    the diagonal for each in the row: Harker, Mathematical Modelling 9 (1987) 837-848. The completed matrix
    has the same eigenvector and eigenvalue as that one."""


def complete(matrix: ComparisonMatrix, completion: Completion = Completion.EIGENVALUE) -> ComparisonMatrix:
    """The matrix with every missing comparison filled.

    >>> chain = ComparisonMatrix.from_judgements(["a", "b", "c"], {("a", "b"): 2, ("b", "c"): 3})
    >>> round(float(complete(chain).values[0, 2]), 12)
    6.0

    Raises:
        AhpError: the comparisons do not connect all items; names the groups.
    """
    refuse_disconnected(matrix)
    filled = complete_stack(matrix.values[None], Completion(completion))[0]
    return ComparisonMatrix(filled, matrix.labels)


def complete_stack(stack: NDArray[np.float64], completion: Completion) -> NDArray[np.float64]:
    """(r, n, n) connected reciprocal matrices with NaN -> the same, completed."""
    missing = np.isnan(stack)
    rows = np.nonzero(missing.any(axis=(1, 2)))[0]
    if not len(rows):
        return stack
    completed = stack.copy()
    match completion:
        case Completion.EIGENVALUE:
            # As many unknowns in each, though not the same: one stack of equations.
            gaps = missing[rows].sum(axis=(1, 2))
            for count in np.unique(gaps):
                alike = rows[gaps == count]
                completed[alike] = _least_eigenvalue(stack[alike])
        case Completion.LOG_LEAST_SQUARES:
            completed[rows] = _fill(stack[rows], log_least_squares(stack[rows]))
        case Completion.HARKER:
            completed[rows] = _fill(stack[rows], _harker(stack[rows]))
    return completed


def log_least_squares(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (r, n), each of sum 1, least in squared errors of logarithms over what was compared.

    The normal equations are those of the graph's Laplacian; for complete matrices their solution is the
    geometric mean of the rows.
    """
    known = ~np.isnan(stack)
    size = stack.shape[1]
    logs = np.log(np.where(known, stack, 1.0)).sum(axis=2)
    laplacian = known.sum(axis=2)[:, :, None] * np.eye(size) - known
    # The Laplacian leaves the scale open: adding a constant closes it at a mean logarithm of 0.
    solved = np.linalg.solve(laplacian + 1 / size, logs[:, :, None])[:, :, 0]
    return to_shares(np.exp(solved - solved.max(axis=1, keepdims=True)))


def _harker(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = np.isnan(stack)
    filled = np.where(missing, 0.0, stack)
    diagonal = np.arange(stack.shape[1])
    filled[:, diagonal, diagonal] += missing.sum(axis=2)
    return principal(filled)[0]


def _fill(stack: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = weights[:, :, None] / weights[:, None, :]
    filled: NDArray[np.float64] = np.where(np.isnan(stack), ratios, stack)
    return filled


def _least_eigenvalue(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Complete (r, n, n) that lack m pairs each, by Newton's method in the logarithms of their values.

    lambda_max is convex in them (Bozoki et al., section 3), its derivatives follow from the left and right
    principal vectors and the reduced resolvent, so it takes about five steps where the paper's cyclic
    coordinates take hundreds, and ends at full precision, which no search by eigenvalues alone can: near
    the least one they differ by less than their rounding.
    """
    count = len(stack)
    _, i, j = np.nonzero(np.triu(np.isnan(stack)))
    # (r, m): the pairs of each matrix.
    rows, columns, each = i.reshape(count, -1), j.reshape(count, -1), np.arange(count)[:, None]
    filled = _fill(stack, log_least_squares(stack))
    logs = np.log(filled[each, rows, columns])
    _, best = principal(filled)
    open_ones = np.arange(count)
    for _ in range(_STEPS):
        step, scale = _newton_step(filled[open_ones], rows[open_ones], columns[open_ones])
        reach = np.ones(len(open_ones))
        at = np.arange(len(open_ones))[:, None]
        for _ in range(_STEPS):
            tried = logs[open_ones] + reach[:, None] * step
            candidate = filled[open_ones]
            candidate[at, rows[open_ones], columns[open_ones]] = np.exp(tried)
            candidate[at, columns[open_ones], rows[open_ones]] = np.exp(-tried)
            _, value = principal(candidate)
            worse = value > best[open_ones] * (1 + 1e-13)
            if not worse.any():
                break
            reach[worse] /= 2
        logs[open_ones], filled[open_ones], best[open_ones] = tried, candidate, value
        open_ones = open_ones[scale > 1e-12]
        if not len(open_ones):
            return filled
    raise AhpError("the completion of the missing comparisons did not converge: judgements are too far apart")


def _newton_step(
    filled: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The step (r, m) towards the least eigenvalue, and its largest component (r,)."""
    count, size = filled.shape[:2]
    right, value = principal(filled)
    left, _ = principal(np.swapaxes(filled, 1, 2))
    left = left / (left * right).sum(axis=1, keepdims=True)
    each, pairs = np.arange(count)[:, None], np.arange(rows.shape[1])[None, :]
    down, up = filled[each, rows, columns], filled[each, columns, rows]
    projector = right[:, :, None] * left[:, None, :]
    shifted = value[:, None, None] * np.eye(size) - filled + projector
    resolvent = np.linalg.inv(shifted) - projector
    # The matrix's derivative by the k-th logarithm: times the right vector (r, n, m), the left one (r, m, n).
    by_right = np.zeros((count, size, rows.shape[1]))
    by_right[each, rows, pairs] = down * right[each, columns]
    by_right[each, columns, pairs] = -up * right[each, rows]
    by_left = np.zeros((count, rows.shape[1], size))
    by_left[each, pairs, columns] = left[each, rows] * down
    by_left[each, pairs, rows] = -left[each, columns] * up
    cross = by_left @ resolvent @ by_right
    hessian = cross + np.swapaxes(cross, 1, 2)
    pull = left[each, rows] * down * right[each, columns]
    push = left[each, columns] * up * right[each, rows]
    hessian[:, pairs[0], pairs[0]] += pull + push
    step: NDArray[np.float64] = -np.linalg.solve(hessian, (pull - push)[:, :, None])[:, :, 0]
    return step, np.abs(step).max(axis=1)
