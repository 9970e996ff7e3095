"""Firms with their grades and what became of them: what a model is revalidated on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lending.credit.scoring import ArrayScorer
from lending.credit.validation.errors import RevalidationError
from lending_domain.form import CompanyClass
from lending_domain.model import Model
from lending_domain.score import UNIT, Evaluation

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

SYNTHETIC_KO = "가상 자료: 실제 기업이 아니라 논문의 표 8~10에 맞추어 난수로 만든 기업이다."
SYNTHETIC_EN = (
    "Synthetic data: firms drawn at random from the margins of P2 tables 8 to 10; no real firm is in it."
)


@dataclass(frozen=True, eq=False)
class Portfolio:
    """n firms, one row each; grades of shape (n, len(items)), the others of shape (n,).

    grades: 1 best; NaN where the item was not graded or does not apply. accident: 1 or 0; NaN where the
    outcome is not known yet. score: higher is better, about 1 at most; NaN where there is none.
    """

    firms: Texts
    company_class: Texts
    industry: Texts
    items: tuple[str, ...]
    grades: Floats
    accident: Floats
    score: Floats
    synthetic: bool = False

    def __post_init__(self) -> None:
        n = len(self.firms)
        for name in ("company_class", "industry", "accident", "score"):
            if getattr(self, name).shape != (n,):
                raise RevalidationError(f"{name}: {n} firms need as many values")
        if self.grades.shape != (n, len(self.items)):
            raise RevalidationError(f"grades: {n} firms and {len(self.items)} items are needed")

    def __len__(self) -> int:
        return len(self.firms)

    def column(self, item: str) -> Floats:
        """An item's grades, shape (n,)."""
        return self.grades[:, self.items.index(item)]

    def only(self, rows: NDArray[Any]) -> Portfolio:
        """The firms of a mask or of indices, in that order."""
        return replace(
            self,
            firms=self.firms[rows],
            company_class=self.company_class[rows],
            industry=self.industry[rows],
            grades=self.grades[rows],
            accident=self.accident[rows],
            score=self.score[rows],
        )

    @property
    def strata(self) -> Texts:
        """Company class and industry in one text, shape (n,)."""
        return np.char.add(np.char.add(self.company_class, "/"), self.industry)

    def with_scores(self, model: Model) -> Portfolio:
        """Scores by the model where a firm has none of its own."""
        return replace(self, score=np.where(np.isnan(self.score), base_scores(self, model), self.score))


def base_scores(portfolio: Portfolio, model: Model) -> Floats:
    """The model's score without bonuses, shape (n,); NaN where a grade that it needs is not on its scale."""
    total = np.full(len(portfolio), np.nan)
    for company in CompanyClass:
        for industry in model.industries:
            rows = np.flatnonzero((portfolio.company_class == company) & (portfolio.industry == industry))
            scorer = ArrayScorer(company, industry, model)
            if not len(rows) or not set(scorer.base_items) <= set(portfolio.items):
                continue
            columns = [portfolio.items.index(name) for name in scorer.base_items]
            grades = portfolio.grades[rows][:, columns]
            levels = np.array([model.items[name].grades for name in scorer.base_items])
            usable = ((grades >= 1) & (grades <= levels) & (grades == np.floor(grades))).all(axis=1)
            total[rows[usable]] = scorer.base(grades[usable].astype(np.int64)) / UNIT
    return total


def from_evaluations(evaluations: Iterable[tuple[str, Evaluation, bool | None]]) -> Portfolio:
    """Portfolio of (firm's pseudonym, evaluation, accident or None while open), for one or more models."""
    rows = list(evaluations)
    items = tuple(dict.fromkeys(item.item for _, evaluation, _ in rows for item in evaluation.items))
    grades = np.full((len(rows), len(items)), np.nan)
    for index, (_, evaluation, _) in enumerate(rows):
        for item in evaluation.items:
            grades[index, items.index(item.item)] = item.grade
    return Portfolio(
        firms=_texts(firm for firm, _, _ in rows),
        company_class=_texts(one.company_class for _, one, _ in rows),
        industry=_texts(one.industry for _, one, _ in rows),
        items=items,
        grades=grades,
        accident=np.array([np.nan if outcome is None else float(outcome) for _, _, outcome in rows]),
        score=np.array([one.total / UNIT for _, one, _ in rows]),
    )


def _texts(values: Iterable[str]) -> Texts:
    return np.array([str(value) for value in values], dtype=np.str_)
