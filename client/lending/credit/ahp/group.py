"""Groups: many raters' judgements or priorities as one, and how far the raters agree.

Aggregation of individual judgements (AIJ) takes the mean cell by cell and weighs the group's matrix;
aggregation of individual priorities (AIP) weighs each rater and takes the mean of the weights (Forman &
Peniwati 1998, European Journal of Operational Research 108(1), 165-169). For judgements only the geometric
mean keeps reciprocity: the mean of 1/a has to be 1 over the mean of a (Aczél & Saaty 1983, Journal of
Mathematical Psychology 27(1), 93-102). So the arithmetic mean is refused there, and the trimmed mean trims
and averages logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.ahp.batch import weigh_many
from lending.credit.ahp.completion import Completion
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix, cell, reciprocal_fill, refuse_disconnected
from lending.credit.ahp.means import Mean, check_trim, means
from lending.credit.ahp.priorities import Method, weigh
from lending.credit.ahp.random_indices import RandomIndex

__all__ = [
    "By",
    "Consensus",
    "Group",
    "Mean",
    "aggregate_judgements",
    "aggregate_priorities",
    "consensus",
    "hierarchy_consensus",
    "mean_judgements",
    "mean_priorities",
    "stack_matrices",
    "weigh_group",
]

_Array = NDArray[np.float64]


class By(StrEnum):
    """What is averaged."""

    JUDGEMENTS = "judgements"
    PRIORITIES = "priorities"


def stack_matrices(matrices: Sequence[ComparisonMatrix]) -> tuple[tuple[str, ...], _Array]:
    """The labels of the first matrix, and (raters, n, n) with all matrices in its order.

    Raises:
        AhpError: there is no matrix, or one compares other items than the first.
    """
    if not matrices:
        raise AhpError("there are no raters to aggregate")
    labels = matrices[0].labels
    for place, matrix in enumerate(matrices, 1):
        if odd := set(matrix.labels) ^ set(labels):
            raise AhpError(f"rater {place}: {min(odd)!r} is not compared by every rater")
    ordered = [one if one.labels == labels else one.permuted(labels) for one in matrices]
    return labels, np.stack([one.values for one in ordered])


def aggregate_judgements(
    stack: _Array | Sequence[ComparisonMatrix],
    *,
    mean: Mean = Mean.GEOMETRIC,
    rater_weights: ArrayLike | None = None,
    trim: float = 0.1,
    labels: Sequence[str] | None = None,
) -> ComparisonMatrix:
    """AIJ: the group's comparison matrix.

    A comparison that some raters did not make is the mean of those who did; one that nobody made stays open.

    Args:
        stack: (raters, n, n), NaN where a rater did not compare, or the raters' matrices.
        mean: geometric, or trimmed: the geometric mean without the `trim` lowest and highest.
        rater_weights: (raters,), not negative; equal by default.
        trim: share of the raters' weight that is left out at each end, below a half.
        labels: names of the items; the first matrix's by default.

    Raises:
        AhpError: the arithmetic mean, whose matrix is not reciprocal; names a rater's cell that is wrong.
    """
    if not isinstance(stack, np.ndarray):
        own, stack = stack_matrices(stack)
        labels = own if labels is None else labels
    values = mean_judgements(stack, normal_rater_weights(rater_weights, len(stack))[None], mean, trim)[0]
    return ComparisonMatrix(values, labels)


def aggregate_priorities(
    weights: ArrayLike,
    *,
    mean: Mean = Mean.ARITHMETIC,
    rater_weights: ArrayLike | None = None,
    trim: float = 0.1,
) -> _Array:
    """AIP: the group's weights, of sum 1.

    Geometric and trimmed means of shares do not sum to 1 by themselves, so they are scaled to.

    Args:
        weights: (raters, n), each row of sum 1, as `weigh_many` gives them.
        mean: arithmetic, geometric, or trimmed: the arithmetic mean of each item without the `trim` lowest
            and highest.
        rater_weights: (raters,), not negative; equal by default.
        trim: share of the raters' weight that is left out at each end, below a half.

    Returns:
        (n,)

    Raises:
        AhpError: a shape, or names the rater whose weights are negative, zero under the geometric mean, or
            do not sum to 1.
    """
    table = np.asarray(weights, dtype=np.float64)
    joint: _Array = mean_priorities(table, normal_rater_weights(rater_weights, len(table))[None], mean, trim)[
        0
    ]
    return joint


def mean_judgements(stack: _Array, rater_weights: _Array, mean: Mean, trim: float) -> _Array:
    """AIJ under many weightings of the raters: (b, raters) -> (b, n, n). Errors as `aggregate_judgements`."""
    check_trim(trim)
    if mean is Mean.ARITHMETIC:
        raise AhpError(
            "the arithmetic mean of judgements is not reciprocal (of 2 and 1/2 it is 1.25 either way round): "
            "take the geometric or the trimmed mean, or the mean of priorities"
        )
    size = _check_stack(stack)
    above = np.triu_indices(size, 1)
    logs: _Array = np.log(reciprocal_fill(stack)[:, *above])
    inner = Mean.TRIMMED if mean is Mean.TRIMMED else Mean.ARITHMETIC
    upper = np.exp(means(logs, rater_weights, inner, trim))
    result = np.ones((len(rater_weights), size, size))
    result[:, *above] = upper
    result[:, above[1], above[0]] = 1 / upper
    return result


def mean_priorities(weights: _Array, rater_weights: _Array, mean: Mean, trim: float) -> _Array:
    """AIP under many weightings of the raters: (b, raters) -> (b, n). Errors as `aggregate_priorities`."""
    check_trim(trim)
    _check_weights(weights)
    if mean is Mean.GEOMETRIC:
        if not weights.all():
            rater, item = np.argwhere(weights == 0)[0] + 1
            raise AhpError(f"rater {rater}, item {item}: the geometric mean takes no weight of 0")
        result = np.exp(means(np.log(weights), rater_weights, Mean.ARITHMETIC, trim))
    else:
        result = means(weights, rater_weights, mean, trim)
    shares: _Array = result / result.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Consensus:
    """Shannon's entropy of the raters' weights, partitioned, in nats (Goepel 2018, eq. 11 to 21).

    Entropies beta = gamma - alpha; a diversity is exp(entropy), an effective number of items or of raters.
    """

    alpha: float
    """Mean of the raters' own entropies."""
    beta: float
    """0 when all raters have the same weights."""
    gamma: float
    """Entropy of the mean weights."""
    index: float
    """Goepel's AHP consensus S*: 1 for equal raters, 0 where each holds another item to be M times the rest;
    below 0 where raters part even more."""
    homogeneity: float
    """The same scale for any weights: 0 where each rater gives all weight to another item."""

    @property
    def wording(self) -> str:
        """AHP-OS's word for the index: limits .5, .625, .75, .875 (bpmsg.com, AHP consensus word scale)."""
        words = ("very low", "low", "moderate", "high", "very high")
        return words[sum(self.index > limit for limit in (0.5, 0.625, 0.75, 0.875))]


def consensus(
    weights: ArrayLike, *, rater_weights: ArrayLike | None = None, scale_maximum: float = 9
) -> Consensus:
    """How far raters' weights of the same items agree (Goepel 2018, IJAHP 10(3), 477-478).

    Args:
        weights: (raters, n), two raters or more, each row of sum 1.
        rater_weights: (raters,), not negative; equal by default, as in the source.
        scale_maximum: M, the largest judgement of the scale.

    Raises:
        AhpError: fewer than two raters, or what `aggregate_priorities` refuses.
    """
    table = np.asarray(weights, dtype=np.float64)
    _check_weights(table)
    raters, size = table.shape
    if raters < 2:
        raise AhpError("consensus is between two raters or more")
    if not scale_maximum > 1:
        raise AhpError(f"the largest judgement of a scale is above 1, not {scale_maximum:g}")
    shares = normal_rater_weights(rater_weights, raters)
    alpha = float(shares @ _entropy(table))
    gamma = float(_entropy(shares @ table))
    beta = gamma - alpha
    similarity = math.exp(-beta)
    extreme = np.array([scale_maximum, *[1.0] * (size - 1)]) / (size + scale_maximum - 1)
    least = math.exp(float(_entropy(extreme))) / size  # "cor", eq. 16 to 18
    if size == 1:
        return Consensus(alpha, beta, gamma, 1.0, 1.0)
    return Consensus(
        alpha,
        beta,
        gamma,
        (similarity - least) / (1 - least),
        (similarity - 1 / size) / (1 - 1 / size),
    )


def hierarchy_consensus(nodes: Mapping[str, Consensus], weights: Mapping[str, float]) -> float:
    """The consensus of a hierarchy: the mean of its nodes', weighted by their global weights in the group's
    result (Goepel 2018, IJAHP 10(3), 478).

    Args:
        nodes: parent id -> consensus on its children.
        weights: node id -> global weight, as `global_weights` gives them.
    """
    total = math.fsum(weights[id] for id in nodes)
    if not total > 0:
        raise AhpError("the nodes' global weights sum to 0")
    return math.fsum(weights[id] * one.index for id, one in nodes.items()) / total


@dataclass(frozen=True, eq=False)
class Group:
    """A group's weights of some items, with consistency and consensus."""

    labels: tuple[str, ...]
    values: _Array
    """(n,), of sum 1."""
    by: By
    mean: Mean
    matrix: ComparisonMatrix
    """The geometric mean of the judgements, whichever way the weights were had."""
    consistency_ratio: float
    """Of `matrix`."""
    rater_weights: _Array
    """(raters, n): each rater's own weights of the items."""
    rater_ratios: _Array
    """(raters,): each rater's consistency ratio."""
    consensus: Consensus | None
    """None for a single rater."""

    def as_dict(self) -> dict[str, float]:
        """Label -> weight."""
        return dict(zip(self.labels, self.values.tolist(), strict=True))


def weigh_group(
    matrices: Sequence[ComparisonMatrix],
    *,
    by: By = By.JUDGEMENTS,
    mean: Mean | None = None,
    trim: float = 0.1,
    rater_weights: ArrayLike | None = None,
    method: Method = Method.EIGENVECTOR,
    completion: Completion = Completion.EIGENVALUE,
    random_index: RandomIndex = RandomIndex.SAATY,
) -> Group:
    """One group's weights from its raters' matrices.

    Args:
        matrices: one a rater, of the same items in any order.
        mean: by default geometric for judgements and arithmetic for priorities.

    Raises:
        AhpError: as `aggregate_judgements`, `aggregate_priorities` and `weigh`.
    """
    mean = mean or (Mean.GEOMETRIC if by is By.JUDGEMENTS else Mean.ARITHMETIC)
    labels, stack = stack_matrices(matrices)
    for place, matrix in enumerate(matrices, 1):
        try:
            refuse_disconnected(matrix)
        except AhpError as error:
            raise AhpError(f"rater {place}: {error}") from error
    own = weigh_many(stack, method, completion=completion, random_index=random_index)
    middle = aggregate_judgements(stack, rater_weights=rater_weights, labels=labels)
    joint = weigh(middle, method, completion=completion, random_index=random_index)
    if by is By.PRIORITIES:
        values = aggregate_priorities(own.weights, mean=mean, rater_weights=rater_weights, trim=trim)
    elif mean is Mean.GEOMETRIC:
        values = joint.values
    else:
        trimmed = aggregate_judgements(
            stack, mean=mean, rater_weights=rater_weights, trim=trim, labels=labels
        )
        values = weigh(trimmed, method, completion=completion, random_index=random_index).values
    agreed = consensus(own.weights, rater_weights=rater_weights) if len(stack) > 1 else None
    return Group(
        labels, values, by, mean, middle, joint.consistency_ratio, own.weights, own.consistency_ratio, agreed
    )


def _entropy(shares: _Array) -> _Array:
    """Shannon's, along the last axis; 0 log 0 is 0."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    result: _Array = -(shares * logs).sum(axis=-1)
    return result


def normal_rater_weights(given: ArrayLike | None, raters: int) -> _Array:
    """(raters,), of sum 1; equal where none are given."""
    if not raters:
        raise AhpError("there are no raters to aggregate")
    weights = np.ones(raters) if given is None else np.asarray(given, dtype=np.float64)
    if weights.shape != (raters,):
        raise AhpError(f"{raters} raters have weights of shape {weights.shape}")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise AhpError(f"rater {wrong[0] + 1}: {weights[wrong[0]]:g} is not a weight")
    if not weights.sum() > 0:
        raise AhpError("the raters' weights sum to 0")
    shares: _Array = weights / weights.sum()
    return shares


def _check_stack(stack: _Array) -> int:
    """The number of items; judgements are positive and, where both halves are given, reciprocal."""
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or not stack.size:
        raise AhpError(f"judgements of raters are (raters, n, n), not {stack.shape}")
    with np.errstate(invalid="ignore"):
        odd = ~(np.isnan(stack) | ((stack > 0) & np.isfinite(stack)))
        odd |= np.abs(stack * np.swapaxes(stack, 1, 2) - 1) > 1e-6
    if odd.any():
        rater, row, column = np.argwhere(odd)[0]
        value = stack[rater, row, column]
        problem = "is not a positive number" if not 0 < value < np.inf else "has another reciprocal"
        raise AhpError(f"rater {rater + 1}, {cell(str(row + 1), str(column + 1))}: {value:g} {problem}")
    return int(stack.shape[1])


def _check_weights(weights: _Array) -> None:
    if weights.ndim != 2 or not weights.size:
        raise AhpError(f"weights of raters are (raters, n), not {weights.shape}")
    odd = ~(np.isfinite(weights) & (weights >= 0))
    if odd.any():
        rater, item = np.argwhere(odd)[0]
        raise AhpError(f"rater {rater + 1}, item {item + 1}: {weights[rater, item]:g} is not a weight")
    off = np.flatnonzero(np.abs(weights.sum(axis=1) - 1) > 1e-6)
    if len(off):
        raise AhpError(f"rater {off[0] + 1}: the weights sum to {weights[off[0]].sum():.9g}, not to 1")
