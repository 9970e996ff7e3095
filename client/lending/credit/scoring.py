"""Scores of many firms at once, as numpy arrays of exact integers: `score_grades`, firm by firm."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending_domain.form import CompanyClass, Industry
from lending_domain.model import GradeMap, Model, model2

Integers = NDArray[np.int64]

# Firms at a time: what a block takes stays in the processor's cache.
_BLOCK = 1 << 14


@dataclass(frozen=True)
class ArrayScores:
    """Scores in units of 1/60,000,000, one a firm, shape (firms,), int64. total = base + bonus."""

    base: Integers
    bonus: Integers
    total: Integers


class ArrayScorer:
    """Scores firms of one class and industry by one model version.

    base_items: the items of the base, bonus_items: those of the bonus, items: both, in the order of columns.
    """

    def __init__(self, company: CompanyClass, industry: Industry, model: Model | None = None) -> None:
        model = model or model2()
        weights = model.weights(company, industry)
        self.base_items = tuple(name for name in weights if model.items[name].block != "bonus")
        self.bonus_items = tuple(name for name in weights if model.items[name].block == "bonus")
        self.items = self.base_items + self.bonus_items
        self._cap = model.bonus_cap_units
        self._grades = np.array([model.items[name].grades for name in self.items], np.int64)
        weight = np.array([weights[name] for name in self.items], np.int64)
        # Points of one grade: weight x 60 / (K - 1), a whole number for K = 6, 5, 4.
        self._step = weight * (60 // (self._grades - 1))

    def base(self, grades: ArrayLike) -> Integers:
        """Base scores of grades (firms, base items), in units of 1/60,000,000. ValueError as for `score`."""
        return self._points(grades, slice(0, len(self.base_items)))

    def score(self, grades: ArrayLike) -> ArrayScores:
        """Scores of grades (firms, items), integers from 1, the best.

        Raises ValueError for another shape, for what is no integer, and for a grade off its item's scale,
        naming the firm's row and the item.
        """
        given = self._checked(grades, len(self.items))
        split = len(self.base_items)
        base = self._points(given[:, :split], slice(0, split))
        bonus = self._points(given[:, split:], slice(split, None))
        if self._cap is not None:
            bonus = np.minimum(bonus, self._cap)
        return ArrayScores(base, bonus, base + bonus)

    def _points(self, grades: ArrayLike, columns: slice) -> Integers:
        most, step = self._grades[columns], self._step[columns]
        given = self._checked(grades, len(step))
        points = np.empty(len(given), np.int64)
        highest = int(most @ step)
        for rows in _blocks(len(given)):
            block = given[rows]
            if block.size and bool((block.min(axis=0) < 1).any() or (block.max(axis=0) > most).any()):
                self._refuse(block, rows.start, columns)
            # Sums of (K - X) x step, with what does not depend on the firm taken out.
            points[rows] = highest - block.astype(np.int64) @ step
        return points

    @staticmethod
    def _checked(grades: ArrayLike, items: int) -> NDArray[Any]:
        given = np.asarray(grades)
        if given.ndim != 2 or given.shape[1] != items:
            raise ValueError(f"grades are an array of firms x {items} items, not of shape {given.shape}")
        if given.dtype.kind not in "iu":
            raise ValueError(f"grades are integers, not {given.dtype}")
        return given

    def _refuse(self, block: NDArray[Any], first: int, columns: slice) -> None:
        most = self._grades[columns]
        row, column = np.argwhere((block < 1) | (block > most))[0]
        name = self.items[columns][column]
        raise ValueError(f"row {first + row}, {name}: a grade from 1 to {most[column]} is needed")


def fact_grade_arrays(
    answers: Mapping[str, ArrayLike], industry: Industry, grade_map: GradeMap
) -> dict[str, Integers]:
    """Grades of the measured items of many firms: `lending_domain.score.fact_grades` on arrays.

    answers: field of `EvaluationForm` -> one value a firm: won and counts as integers, flags as booleans,
    choices as their text; business_age and residence in months. Item id -> grades, shape (firms,).
    """
    given = {name: np.asarray(values) for name, values in answers.items()}
    average = grade_map.average_deposit_krw[industry]
    deposit = _over(
        given["rent_deposit_krw"] * 100, [one * average for one in grade_map.rent_deposit_percent_over]
    )
    estate = _looked_up(given["real_estate"], grade_map.real_estate_grade)
    pledged = np.minimum(5, estate + grade_map.pledged_steps_down)
    marks = (
        1
        + (given["cash_advance_krw"] > grade_map.cash_advance_free_krw)
        + given["overdue_loans_3m"]
        + np.maximum(0, given["lender_count"] - grade_map.lenders_free)
    )
    residence = _at_least(given["residence"], grade_map.residence_months_at_least)
    return {
        "rent_deposit": np.where(given["premises_owned"], 1, deposit),
        "borrowing": _at_most(given["total_borrowing_krw"], grade_map.borrowing_krw_at_most),
        "sales": _at_least(given["annual_sales_krw"], grade_map.sales_krw_at_least),
        "real_estate": np.where(given["real_estate_pledged"], pledged, estate),
        "credit_transactions": _over(given["bank_credit_loan_krw"], grade_map.bank_credit_loan_krw_over),
        "credit_information": np.minimum(6, marks),
        "business_age": _at_least(given["business_age"], grade_map.business_age_months_at_least),
        "residence": np.minimum(6, residence + given["moves_in_two_years"]),
        "joint_guarantee": np.where(given["joint_guarantee"], 1, 6),
        "certificate": _looked_up(given["certificate"], grade_map.certificate_grade),
    }


def _blocks(firms: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, firms)) for start in range(0, firms, _BLOCK))


def _over(values: NDArray[Any], bounds: Sequence[int]) -> Integers:
    return _first(values <= bound for bound in bounds)


def _at_least(values: NDArray[Any], bounds: Sequence[int]) -> Integers:
    return _first(values < bound for bound in bounds)


def _at_most(values: NDArray[Any], bounds: Sequence[int]) -> Integers:
    return _first(values > bound for bound in bounds)


def _first(missed: Iterable[NDArray[np.bool_]]) -> Integers:
    """The grade whose bound is kept: one beyond the bounds that are missed."""
    return np.asarray(1 + np.sum(list(missed), axis=0, dtype=np.int64))


def _looked_up(values: NDArray[Any], grade_of: Mapping[Any, int]) -> Integers:
    """Grades of choices. ValueError for a value that is no choice."""
    grades = np.zeros(len(values), np.int64)
    for choice, grade in grade_of.items():
        grades[values == choice.value] = grade
    if not grades.all():
        raise ValueError(f"row {int(np.argmin(grades))} holds none of {', '.join(grade_of)}")
    return grades
