"""Weights and consistency of many raters: the batch against ahpy on the same matrices, in one run.

2,000 raters each judge eight matrices, of the sizes that a hierarchy such as the second paper's has, on
Saaty's scale with noise about weights of their own. ahpy has its defaults; its dictionaries are made before
the clock starts, and so are the arrays. CPU time of this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import ahpy
import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp import SCALE, BatchWeights, RandomIndex, random_index, weigh_many
from tests.bench.record import Record

GOAL = 60
_RATERS = 2_000
_SIZES = (2, 2, 3, 3, 4, 4, 5, 6)
# ahpy rounds to four decimals and stops when the fourth no longer moves.
_SAME = 1.5e-4

Stack = NDArray[np.float64]
Judgements = list[dict[tuple[int, int], float]]


def measure(*, raters: int = _RATERS, few: int = 100, rounds: int = 5) -> Iterator[Record]:
    """Matrices a second, complete and with one comparison missing; both must give the same weights."""
    draw = np.random.default_rng(20070601)
    stacks = [_judged(draw, raters, size) for size in _SIZES]
    yield _compare(
        f"AHP weights and consistency, {raters} raters x {len(_SIZES)} matrices", stacks, rounds, GOAL
    )
    gapped = [_judged(draw, few, size) for size in (4, 5, 6)]
    for stack in gapped:
        stack[:, 0, -1] = stack[:, -1, 0] = np.nan
    yield _compare("AHP weights and consistency, one pair missing", gapped, rounds, None)


def _compare(name: str, stacks: list[Stack], rounds: int, goal: float | None) -> Record:
    asked = [_dictionaries(stack) for stack in stacks]
    ours: list[BatchWeights] = []

    def batch() -> None:
        ours[:] = [weigh_many(stack, random_index=RandomIndex.DONEGAN_DODD) for stack in stacks]

    theirs: list[list[ahpy.Compare]] = []

    def one_by_one() -> None:
        theirs[:] = [[ahpy.Compare("judged", one) for one in judged] for judged in asked]

    spent = min(_cpu(batch) for _ in range(rounds))
    baseline = _cpu(one_by_one)
    for found, objects in zip(ours, theirs, strict=True):
        _agree(found, objects)
    count = sum(map(len, stacks))
    return Record.of(
        name,
        count / spent,
        "matrices/s",
        baseline=count / baseline,
        goal=goal,
        judge="ratio at least",
    )


def _judged(draw: np.random.Generator, raters: int, size: int) -> Stack:
    """(raters, size, size) on Saaty's scale, about weights that differ from rater to rater."""
    weights = np.log(draw.dirichlet(np.full(size, 3.0), raters))
    rows, columns = np.triu_indices(size, 1)
    meant = weights[:, rows] - weights[:, columns] + draw.normal(0, 0.3, (raters, len(rows)))
    scale = np.log(SCALE)
    said = np.exp(scale[np.abs(meant[:, :, None] - scale).argmin(axis=2)])
    stack = np.ones((raters, size, size))
    stack[:, rows, columns], stack[:, columns, rows] = said, 1 / said
    return stack


def _dictionaries(stack: Stack) -> Judgements:
    """Every pair that a rater compared."""
    size = stack.shape[1]
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    return [{(i, j): float(one[i, j]) for i, j in pairs if not np.isnan(one[i, j])} for one in stack]


def _agree(found: BatchWeights, objects: list[ahpy.Compare]) -> None:
    size = found.weights.shape[1]
    weights = np.array([[one.local_weights[i] for i in range(size)] for one in objects])
    if not np.allclose(found.weights, weights, rtol=0, atol=_SAME):
        raise AssertionError("the weights differ from ahpy's")
    # ahpy divides by the random index of a complete matrix even where comparisons are missing.
    ratios = (
        found.consistency_index / random_index(size, source=RandomIndex.DONEGAN_DODD) if size > 2 else 0.0
    )
    if not np.allclose(ratios, [float(one.consistency_ratio) for one in objects], rtol=0, atol=_SAME):
        raise AssertionError("the consistency ratios differ from ahpy's")


def _cpu(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
