"""What a decision hangs on: one criterion's weight varied, where alternatives swap, and rank reversal.

When a criterion takes the share t of the whole and the others keep their proportions, an alternative's
score is linear in t, so the share at which two alternatives swap is computed, not searched. Changing one
weight alone and scaling all to sum 1 again is the same path: Triantaphyllou & Sánchez 1997 (Decision
Sciences 28(1), 151-194) measure how much of a weight has to go, absolutely and relative to the weight, and
call the criterion of the smallest change the most critical.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.priorities import Method
from lending.credit.ahp.synthesis import Decision, Synthesis

_Array = NDArray[np.float64]
Criteria = str | Collection[str]
"""A criterion, or the leaves of one higher up, which keep their proportions among themselves."""


def vary(decision: Decision, criteria: Criteria, shares: ArrayLike) -> _Array:
    """Scores when a criterion has each of these shares of all weight, the others in proportion.

    Returns:
        (shares, alternatives), each row of sum 1.

    Raises:
        AhpError: a share outside 0 to 1, an unknown criterion, or one that has all the weight or none.
    """
    points = np.asarray(shares, dtype=np.float64)
    if points.ndim != 1 or not ((points >= 0) & (points <= 1)).all():
        raise AhpError("the shares of a criterion are a list of numbers from 0 to 1")
    inside, outside, _ = _parts(decision, criteria)
    scores = points[:, None] * inside + (1 - points)[:, None] * outside
    result: _Array = scores / scores.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True)
class Swap:
    """Two alternatives have equal scores when the criterion has this share of all weight."""

    share: float
    change: float
    """share - present share; below 0 where the criterion has to weigh less."""
    below: str
    """Which of the two is ahead while the share is smaller."""
    above: str
    """Which is ahead while it is larger."""


def break_evens(decision: Decision, criteria: Criteria) -> tuple[Swap, ...]:
    """Where alternatives swap as a criterion's share goes from 0 to 1, others in proportion; smallest first.

    Alternatives that touch at 0 or at 1 only do not swap. Errors as `vary`.
    """
    inside, outside, present = _parts(decision, criteria)
    swaps = []
    for i, j in itertools.combinations(range(len(decision.alternatives)), 2):
        at_none, at_all = outside[i] - outside[j], inside[i] - inside[j]
        if at_none * at_all < 0:
            share = float(at_none / (at_none - at_all))
            ahead, behind = (i, j) if at_none > 0 else (j, i)
            names = decision.alternatives[ahead], decision.alternatives[behind]
            swaps.append(Swap(share, share - present, *names))
    return tuple(sorted(swaps, key=lambda swap: swap.share))


@dataclass(frozen=True)
class WeightChange:
    """How one criterion's weight has to change, alone, for two alternatives to have equal scores."""

    criterion: str
    ahead: str
    behind: str
    absolute: float
    """What is added to the weight, before all are scaled to sum 1 again; negative: taken off."""
    relative: float
    """`absolute` over the weight: -0.25 takes a quarter of it away."""


def weight_changes(decision: Decision) -> tuple[WeightChange, ...]:
    """For each criterion with a weight and each pair of alternatives, the change that makes them equal.

    Smallest relative change first; those that would take more than the weight are impossible and left out
    (Triantaphyllou & Sánchez 1997: δ = (P_j - P_i)/(a_jk - a_ik), at most the weight, is taken off it).
    """
    scores, table = decision.weight_array @ decision.table, decision.table
    changes = []
    for i, j in itertools.combinations(range(len(scores)), 2):
        ahead, behind = (i, j) if scores[i] >= scores[j] else (j, i)
        for k, weight in enumerate(decision.weight_array):
            slope = table[k, ahead] - table[k, behind]
            if not weight or not slope:
                continue
            absolute = float((scores[behind] - scores[ahead]) / slope)
            if absolute >= -weight:
                names = decision.alternatives[ahead], decision.alternatives[behind]
                changes.append(WeightChange(decision.criteria[k], *names, absolute, absolute / float(weight)))
    return tuple(sorted(changes, key=lambda change: abs(change.relative)))


def critical_change(decision: Decision, *, any_rank: bool = False) -> WeightChange | None:
    """The smallest relative change of one weight that alters the first rank, or with `any_rank` any rank.

    The "percent-top" and "percent-any" critical criterion of Triantaphyllou & Sánchez 1997; None where no
    change of a single weight does it.
    """
    best = decision.ranking()[0]
    return next(
        (one for one in weight_changes(decision) if any_rank or best in (one.ahead, one.behind)), None
    )


@dataclass(frozen=True)
class Reversal:
    """Two alternatives whose order turns when another one leaves, or comes."""

    without: str
    """The alternative that leaves, or comes."""
    ahead: str
    """The one ahead while it is there."""
    behind: str


def rank_reversals(
    weights: Mapping[str, float],
    comparisons: Mapping[str, ComparisonMatrix],
    mode: Synthesis = Synthesis.DISTRIBUTIVE,
    method: Method = Method.EIGENVECTOR,
    *,
    tolerance: float = 1e-9,
) -> tuple[Reversal, ...]:
    """Every pair of alternatives whose order depends on a third that is compared with them.

    Each alternative in turn is taken out of all matrices, the rest weighed and synthesised again. What is a
    reversal on removal is one on adding, read the other way. Scores closer than `tolerance` are equal.

    Raises:
        AhpError: fewer than three alternatives, or what `Decision` and `weigh` refuse.
    """
    whole = Decision.from_comparisons(weights, comparisons, mode, method)
    if len(whole.alternatives) < 3:
        raise AhpError("rank reversal is between two alternatives, by a third: there are fewer than three")
    before = whole.scores()
    found = []
    for gone in whole.alternatives:
        rest = [one for one in whole.alternatives if one != gone]
        fewer = {id: _without(matrix, gone) for id, matrix in comparisons.items()}
        after = Decision.from_comparisons(weights, fewer, mode, method).scores()
        for a, b in itertools.permutations(rest, 2):
            if before[a] > before[b] + tolerance and after[b] > after[a] + tolerance:
                found.append(Reversal(gone, a, b))
    return tuple(found)


def _without(matrix: ComparisonMatrix, label: str) -> ComparisonMatrix:
    places = [place for place, one in enumerate(matrix.labels) if one != label]
    return ComparisonMatrix(matrix.values[np.ix_(places, places)], [matrix.labels[place] for place in places])


def _parts(decision: Decision, criteria: Criteria) -> tuple[_Array, _Array, float]:
    """Scores by the named criteria alone and by the others alone, (alternatives,), and the former's share."""
    names = {criteria} if isinstance(criteria, str) else set(criteria)
    if unknown := names - set(decision.criteria):
        raise AhpError(f"{min(unknown)!r} is none of the criteria {', '.join(decision.criteria)}")
    chosen = np.array([id in names for id in decision.criteria])
    mine = np.where(chosen, decision.weight_array, 0.0)
    present = float(mine.sum())
    title = ", ".join(sorted(names))
    if not present > 0:
        raise AhpError(f"criterion {title!r} has no weight: there is nothing to vary in proportion")
    if chosen.all() or not present < 1:
        raise AhpError(f"criterion {title!r} has all the weight: the others have no proportion to keep")
    inside: _Array = mine @ decision.table / present
    outside: _Array = (decision.weight_array - mine) @ decision.table / (1 - present)
    return inside, outside, present
