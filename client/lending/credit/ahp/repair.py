"""Which judgement to think over again, and how far to move it.

A judgement is only ever suggested: the rater decides. For one comparison, the others kept, lambda_max is
convex in its logarithm (Bozoki, Fulop & Ronyai 2010), so there is one best value, and the nearest value under
a limit lies between what was judged and that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.batch import Method, weigh_stack
from lending.credit.ahp.completion import Completion, complete_stack
from lending.credit.ahp.matrix import ComparisonMatrix, components, ratio_text, refuse_disconnected
from lending.credit.ahp.random_indices import RandomIndex

SCALE = tuple(1 / k for k in range(9, 1, -1)) + tuple(float(k) for k in range(1, 10))
"""Saaty's scale: 1/9 to 9."""
_STEPS = 60


@dataclass(frozen=True)
class Repair:
    """What changing one comparison alone would do. ``a`` was judged at least as much as ``b``."""

    a: str
    b: str
    judged: float
    ratio: float
    """Consistency ratio as judged."""
    best: float
    """The value at which the ratio is least."""
    best_ratio: float
    scale: float
    """The value of Saaty's scale to take: the nearest to the judgement under the limit, else the best one."""
    scale_ratio: float
    nearest: float | None
    """The nearest value of all under the limit; None where no value gets there."""
    limit: float

    @property
    def enough(self) -> bool:
        """Whether this change alone, on Saaty's scale, brings the ratio to the limit or under it."""
        return self.scale_ratio <= self.limit

    def __str__(self) -> str:
        pair = f"{self.a} against {self.b}"
        if np.isclose(self.scale, self.judged):
            return f"{pair}: no other value of the scale is better than {ratio_text(self.judged)}"
        turned = f" ({self.b} over {self.a})" if self.scale < 1 else ""
        verdict = "" if self.enough else f", still over {self.limit:g}"
        return (
            f"{pair}: {ratio_text(self.scale)} instead of {ratio_text(self.judged)}{turned} brings the "
            f"consistency ratio from {self.ratio:.3f} to {self.scale_ratio:.3f}{verdict}"
        )


def repairs(
    matrix: ComparisonMatrix,
    limit: float = 0.1,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> tuple[Repair, ...]:
    """What each comparison could do for consistency if it alone changed, the greatest effect first.

    Comparisons that nothing can contradict (the only link between two parts) are left out. The best value is
    the one that a completion at the least eigenvalue puts there, whatever the completion of other gaps.

    >>> judged = ComparisonMatrix([[1, 2, 1/2], [None, 1, 2], [None, None, 1]], ["a", "b", "c"])
    >>> print(repairs(judged)[0])
    a against b: 1/2 instead of 2 (b over a) brings the consistency ratio from 0.481 to 0.052
    """
    refuse_disconnected(matrix)
    places = _contradictable(matrix)
    if not places:
        return ()
    rows, columns = (np.array(side) for side in zip(*places, strict=True))
    cells = len(places)

    def ratios(which: NDArray[np.intp], tried: NDArray[np.float64]) -> NDArray[np.float64]:
        stack = _with(matrix.values, rows[which], columns[which], tried)
        method = Method.EIGENVECTOR
        return weigh_stack(stack, method, completion=completion, random_index=random_index).consistency_ratio

    every = np.arange(cells)
    judged = matrix.values[rows, columns]
    current = float(ratios(every[:1], judged[:1])[0])
    # The best value of a comparison is the one that an eigenvalue-optimal completion would put there.
    without = _with(matrix.values, rows, columns, np.full(cells, np.nan))
    best = complete_stack(without, Completion.EIGENVALUE)[every, rows, columns]
    best_ratio = ratios(every, best)
    tried = np.tile(SCALE, cells)
    on_scale = ratios(np.repeat(every, len(SCALE)), tried).reshape(cells, len(SCALE))
    nearest = np.where(current <= limit, judged, np.nan)
    reachable = every[(best_ratio <= limit) & (current > limit)]
    if len(reachable):
        nearest[reachable] = _nearest(
            *(judged[reachable], best[reachable], current - limit, best_ratio[reachable] - limit),
            lambda tried: ratios(reachable, tried) - limit,
        )
    found = []
    for k, (i, j) in enumerate(places):
        scale, scale_ratio = _on_scale(on_scale[k], float(judged[k]), limit)
        found.append(
            Repair(
                *(matrix.labels[i], matrix.labels[j], float(judged[k]), current),
                *(float(best[k]), float(best_ratio[k]), scale, scale_ratio),
                None if np.isnan(nearest[k]) else float(nearest[k]),
                limit,
            )
        )
    return tuple(sorted(found, key=lambda one: one.best_ratio))


def repair_sequence(
    matrix: ComparisonMatrix,
    limit: float = 0.1,
    *,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> tuple[tuple[Repair, ...], ComparisonMatrix]:
    """Changes on Saaty's scale, one after the other, until the ratio is at the limit; and the matrix then.

    Greedy: while no single change is enough, the one that lowers the ratio most; then, of those that are
    enough, the smallest. No comparison is changed twice, so few judgements are touched. It ends early where
    no change of the scale helps any more.
    """
    steps: list[Repair] = []
    touched: set[frozenset[str]] = set()
    while True:
        offered = [
            one
            for one in repairs(matrix, limit, completion=completion, random_index=random_index)
            if one.ratio > limit and one.scale_ratio < one.ratio and frozenset((one.a, one.b)) not in touched
        ]
        if not offered:
            return tuple(steps), matrix
        enough = [one for one in offered if one.enough]
        chosen = (
            min(enough, key=lambda one: (round(_distance(one.judged, one.scale), 9), one.scale_ratio))
            if enough
            else min(offered, key=lambda one: one.scale_ratio)
        )
        steps.append(chosen)
        touched.add(frozenset((chosen.a, chosen.b)))
        matrix = matrix.replace(chosen.a, chosen.b, chosen.scale)


def _contradictable(matrix: ComparisonMatrix) -> list[tuple[int, int]]:
    compared = ~np.isnan(matrix.values)
    places = []
    for i, j in np.argwhere(np.triu(compared, 1)).tolist():
        others = compared.copy()
        others[i, j] = others[j, i] = False
        if len(components(others)) == 1:
            places.append((i, j) if matrix.values[i, j] >= 1 else (j, i))
    return places


def _with(
    values: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    replaced: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(k, n, n): the k-th copy has its k-th cell replaced."""
    stack = np.repeat(values[None], len(rows), axis=0)
    copies = np.arange(len(rows))
    stack[copies, rows, columns], stack[copies, columns, rows] = replaced, 1 / replaced
    return stack


def _on_scale(ratios: NDArray[np.float64], judged: float, limit: float) -> tuple[float, float]:
    under = [k for k in range(len(SCALE)) if ratios[k] <= limit]
    chosen = min(under, key=lambda k: _distance(SCALE[k], judged), default=int(ratios.argmin()))
    return SCALE[chosen], float(ratios[chosen])


def _nearest(
    judged: NDArray[np.float64],
    best: NDArray[np.float64],
    excess: float,
    best_excess: NDArray[np.float64],
    excesses: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """The values between judged and best at which the ratio meets the limit: regula falsi, Illinois' way.

    What it returns is never over the limit: the ratio is convex, so a chord crosses on the side under it, and
    the other side's excess is halved lest it stay where it is.
    """
    over, under = np.log(judged), np.log(best)
    over_by, under_by = np.full(len(judged), excess), best_excess
    for _ in range(_STEPS):
        between = (under * over_by - over * under_by) / (over_by - under_by)
        by = excesses(np.exp(between))
        good = by <= 0
        over, over_by = np.where(good, over, between), np.where(good, over_by / 2, by)
        under, under_by = np.where(good, between, under), np.where(good, by, under_by)
        if np.all(under_by > -1e-12):
            break
    found: NDArray[np.float64] = np.exp(under)
    return found


def _distance(one: float, other: float) -> float:
    return float(abs(np.log(one / other)))
