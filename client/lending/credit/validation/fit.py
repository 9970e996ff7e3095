"""Goodness of fit of a logit: pseudo R squared by its right name, and the classification table."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike

from lending.credit.validation.discrimination import two_groups


@dataclass(frozen=True)
class Classification:
    """The table of observed and predicted outcomes, positive = accident (the form of P2 table 12)."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int

    @property
    def accuracy(self) -> float:
        """Correctly classified (CCR), always computed from the table."""
        total = self.true_positive + self.false_negative + self.false_positive + self.true_negative
        return (self.true_positive + self.true_negative) / total

    @property
    def sensitivity(self) -> float:
        """Accidents that were predicted."""
        return self.true_positive / (self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Healthy firms that were predicted."""
        return self.true_negative / (self.true_negative + self.false_positive)


def classify(accident: ArrayLike, probability: ArrayLike, cutoff: float = 0.5) -> Classification:
    """Count outcomes against `probability >= cutoff`."""
    outcome, values = two_groups(accident, probability)
    predicted = values >= cutoff
    return Classification(
        true_positive=int(np.sum(outcome & predicted)),
        false_negative=int(np.sum(outcome & ~predicted)),
        false_positive=int(np.sum(~outcome & predicted)),
        true_negative=int(np.sum(~outcome & ~predicted)),
    )


def cox_snell(log_likelihood: float, null_log_likelihood: float, n: int) -> float:
    """R squared of Cox & Snell, also called maximum likelihood R squared (R2_ML)."""
    return 1 - exp(2 * (null_log_likelihood - log_likelihood) / n)


def cox_snell_to_chi2(r_squared: float, n: int) -> float:
    """The likelihood-ratio chi squared that an R squared of Cox & Snell stands for."""
    return -n * log(1 - r_squared)


def nagelkerke(r2_cox_snell: float, positives: int, n: int) -> float:
    """R squared of Nagelkerke (1991), Biometrika 78:691-692: Cox & Snell's over the most it can be.

    P2 prints it as "adjusted" R squared; it adjusts for no number of parameters.
    """
    share = positives / n
    null = n * (share * log(share) + (1 - share) * log(1 - share))
    return r2_cox_snell / (1 - exp(2 * null / n))
