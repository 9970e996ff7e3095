"""Ratings mode: intensities, idealised, and scores that nobody else's rating changes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lending.credit.ahp import AhpError, ComparisonMatrix, Method, weigh
from lending.credit.ahp.ratings import Ratings, Scale

GRADES = ["excellent", "good", "fair", "poor"]


# R package Prize (Bioconductor), manual of `weight`, example of rating(): row geometric means, then
# idealised.
def test_scale_of_prize() -> None:
    matrix = ComparisonMatrix([[1, 2, 4, 6], [None, 1, 2, 4], [None, None, 1, 2], [None] * 3 + [1]], GRADES)
    printed = {"excellent": 0.51275083, "good": 0.27549331, "fair": 0.13774666, "poor": 0.07400921}
    assert weigh(matrix, Method.GEOMETRIC_MEAN).as_dict() == pytest.approx(printed, abs=5e-9)
    idealised = {"excellent": 1.0, "good": 0.5372850, "fair": 0.2686425, "poor": 0.1443376}
    scale = Scale.from_comparisons(matrix, Method.GEOMETRIC_MEAN)
    assert scale.intensities == pytest.approx(idealised, abs=5e-8)


def test_scores_are_weighted_intensities() -> None:
    ratings = Ratings(
        {"price": 0.7, "style": 0.3},
        {"price": Scale({"low": 4, "high": 1}), "style": Scale({"good": 2, "plain": 1, "bad": 0})},
    )
    assert ratings.parts({"price": "high", "style": "plain"}) == pytest.approx(
        {"price": 0.175, "style": 0.15}
    )
    cars = {"x": {"price": "low", "style": "bad"}, "y": {"price": "high", "style": "good"}}
    assert ratings.scores(cars) == pytest.approx({"x": 0.7, "y": 0.475})
    best = {"z": {"price": "low", "style": "good"}}
    assert ratings.scores({**cars, **best})["x"] == ratings.scores(cars)["x"]
    assert ratings.scores(best)["z"] == pytest.approx(1, abs=1e-15)


def test_a_linear_scale_is_the_grade_formula_of_p2() -> None:
    """Lee et al. 2007, 4.3: T is the sum of weight × (6 - X)/5, X from 1, the best, to 6."""
    weights = {"rent": 0.17, "borrowing": 0.49, "age": 0.34}
    grades = Scale({str(grade): 6 - grade for grade in range(1, 7)})
    ratings = Ratings(weights, dict.fromkeys(weights, grades))
    assert ratings.score({"rent": "1", "borrowing": "3", "age": "6"}) == pytest.approx(
        0.17 + 0.49 * 3 / 5, abs=1e-15
    )


def test_many_at_once() -> None:
    rng = np.random.default_rng(7)
    scales = {"a": Scale({"x": 3, "y": 2, "z": 0.5}), "b": Scale({"p": 1, "q": 4})}
    ratings = Ratings({"a": 0.6, "b": 0.4}, scales)
    order = {"a": ("z", "y", "x"), "b": ("p", "q")}
    places = np.stack([rng.integers(0, 3, 50), rng.integers(0, 2, 50)], axis=1)
    one_by_one = [ratings.score({"a": order["a"][i], "b": order["b"][j]}) for i, j in places]
    assert ratings.score_many(places, order) == pytest.approx(np.array(one_by_one), abs=1e-15)
    assert ratings.score_many(places[:0], order).shape == (0,)
    with pytest.raises(AhpError, match="criterion 'b': places count from 0 to 1"):
        ratings.score_many(np.array([[0, 2]]), order)
    with pytest.raises(AhpError, match=r"ratings of 2 criteria have shape \(1, 3\)"):
        ratings.score_many(np.array([[0, 1, 1]]), order)


def test_errors_name_criterion_intensity_and_alternative() -> None:
    with pytest.raises(AhpError, match="intensity 'bad': -1"):
        Scale({"good": 1, "bad": -1})
    with pytest.raises(AhpError, match="intensity 'bad': nan"):
        Scale({"good": 1, "bad": math.nan})
    with pytest.raises(AhpError, match="worth more than 0"):
        Scale({"good": 0})
    with pytest.raises(AhpError, match="worth more than 0"):
        Scale({})
    scale = Scale({"good": 1, "bad": 0})
    with pytest.raises(AhpError, match="criterion 'b' has no scale"):
        Ratings({"a": 0.5, "b": 0.5}, {"a": scale})
    with pytest.raises(AhpError, match="criterion 'b' has a scale and no weight"):
        Ratings({"a": 1}, {"a": scale, "b": scale})
    with pytest.raises(AhpError, match="criterion 'a': -1 is not a weight"):
        Ratings({"a": -1}, {"a": scale})
    ratings = Ratings({"a": 1}, {"a": scale})
    with pytest.raises(AhpError, match="criterion 'a' is not rated"):
        ratings.score({})
    with pytest.raises(AhpError, match="alternative 'x': criterion 'a': 'ugly' is none of good, bad"):
        ratings.scores({"x": {"a": "ugly"}})
    with pytest.raises(AhpError, match="criterion 'b' is rated and is none"):
        ratings.score({"a": "good", "b": "good"})
