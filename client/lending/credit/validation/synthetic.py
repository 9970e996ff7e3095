"""Synthetic firms from the margins that P2 prints: for demonstrations and tests, labelled on every output.

What is drawn: company class and industry by the shares of tables 8 and 9, grades by the distribution of
maximum entropy with table 10's mean and sd, accidents by table 11's slopes with the intercept corrected to
the true rate. What is assumed, since P2 prints no joint distribution: class, industry and items are
independent of each other. Grades of an industry's items, and sales, exist only where they apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lending.credit.validation.errors import RevalidationError
from lending.credit.validation.margins import maximum_entropy, reconcile
from lending.credit.validation.portfolio import Portfolio
from lending.credit.validation.published import Counts, Margin, published
from lending_domain.model import Model, model2
from lending_domain.money import split

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Used:
    """The mean and sd that firms were drawn with, and why where they are not the printed ones."""

    margin: Margin
    mean: float
    sd: float
    how: str


def usable_margins() -> tuple[Used, ...]:
    """Table 10's rows with what was made of those that no grades can have."""
    found = []
    for margin in published().margins:
        mean = margin.mean if margin.inferred_mean is None else margin.inferred_mean
        near = reconcile(margin.levels, mean, margin.sd)
        how = near.how if margin.inferred_mean is None else f"mean {margin.mean} read as {mean}"
        found.append(Used(margin, near.mean, near.sd, how))
    return tuple(found)


def synthesize(firms: int | None = None, *, seed: int = 0, model: Model | None = None) -> Portfolio:
    """`firms` synthetic firms (P2's 33,752 unless said), with scores by `model` (model 2 unless said).

    Counts by class and by industry are P2's shares to the nearest firm; accidents are drawn, with an
    expectation equal to tables 8 and 9 by class and by industry.
    """
    paper = published()
    n = paper.total.firms if firms is None else firms
    if n < 1:
        raise RevalidationError("at least one firm is needed")
    rng = np.random.default_rng(seed)
    company_class = _deal(rng, n, paper.company_class)
    industry = _deal(rng, n, paper.industry)
    items = tuple(dict.fromkeys(margin.item for margin in paper.margins))
    grades = np.full((n, len(items)), np.nan)
    for used in usable_margins():
        margin = used.margin
        rows = np.full(n, True)
        if margin.company_class is not None:
            rows &= company_class == margin.company_class
        if margin.industry is not None:
            rows &= industry == margin.industry
        shares = maximum_entropy(margin.levels, used.mean, used.sd)
        drawn = rng.choice(np.array(margin.levels, dtype=float), size=int(rows.sum()), p=shares)
        grades[rows, items.index(margin.item)] = drawn
    slopes = paper.slopes
    linear = grades[:, [items.index(name) for name in slopes]] @ np.array(list(slopes.values()))
    linear += paper.derived()["intercept_corrected"]
    linear += _offsets(linear, n, (company_class, paper.company_class), (industry, paper.industry))
    bare = Portfolio(
        firms=np.array([f"S{number:06d}" for number in range(1, n + 1)], dtype=np.str_),
        company_class=company_class,
        industry=industry,
        items=items,
        grades=grades,
        accident=draw_accidents(linear, rng),
        score=np.full(n, np.nan),
        synthetic=True,
    )
    return bare.with_scores(model or model2())


def draw_accidents(linear: Floats, rng: np.random.Generator) -> Floats:
    """Outcomes 0 or 1 with log odds `linear`, shape (n,)."""
    return (rng.random(len(linear)) < 1 / (1 + np.exp(-linear))).astype(float)


def _deal(rng: np.random.Generator, n: int, groups: Mapping[str, Counts]) -> NDArray[np.str_]:
    counts = split(n, [one.firms for one in groups.values()])
    return rng.permutation(np.repeat(np.array(list(groups), dtype=np.str_), counts))


def _offsets(linear: Floats, n: int, *margins: tuple[NDArray[np.str_], Mapping[str, Counts]]) -> Floats:
    """Log odds to add by group, so that expected accidents are the printed ones of every margin.

    Proportional fitting: slopes cannot tell a startup's risk from a general firm's, tables 8 and 9 can.
    """
    offset = np.zeros(n)
    for _ in range(30):
        for labels, groups in margins:
            for name, counts in groups.items():
                rows = labels == name
                if rows.any():
                    expected = float((1 / (1 + np.exp(-(linear + offset)[rows]))).sum())
                    offset[rows] += np.log(counts.accidents / counts.firms * rows.sum() / expected)
    return offset
