"""Bootstrap intervals over raters: repeatable, vectorised as one by one, percentile and BCa as scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lending.credit.ahp import AhpError, Hierarchy, aggregate_judgements, aggregate_priorities, weigh
from lending.credit.ahp.bootstrap import (
    Interval,
    Intervals,
    bootstrap_weights,
    of_hierarchy,
    of_judgements,
    of_priorities,
)
from lending.credit.ahp.means import Mean

_Array = NDArray[np.float64]
LABELS = ("a", "b", "c", "d")


def panel(raters: int, seed: int = 11) -> _Array:
    """(raters, 4), of people who lean the same way."""
    return np.random.default_rng(seed).dirichlet([8, 4, 2, 1], raters)


def judgements(raters: int) -> _Array:
    logs = np.random.default_rng(2).normal(0.5, 0.6, (raters, 4, 4))
    return np.asarray(np.exp(np.triu(logs, 1) - np.triu(logs, 1).transpose(0, 2, 1)))


def test_the_seed_decides() -> None:
    statistic = of_priorities(panel(30))
    one, two, other = (
        bootstrap_weights(statistic, LABELS, 30, replicates=200, seed=seed) for seed in (5, 5, 6)
    )
    assert np.array_equal(one.replicates, two.replicates)
    assert not np.array_equal(one.replicates, other.replicates)


@pytest.mark.parametrize("mean", list(Mean))
def test_a_replicate_is_the_group_of_the_drawn_raters(mean: Mean) -> None:
    table = panel(9)
    found = bootstrap_weights(of_priorities(table, mean=mean), LABELS, 9, replicates=20, seed=3)
    counts = np.random.default_rng(3).multinomial(9, np.full(9, 1 / 9), size=20)
    for replicate, count in zip(found.replicates, counts, strict=True):
        drawn = np.repeat(table, count, axis=0)
        assert replicate == pytest.approx(aggregate_priorities(drawn, mean=mean), abs=1e-12)
    assert found.estimate == pytest.approx(aggregate_priorities(table, mean=mean), abs=1e-14)
    assert found.replicates.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-12)


def test_a_replicate_of_judgements_is_the_weighed_matrix_of_the_drawn_raters() -> None:
    stack = judgements(8)
    found = bootstrap_weights(of_judgements(stack), LABELS, 8, replicates=15, seed=4)
    counts = np.random.default_rng(4).multinomial(8, np.full(8, 1 / 8), size=15)
    for replicate, count in zip(found.replicates, counts, strict=True):
        joint = weigh(aggregate_judgements(np.repeat(stack, count, axis=0)))
        assert replicate == pytest.approx(joint.values, abs=1e-12)


def test_rater_weights_multiply_the_draws() -> None:
    table, given = panel(6), np.array([3.0, 1, 1, 1, 1, 1])
    found = bootstrap_weights(of_priorities(table), LABELS, 6, replicates=12, seed=9, rater_weights=given)
    counts = np.random.default_rng(9).multinomial(6, np.full(6, 1 / 6), size=12)
    expected = [aggregate_priorities(table, rater_weights=count * given) for count in counts]
    assert found.replicates == pytest.approx(np.array(expected), abs=1e-12)
    assert found.estimate == pytest.approx(aggregate_priorities(table, rater_weights=given), abs=1e-14)


@pytest.mark.parametrize("interval", list(Interval))
def test_intervals_are_those_of_scipy(interval: Interval) -> None:
    table = panel(40)
    found = bootstrap_weights(
        of_priorities(table), LABELS, 40, replicates=20_000, seed=1, interval=interval, level=0.9
    )
    for item, column in enumerate(table.T):
        theirs = stats.bootstrap(
            (column,),
            np.mean,
            n_resamples=20_000,
            confidence_level=0.9,
            method="percentile" if interval is Interval.PERCENTILE else "BCa",
            random_state=np.random.default_rng(8),
        ).confidence_interval
        width = theirs.high - theirs.low
        # Two Monte Carlo runs of 20,000: their 5 % quantiles differ by some hundredths of the width.
        assert found.low[item] == pytest.approx(theirs.low, abs=0.03 * width)
        assert found.high[item] == pytest.approx(theirs.high, abs=0.03 * width)


def test_bca_of_skewed_raters_is_that_of_scipy() -> None:
    """Where the acceleration counts: a sixth more or less of it moves the upper end by 0.018 of the width."""
    column = np.exp(np.random.default_rng(12).normal(0, 1.2, 25))
    column /= column.max() * 1.1
    found = bootstrap_weights(
        of_priorities(np.stack([column, 1 - column], axis=1)),
        ("a", "b"),
        25,
        replicates=100_000,
        seed=3,
        interval=Interval.BCA,
    )
    theirs = stats.bootstrap(
        (column,), np.mean, n_resamples=100_000, batch=5000, random_state=np.random.default_rng(4)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low[0] == pytest.approx(theirs.low, abs=0.01 * width)
    assert found.high[0] == pytest.approx(theirs.high, abs=0.01 * width)


def test_bca_shifts_towards_the_long_tail() -> None:
    skewed = np.concatenate([np.full(18, 0.1), [0.7, 0.9]])
    statistic = of_priorities(np.stack([skewed, 1 - skewed], axis=1))
    percentile, bca = (
        bootstrap_weights(statistic, ("a", "b"), 20, seed=2, interval=interval) for interval in Interval
    )
    assert np.array_equal(percentile.replicates, bca.replicates)
    assert bca.low[0] >= percentile.low[0]
    assert bca.high[0] > percentile.high[0]


def test_raters_who_agree_have_no_width() -> None:
    table = np.repeat(panel(1), 12, axis=0)
    for interval in Interval:
        found = bootstrap_weights(of_priorities(table), LABELS, 12, replicates=100, seed=1, interval=interval)
        assert found.low == pytest.approx(table[0], abs=1e-12)
        assert found.high == pytest.approx(table[0], abs=1e-12)
        assert found.first == {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}


def test_ranks() -> None:
    sample = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.4, 0.35, 0.25], [0.3, 0.3, 0.4]])
    found = Intervals(("x", "y", "z"), sample[0], sample[0], sample[0], 0.95, Interval.PERCENTILE, sample)
    assert found.ranks.tolist() == [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
    assert found.first == {"x": 0.5, "y": 0.25, "z": 0.25}
    assert found.ahead("x", "y") == 0.5
    assert found.ahead("y", "z") == 0.75


def test_a_hierarchy_is_drawn_with_the_same_raters_in_every_node() -> None:
    hierarchy = Hierarchy.from_dict({"g": {"a": ["x", "y"], "b": None}})
    rng = np.random.default_rng(6)
    goal, below = rng.dirichlet([2, 1], 10), rng.dirichlet([1, 1], 10)
    statistic = of_hierarchy(hierarchy, {"g": of_priorities(goal), "a": of_priorities(below)})
    found = bootstrap_weights(statistic, ("x", "y", "b"), 10, replicates=30, seed=7)
    counts = np.random.default_rng(7).multinomial(10, np.full(10, 0.1), size=30)
    upper, lower = counts @ goal / 10, counts @ below / 10
    expected = np.stack([upper[:, 0] * lower[:, 0], upper[:, 0] * lower[:, 1], upper[:, 1]], axis=1)
    assert found.replicates == pytest.approx(expected, abs=1e-12)


def test_what_is_out_of_range_is_refused() -> None:
    statistic = of_priorities(panel(5))
    for options, message in (
        ({"raters": 1}, "two raters or more, not 1"),
        ({"replicates": 9}, "ten replicates or more, not 9"),
        ({"level": 1.0}, "between 0 and 1, not 1"),
        ({"rater_weights": [1, 1, 0, 1, 1]}, "a rater of weight 0 is not drawn"),
        ({"labels": ("a", "b")}, "2 labels for 4 items"),
    ):
        given: dict[str, object] = {"labels": LABELS, "raters": 5, "seed": 1, **options}
        with pytest.raises(AhpError, match=message):
            bootstrap_weights(statistic, **given)  # type: ignore[arg-type]
