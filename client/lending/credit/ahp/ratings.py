"""Ratings mode, Saaty's absolute measurement: alternatives get intensities, no comparison with each other.

Each criterion has a scale of intensities ("excellent", "good", ...), whose values come from a comparison
matrix of their own or are given, divided by the best one's: the ideal intensity counts 1. A score is the
sum of weight × intensity, in [0, 1], and does not depend on what else is rated (Saaty 1986, Absolute and
relative measurement with the AHP, Socio-Economic Planning Sciences 20(6), 327-331).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.priorities import Method, weigh


@dataclass(frozen=True)
class Scale:
    """A criterion's intensities and what each is worth; the best is worth 1.

    Args:
        intensities: name -> worth on any positive unit; 0 is allowed for the worst.

    Raises:
        AhpError: names the intensity whose worth is negative or no number.
    """

    intensities: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, worth in self.intensities.items():
            if not math.isfinite(worth) or worth < 0:
                raise AhpError(f"intensity {name!r}: {worth} is not what an intensity can be worth")
        best = max(self.intensities.values(), default=0.0)
        if not best > 0:
            raise AhpError("a scale needs an intensity that is worth more than 0")
        ideal = {name: worth / best for name, worth in self.intensities.items()}
        object.__setattr__(self, "intensities", ideal)

    @classmethod
    def from_comparisons(cls, matrix: ComparisonMatrix, method: Method = Method.EIGENVECTOR) -> Scale:
        """From a comparison of the intensities with each other."""
        return cls(weigh(matrix, method).as_dict())


@dataclass(frozen=True)
class Ratings:
    """Criteria with global weights, each with its scale of intensities.

    Args:
        weights: criterion -> global weight, as `compose` gives them; taken as they are, so that a score of 1
            is the best that weights which sum to 1 allow.
        scales: criterion -> its scale.

    Raises:
        AhpError: names the criterion without a scale, without a weight, or with a negative one.
    """

    weights: Mapping[str, float]
    scales: Mapping[str, Scale]

    def __post_init__(self) -> None:
        for id, weight in self.weights.items():
            if id not in self.scales:
                raise AhpError(f"criterion {id!r} has no scale of intensities")
            if not math.isfinite(weight) or weight < 0:
                raise AhpError(f"criterion {id!r}: {weight} is not a weight")
        if unknown := [id for id in self.scales if id not in self.weights]:
            raise AhpError(f"criterion {unknown[0]!r} has a scale and no weight")

    def parts(self, rated: Mapping[str, str]) -> dict[str, float]:
        """Criterion -> weight × intensity, for one alternative rated with an intensity per criterion."""
        if unknown := [id for id in rated if id not in self.weights]:
            raise AhpError(f"criterion {unknown[0]!r} is rated and is none of the criteria")
        parts = {}
        for id, weight in self.weights.items():
            if id not in rated:
                raise AhpError(f"criterion {id!r} is not rated")
            worth = self.scales[id].intensities
            if rated[id] not in worth:
                raise AhpError(f"criterion {id!r}: {rated[id]!r} is none of {', '.join(worth)}")
            parts[id] = weight * worth[rated[id]]
        return parts

    def score(self, rated: Mapping[str, str]) -> float:
        """The sum of `parts`."""
        return math.fsum(self.parts(rated).values())

    def scores(self, alternatives: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
        """Alternative -> score; an error names the alternative."""
        scores = {}
        for name, rated in alternatives.items():
            try:
                scores[name] = self.score(rated)
            except AhpError as error:
                raise AhpError(f"alternative {name!r}: {error}") from error
        return scores

    def score_many(
        self, rated: NDArray[np.integer], order: Mapping[str, Sequence[str]]
    ) -> NDArray[np.float64]:
        """Scores of many alternatives at once.

        Args:
            rated: (alternatives, criteria), each cell a place in that criterion's `order`, criteria in the
                order of `weights`.
            order: criterion -> its intensities, in the order that the places count.

        Returns:
            (alternatives,)

        Raises:
            AhpError: a shape, or a place that is none of the criterion's intensities.
        """
        if rated.ndim != 2 or rated.shape[1] != len(self.weights):
            raise AhpError(f"ratings of {len(self.weights)} criteria have shape {rated.shape}")
        scores = np.zeros(len(rated))
        for column, (id, weight) in enumerate(self.weights.items()):
            places, names = rated[:, column], order[id]
            if len(places) and not 0 <= places.min() <= places.max() < len(names):
                raise AhpError(f"criterion {id!r}: places count from 0 to {len(names) - 1}")
            scores += weight * np.array([self.scales[id].intensities[name] for name in names])[places]
        return scores
