"""How well a measure of risk tells accidents from healthy firms: ROC, AUC, Gini, KS.

`risk` rises with the danger of an accident (a score, which falls with it, is passed negated); `accident` is
0 or 1. Both have shape (n,) and the same n.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lending.credit.validation.errors import RevalidationError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Roc:
    """The ROC curve's corners, from (0, 0) to (1, 1): shares of healthy firms and of accidents at or above
    each threshold, thresholds falling from infinity."""

    thresholds: Floats
    false_positive_rate: Floats
    true_positive_rate: Floats


@dataclass(frozen=True)
class Discrimination:
    """AUC with Hanley & McNeil's error and normal interval, Gini = 2 AUC - 1, KS and where it is reached."""

    accidents: int
    healthy: int
    auc: float
    auc_se: float
    auc_low: float
    auc_high: float
    confidence: float
    gini: float
    ks: float
    ks_at: float


def two_groups(accident: ArrayLike, measure: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    """Checked outcome and measure; RevalidationError unless both outcomes occur and nothing is missing."""
    outcome, values = np.asarray(accident, dtype=float), np.asarray(measure, dtype=float)
    if outcome.shape != values.shape or outcome.ndim != 1:
        raise RevalidationError("outcomes and their measure are one column each, of the same length")
    if not np.isin(outcome, (0.0, 1.0)).all() or np.isnan(values).any():
        raise RevalidationError("an outcome is 0 or 1, and each firm needs its measure")
    found = outcome == 1
    if not found.any() or found.all():
        raise RevalidationError("there must be accidents and healthy firms: one of the two is absent")
    return found, values


def roc(accident: ArrayLike, risk: ArrayLike) -> Roc:
    """The empirical curve, one corner a distinct value of risk."""
    outcome, values = two_groups(accident, risk)
    order = np.argsort(-values, kind="stable")
    ordered, hit = values[order], outcome[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    true_positive = np.cumsum(hit)[last] / hit.sum()
    false_positive = np.cumsum(~hit)[last] / (~hit).sum()
    return Roc(
        np.concatenate(([np.inf], ordered[last])),
        np.concatenate(([0.0], false_positive)),
        np.concatenate(([0.0], true_positive)),
    )


def auc(accident: ArrayLike, risk: ArrayLike) -> float:
    """Area under the ROC curve: the Mann-Whitney statistic over its maximum, ties counted half."""
    outcome, values = two_groups(accident, risk)
    positives, negatives = int(outcome.sum()), int((~outcome).sum())
    ranks = stats.rankdata(values)
    return float((ranks[outcome].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def gini(area: float) -> float:
    """Gini coefficient (accuracy ratio) of an area under the ROC curve."""
    return 2 * area - 1


def hanley_mcneil(area: float, positives: int, negatives: int) -> float:
    """Standard error of an area under the ROC curve.

    Hanley & McNeil (1982), Radiology 143:29-36: Q1 = A/(2-A), Q2 = 2A^2/(1+A), of exponential distributions.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return sqrt(max(variance, 0.0) / (positives * negatives))


def kolmogorov_smirnov(accident: ArrayLike, risk: ArrayLike) -> tuple[float, float]:
    """Largest distance between the two groups' distributions, and the value of risk at which it lies."""
    curve = roc(accident, risk)
    gap = np.abs(curve.true_positive_rate - curve.false_positive_rate)
    at = int(np.argmax(gap))
    return float(gap[at]), float(curve.thresholds[at])


def discriminate(accident: ArrayLike, risk: ArrayLike, confidence: float = 0.95) -> Discrimination:
    """All measures at once; the interval is cut off at 0 and 1."""
    outcome, values = two_groups(accident, risk)
    positives, negatives = int(outcome.sum()), int((~outcome).sum())
    area = auc(outcome, values)
    error = hanley_mcneil(area, positives, negatives)
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    distance, at = kolmogorov_smirnov(outcome, values)
    return Discrimination(
        accidents=positives,
        healthy=negatives,
        auc=area,
        auc_se=error,
        auc_low=max(area - reach, 0.0),
        auc_high=min(area + reach, 1.0),
        confidence=confidence,
        gini=gini(area),
        ks=distance,
        ks_at=at,
    )
