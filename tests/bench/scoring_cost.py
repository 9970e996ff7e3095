"""What scores and explanations cost: arrays of firms, one firm, and a year's guarantees explained.

The numbers of firms are P2's: small firms of 2004 (table 1) and guarantees of 2005 (table 3). Grades are
drawn at random: the figures say nothing about firms. ``python -m tests.bench scoring`` prints the records.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

import numpy as np

from lending.credit import Explainer
from lending.credit.scoring import ArrayScorer
from lending.documents.applicants import load_applicant
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import model2
from lending_domain.score import Scorer, evaluate
from tests.bench.record import Record

SMALL_FIRMS, GUARANTEES = 2_784_166, 79_929
ARRAY_GOAL_S, SINGLE_GOAL_MS, EXPLANATIONS_GOAL_S = 1.0, 1.0, 30.0
_APPLICANT = Path(__file__).parents[1] / "data" / "demo-applicant.yaml"


def measure(*, firms: int = SMALL_FIRMS, explanations: int = GUARANTEES, rounds: int = 5) -> Iterator[Record]:
    """CPU for base scores of all small firms, for one form, and for a year's explanations."""
    yield Record.of(
        f"base scores of {firms:,} firms, grades as arrays",
        _arrays(firms, rounds),
        "CPU s",
        goal=ARRAY_GOAL_S,
    )
    yield Record.of("one evaluation from its form", _single(rounds), "CPU ms", goal=SINGLE_GOAL_MS)
    yield Record.of(
        f"{explanations:,} firms scored and explained in full, as JSON",
        _explained(explanations),
        "CPU s",
        goal=EXPLANATIONS_GOAL_S,
    )


def _arrays(firms: int, rounds: int) -> float:
    scorer = ArrayScorer(CompanyClass.GENERAL, Industry.RETAIL_FOOD_PERSONAL)
    grades = np.random.default_rng(2007).integers(1, 5, (firms, len(scorer.base_items)), np.int8)
    spent = []
    for _ in range(rounds):
        cpu = time.process_time()
        scorer.base(grades)
        spent.append(time.process_time() - cpu)
    return median(spent)


def _single(rounds: int, count: int = 500) -> float:
    form, model = load_applicant(_APPLICANT).form, model2()
    evaluate(form, model)
    spent = []
    for _ in range(rounds):
        cpu = time.process_time()
        for _ in range(count):
            evaluate(form, model)
        spent.append((time.process_time() - cpu) * 1000 / count)
    return median(spent)


def _explained(count: int) -> float:
    model, random = model2(), Random(2007)
    scorer, explainer = Scorer(model), Explainer(model)
    cases = [(company, industry) for company in CompanyClass for industry in Industry]
    drawn = []
    for number in range(count):
        company, industry = cases[number % len(cases)]
        scales = {name: model.items[name].grades for name in model.weights(company, industry)}
        grades = {name: random.randint(1, most) for name, most in scales.items()}
        drawn.append((grades, company, industry))
    cpu = time.process_time()
    for one in drawn:
        explainer.json(scorer.score(*one), guaranteeable=True)
    return time.process_time() - cpu
