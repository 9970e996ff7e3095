"""Weights and consistency of many raters' matrices at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp import random_indices
from lending.credit.ahp.completion import Completion, complete_stack, log_least_squares
from lending.credit.ahp.eigen import principal, to_shares
from lending.credit.ahp.random_indices import RandomIndex


class Method(StrEnum):
    """How weights are derived from comparisons."""

    EIGENVECTOR = "eigenvector"
    GEOMETRIC_MEAN = "geometric-mean"
    COLUMN_MEAN = "column-mean"
    LOG_LEAST_SQUARES = "log-least-squares"


@dataclass(frozen=True, eq=False)
class BatchWeights:
    """Row i is rater i."""

    weights: NDArray[np.float64]
    """(raters, n), each row of sum 1."""
    lambda_max: NDArray[np.float64]
    """(raters,)"""
    consistency_index: NDArray[np.float64]
    """(raters,)"""
    random_index: NDArray[np.float64]
    """(raters,)"""
    consistency_ratio: NDArray[np.float64]
    """(raters,)"""


def weigh_many(
    stack: NDArray[np.float64],
    method: Method = Method.EIGENVECTOR,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> BatchWeights:
    """Weights and consistency of (raters, n, n), NaN where a rater did not compare; as `weigh` for each."""
    size = stack.shape[1]
    completed = complete_stack(stack, completion)
    vector, eigenvalue = principal(completed)
    lambda_max = np.maximum(eigenvalue, size)
    index = (lambda_max - size) / max(size - 1, 1)
    gaps = np.triu(np.isnan(stack)).sum(axis=(1, 2))
    by_gaps = {gap: _random_index(size, gap, random_index) for gap in set(gaps.tolist())}
    divisor = np.array([by_gaps[gap] for gap in gaps.tolist()])
    ratio = np.divide(index, divisor, out=np.zeros_like(index), where=divisor > 0)
    return BatchWeights(_weights(stack, completed, vector, method), lambda_max, index, divisor, ratio)


def _random_index(size: int, missing: int, source: RandomIndex) -> float:
    return random_indices.random_index(size, missing, source=source)


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
