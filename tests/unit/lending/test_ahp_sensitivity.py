"""Exact break-evens, critical criteria, and Belton & Gear's rank reversal."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.credit.ahp import AhpError, ComparisonMatrix, Decision, Synthesis
from lending.credit.ahp.sensitivity import (
    Reversal,
    break_evens,
    critical_change,
    rank_reversals,
    vary,
    weight_changes,
)

CARS = Decision(
    {"price": 0.5, "style": 0.3, "fuel": 0.2},
    {
        "price": {"x": 0.6, "y": 0.3, "z": 0.1},
        "style": {"x": 0.1, "y": 0.3, "z": 0.6},
        "fuel": {"x": 0.3, "y": 0.5, "z": 0.2},
    },
)


def test_the_present_share_gives_the_present_scores() -> None:
    at = vary(CARS, "price", [0, 0.5, 1])
    assert at[1] == pytest.approx(list(CARS.scores().values()), abs=1e-15)
    assert at[2] == pytest.approx([0.6, 0.3, 0.1])
    assert at[0] == pytest.approx([0.6 * 0.1 + 0.4 * 0.3, 0.6 * 0.3 + 0.4 * 0.5, 0.6 * 0.6 + 0.4 * 0.2])


def test_break_evens_by_hand() -> None:
    # Without price x .18, y .38, z .44; by price alone x .6, y .3, z .1.
    shares = [Fraction(6, 6 + 20), Fraction(20, 20 + 30), Fraction(26, 26 + 50)]
    swaps = break_evens(CARS, "price")
    assert [swap.share for swap in swaps] == pytest.approx([float(one) for one in sorted(shares)], abs=1e-15)
    assert [(swap.below, swap.above) for swap in swaps] == [("z", "y"), ("z", "x"), ("y", "x")]
    assert swaps[2].change == pytest.approx(0.4 - 0.5)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    criteria, alternatives = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    share = st.integers(1, 99)
    weights = {f"c{k}": draw(share) / 100 for k in range(criteria)}
    priorities = {id: {f"a{i}": draw(share) / 100 for i in range(alternatives)} for id in weights}
    return Decision(weights, priorities, draw(st.sampled_from(Synthesis)))


@settings(deadline=None)
@given(decisions())
def test_alternatives_are_equal_where_they_swap_and_in_order_beside_it(decision: Decision) -> None:
    place = {one: index for index, one in enumerate(decision.alternatives)}
    for id in decision.criteria:
        for swap in break_evens(decision, id):
            below, above = place[swap.below], place[swap.above]
            at, left, right = vary(decision, id, [swap.share, swap.share / 2, (1 + swap.share) / 2])
            assert at[below] == pytest.approx(at[above], abs=1e-12)
            assert left[below] > left[above]
            assert right[below] < right[above]


@settings(deadline=None)
@given(decisions())
def test_a_critical_change_makes_the_two_equal(decision: Decision) -> None:
    changes = weight_changes(decision)
    assert [abs(one.relative) for one in changes] == sorted(abs(one.relative) for one in changes)
    for change in changes:
        total = sum(decision.weights.values())
        weights = {id: value / total for id, value in decision.weights.items()}
        weights[change.criterion] = max(weights[change.criterion] + change.absolute, 0)
        if not sum(weights.values()) > 1e-9:
            continue
        scores = Decision(weights, decision.priorities, decision.mode).scores()
        assert scores[change.ahead] == pytest.approx(scores[change.behind], abs=1e-9)


def test_one_weight_alone_scaled_again_is_the_same_path_as_the_share() -> None:
    for change in weight_changes(CARS):
        weight = CARS.weights[change.criterion]
        share = (weight + change.absolute) / (1 + change.absolute)
        shares = [swap.share for swap in break_evens(CARS, change.criterion)]
        assert any(share == pytest.approx(one, abs=1e-12) for one in shares)


def test_critical_criteria() -> None:
    # x .39, y .34, z .27. Fuel: x and y part by .05, in which fuel favours y by .2: +.25, 125 %; price
    # -.05/.3 of .5, 33 %; style +.05/.2 of .3, 83 %. y and z part by .07: price 70 %, style +.07/.3 of
    # .3, 78 %.
    top = critical_change(CARS)
    assert top is not None
    assert (top.criterion, top.ahead, top.behind) == ("price", "x", "y")
    assert (top.absolute, top.relative) == (pytest.approx(-0.05 / 0.3), pytest.approx(-1 / 3))
    assert critical_change(CARS, any_rank=True) == top


def test_an_alternative_that_is_best_everywhere_stays() -> None:
    decision = Decision({"c": 0.5, "d": 0.5}, {"c": {"x": 0.6, "y": 0.4}, "d": {"x": 0.9, "y": 0.1}})
    assert critical_change(decision) is None
    assert break_evens(decision, "c") == ()


def test_a_criterion_higher_up_is_its_leaves() -> None:
    leaves = {"price": 0.3, "fuel": 0.2, "style": 0.5}
    decision = Decision(leaves, CARS.priorities)
    share = 0.8
    scaled = {"price": 0.3 * share / 0.5, "fuel": 0.2 * share / 0.5, "style": 1 - share}
    expected = Decision(scaled, CARS.priorities).scores()
    assert vary(decision, {"price", "fuel"}, [share])[0] == pytest.approx(list(expected.values()), abs=1e-15)


def test_what_cannot_vary_is_refused() -> None:
    for criteria, shares, message in (
        ("colour", [0.5], "'colour' is none of the criteria price, style, fuel"),
        ("price", [1.5], "numbers from 0 to 1"),
        (("price", "style", "fuel"), [0.5], "has all the weight"),
    ):
        with pytest.raises(AhpError, match=message):
            vary(CARS, criteria, shares)
    nothing = Decision({**CARS.weights, "fuel": 0.0}, CARS.priorities)
    with pytest.raises(AhpError, match="'fuel' has no weight"):
        break_evens(nothing, "fuel")


def consistent(weights: dict[str, int]) -> ComparisonMatrix:
    values = np.array(list(weights.values()), dtype=np.float64)
    return ComparisonMatrix(values[:, None] / values[None, :], list(weights), tolerance=1e-12)


# Belton & Gear 1983, Omega 11(3), 228-230: three equal criteria, three alternatives compared consistently
# (1 : 9 : 1, 9 : 1 : 1, 8 : 9 : 1); B is best. D is a copy of B, and with it A is best.
BELTON_GEAR = {"first": (1, 9, 1), "second": (9, 1, 1), "third": (8, 9, 1)}
EQUAL = dict.fromkeys(BELTON_GEAR, 1 / 3)


def test_belton_and_gear() -> None:
    three = {id: consistent(dict(zip("ABC", row, strict=True))) for id, row in BELTON_GEAR.items()}
    four = {id: consistent(dict(zip("ABCD", (*row, row[1]), strict=True))) for id, row in BELTON_GEAR.items()}
    before = Decision.from_comparisons(EQUAL, three)
    exact = {
        "A": (Fraction(1, 11) + Fraction(9, 11) + Fraction(8, 18)) / 3,
        "B": (Fraction(9, 11) + Fraction(1, 11) + Fraction(9, 18)) / 3,
        "C": (Fraction(1, 11) + Fraction(1, 11) + Fraction(1, 18)) / 3,
    }
    assert before.scores() == pytest.approx({one: float(value) for one, value in exact.items()}, abs=1e-12)
    assert before.ranking()[0] == "B"
    after = Decision.from_comparisons(EQUAL, four)
    assert after.ranking()[0] == "A"
    assert after.scores()["B"] == pytest.approx(after.scores()["D"], abs=1e-12)
    assert after.scores()["A"] == pytest.approx(
        float((Fraction(1, 20) + Fraction(9, 12) + Fraction(8, 27)) / 3), abs=1e-12
    )
    assert Reversal("D", "A", "B") in rank_reversals(EQUAL, four)


def test_ideal_mode_does_not_reverse_for_a_copy() -> None:
    four = {id: consistent(dict(zip("ABCD", (*row, row[1]), strict=True))) for id, row in BELTON_GEAR.items()}
    assert rank_reversals(EQUAL, four, Synthesis.IDEAL) == ()
    ideal = Decision.from_comparisons(EQUAL, four, Synthesis.IDEAL)
    assert ideal.ranking()[:2] == ("B", "D")
    without = ideal.without("D")
    ratio = ideal.scores()["A"] / ideal.scores()["B"]
    assert without.scores()["A"] / without.scores()["B"] == pytest.approx(ratio, abs=1e-12)


def test_reversal_needs_a_third() -> None:
    two = {id: consistent({"A": row[0], "B": row[1]}) for id, row in BELTON_GEAR.items()}
    with pytest.raises(AhpError, match="fewer than three"):
        rank_reversals(EQUAL, two)
    with pytest.raises(AhpError, match="'E' is no alternative"):
        Decision.from_comparisons(EQUAL, two).without("E")
