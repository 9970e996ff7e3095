"""Aggregation of judgements and of priorities, consensus, and what Goepel and ahpsurvey print of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import trim_mean

from lending.credit.ahp import (
    AhpError,
    ComparisonMatrix,
    Hierarchy,
    Method,
    compose_many,
    global_weights,
    weigh,
)
from lending.credit.ahp.group import (
    By,
    Consensus,
    Mean,
    aggregate_judgements,
    aggregate_priorities,
    consensus,
    hierarchy_consensus,
    mean_judgements,
    weigh_group,
)
from tests.unit.lending.ahp_published import CITY, CITY_ANSWERS, CITY_PRINTED

SCALE = [1 / 9, 1 / 7, 1 / 5, 1 / 3, 1 / 2, 1, 2, 3, 4, 5, 7, 9]
_Array = NDArray[np.float64]


@st.composite
def stacks(draw: st.DrawFn, raters: int | None = None) -> _Array:
    """(raters, n, n) of complete reciprocal matrices."""
    size = draw(st.integers(2, 6))
    count = raters or draw(st.integers(1, 7))
    stack = np.ones((count, size, size))
    for rater, (i, j) in itertools.product(range(count), itertools.combinations(range(size), 2)):
        stack[rater, i, j] = draw(st.sampled_from(SCALE))
        stack[rater, j, i] = 1 / stack[rater, i, j]
    return stack


@st.composite
def weights(draw: st.DrawFn) -> _Array:
    """(raters, n), rows of sum 1."""
    size, count = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    cells = st.floats(0.01, 9)
    table = np.array(
        draw(st.lists(st.lists(cells, min_size=size, max_size=size), min_size=count, max_size=count))
    )
    return np.asarray(table / table.sum(axis=1, keepdims=True))


@settings(deadline=None, max_examples=40)
@given(stacks(raters=1), st.integers(2, 6))
def test_identical_raters_are_that_rater(stack: _Array, count: int) -> None:
    for mean in (Mean.GEOMETRIC, Mean.TRIMMED):
        joint = aggregate_judgements(np.repeat(stack, count, axis=0), mean=mean)
        assert joint.values == pytest.approx(stack[0], rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(stacks())
def test_the_mean_of_judgements_is_reciprocal(stack: _Array) -> None:
    for mean in (Mean.GEOMETRIC, Mean.TRIMMED):
        joint = aggregate_judgements(stack, mean=mean, trim=0.2).values
        assert joint * joint.T == pytest.approx(np.ones_like(joint), rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(weights(), st.randoms(use_true_random=False))
def test_permuting_raters_changes_nothing_and_permuting_items_permutes(table: _Array, random: object) -> None:
    raters, items = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(raters)  # type: ignore[attr-defined]
    random.shuffle(items)  # type: ignore[attr-defined]
    for mean in Mean:
        joint = aggregate_priorities(table, mean=mean)
        assert aggregate_priorities(table[raters], mean=mean) == pytest.approx(joint, abs=1e-12)
        assert aggregate_priorities(table[:, items], mean=mean) == pytest.approx(joint[items], abs=1e-12)
        assert joint.sum() == pytest.approx(1, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(weights())
def test_trimming_nothing_is_the_arithmetic_mean(table: _Array) -> None:
    trimmed = aggregate_priorities(table, mean=Mean.TRIMMED, trim=0)
    assert trimmed == pytest.approx(aggregate_priorities(table), abs=1e-14)
    assert aggregate_priorities(table) == pytest.approx(table.mean(axis=0), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(weights(), st.floats(0.1, 50))
def test_equal_rater_weights_are_none(table: _Array, weight: float) -> None:
    for mean in Mean:
        equal = aggregate_priorities(table, mean=mean, rater_weights=[weight] * len(table))
        assert equal == pytest.approx(aggregate_priorities(table, mean=mean), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(weights())
def test_a_rater_of_weight_two_is_two_raters(table: _Array) -> None:
    doubled = np.concatenate([table, table[:1]])
    for mean in Mean:
        once = aggregate_priorities(table, mean=mean, rater_weights=[2] + [1] * (len(table) - 1))
        assert once == pytest.approx(aggregate_priorities(doubled, mean=mean), abs=1e-12)


def test_whole_raters_trimmed_as_scipy_does() -> None:
    table = np.random.default_rng(3).dirichlet(np.ones(5), 40)
    for trim in (0.05, 0.1, 0.25, 0.475):
        columns = trim_mean(table, trim, axis=0)
        assert aggregate_priorities(table, mean=Mean.TRIMMED, trim=trim) == pytest.approx(
            columns / columns.sum(), abs=1e-14
        )


def test_trimming_parts_of_raters_is_continuous() -> None:
    # Two of five at each end: sorted .1 .2 .3 .4 .9 of weight 1/5 each; trim .3 leaves half of .2 and of .4.
    first = np.array([0.9, 0.1, 0.4, 0.2, 0.3])
    table = np.stack([first, 1 - first], axis=1)
    expected = (0.1 * 0.2 + 0.2 * 0.3 + 0.1 * 0.4) / 0.4
    assert aggregate_priorities(table, mean=Mean.TRIMMED, trim=0.3)[0] == pytest.approx(expected, abs=1e-15)


def test_geometric_priorities_by_hand() -> None:
    joint = aggregate_priorities([[0.8, 0.2], [0.5, 0.5]], mean=Mean.GEOMETRIC, rater_weights=[1, 3])
    ratio = (0.8 / 0.2) ** 0.25
    assert joint == pytest.approx([ratio / (1 + ratio), 1 / (1 + ratio)], abs=1e-15)


def test_opposite_judgements_are_equal_weights() -> None:
    """Goepel 2018, IJAHP 10(3), 477: x and 1/x aggregate to equal weights, and are no consensus."""
    pair = [
        ComparisonMatrix([[1, 7], [None, 1]], ["a", "b"]),
        ComparisonMatrix([[1, 1 / 7], [None, 1]], ["a", "b"]),
    ]
    joint = weigh_group(pair)
    assert joint.as_dict() == pytest.approx({"a": 0.5, "b": 0.5})
    assert joint.consensus is not None
    assert joint.consensus.wording == "very low"


def test_partial_judgements() -> None:
    nan = np.nan
    stack = np.array(
        [[[1, 2, nan], [0.5, 1, 4], [nan, 0.25, 1]], [[1, 8, nan], [nan, 1, nan], [nan, nan, 1.0]]]
    )
    joint = aggregate_judgements(stack, labels=["a", "b", "c"])
    assert joint.values[0, 1] == pytest.approx(4)
    assert joint.values[1, 2] == pytest.approx(4)
    assert joint.missing == (("a", "c"),)
    weighted = aggregate_judgements(stack, rater_weights=[3, 1])
    assert weighted.values[0, 1] == pytest.approx(2 ** (6 / 4))
    trimmed = aggregate_judgements(stack, mean=Mean.TRIMMED, labels=["a", "b", "c"])
    assert trimmed.missing == joint.missing
    assert trimmed.values[1, 2] == pytest.approx(4)


@settings(deadline=None, max_examples=40)
@given(stacks())
def test_many_weightings_at_once_are_each_by_itself(stack: _Array) -> None:
    counts = np.random.default_rng(1).multinomial(len(stack), np.full(len(stack), 1 / len(stack)), 4)
    many = mean_judgements(stack, counts.astype(float), Mean.GEOMETRIC, 0.1)
    for values, count in zip(many, counts, strict=True):
        assert values == pytest.approx(aggregate_judgements(stack, rater_weights=count).values, rel=1e-12)


def test_the_items_order_of_each_rater_is_its_own() -> None:
    one = ComparisonMatrix([[1, 3, 5], [None, 1, 2], [None, None, 1]], ["a", "b", "c"])
    joint = weigh_group([one, one.permuted(["c", "a", "b"])])
    assert joint.labels == ("a", "b", "c")
    assert joint.as_dict() == pytest.approx(weigh(one).as_dict(), abs=1e-12)
    assert joint.consensus is not None
    assert joint.consensus.index == pytest.approx(1)


def test_group_by_judgements_and_by_priorities() -> None:
    labels = ["a", "b", "c"]
    raters = [
        ComparisonMatrix([[1, 3, 5], [None, 1, 2], [None, None, 1]], labels),
        ComparisonMatrix([[1, 1 / 2, 4], [None, 1, 9], [None, None, 1]], labels),
        ComparisonMatrix([[1, 2, 1], [None, 1, 1 / 4], [None, None, 1]], labels),
    ]
    for mean in (None, Mean.TRIMMED):
        joint = weigh_group(raters, mean=mean, trim=0.34)
        matrix = aggregate_judgements(raters, mean=joint.mean, trim=0.34)
        assert joint.values == pytest.approx(weigh(matrix).values, abs=1e-14)
    assert weigh_group(raters).mean is Mean.GEOMETRIC
    assert weigh_group(raters).consistency_ratio == weigh(weigh_group(raters).matrix).consistency_ratio
    own = np.stack([weigh(one, Method.COLUMN_MEAN).values for one in raters])
    joint = weigh_group(raters, by=By.PRIORITIES, method=Method.COLUMN_MEAN, rater_weights=[1, 0, 1])
    assert joint.mean is Mean.ARITHMETIC
    assert joint.rater_weights == pytest.approx(own, abs=1e-14)
    assert joint.values == pytest.approx((own[0] + own[2]) / 2, abs=1e-14)
    assert joint.rater_ratios == pytest.approx([weigh(one).consistency_ratio for one in raters], abs=1e-12)
    assert weigh_group(raters[:1]).consensus is None


# Goepel 2018, IJAHP 10(3), 482: k raters of k items, each judging another item M times the rest, agree by 0
# %; the weight of the item is M/(M + n - 1), 75 % for four items and M = 9.
@pytest.mark.parametrize("size", [2, 3, 4, 7, 9])
@pytest.mark.parametrize("maximum", [3.0, 9.0, 81.0])
def test_no_consensus_of_goepel(size: int, maximum: float) -> None:
    table = []
    for best in range(size):
        values = np.ones((size, size))
        values[best, :], values[:, best] = maximum, 1 / maximum
        values[best, best] = 1
        table.append(weigh(ComparisonMatrix(values)).values)
    assert table[0][0] == pytest.approx(maximum / (maximum + size - 1), abs=1e-12)
    if size == 4 and maximum == 9:
        assert table[0][0] == pytest.approx(0.75)
    found = consensus(table, scale_maximum=maximum)
    assert found.index == pytest.approx(0, abs=1e-10)
    assert found.gamma == pytest.approx(math.log(size))


@settings(deadline=None, max_examples=40)
@given(weights())
def test_entropies_partition(table: _Array) -> None:
    if len(table) < 2:
        return
    found = consensus(table)
    assert found.beta == pytest.approx(found.gamma - found.alpha, abs=1e-12)
    assert found.beta >= -1e-12
    assert found.index <= 1 + 1e-12
    same = consensus(np.repeat(table[:1], 3, axis=0))
    assert same.index == pytest.approx(1)
    assert same.alpha == pytest.approx(same.gamma)


def test_entropies_by_hand() -> None:
    found = consensus([[1.0, 0.0], [0.0, 1.0]])
    assert (found.alpha, found.gamma) == (0, pytest.approx(math.log(2)))
    assert found.homogeneity == pytest.approx(0)
    assert found.index < 0  # raters who part more than a scale to 9 lets them
    weighted = consensus([[0.5, 0.5], [0.9, 0.1]], rater_weights=[3, 1])
    own = (math.log(2), -0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert weighted.alpha == pytest.approx((3 * own[0] + own[1]) / 4)
    assert weighted.gamma == pytest.approx(-0.6 * math.log(0.6) - 0.4 * math.log(0.4))
    assert consensus([[1.0], [1.0]]).index == 1


@pytest.mark.parametrize(
    ("index", "word"),
    [
        (-1, "very low"),
        (0.5, "very low"),
        (0.62, "low"),
        (0.63, "moderate"),
        (0.75, "moderate"),
        (0.76, "high"),
        (0.87, "high"),
        (0.88, "very high"),
    ],
)
def test_words_of_ahp_os(index: float, word: str) -> None:
    assert Consensus(0, 0, 0, index, 0).wording == word


def test_consensus_of_a_hierarchy() -> None:
    """Goepel 2018, 478: the mean of the nodes' consensus, weighted with their global weights."""
    hierarchy = Hierarchy.from_dict({"g": {"a": ["x", "y"], "b": ["z", "w"]}})
    local = {"g": {"a": 0.8, "b": 0.2}, "a": {"x": 0.5, "y": 0.5}, "b": {"z": 0.5, "w": 0.5}}
    nodes = {id: Consensus(0, 0, 0, index, 0) for id, index in {"g": 0.9, "a": 0.5, "b": 0.1}.items()}
    found = hierarchy_consensus(nodes, global_weights(hierarchy, local))
    assert found == pytest.approx((0.9 + 0.8 * 0.5 + 0.2 * 0.1) / 2)


def city(answers: tuple[int, ...]) -> ComparisonMatrix:
    ratios = [1 / answer if answer > 0 else float(-answer) for answer in answers]
    pairs = itertools.combinations(CITY, 2)
    return ComparisonMatrix.from_judgements(CITY, dict(zip(pairs, ratios, strict=True)))


def test_raters_of_ahpsurvey() -> None:
    raters = [city(answers) for answers in CITY_ANSWERS]
    joint = weigh_group(raters, by=By.PRIORITIES)
    printed = np.array(CITY_PRINTED)
    # ahpsurvey stops a power iteration after eleven steps.
    assert joint.rater_weights == pytest.approx(printed[:, :5], abs=2e-7)
    # Its random index for five items is 1.11 (vignette, "Measuring consistency").
    lambdas = np.array([weigh(one).lambda_max for one in raters])
    assert (lambdas - 5) / 4 / 1.11 == pytest.approx(printed[:, 5], abs=2e-7)


def test_aggregated_rows_of_global_weights() -> None:
    hierarchy = Hierarchy.from_dict({"g": {"a": ["x", "y"], "b": None}})
    rng = np.random.default_rng(5)
    local = {"g": rng.dirichlet([1, 1], 30), "a": rng.dirichlet([1, 1], 30)}
    composed = compose_many(hierarchy, local)
    assert aggregate_priorities(composed) == pytest.approx(composed.mean(axis=0), abs=1e-14)
    assert consensus(composed).index == pytest.approx(consensus(composed[::-1]).index, abs=1e-12)


NAN = math.nan


@pytest.mark.parametrize(
    ("stack", "options", "message"),
    [
        (np.ones((2, 2, 2)), {"mean": Mean.ARITHMETIC}, "arithmetic mean of judgements is not reciprocal"),
        (np.ones((2, 2, 2)), {"trim": 0.5}, "from 0 to below 0.5 at each end, not 0.5"),
        (np.ones((2, 2, 2)), {"rater_weights": [1, -1]}, "rater 2: -1 is not a weight"),
        (np.ones((2, 2, 2)), {"rater_weights": [0, 0]}, "weights sum to 0"),
        (np.ones((2, 2, 2)), {"rater_weights": [1]}, r"2 raters have weights of shape \(1,\)"),
        (np.ones((2, 2, 3)), {}, r"\(raters, n, n\), not \(2, 2, 3\)"),
        (np.ones((0, 2, 2)), {}, "no raters"),
        (np.array([[[1, 3], [3, 1]]]), {}, "rater 1, row '1', column '2': 3 has another reciprocal"),
        (np.array([[[1, 0], [NAN, 1]]]), {}, "rater 1, row '1', column '2': 0 is not a positive number"),
        ([], {}, "no raters"),
    ],
)
def test_judgements_that_are_refused(stack: _Array, options: dict[str, object], message: str) -> None:
    with pytest.raises(AhpError, match=message):
        aggregate_judgements(stack, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "mean", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.6]], Mean.ARITHMETIC, "rater 2: the weights sum to 1.1"),
        ([[0.5, 0.5], [1.5, -0.5]], Mean.ARITHMETIC, "rater 2, item 2: -0.5 is not a weight"),
        (
            [[0.5, 0.5], [1.0, 0.0]],
            Mean.GEOMETRIC,
            "rater 2, item 2: the geometric mean takes no",
        ),
        ([0.5, 0.5], Mean.ARITHMETIC, r"weights of raters are \(raters, n\)"),
    ],
)
def test_priorities_that_are_refused(table: list[object], mean: Mean, message: str) -> None:
    with pytest.raises(AhpError, match=message):
        aggregate_priorities(table, mean=mean)  # type: ignore[arg-type]


def test_raters_of_different_items_and_gaps_that_split_them() -> None:
    one = ComparisonMatrix([[1, 2], [None, 1]], ["a", "b"])
    with pytest.raises(AhpError, match="rater 2: 'b' is not compared by every rater"):
        weigh_group([one, ComparisonMatrix([[1, 2], [None, 1]], ["a", "c"])])
    split = ComparisonMatrix([[1, None], [None, 1]], ["a", "b"])
    with pytest.raises(AhpError, match="rater 2: no comparison connects"):
        weigh_group([one, split])
    with pytest.raises(AhpError, match="two raters or more"):
        consensus([[0.5, 0.5]])
    with pytest.raises(AhpError, match="above 1, not 1"):
        consensus([[0.5, 0.5]] * 2, scale_maximum=1)
