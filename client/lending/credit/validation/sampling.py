"""The balanced draw of P2 section 3.3: all accidents, and as many healthy firms of each stratum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lending.credit.validation.errors import RevalidationError
from lending.credit.validation.portfolio import Portfolio


@dataclass(frozen=True)
class Stratum:
    """Company class x industry: accidents (all drawn), healthy firms there are, and of them drawn."""

    company_class: str
    industry: str
    accidents: int
    healthy: int
    drawn: int

    @property
    def short(self) -> int:
        """Healthy firms that were lacking."""
        return self.accidents - self.drawn


@dataclass(frozen=True, eq=False)
class Draw:
    """Indices of the drawn firms in the portfolio, rising, and where they come from."""

    seed: int
    strata: tuple[Stratum, ...]
    rows: NDArray[np.intp] = field(repr=False, metadata={"json": False})

    @property
    def accidents(self) -> int:
        """Accidents drawn."""
        return sum(one.accidents for one in self.strata)

    @property
    def healthy(self) -> int:
        """Healthy firms drawn."""
        return sum(one.drawn for one in self.strata)


def balanced_draw(portfolio: Portfolio, *, seed: int = 0) -> Draw:
    """Draw without replacement; the same portfolio and seed give the same firms.

    A stratum with fewer healthy firms than accidents gives all it has, and its `short` says so.
    """
    rng = np.random.default_rng(seed)
    strata = portfolio.strata
    chosen: list[NDArray[np.intp]] = []
    found = []
    for name in np.unique(strata[portfolio.accident == 1]):
        here = strata == name
        accidents = np.flatnonzero(here & (portfolio.accident == 1))
        healthy = np.flatnonzero(here & (portfolio.accident == 0))
        drawn = rng.choice(healthy, size=min(len(accidents), len(healthy)), replace=False)
        chosen += [accidents, drawn]
        company_class, _, industry = str(name).partition("/")
        found.append(Stratum(company_class, industry, len(accidents), len(healthy), len(drawn)))
    if not chosen or not any(one.drawn for one in found):
        raise RevalidationError("a balanced draw needs accidents, and healthy firms of their strata")
    return Draw(seed, tuple(found), np.sort(np.concatenate(chosen)))
