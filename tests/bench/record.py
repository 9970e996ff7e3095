"""What one measurement says, and how all of them are printed and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_KEPT = ("name", "value", "unit", "baseline", "ratio", "goal", "met")


@dataclass(frozen=True)
class Record:
    """One figure. value None: not run, `why` says the reason. bound: the goal in words.

    baseline: what was measured beside it in the same run, in the same unit. ratio: value / baseline.
    goal: the bound on the ratio where there is a baseline of the same work, else on the value.
    met None: no goal, or not run.
    """

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: float | None = None
    met: bool | None = None
    why: str = ""
    bound: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        value: float,
        unit: str,
        *,
        baseline: float | None = None,
        goal: float | None = None,
        judge: Literal["at most", "at least", "ratio at most", "ratio at least"] = "at most",
    ) -> Record:
        """A figure that was measured, judged against its goal."""
        ratio = None if baseline is None else value / baseline
        met = None
        if goal is not None:
            judged = ratio if judge.startswith("ratio") and ratio is not None else value
            met = judged >= goal if judge.endswith("at least") else judged <= goal
        bound = "" if goal is None else f"{judge} {goal:g}"
        return cls(name, _round(value), unit, _round(baseline), _round(ratio), goal, met, bound=bound)

    @classmethod
    def not_run(cls, name: str, unit: str, goal: float | None, why: str) -> Record:
        """A figure that could not be measured here."""
        return cls(name, None, unit, goal=goal, why=why, bound="" if goal is None else f"{goal:g}")


def keep(records: Iterable[Record], path: Path) -> None:
    """Write the records as a list of {name, value, unit, baseline, ratio, goal, met}."""
    kept = [{name: value for name, value in asdict(one).items() if name in _KEPT} for one in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(records: Iterable[Record]) -> str:
    """One line a record."""
    heading = ("", "value", "unit", "baseline", "ratio", "goal", "")
    rows = [heading, *(_row(one) for one in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 2, 5, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(one: Record) -> tuple[str, ...]:
    verdict = {True: "met", False: "NOT MET", None: ""}[one.met]
    if one.value is None:
        verdict = f"NOT VERIFIED: {one.why}"
    return (
        one.name,
        _text(one.value),
        one.unit,
        _text(one.baseline),
        _text(one.ratio),
        one.bound or "-",
        verdict,
    )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}") if value < 100 else round(value, 1)
