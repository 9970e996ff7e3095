"""Distributions of grades with a given mean and sd: whether there is one, and the one of maximum entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from lending.credit.validation.errors import RevalidationError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reconciled:
    """Mean and sd that grades can have, next to the printed ones.

    how: `as printed`; `within rounding` (another mean or sd that prints the same); `sd moved` (no firms can
    have the printed sd, the nearest possible one is taken).
    """

    mean: float
    sd: float
    how: str


def possible_sd(levels: Sequence[int], mean: float) -> tuple[float, float]:
    """Smallest and largest sd of grades on `levels` with this mean.

    Smallest when all firms stand on the two levels beside the mean, largest when on the two ends (Bhatia &
    Davis 2000: variance <= (K - mean)(mean - 1)).
    """
    grid = sorted(levels)
    if not grid[0] <= mean <= grid[-1]:
        raise RevalidationError(f"mean {mean} lies outside the grades {grid[0]} to {grid[-1]}")
    below = max(level for level in grid if level <= mean)
    above = min(level for level in grid if level >= mean)
    return (
        sqrt(max((mean - below) * (above - mean), 0.0)),
        sqrt(max((mean - grid[0]) * (grid[-1] - mean), 0.0)),
    )


def reconcile(levels: Sequence[int], mean: float, sd: float, digits: int = 2) -> Reconciled:
    """The possible mean and sd nearest to those printed with `digits` decimals."""
    low, high = possible_sd(levels, mean)
    if low <= sd <= high:
        return Reconciled(mean, sd, "as printed")
    half = 0.5 * 10.0**-digits
    near = mean + half * np.linspace(-1, 1, 201)
    near = near[(near >= min(levels)) & (near <= max(levels))]
    for candidate in near[np.argsort(np.abs(near - mean), kind="stable")]:
        low_near, high_near = possible_sd(levels, float(candidate))
        if low_near <= sd + half and sd - half <= high_near:
            return Reconciled(float(candidate), min(max(sd, low_near), high_near), "within rounding")
    return Reconciled(mean, min(max(sd, low), high), "sd moved")


def maximum_entropy(levels: Sequence[int], mean: float, sd: float) -> Floats:
    """Probabilities of `levels` with this mean and sd, p proportional to exp(a x + b x^2).

    RevalidationError when no grades have them (see `reconcile`).
    """
    grid = np.asarray(levels, dtype=float)
    low, high = possible_sd(levels, mean)
    if not low - 1e-9 <= sd <= high + 1e-9:
        raise RevalidationError(
            f"no grades from {grid[0]:g} to {grid[-1]:g} have mean {mean} and sd {sd}: "
            f"the sd lies between {low:.3f} and {high:.3f}"
        )
    # On either edge the distribution is of two levels and a, b are infinite.
    if sd <= low + 1e-6:
        return _two(grid, grid[grid <= mean].max(), grid[grid >= mean].min(), mean)
    if sd >= high - 1e-6:
        return _two(grid, grid[0], grid[-1], mean)
    powers = np.vstack(((grid - mean) / sd, ((grid - mean) / sd) ** 2))
    target = np.array([0.0, 1.0])

    def dual(at: Floats) -> tuple[float, Floats]:
        exponent = at @ powers
        top = exponent.max()
        weight = np.exp(exponent - top)
        share = weight / weight.sum()
        return float(top + np.log(weight.sum()) - at @ target), powers @ share - target

    def curvature(at: Floats) -> Floats:
        share = _softmax(at @ powers)
        centred = powers - (powers @ share)[:, np.newaxis]
        return np.asarray((centred * share) @ centred.T, dtype=float)

    found = optimize.minimize(
        dual, np.zeros(2), jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-10}
    )
    share = _softmax(found.x @ powers)
    if np.abs(powers @ share - target).max() > 1e-6:
        raise RevalidationError(f"no distribution was found with mean {mean} and sd {sd}")
    return share


def _softmax(exponent: Floats) -> Floats:
    weight = np.exp(exponent - exponent.max())
    return np.asarray(weight / weight.sum(), dtype=float)


def _two(grid: Floats, low: float, high: float, mean: float) -> Floats:
    share = np.zeros(len(grid))
    upper = 0.0 if high == low else (mean - low) / (high - low)
    share[grid == low] += 1 - upper
    share[grid == high] += upper
    return share
