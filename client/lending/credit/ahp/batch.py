"""Weights and consistency of many raters' matrices at once.

One rater is a batch of one: `weigh` runs the same arithmetic, so its numbers are these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.ahp import random_indices
from lending.credit.ahp.completion import Completion, complete_stack, log_least_squares
from lending.credit.ahp.eigen import principal, to_shares
from lending.credit.ahp.matrix import check_stack
from lending.credit.ahp.random_indices import RandomIndex


class Method(StrEnum):
    """How weights are derived from comparisons."""

    EIGENVECTOR = "eigenvector"
    """The principal right eigenvector: Saaty, Journal of Mathematical Psychology 15 (1977) 234-281."""
    GEOMETRIC_MEAN = "geometric-mean"
    """The geometric mean of each row: Crawford & Williams, same journal, 29 (1985) 387-405."""
    COLUMN_MEAN = "column-mean"
    """The mean of the columns, each divided by its sum: Saaty's estimate by hand (1980)."""
    LOG_LEAST_SQUARES = "log-least-squares"
    """Least squares of logarithms over what was compared, whatever the completion: the geometric mean when
    complete, else the solution on the graph (Bozoki, Fulop & Ronyai 2010, section 4)."""


@dataclass(frozen=True, eq=False)
class BatchWeights:
    """Row i is rater i; the meaning of each figure is that of `Weights`."""

    weights: NDArray[np.float64]
    """(raters, n), each row of sum 1."""
    lambda_max: NDArray[np.float64]
    """(raters,)"""
    consistency_index: NDArray[np.float64]
    """(raters,)"""
    random_index: NDArray[np.float64]
    """(raters,): it depends on how many pairs a rater left out."""
    consistency_ratio: NDArray[np.float64]
    """(raters,)"""


def weigh_many(
    stack: ArrayLike,
    method: Method = Method.EIGENVECTOR,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> BatchWeights:
    """Weights and consistency of (raters, n, n), NaN where a rater did not compare; as `weigh` for each.

    >>> both = weigh_many([[[1, 3], [1 / 3, 1]], [[1, 1 / 4], [4, 1]]])
    >>> both.weights.round(6).tolist()
    [[0.75, 0.25], [0.2, 0.8]]

    Raises:
        AhpError: names the first rater, counted from 1, and the cell; or the groups that no comparison
            connects.
    """
    return weigh_stack(check_stack(stack), method, completion=completion, random_index=random_index)


def weigh_stack(
    stack: NDArray[np.float64],
    method: Method,
    *,
    completion: Completion,
    random_index: RandomIndex,
) -> BatchWeights:
    """`weigh_many` for matrices that are known to be reciprocal and connected."""
    size = stack.shape[1]
    completed = complete_stack(stack, Completion(completion))
    vector, eigenvalue = principal(completed)
    # A reciprocal matrix has no smaller one than n; what is below is rounding.
    lambda_max = np.maximum(eigenvalue, size)
    index = (lambda_max - size) / max(size - 1, 1)
    gaps = np.triu(np.isnan(stack)).sum(axis=(1, 2))
    kinds, kind = np.unique(gaps, return_inverse=True)
    by_kind = [random_indices.random_index(size, gap, source=random_index) for gap in kinds.tolist()]
    divisor = np.array(by_kind)[kind]
    ratio = np.divide(index, divisor, out=np.zeros_like(index), where=divisor > 0)
    weights = _weights(stack, completed, vector, Method(method))
    return BatchWeights(weights, lambda_max, index, divisor, ratio)


def _weights(
    stack: NDArray[np.float64], completed: NDArray[np.float64], vector: NDArray[np.float64], method: Method
) -> NDArray[np.float64]:
    match method:
        case Method.EIGENVECTOR:
            return vector
        case Method.GEOMETRIC_MEAN:
            return to_shares(np.exp(np.log(completed).mean(axis=2)))
        case Method.COLUMN_MEAN:
            return to_shares((completed / completed.sum(axis=1, keepdims=True)).sum(axis=2))
        case Method.LOG_LEAST_SQUARES:
            return log_least_squares(stack)
