"""Means of columns over raters who count differently, for one weighting or for thousands at once."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.errors import AhpError

_Array = NDArray[np.float64]


class Mean(StrEnum):
    """How raters are averaged."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"
    TRIMMED = "trimmed"


def check_trim(trim: float) -> None:
    """Refuse a share that would trim everything."""
    if not 0 <= trim < 0.5:
        raise AhpError(f"a trimmed mean leaves out a share from 0 to below 0.5 at each end, not {trim:g}")


def means(values: _Array, rater_weights: _Array, mean: Mean, trim: float) -> _Array:
    """Arithmetic or trimmed means of each column; logarithms in, logarithms out is the geometric mean.

    The trimmed mean leaves out `trim` of the raters' weight at each end of every column. A rater on the
    boundary counts with the part of the weight that remains, so that the mean does not jump as `trim` grows;
    where `trim` × raters is whole and raters weigh the same it is the textbook's.

    Args:
        values: (raters, columns); NaN where a rater has no value.
        rater_weights: (b, raters), not negative.

    Returns:
        (b, columns); NaN where no rater that counts has a value.
    """
    if mean is Mean.TRIMMED and trim > 0:
        return np.stack([_trimmed(column, rater_weights, trim) for column in values.T], axis=1)
    given = ~np.isnan(values)
    sums = rater_weights @ np.where(given, values, 0.0)
    totals = rater_weights @ given.astype(np.float64)
    result: _Array = np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0)
    return result


def _trimmed(column: _Array, rater_weights: _Array, trim: float) -> _Array:
    order = np.argsort(column, kind="stable")
    order = order[~np.isnan(column[order])]
    weights = rater_weights[:, order]
    upper = np.cumsum(weights, axis=1)
    total = upper[:, -1:] if len(order) else np.zeros((len(rater_weights), 1))
    kept = np.clip(np.minimum(upper, (1 - trim) * total) - np.maximum(upper - weights, trim * total), 0, None)
    remaining = kept.sum(axis=1)
    sums, empty = kept @ column[order], np.full(len(remaining), np.nan)
    result: _Array = np.divide(sums, remaining, out=empty, where=remaining > 0)
    return result
