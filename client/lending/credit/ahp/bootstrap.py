"""How far a group's weights would move with other raters: bootstrap intervals and the stability of ranks.

Raters are drawn with replacement (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 13
and 14). A draw is how often each rater is in it, so that a statistic of the group is a function from
weightings of the raters, (b, raters), to weights of the items, (b, n), and thousands of draws are one call.
All nodes of a hierarchy are drawn together: a rater is in or out with all their matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.ahp.batch import weigh_many
from lending.credit.ahp.completion import Completion
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.group import mean_judgements, mean_priorities, normal_rater_weights
from lending.credit.ahp.hierarchy import Hierarchy, compose_many
from lending.credit.ahp.means import Mean
from lending.credit.ahp.priorities import Method

_Array = NDArray[np.float64]
Statistic = Callable[[_Array], _Array]
"""Weightings of the raters (b, raters) -> weights of the items (b, n)."""
_CHUNK = 4096  # draws at a time: (draws, n, n) of a wide matrix need not fit at once


class Interval(StrEnum):
    """How an interval is read off the replicates."""

    PERCENTILE = "percentile"
    BCA = "bca"


def of_priorities(weights: _Array, *, mean: Mean = Mean.ARITHMETIC, trim: float = 0.1) -> Statistic:
    """AIP of (raters, n), as `aggregate_priorities`."""
    return lambda counts: mean_priorities(weights, counts, mean, trim)


def of_judgements(
    stack: _Array,
    *,
    mean: Mean = Mean.GEOMETRIC,
    trim: float = 0.1,
    method: Method = Method.EIGENVECTOR,
    completion: Completion = Completion.EIGENVALUE,
) -> Statistic:
    """AIJ of (raters, n, n), as `aggregate_judgements`, weighed."""
    return lambda counts: (
        weigh_many(mean_judgements(stack, counts, mean, trim), method, completion=completion).weights
    )


def among(places: Sequence[int], statistic: Statistic) -> Statistic:
    """A statistic of some of the raters only; NaN for a draw in which none of them is."""

    def of_all(counts: _Array) -> _Array:
        some = counts[:, places]
        nobody: NDArray[np.bool_] = ~np.any(some, axis=1)
        result = statistic(np.where(nobody[:, None], 1.0, some))
        result[nobody] = np.nan
        return result

    return of_all


def of_hierarchy(hierarchy: Hierarchy, parents: Mapping[str, Statistic]) -> Statistic:
    """Global weights of the leaves, in their order, from a statistic of each parent's children."""
    return lambda counts: compose_many(hierarchy, {id: one(counts) for id, one in parents.items()})


@dataclass(frozen=True, eq=False)
class Intervals:
    """Weights of a group with bootstrap intervals and ranks."""

    labels: tuple[str, ...]
    estimate: _Array
    """(n,): of the raters as they are."""
    low: _Array
    high: _Array
    level: float
    interval: Interval
    replicates: _Array
    """(replicates, n), of the draws in which every node has a rater."""

    @property
    def ranks(self) -> _Array:
        """(n, n): the share of replicates in which item i has rank k; of equal ones the first ranks first."""
        count, size = self.replicates.shape
        order = np.argsort(-self.replicates, axis=1, kind="stable")
        ranks = np.zeros((size, size))
        for rank in range(size):
            ranks[:, rank] = np.bincount(order[:, rank], minlength=size) / count
        return ranks

    @property
    def first(self) -> dict[str, float]:
        """Label -> the share of replicates in which it ranks first."""
        return dict(zip(self.labels, self.ranks[:, 0].tolist(), strict=True))

    def ahead(self, a: str, b: str) -> float:
        """The share of replicates in which a weighs more than b."""
        i, j = self.labels.index(a), self.labels.index(b)
        return float((self.replicates[:, i] > self.replicates[:, j]).mean())


def bootstrap_weights(
    statistic: Statistic,
    labels: Sequence[str],
    raters: int,
    *,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
    interval: Interval = Interval.PERCENTILE,
    rater_weights: ArrayLike | None = None,
) -> Intervals:
    """Bootstrap intervals of a group's weights over its raters.

    Percentile: the quantiles of the replicates. BCa: those quantiles shifted by the median's bias and by the
    skewness, from the jackknife over raters (Efron & Tibshirani 1993, 14.3). Either is narrow for few raters:
    below some twenty it says little.

    Args:
        statistic: from `of_priorities`, `of_judgements` or `of_hierarchy`.
        labels: (n,)
        raters: how many raters the statistic is of, two or more.
        replicates: how many draws, ten or more.
        seed: the same seed gives the same numbers.
        level: share of the replicates inside, below 1.
        rater_weights: (raters,), which multiply how often a rater is drawn; equal by default.

    Raises:
        AhpError: an argument out of range, or most draws leave a node of a hierarchy without raters.
    """
    if raters < 2:
        raise AhpError(f"a bootstrap draws among two raters or more, not {raters}")
    if replicates < 10:
        raise AhpError(f"intervals need ten replicates or more, not {replicates}")
    if not 0 < level < 1:
        raise AhpError(f"the level of an interval is between 0 and 1, not {level:g}")
    base = normal_rater_weights(rater_weights, raters) * raters
    if np.count_nonzero(base) < raters:
        raise AhpError("a rater of weight 0 is not drawn: leave them out")
    estimate = statistic(base[None])[0]
    if estimate.shape != (len(labels),):
        raise AhpError(f"{len(labels)} labels for {estimate.size} items")
    draws = np.random.default_rng(seed)
    shares = np.full(raters, 1 / raters)
    rows = []
    for start in range(0, replicates, _CHUNK):
        counts = draws.multinomial(raters, shares, size=min(_CHUNK, replicates - start))
        rows.append(statistic(counts * base))
    sample = np.concatenate(rows)
    sample = sample[~np.isnan(sample).any(axis=1)]
    if 2 * len(sample) < replicates:
        raise AhpError("most draws leave a node without raters: too few have compared it for intervals")
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if interval is Interval.BCA:
        jackknife = statistic(base * (1 - np.eye(raters)))
        jackknife = jackknife[~np.isnan(jackknife).any(axis=1)]
        quantiles = _bca(tails, sample, estimate, jackknife)
    else:
        quantiles = np.repeat(tails[:, None], len(labels), axis=1)
    low, high = (
        np.array([np.quantile(column, q) for column, q in zip(sample.T, row, strict=True)])
        for row in quantiles
    )
    return Intervals(tuple(labels), estimate, low, high, level, interval, sample)


def _bca(tails: _Array, sample: _Array, estimate: _Array, jackknife: _Array) -> _Array:
    """(2, n): the quantiles of the replicates that stand for the tails."""
    normal = NormalDist()
    # Half of the ties count as below, and never all or none: the normal's quantile is finite.
    below = (sample < estimate).mean(axis=0) + (sample == estimate).mean(axis=0) / 2
    edge = 0.5 / len(sample)
    bias = np.array([normal.inv_cdf(share) for share in np.clip(below, edge, 1 - edge)])
    off = jackknife.mean(axis=0) - jackknife
    spread = (off**2).sum(axis=0) ** 1.5
    skew = np.divide((off**3).sum(axis=0), 6 * spread, out=np.zeros_like(spread), where=spread > 0)
    quantiles = np.empty((2, len(estimate)))
    for end, tail in enumerate(tails):
        shifted = bias + normal.inv_cdf(float(tail))
        quantiles[end] = [normal.cdf(z) for z in bias + shifted / (1 - skew * shifted)]
    return quantiles
