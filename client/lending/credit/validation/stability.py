"""Population stability index: how far today's firms have moved from those of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.validation.errors import RevalidationError

FLOOR = 1e-4
"""An empty bin counts as this share: its logarithm would be infinite."""


class Shift(StrEnum):
    """The usual reading of a PSI (Siddiqi 2006, Credit Risk Scorecards): under 0.10, to 0.25, above."""

    STABLE = "stable"
    MODERATE = "moderate"
    SIGNIFICANT = "significant"


@dataclass(frozen=True)
class Bin:
    """One bin: shares of the baseline and of the present firms, and what the bin adds to the index."""

    label: str
    baseline: float
    present: float
    index: float


@dataclass(frozen=True)
class Stability:
    """PSI = sum of (present - baseline) ln(present / baseline) over the bins; never negative."""

    name: str
    psi: float
    shift: Shift
    bins: tuple[Bin, ...]


def read_psi(psi: float) -> Shift:
    """The reading of an index."""
    if psi < 0.10:
        return Shift.STABLE
    return Shift.MODERATE if psi < 0.25 else Shift.SIGNIFICANT


def stability(name: str, labels: Sequence[str], baseline: ArrayLike, present: ArrayLike) -> Stability:
    """PSI of two rows of counts, of shape (len(labels),) each."""
    before, after = np.asarray(baseline, dtype=float), np.asarray(present, dtype=float)
    if before.shape != (len(labels),) or after.shape != before.shape:
        raise RevalidationError(f"{name}: {len(labels)} bins need as many counts, before and now")
    if before.sum() <= 0 or after.sum() <= 0 or min(before.min(), after.min()) < 0:
        raise RevalidationError(f"{name}: there are no firms to compare")
    expected = np.maximum(before / before.sum(), FLOOR)
    actual = np.maximum(after / after.sum(), FLOOR)
    parts = (actual - expected) * np.log(actual / expected)
    bins = tuple(
        Bin(label, float(one), float(other), float(part))
        for label, one, other, part in zip(
            labels, before / before.sum(), after / after.sum(), parts, strict=True
        )
    )
    psi = float(parts.sum())
    return Stability(name, psi, read_psi(psi), bins)


def stability_of_grades(name: str, baseline: ArrayLike, present: ArrayLike) -> Stability:
    """PSI of an item, one bin a grade; firms that were not graded are a bin of their own."""
    before, after = np.asarray(baseline, dtype=float), np.asarray(present, dtype=float)
    grades = np.unique(np.concatenate((before[~np.isnan(before)], after[~np.isnan(after)])))
    labels = [f"{grade:g}" for grade in grades]
    rows = [[float(np.sum(side == grade)) for grade in grades] for side in (before, after)]
    missing = [float(np.isnan(side).sum()) for side in (before, after)]
    if any(missing):
        labels.append("not graded")
        for row, count in zip(rows, missing, strict=True):
            row.append(count)
    return stability(name, labels, *rows)


def stability_of_scores(name: str, baseline: ArrayLike, present: ArrayLike, bins: int = 10) -> Stability:
    """PSI of a score, over the baseline's quantiles (equal ones merged)."""
    before, after = np.asarray(baseline, dtype=float), np.asarray(present, dtype=float)
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    if not len(before) or not len(after):
        raise RevalidationError(f"{name}: there are no firms to compare")
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    labels = _ranges(edges)
    return stability(name, labels, _counts(before, edges), _counts(after, edges))


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).astype(float)


def _ranges(edges: NDArray[np.float64]) -> list[str]:
    texts = [f"{edge:.3f}" for edge in edges]
    return [
        f"< {texts[0]}",
        *(f"{low} to {high}" for low, high in pairwise(texts)),
        f">= {texts[-1]}",
    ]
