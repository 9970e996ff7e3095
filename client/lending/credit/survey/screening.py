"""Who is counted: a rater is out if any matrix of three or more items is less consistent than the limit.

P2 section 4.3 accepts a consistency ratio of at most 0.2 (Saaty: 0.1) and does not say of which matrices. A
matrix of two items is always consistent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lending.credit.ahp import RandomIndex, weigh_many
from lending.credit.ahp.matrix import components
from lending.credit.survey.judgements import Raters


@dataclass(frozen=True)
class Verdict:
    """One rater. ratios: matrix id -> consistency ratio, of the matrices of three or more items."""

    rater: str
    ratios: Mapping[str, float]
    exceeding: tuple[str, ...]
    open: tuple[str, ...]
    """Matrices whose answers do not connect all items: no weights can be had from them."""

    @property
    def accepted(self) -> bool:
        """Whether the rater is counted."""
        return not self.exceeding and not self.open


@dataclass(frozen=True)
class Screening:
    """Every rater's verdict at one limit (None: only who left a matrix unconnected is out)."""

    limit: float | None
    verdicts: tuple[Verdict, ...]

    @property
    def accepted(self) -> tuple[int, ...]:
        """Places of the raters counted."""
        return tuple(place for place, one in enumerate(self.verdicts) if one.accepted)

    @property
    def by_matrix(self) -> dict[str, int]:
        """Matrix id -> how many raters exceed the limit there; one rater may exceed it in several."""
        return dict(Counter(name for one in self.verdicts for name in one.exceeding).most_common())


def screen(
    raters: Raters, *limits: float | None, random_index: RandomIndex = RandomIndex.SAATY
) -> tuple[Screening, ...]:
    """Screen raters at each limit.

    A ratio equal to the limit is accepted: the paper says "0.2 or less".
    """
    ratios: list[dict[str, float]] = [{} for _ in raters.names]
    unconnected: list[list[str]] = [[] for _ in raters.names]
    for name, values in raters.stacks.items():
        connected = np.array([len(components(~np.isnan(one))) == 1 for one in values], dtype=bool)
        for place in np.nonzero(~connected)[0].tolist():
            unconnected[place].append(name)
        if values.shape[1] > 2 and connected.any():
            found = weigh_many(values[connected], random_index=random_index).consistency_ratio
            for place, ratio in zip(np.nonzero(connected)[0].tolist(), found.tolist(), strict=True):
                ratios[place][name] = ratio
    return tuple(
        Screening(
            limit,
            tuple(
                Verdict(
                    rater,
                    ratios[place],
                    tuple(
                        name for name, ratio in ratios[place].items() if limit is not None and ratio > limit
                    ),
                    tuple(unconnected[place]),
                )
                for place, rater in enumerate(raters.names)
            ),
        )
        for limit in limits
    )
