"""Whether probabilities come true: Brier score, calibration table, slope and intercept, Hosmer-Lemeshow."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lending.credit.validation.discrimination import two_groups
from lending.credit.validation.errors import RevalidationError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Firms of like probability: mean probability, accidents, observed rate with Wilson's 95 % interval."""

    firms: int
    accidents: int
    lowest: float
    highest: float
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True)
class Brier:
    """Mean squared error of the probabilities, and Murphy's (1973) decomposition over the bands.

    score = reliability - resolution + uncertainty + within, where `within` is what the spread of
    probabilities inside a band leaves; skill = 1 - score / uncertainty.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    skill: float


@dataclass(frozen=True)
class HosmerLemeshow:
    """Hosmer & Lemeshow (1980), Communications in Statistics A9:1043-1069; df = groups - 2 on the sample
    that was fitted, groups elsewhere."""

    chi2: float
    df: int
    p: float
    groups: int


@dataclass(frozen=True)
class Calibration:
    """intercept: Cox's calibration in the large (0 when right), slope: of the outcome on the log odds (1)."""

    bands: tuple[Band, ...]
    brier: Brier
    intercept: float
    slope: float
    slope_se: float
    hosmer_lemeshow: HosmerLemeshow


def bands(accident: ArrayLike, probability: ArrayLike, groups: int = 10) -> tuple[Band, ...]:
    """Firms in order of probability, in up to `groups` equal parts; equal probabilities stay together."""
    outcome, values = two_groups(accident, probability)
    found = []
    for members in _parts(values, groups):
        n, accidents = len(members), int(outcome[members].sum())
        low, high = _wilson(accidents, n)
        found.append(
            Band(
                firms=n,
                accidents=accidents,
                lowest=float(values[members].min()),
                highest=float(values[members].max()),
                predicted=float(values[members].mean()),
                observed=accidents / n,
                observed_low=low,
                observed_high=high,
            )
        )
    return tuple(found)


def brier(accident: ArrayLike, probability: ArrayLike, groups: int = 10) -> Brier:
    """Brier (1950) score and its parts."""
    outcome, values = two_groups(accident, probability)
    score = float(np.mean((values - outcome) ** 2))
    base, n = float(outcome.mean()), len(outcome)
    reliability = resolution = 0.0
    for band in bands(outcome, values, groups):
        reliability += band.firms / n * (band.predicted - band.observed) ** 2
        resolution += band.firms / n * (band.observed - base) ** 2
    uncertainty = base * (1 - base)
    return Brier(
        score=score,
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=score - reliability + resolution - uncertainty,
        skill=1 - score / uncertainty,
    )


def hosmer_lemeshow(
    accident: ArrayLike, probability: ArrayLike, groups: int = 10, *, fitted: bool = True
) -> HosmerLemeshow:
    """Chi squared over groups of like probability; RevalidationError with fewer than three groups."""
    found = bands(accident, probability, groups)
    if len(found) < 3:
        raise RevalidationError("Hosmer and Lemeshow's test needs three groups of different probability")
    chi2 = sum(
        (band.accidents - band.firms * band.predicted) ** 2
        / (band.firms * band.predicted * (1 - band.predicted))
        for band in found
    )
    df = len(found) - 2 if fitted else len(found)
    return HosmerLemeshow(chi2=chi2, df=df, p=float(stats.chi2.sf(chi2, df)), groups=len(found))


def calibrate(
    accident: ArrayLike, probability: ArrayLike, groups: int = 10, *, fitted: bool = True
) -> Calibration:
    """All of it. Slope and intercept: Cox (1958), Biometrika 45:562-565."""
    outcome, values = two_groups(accident, probability)
    if not ((values > 0) & (values < 1)).all():
        raise RevalidationError("probabilities lie between 0 and 1, both excluded")
    odds, target = np.log(values / (1 - values)), outcome.astype(float)
    large = sm.GLM(target, np.ones((len(odds), 1)), family=sm.families.Binomial(), offset=odds).fit()
    both = sm.GLM(target, sm.add_constant(odds), family=sm.families.Binomial()).fit()
    return Calibration(
        bands=bands(outcome, values, groups),
        brier=brier(outcome, values, groups),
        intercept=float(large.params[0]),
        slope=float(both.params[1]),
        slope_se=float(both.bse[1]),
        hosmer_lemeshow=hosmer_lemeshow(outcome, values, groups, fitted=fitted),
    )


def _parts(values: Floats, groups: int) -> list[NDArray[np.intp]]:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    part = np.minimum((middle / len(values) * groups).astype(int), groups - 1)[where]
    return [np.flatnonzero(part == one) for one in np.unique(part)]


def _wilson(hits: int, n: int) -> tuple[float, float]:
    z = float(stats.norm.ppf(0.975))
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The bounds are exact at the ends, where rounding would leave them inside.
    return (max(centre - reach, 0.0) if hits else 0.0, min(centre + reach, 1.0) if hits < n else 1.0)
