"""Alternatives under the criteria at the bottom of a hierarchy: distributive and ideal synthesis.

Distributive: each criterion's priorities sum to 1 over the alternatives, so an alternative that is added
dilutes the others, and ranks can turn (Belton & Gear 1983, Omega 11(3), 228-230). Ideal: each criterion's
best alternative counts 1, so an alternative that is best nowhere leaves the others' proportions alone
(Saaty 1994, Interfaces 24(6), 19-43; the idea is Belton & Gear's). The answer sums to 1 in either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.priorities import Method, weigh


class Synthesis(StrEnum):
    """What an alternative's priority under a criterion is a share of."""

    DISTRIBUTIVE = "distributive"
    IDEAL = "ideal"


@dataclass(frozen=True)
class Decision:
    """Criteria with their global weights, and alternatives with a priority under each.

    Args:
        weights: criterion -> global weight, as `compose` gives them; scaled to sum 1.
        priorities: criterion -> {alternative: priority}, positive or 0, the same alternatives under each.
        mode: how priorities are scaled.

    Raises:
        AhpError: names the criterion and the alternative that is missing, unknown or negative.
    """

    weights: Mapping[str, float]
    priorities: Mapping[str, Mapping[str, float]]
    mode: Synthesis = Synthesis.DISTRIBUTIVE

    def __post_init__(self) -> None:
        _ = self.weight_array, self.table

    @classmethod
    def from_comparisons(
        cls,
        weights: Mapping[str, float],
        comparisons: Mapping[str, ComparisonMatrix],
        mode: Synthesis = Synthesis.DISTRIBUTIVE,
        method: Method = Method.EIGENVECTOR,
    ) -> Decision:
        """From the alternatives' comparison matrix under each criterion."""
        return cls(weights, {id: weigh(matrix, method).as_dict() for id, matrix in comparisons.items()}, mode)

    @property
    def criteria(self) -> tuple[str, ...]:
        return tuple(self.weights)

    @cached_property
    def alternatives(self) -> tuple[str, ...]:
        return tuple(self.priorities[self.criteria[0]]) if self.criteria and self.priorities else ()

    @cached_property
    def weight_array(self) -> NDArray[np.float64]:
        """(criteria,), of sum 1."""
        for id, weight in self.weights.items():
            if not math.isfinite(weight) or weight < 0:
                raise AhpError(f"criterion {id!r}: {weight} is not a weight")
        values = np.array(list(self.weights.values()), dtype=np.float64)
        if not values.sum() > 0:
            raise AhpError("the criteria's weights sum to 0")
        shares: NDArray[np.float64] = values / values.sum()
        return shares

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """(criteria, alternatives): priorities, each row scaled as the mode says."""
        if lacking := [id for id in self.criteria if id not in self.priorities]:
            raise AhpError(f"criterion {lacking[0]!r} has no priorities of alternatives")
        if unknown := [id for id in self.priorities if id not in self.weights]:
            raise AhpError(f"criterion {unknown[0]!r} has priorities and no weight")
        rows = []
        for id in self.criteria:
            row = self.priorities[id]
            if odd := set(row) ^ set(self.alternatives):
                raise AhpError(f"criterion {id!r}, alternative {min(odd)!r}: it is not under every criterion")
            values = np.array([row[one] for one in self.alternatives], dtype=np.float64)
            for one, value in zip(self.alternatives, values, strict=True):
                if not math.isfinite(value) or value < 0:
                    raise AhpError(f"criterion {id!r}, alternative {one!r}: {value:g} is not a priority")
            if not values.sum() > 0:
                raise AhpError(f"criterion {id!r}: the alternatives' priorities sum to 0")
            rows.append(values / (values.sum() if self.mode is Synthesis.DISTRIBUTIVE else values.max()))
        return np.array(rows)

    def scores(self) -> dict[str, float]:
        """Alternative -> its share of the whole; they sum to 1."""
        values = self.weight_array @ self.table
        return dict(zip(self.alternatives, (values / values.sum()).tolist(), strict=True))

    def ranking(self) -> tuple[str, ...]:
        """The alternatives, best first; equal ones in their order."""
        scores = self.scores()
        return tuple(sorted(self.alternatives, key=lambda one: -scores[one]))

    def without(self, alternative: str) -> Decision:
        """The same decision without one of its alternatives."""
        if alternative not in self.alternatives:
            raise AhpError(f"{alternative!r} is no alternative of this decision")
        rest = {
            id: {one: value for one, value in row.items() if one != alternative}
            for id, row in self.priorities.items()
        }
        return Decision(self.weights, rest, self.mode)
