"""Plots as SVG: text stays text, ids and bytes are the same for the same result, nothing is fetched.

Words within a plot are English, Korean stands in its caption: matplotlib cannot measure letters of fonts
that the machine may not have.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lending.credit.validation.calibration import Band
from lending.credit.validation.discrimination import roc
from lending.credit.validation.revalidation import Revalidation
from lending.credit.validation.stability import Shift

Floats = NDArray[np.float64]

HEALTHY, ACCIDENT, GREY = "#2563a8", "#c2571a", "#8a96a3"
_SHIFT = {Shift.STABLE: "#1f7a43", Shift.MODERATE: "#b8860b", Shift.SIGNIFICANT: "#a8322d"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5c6b7a",
    "axes.grid": True,
    "grid.color": "#e4e9ee",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "path.simplify": True,
}


def figures(result: Revalidation) -> Mapping[str, str]:
    """Name -> `<svg>` of each plot that the result has data for."""
    drawers: dict[str, Callable[[Axes, Revalidation], None]] = {
        "roc": _roc,
        "calibration-draw": _calibration_draw,
        "calibration-population": _calibration_population,
        "odds-ratios": _odds_ratios,
    }
    if result.score is not None:
        drawers |= {"score-distribution": _score_distribution, "ks": _ks, "score-bands": _score_bands}
    if result.stability is not None:
        drawers["psi"] = _psi
    return {name: _draw(name, draw, result) for name, draw in drawers.items()}


def _draw(name: str, draw: Callable[[Axes, Revalidation], None], result: Revalidation) -> str:
    rows = len(result.stability.items) if name == "psi" and result.stability is not None else 0
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(5.4, 1.1 + 0.24 * rows if rows else 3.6), layout="constrained")
        draw(figure.add_subplot(), result)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    # Several plots stand on one page: ids must be each plot's own.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>',
        rf'<svg viewBox="\1" role="img" aria-labelledby="{name}-caption" {_NAMESPACES}>',
        svg,
        count=1,
    )
    return re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S).strip()


_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def _scored(result: Revalidation) -> tuple[NDArray[np.bool_], Floats]:
    portfolio = result.portfolio
    rows = np.isin(portfolio.accident, (0.0, 1.0)) & ~np.isnan(portfolio.score)
    return portfolio.accident[rows] == 1, portfolio.score[rows]


def _score_distribution(axes: Axes, result: Revalidation) -> None:
    accident, score = _scored(result)
    edges = np.linspace(score.min(), score.max() + 1e-9, 31)
    for rows, colour, label in ((~accident, HEALTHY, "healthy"), (accident, ACCIDENT, "accident")):
        share = np.histogram(score[rows], edges)[0] / rows.sum()
        axes.stairs(share, edges, color=colour, fill=True, alpha=0.25)
        axes.stairs(share, edges, color=colour, label=f"{label} ({int(rows.sum()):,})", linewidth=1.4)
    axes.set_xlabel("score")
    axes.set_ylabel("share of the group's firms")
    axes.legend()


def _roc(axes: Axes, result: Revalidation) -> None:
    portfolio = result.portfolio
    sample = result.logit
    curve = roc(sample.outcomes, sample.selection.fit.probabilities)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    axes.plot(
        curve.false_positive_rate,
        curve.true_positive_rate,
        color=ACCIDENT,
        label=f"logit on the draw, AUC {sample.discrimination.auc:.3f}",
    )
    if result.score is not None:
        rows = np.isin(portfolio.accident, (0.0, 1.0)) & ~np.isnan(portfolio.score)
        curve = roc(portfolio.accident[rows], -portfolio.score[rows])
        axes.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=HEALTHY,
            label=f"score, all firms, AUC {result.score.discrimination.auc:.3f}",
        )
    axes.set_xlabel("healthy firms called accidents (1 - specificity)")
    axes.set_ylabel("accidents found (sensitivity)")
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8)


def _ks(axes: Axes, result: Revalidation) -> None:
    accident, score = _scored(result)
    grid = np.linspace(score.min(), score.max(), 201)
    for rows, colour, label in ((accident, ACCIDENT, "accident"), (~accident, HEALTHY, "healthy")):
        ordered = np.sort(score[rows])
        axes.plot(
            grid, np.searchsorted(ordered, grid, side="right") / len(ordered), color=colour, label=label
        )
    assert result.score is not None
    at = -result.score.discrimination.ks_at
    ends = [float(np.mean(score[rows] <= at)) for rows in (accident, ~accident)]
    axes.vlines(at, min(ends), max(ends), color="#1d2733", linewidth=1.6)
    axes.annotate(
        f"KS {result.score.discrimination.ks:.3f} at {at:.3f}",
        (at, sum(ends) / 2),
        xytext=(12, -16),
        textcoords="offset points",
    )
    axes.set_xlabel("score")
    axes.set_ylabel("share at or below the score")
    axes.legend(loc="upper left")


def _score_bands(axes: Axes, result: Revalidation) -> None:
    assert result.score is not None
    found = result.score.bands
    where = np.arange(1, len(found) + 1)
    axes.bar(where, [100 * band.observed for band in found], color="#e3b18f", width=0.72)
    _whiskers(axes, where, found)
    axes.set_xticks(where)
    axes.set_xlabel("band of the score, 1 lowest")
    axes.set_ylabel("accidents, %")
    axes.grid(axis="x", visible=False)


def _whiskers(axes: Axes, where: NDArray[Any], found: tuple[Band, ...]) -> None:
    observed = np.array([band.observed for band in found])
    reach = np.array(
        [[band.observed - band.observed_low, band.observed_high - band.observed] for band in found]
    ).T
    axes.errorbar(
        where,
        100 * observed,
        yerr=100 * np.maximum(reach, 0),
        fmt="o",
        color=ACCIDENT,
        markersize=4,
        elinewidth=1.1,
        capsize=2,
    )


def _calibration_draw(axes: Axes, result: Revalidation) -> None:
    _calibration(axes, result.logit.in_sample.bands)


def _calibration_population(axes: Axes, result: Revalidation) -> None:
    _calibration(axes, result.logit.population.bands)


def _calibration(axes: Axes, found: tuple[Band, ...]) -> None:
    predicted = np.array([100 * band.predicted for band in found])
    top = 108 * max(max(band.predicted, band.observed) for band in found)
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle=":")
    _whiskers(axes, predicted, found)
    axes.set_xlabel("predicted, %")
    axes.set_ylabel("observed accidents, %")


def _odds_ratios(axes: Axes, result: Revalidation) -> None:
    rows = result.logit.selection.fit.coefficients[1:]
    where = np.arange(len(rows))[::-1]
    middle = np.array([row.exp_b for row in rows])
    reach = np.array([[row.exp_b - row.exp_low, row.exp_high - row.exp_b] for row in rows]).T
    axes.axvline(1, color=GREY, linewidth=1, linestyle=":")
    axes.errorbar(middle, where, xerr=reach, fmt="o", color=HEALTHY, markersize=5, capsize=2)
    axes.set_yticks(where, [result.name(row.item)[1] for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("Exp(B): odds of an accident per grade, 95 % interval")
    axes.grid(axis="y", visible=False)


def _psi(axes: Axes, result: Revalidation) -> None:
    assert result.stability is not None
    found = sorted(result.stability.items, key=lambda one: (one.psi, one.name))
    where = np.arange(len(found))
    axes.barh(where, [one.psi for one in found], color=[_SHIFT[one.shift] for one in found], height=0.68)
    for limit in (0.10, 0.25):
        axes.axvline(limit, color=GREY, linewidth=1, linestyle="--")
    for place, one in zip(where, found, strict=True):
        axes.annotate(
            f"{one.psi:.3f}", (one.psi, place), xytext=(3, -3), textcoords="offset points", fontsize=8
        )
    axes.set_yticks(where, [result.name(one.name)[1] for one in found])
    axes.set_ylim(-0.7, len(found) - 0.3)
    axes.set_xlim(0, max(0.3, 1.15 * max(one.psi for one in found)))
    axes.set_xlabel("PSI; lines at 0.10 and 0.25")
    axes.grid(axis="y", visible=False)
