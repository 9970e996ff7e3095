"""Prior correction: an intercept from a sample drawn by outcome, carried to the population's rate.

King & Zeng (2001), "Logistic Regression in Rare Events Data", Political Analysis 9:137-163, section 4.1. The
slopes are consistent as they are; the intercept alone is shifted. Even so the result is no true default
probability here: accidents were immature, and only accepted firms were ever seen (P2 section 3.1).
"""

from __future__ import annotations

from math import log

from lending.credit.validation.errors import RevalidationError


def corrected_intercept(intercept: float, rate: float, sampled: float = 0.5) -> float:
    """Intercept for a population with accident rate `rate`, from a sample with rate `sampled`."""
    for name, value in (("the population's rate", rate), ("the sample's rate", sampled)):
        if not 0 < value < 1:
            raise RevalidationError(f"{name} is {value}: a rate between 0 and 1, both excluded, is needed")
    return intercept - log((1 - rate) / rate * sampled / (1 - sampled))
