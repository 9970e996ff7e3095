"""Printed examples of the AHP literature, each with its source, and matrices drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lending.credit.ahp import SCALE, ComparisonMatrix


def upper(text: str, labels: Sequence[str] | None = None) -> ComparisonMatrix:
    """A matrix from its upper triangle, row by row."""
    judged = [float(Fraction(one)) for one in text.split()]
    size = round((1 + (1 + 8 * len(judged)) ** 0.5) / 2)
    values = np.full((size, size), np.nan)
    values[np.triu_indices(size, 1)] = judged
    return ComparisonMatrix(values, labels)


@dataclass(frozen=True)
class Published:
    """What a source prints, and how far its printed digits bind."""

    source: str
    matrix: ComparisonMatrix
    weights: tuple[float, ...]
    tolerance: float
    lambda_max: tuple[float, float] | None = None
    """As printed, and its tolerance."""
    ratio: tuple[float, float] | None = None
    """With Saaty's random index of the time: as printed, and its tolerance."""


HOUSE = Published(
    "Saaty, How to make a decision: the analytic hierarchy process, European Journal of Operational Research "
    "48 (1990) 9-26: eight criteria of buying a house",
    upper(
        "5 3 7 6 6 1/3 1/4 1/3 5 3 3 1/5 1/7 6 3 4 6 1/5 1/3 1/4 1/7 1/8 1/2 1/5 1/6 1/5 1/6 1/2",
        ["size", "transport", "neighbourhood", "age", "yard", "modern", "condition", "financing"],
    ),
    (0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333),
    0.0005,
    (9.669, 0.0005),
    (0.169, 0.0005),
)
NATIONS = Published(
    "Saaty, The Analytic Hierarchy Process (1980): wealth of nations through their world influence",
    upper(
        "4 9 6 6 5 5 7 5 5 3 4 1/5 1/5 1/7 1/5 1 1/3 1/3 1/3 1/3 2",
        ["US", "USSR", "China", "France", "UK", "Japan", "W. Germany"],
    ),
    (0.427, 0.230, 0.021, 0.052, 0.052, 0.123, 0.094),
    0.0005,
    (7.61, 0.005),
    (0.08, 0.005),
)
DISTANCES = Published(
    "Saaty, A scaling method for priorities in hierarchical structures, Journal of Mathematical Psychology "
    "15 (1977) 234-281: distances of six cities. Cairo is printed 0.263 and comes out 0.2619",
    upper(
        "1/3 8 3 3 7 9 3 3 9 1/6 1/5 2 1/3 6 6",
        ["Cairo", "Tokyo", "Chicago", "San Francisco", "London", "Montreal"],
    ),
    (0.263, 0.397, 0.033, 0.116, 0.164, 0.027),
    0.0015,
    (6.45, 0.005),
)
DRINKS = Published(
    "Saaty, Decision making with the analytic hierarchy process, International Journal of Services Sciences "
    "1 (2008) 83-98: consumption of drinks; the ratio with the random index of 2005",
    upper(
        "9 5 2 1 1 1/2 1/3 1/9 1/9 1/9 1/9 1/3 1/4 1/3 1/9 1/2 1 1/3 2 1/2 1/3",
        ["coffee", "wine", "tea", "beer", "soda", "milk", "water"],
    ),
    (0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327),
    0.00051,
)
SCHOOL = Published(
    "Saaty (1980): six criteria of choosing a high school; weights only, see the note in the tests",
    upper(
        "4 3 1 3 4 7 3 1/5 1 1/5 1/5 1/6 1 1/3 3",
        ["learning", "friends", "school life", "training", "college", "music"],
    ),
    (0.32, 0.14, 0.03, 0.13, 0.24, 0.14),
    0.005,
)
LEADER = Published(
    "ahpy 2.1, README, Choosing a leader (criteria), after Wikipedia's leader example",
    upper("4 3 7 1/3 3 5", ["experience", "education", "charisma", "age"]),
    (0.548, 0.127, 0.270, 0.056),
    0.0005,
)
PUBLISHED = (HOUSE, NATIONS, DISTANCES, DRINKS, SCHOOL, LEADER)

# Dozens of completions an example: no fault where a machine is busy.
unhurried = settings(deadline=None, max_examples=40)


@st.composite
def matrices(draw: st.DrawFn, least: int = 2, most: int = 6, *, gaps: bool = False) -> ComparisonMatrix:
    """On Saaty's scale, complete or, with ``gaps``, connected."""
    size = draw(st.integers(least, most))
    values = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(i + 1, size):
            # The chain of neighbours stays, so that what is left always connects.
            if not gaps or j == i + 1 or draw(st.booleans()):
                values[i, j] = draw(st.sampled_from(SCALE))
    return ComparisonMatrix(values, [f"item {k}" for k in range(size)])


@st.composite
def weight_vectors(draw: st.DrawFn) -> NDArray[np.float64]:
    """Positive, of sum 1."""
    parts = draw(st.lists(st.floats(0.05, 5), min_size=2, max_size=7))
    return np.array(parts) / np.sum(parts)


def consistent(weights: NDArray[np.float64]) -> ComparisonMatrix:
    """The matrix of a perfect judge."""
    return ComparisonMatrix(weights[:, None] / weights[None, :])


def with_gaps(matrix: ComparisonMatrix, kept: int) -> ComparisonMatrix:
    """The chain of neighbours, and every ``kept``-th other comparison."""
    values = np.array(matrix.values)
    for i in range(matrix.size):
        for j in range(i + 2, matrix.size):
            if (i + 2 * j) % kept:
                values[i, j] = values[j, i] = np.nan
    return ComparisonMatrix(values, matrix.labels)
