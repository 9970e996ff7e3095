"""Are known weights recovered from noisy raters? Answers are drawn, weighed, averaged and compared.

Each rater's judgement of two items is the true ratio times lognormal noise, rounded to Saaty's scale as a
person would answer; so some error stays without any noise. The truth is P2's target and so is in no way
learnt from the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp import Mean, Method, aggregate_judgements, aggregate_priorities, weigh, weigh_many
from lending.credit.survey.definition import Definition, packaged
from lending.credit.survey.panel import Target, p2_target

NOISE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Standard deviations of a judgement's natural logarithm; 0.5 is a factor of 1.65 either way."""
LIMIT = 0.2
NOTE = "synthetic raters: known weights, lognormal noise, answers rounded to the scale 1/9 to 9"

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """How far one way of averaging was off at one noise.

    error, its standard_error: mean over the repetitions of the root mean square difference between found
    and true local weights, over all matrices; the latter None for a single repetition. screened: of accepted
    raters only, without the repetitions in which nobody is.
    """

    noise: float
    method: Method
    mean: str
    screened: bool
    accepted: float
    error: float
    standard_error: float | None


@dataclass(frozen=True)
class Recovery:
    """What was simulated, and the errors."""

    survey: str
    raters: int
    repetitions: int
    careless: float
    seed: int
    points: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON, labelled."""
        return {
            "synthetic": True,
            "note": NOTE,
            "survey": self.survey,
            "raters": self.raters,
            "repetitions": self.repetitions,
            "careless": self.careless,
            "seed": self.seed,
            "limit": LIMIT,
            "points": [
                {
                    "noise": one.noise,
                    "method": one.method.value,
                    "mean": one.mean,
                    "screened": one.screened,
                    "accepted_share": one.accepted,
                    "error": one.error,
                    "standard_error": one.standard_error,
                }
                for one in self.points
            ],
        }


_WAYS: tuple[tuple[Method, str], ...] = (
    (Method.EIGENVECTOR, "arithmetic"),
    (Method.EIGENVECTOR, "geometric"),
    (Method.EIGENVECTOR, "judgements"),
    (Method.GEOMETRIC_MEAN, "arithmetic"),
    (Method.COLUMN_MEAN, "arithmetic"),
)
_METHODS = frozenset(method for method, _ in _WAYS)


def measure_recovery(
    definition: Definition | None = None,
    target: Target | None = None,
    *,
    noise: Sequence[float] = NOISE,
    raters: int = 118,
    repetitions: int = 10,
    careless: float = 0.0,
    seed: int = 2007,
) -> Recovery:
    """Draw `raters` for each noise, `repetitions` times, and measure the error of several means and methods.

    target: matrix id -> item -> local weight, P2's by default. careless: share of raters who answer
    anything on the scale, whatever they hold to be true. The same seed, the same numbers.
    """
    definition = definition or packaged()
    if target is None:
        target, _ = p2_target(definition)
    matrices = [matrix for matrix in definition.matrices.values() if matrix.size > 1]
    truths = [np.array([target[matrix.id][item] for item in matrix.items]) for matrix in matrices]
    largest = definition.scale.largest
    scale = np.array([*(1 / k for k in range(largest, 1, -1)), *range(1, largest + 1)], dtype=np.float64)
    points = []
    for spread in noise:
        # Each noise has the same random numbers, so that the curves differ by the noise alone.
        random = np.random.default_rng(seed)
        errors: dict[tuple[Method, str, bool], list[float]] = {}
        shares = []
        for _ in range(repetitions):
            wild = np.arange(raters) < round(careless * raters)
            stacks = [_draw(truth, wild, spread, scale, random) for truth in truths]
            weighed = {way: _weigh_all(stacks, way) for way in _METHODS}
            passed = np.all([ratios <= LIMIT for _, ratios in weighed[Method.EIGENVECTOR]], axis=0)
            shares.append(float(passed.mean()))
            for screened in (False, True):
                kept = passed if screened else np.ones_like(passed)
                if not kept.any():
                    continue
                for method, mean in _WAYS:
                    rows = zip(stacks, weighed[method], truths, strict=True)
                    off = np.concatenate(
                        [
                            _group(one[kept], weights[kept], method, mean) - truth
                            for one, (weights, _), truth in rows
                        ]
                    )
                    errors.setdefault((method, mean, screened), []).append(float(np.sqrt((off**2).mean())))
        for (method, mean, screened), found in errors.items():
            share, error = float(np.mean(shares)), float(np.mean(found))
            deviation = float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else None
            points.append(Point(spread, method, mean, screened, share, error, deviation))
    return Recovery(definition.id, raters, repetitions, careless, seed, tuple(points))


def _draw(
    truth: _Values, wild: NDArray[np.bool_], spread: float, scale: _Values, random: np.random.Generator
) -> _Values:
    """(raters, n, n) reciprocal judgements: the scale's nearest step to each noisy ratio, by logarithm.

    wild: (raters,), of those who answer with any step.
    """
    size, raters = len(truth), len(wild)
    rows, columns = np.triu_indices(size, 1)
    ratio = np.log(truth[rows] / truth[columns])
    said = ratio + spread * random.standard_normal((raters, len(rows)))
    nearest = scale[np.abs(said[..., None] - np.log(scale)).argmin(axis=-1)]
    nearest[wild] = random.choice(scale, size=(int(wild.sum()), len(rows)))
    stack = np.ones((raters, size, size))
    stack[:, rows, columns] = nearest
    stack[:, columns, rows] = 1 / nearest
    return stack


def _weigh_all(stacks: Sequence[_Values], method: Method) -> list[tuple[_Values, _Values]]:
    """Weights and consistency ratios of each stack; stacks of one size go through together."""
    found: dict[int, tuple[_Values, _Values]] = {}
    for size in {one.shape[1] for one in stacks}:
        places = [place for place, one in enumerate(stacks) if one.shape[1] == size]
        weighed = weigh_many(np.concatenate([stacks[place] for place in places]), method)
        weights = np.split(weighed.weights, len(places))
        ratios = np.split(weighed.consistency_ratio, len(places))
        found |= dict(zip(places, zip(weights, ratios, strict=True), strict=True))
    return [found[place] for place in range(len(stacks))]


def _group(stack: _Values, weights: _Values, method: Method, mean: str) -> _Values:
    if mean == "judgements":
        return weigh(aggregate_judgements(stack, mean=Mean.GEOMETRIC), method).values
    return aggregate_priorities(weights, mean=Mean(mean))


def recovery_text(found: Recovery) -> str:
    """The errors as a table: noise down, mean and method across, all raters and then the accepted ones."""
    by = {(one.noise, one.method, one.mean, one.screened): one for one in found.points}
    noises = list(dict.fromkeys(one.noise for one in found.points))
    lines = [
        f"SYNTHETIC. {NOTE}.",
        f"{found.raters} raters, {found.careless:.0%} of them careless, {found.repetitions} repetitions, "
        f"seed {found.seed}: root mean square error",
    ]
    for screened in (False, True):
        lines.append(f"raters of CR at most {LIMIT} only" if screened else "all raters")
        lines.append("noise accepted " + " ".join(f"{f'{m.value},{n}':>25}" for m, n in _WAYS))
        for noise in noises:
            row = [by.get((noise, method, mean, screened)) for method, mean in _WAYS]
            share = next((f"{one.accepted:8.1%}" for one in row if one), " " * 8)
            cells = (f"{one.error:25.4f}" if one else f"{'-':>25}" for one in row)
            lines.append(f"{noise:5.1f} {share} " + " ".join(cells))
    return "\n".join(lines) + "\n"


def plot(found: Recovery, path: Path) -> None:
    """The error against the noise as SVG (extra `analysis`): all raters solid, accepted ones dashed."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Without these every run would give another file.
    with mpl.rc_context({"svg.hashsalt": "dure", "svg.fonttype": "path"}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for number, (method, mean) in enumerate(_WAYS):
            for screened, line in ((False, "-"), (True, "--")):
                points = [
                    one
                    for one in found.points
                    if (one.method, one.mean, one.screened) == (method, mean, screened)
                ]
                axes.errorbar(
                    [one.noise for one in points],
                    [one.error for one in points],
                    yerr=[one.standard_error or 0.0 for one in points],
                    linestyle=line,
                    color=f"C{number}",
                    label=None if screened else f"{method.value}, {mean}",
                )
        axes.set_xlabel("noise: standard deviation of a judgement's logarithm")
        axes.set_ylabel("root mean square error of local weights")
        axes.set_yscale("log")
        axes.set_title(
            f"Known weights recovered from {found.raters} synthetic raters "
            f"({found.repetitions} repetitions, {found.careless:.0%} careless)\n"
            f"dashed: those with CR of at most {LIMIT} only",
            fontsize=10,
        )
        axes.legend(fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None, "Description": NOTE})
