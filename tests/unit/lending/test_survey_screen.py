"""The screen: at the limit, above it, matrices of two, and what leaves no weights."""

from __future__ import annotations

import math

import pytest

from lending.credit.survey.definition import packaged
from lending.credit.survey.judgements import Raters, check
from lending.credit.survey.screening import screen

SURVEY = packaged()
EVEN = dict.fromkeys(SURVEY.asked, "1")
TORN = EVEN | {"fact.condition.credibility": "3", "fact.credibility.stability": "2"}


def test_a_ratio_equal_to_the_limit_is_in_and_the_next_number_above_it_is_out() -> None:
    raters = Raters.of(SURVEY, [("R-1", TORN)])
    (free,) = screen(raters, None)
    ratio = free.verdicts[0].ratios["fact"]
    assert ratio > 0
    at, below = screen(raters, ratio, math.nextafter(ratio, 0))
    assert at.verdicts[0].accepted
    assert below.verdicts[0].exceeding == ("fact",)
    assert below.by_matrix == {"fact": 1}
    assert free.accepted == (0,)


def test_what_the_rater_was_shown_is_what_the_screen_counts() -> None:
    (screening,) = screen(Raters.of(SURVEY, [("R-1", TORN)]), 0.2)
    for matrix in SURVEY.screened:
        shown = check(matrix, TORN).consistency_ratio
        assert shown == pytest.approx(screening.verdicts[0].ratios[matrix.id], abs=1e-12)


def test_one_matrix_is_enough_and_pairs_never_are() -> None:
    pairs = EVEN | {name: "9" for name, one in SURVEY.asked.items() if one.matrix.size == 2}
    wild = EVEN | {"judgement_retail.management_retail.business_retail": "9"}
    raters = Raters.of(SURVEY, [("R-1", pairs), ("R-2", wild), ("R-3", EVEN)])
    (screening,) = screen(raters, 0.1)
    assert screening.accepted == (0, 2)
    assert screening.verdicts[1].exceeding == ("judgement_retail",)
    assert set(screening.verdicts[0].ratios) == {one.id for one in SURVEY.screened}


def test_open_comparisons_pass_where_the_others_connect_all_items() -> None:
    tree = {name: judged for name, judged in TORN.items() if name != "fact.condition.stability"}
    apart = {name: judged for name, judged in tree.items() if not name.startswith("fact.")}
    raters = Raters.of(SURVEY, [("R-1", tree), ("R-2", apart), ("R-3", {})])
    (screening,) = screen(raters, 0.2)
    assert screening.accepted == (0,)
    assert screening.verdicts[0].ratios["fact"] == pytest.approx(0, abs=1e-9)
    assert screening.verdicts[1].open == ("fact",)
    assert len(screening.verdicts[2].open) == sum(one.size > 1 for one in SURVEY.matrices.values())


def test_nobody_is_screened_among_nobody() -> None:
    (screening,) = screen(Raters.of(SURVEY, []), 0.2)
    assert screening.accepted == ()
