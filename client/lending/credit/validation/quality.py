"""What is wrong with the data, as findings: nothing is mended in silence, and nothing stops at the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lending.credit.validation.margins import possible_sd, reconcile
from lending.credit.validation.portfolio import Portfolio
from lending.credit.validation.published import published
from lending_domain.model import Model

NEARLY_ALL = 0.95
"""An item with this share of firms in one grade cannot tell them apart (P2 section 3.2's 변별력)."""


@dataclass(frozen=True)
class Finding:
    """What was found, in which column, in how many rows; `field` is empty for what concerns the summary."""

    code: str
    field: str
    rows: int
    ko: str
    en: str


def check(portfolio: Portfolio, model: Model) -> tuple[Finding, ...]:
    """Findings on firms: off the scale, missing, without outcome, twice, in one grade."""
    found = [*_outcomes(portfolio)]
    _, counts = np.unique(portfolio.firms, return_counts=True)
    twice = int((counts > 1).sum())
    if twice:
        found.append(
            Finding(
                "DUPLICATE_FIRM", "firm", twice, "같은 기업이 두 번 이상 있다.", "Firms occur more than once."
            )
        )
    scales = item_levels(model)
    for item in portfolio.items:
        found += _item(portfolio, item, scales.get(item, tuple(range(1, 7))))
    return tuple(found)


def check_summary(
    item: str, levels: Sequence[int], mean: float, sd: float, digits: int = 2
) -> Finding | None:
    """IMPOSSIBLE_SD where no grades on `levels` can have this mean and sd, even before rounding."""
    if reconcile(levels, mean, sd, digits).how != "sd moved":
        return None
    low, high = possible_sd(levels, mean)
    between = f"{low:.{digits}f}" if high - low < 1e-9 else f"{low:.{digits}f}~{high:.{digits}f}"
    return Finding(
        "IMPOSSIBLE_SD",
        item,
        0,
        f"평균 {mean:.{digits}f}인 등급의 표준편차는 {between}이어야 하므로 {sd:.{digits}f}일 수 없다.",
        f"Grades with mean {mean:.{digits}f} have an sd of {between}; {sd:.{digits}f} is impossible.",
    )


def check_published() -> tuple[Finding, ...]:
    """The rows of P2's table 10 that no firms can have."""
    found = []
    for margin in published().margins:
        name = margin.item if margin.industry is None else f"{margin.industry}.{margin.item}"
        finding = check_summary(name, margin.levels, margin.mean, margin.sd)
        if finding is not None:
            found.append(finding)
    return tuple(found)


def item_levels(model: Model) -> Mapping[str, tuple[int, ...]]:
    """Grades that an item may have, by the model and by P2's table 10 for those it dropped."""
    known = {name: tuple(range(1, item.grades + 1)) for name, item in model.items.items()}
    return known | {margin.item: margin.levels for margin in published().margins}


def usable(
    portfolio: Portfolio, item: str, levels: Sequence[int]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Firms with a grade on the scale, shape (n,)."""
    return np.isin(portfolio.column(item), np.asarray(levels, dtype=float))


def _outcomes(portfolio: Portfolio) -> list[Finding]:
    open_rows = int(np.isnan(portfolio.accident).sum())
    invalid = int((~np.isnan(portfolio.accident) & ~np.isin(portfolio.accident, (0.0, 1.0))).sum())
    found = []
    if open_rows:
        found.append(
            Finding(
                "OUTCOME_OPEN",
                "accident",
                open_rows,
                "사고 여부를 아직 알 수 없는 기업은 판별력 계산에서 제외한다.",
                "Firms whose outcome is not known yet are left out of whatever needs one.",
            )
        )
    if invalid:
        found.append(
            Finding(
                "OUTCOME_INVALID",
                "accident",
                invalid,
                "사고 여부는 0 또는 1이다. 해당 기업은 제외한다.",
                "An outcome is 0 or 1; the firms with another are left out.",
            )
        )
    return found


def _item(portfolio: Portfolio, item: str, levels: Sequence[int]) -> list[Finding]:
    column = portfolio.column(item)
    graded = ~np.isnan(column)
    on_scale = usable(portfolio, item, levels)
    found = []
    off, missing = int((graded & ~on_scale).sum()), int((_applies(portfolio, item) & ~graded).sum())
    scale = ", ".join(str(level) for level in levels)
    if off:
        found.append(
            Finding(
                "OFF_SCALE",
                item,
                off,
                f"등급은 {scale} 중 하나이다.",
                f"A grade is one of {scale}; it is not.",
            )
        )
    if missing:
        found.append(Finding("MISSING", item, missing, "등급이 없다.", "There is no grade."))
    if on_scale.any():
        _, counts = np.unique(column[on_scale], return_counts=True)
        share = counts.max() / counts.sum()
        if share >= NEARLY_ALL:
            found.append(
                Finding(
                    "ONE_GRADE",
                    item,
                    int(counts.max()),
                    f"기업의 {share:.1%}가 한 등급이므로 변별력이 없다.",
                    f"{share:.1%} of the firms have one grade: the item tells nobody apart.",
                )
            )
    return found


def _applies(portfolio: Portfolio, item: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where table 10 expects a grade; everywhere for an item that it has not."""
    rows = [margin for margin in published().margins if margin.item == item]
    if not rows:
        return np.full(len(portfolio), True)
    expected = np.full(len(portfolio), False)
    for margin in rows:
        here = np.full(len(portfolio), True)
        if margin.company_class is not None:
            here &= portfolio.company_class == margin.company_class
        if margin.industry is not None:
            here &= portfolio.industry == margin.industry
        expected |= here
    return expected
