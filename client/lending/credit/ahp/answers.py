"""Survey data as it comes out of a questionnaire: a row a rater, a column a pair of items."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import combinations
from pathlib import Path

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.grid import Notation
from lending.credit.ahp.hierarchy import Hierarchy
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.panel import Panel
from lending.credit.ahp.sheets import Cell, read_sheets

_SEPARATORS = (" vs ", ":", "/", "|", "_", "-")


class Negative(StrEnum):
    """What a negative number says: which item of the pair counts more, the number of times without its sign.

    A positive number then says that the other one does. The codebook of R's ahpsurvey is `FIRST`
    (`negconvert = TRUE`).
    """

    FIRST = "first"
    SECOND = "second"


def read_answers(path: Path, hierarchy: Hierarchy | None = None, negative: Negative | None = None) -> Panel:
    """The panel of a table in which each row is a rater and each column a pair.

    Args:
        path: CSV or XLSX. A heading such as `rent_parking` (or with ` vs `, `:`, `/`, `|`, `-`) names the
            pair; a first column with another heading names the raters, who are numbered without it. A cell
            says how many times the first item of the pair counts as much as the second, and is empty where
            nothing was compared.
        hierarchy: to whose nodes the pairs belong; without one all items are compared with each other.
        negative: how negative numbers are meant, which are refused without it.

    Raises:
        AhpError: names the column or the cell.
        OSError: the file cannot be read.
    """
    sheet = read_sheets(path.read_bytes(), path.name)[0]
    rows = [row for row in sheet.rows if any(not cell.empty for cell in row)]
    if len(rows) < 2:
        raise AhpError(
            f"{path.name} holds no answers: write the pairs in the first row and a rater a row below"
        )
    pairs, named = _pairs([cell.text for cell in rows[0]], path.name)
    nodes = _nodes(pairs, hierarchy, path.name)
    notation = Notation.of(sheet)
    answers: dict[str, dict[str, ComparisonMatrix]] = {}
    for number, row in enumerate(rows[1:], 1):
        rater = row[0].text if named else str(number)
        if not rater or rater in answers:
            raise AhpError(
                f"{path.name}, {row[0].at}: {'no name' if not rater else rater + ' is there twice'}"
            )
        judged = {
            pair: _ratio(cell, notation, negative, f"{path.name}, {cell.at} ({pair[0]} against {pair[1]})")
            for pair, cell in zip(pairs, row[named:], strict=True)
            if not cell.empty
        }
        answers[rater] = {
            id: ComparisonMatrix.from_judgements(
                labels, {pair: ratio for pair, ratio in judged.items() if set(pair) <= set(labels)}
            )
            for id, labels in nodes.items()
            if any(set(pair) <= set(labels) for pair in judged)
        }
    if hierarchy is None:
        return Panel.of_one_table({rater: _one(rater, tables) for rater, tables in answers.items()})
    return Panel(hierarchy, answers)


def _pairs(headings: list[str], name: str) -> tuple[list[tuple[str, str]], bool]:
    """The pairs of the columns, and whether the first column names the raters."""
    best: list[tuple[str, str] | None] = []
    for separator in _SEPARATORS:
        split = [_split(heading, separator) for heading in headings]
        if sum(one is not None for one in split) > sum(one is not None for one in best):
            best = split
    named = not best or best[0] is None
    pairs = [one for one in best[named:] if one is not None]
    if len(pairs) < len(headings) - named or not pairs:
        odd = headings[named:][next((i for i, one in enumerate(best[named:]) if one is None), 0)]
        raise AhpError(f"{name}: the column {odd!r} names no pair: write first_second, or take it out")
    seen: set[frozenset[str]] = set()
    for a, b in pairs:
        if a == b or frozenset((a, b)) in seen:
            raise AhpError(f"{name}: the pair of {a!r} and {b!r} is no pair, or there twice")
        seen.add(frozenset((a, b)))
    return pairs, named


def _split(heading: str, separator: str) -> tuple[str, str] | None:
    parts = [part.strip() for part in re.split(re.escape(separator), heading, flags=re.IGNORECASE)]
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


def _nodes(pairs: list[tuple[str, str]], hierarchy: Hierarchy | None, name: str) -> Mapping[str, list[str]]:
    """Node id -> the items compared under it."""
    if hierarchy is None:
        return {"": list(dict.fromkeys(item for pair in pairs for item in pair))}
    nodes = {parent.id: [child.id for child in parent.children] for parent in hierarchy.parents}
    siblings = {frozenset(pair) for labels in nodes.values() for pair in combinations(labels, 2)}
    for a, b in pairs:
        if frozenset((a, b)) not in siblings:
            raise AhpError(f"{name}: {a!r} and {b!r} are not under one node of {hierarchy.root.id!r}")
    return nodes


def _ratio(cell: Cell, notation: Notation, negative: Negative | None, place: str) -> float:
    """First item over second."""
    text = cell.text
    below = text.startswith(("-", "−")) and len(text) > 1
    try:
        size, _ = notation.number(cell.value if not below else _unsigned(cell))
    except AhpError as error:
        raise AhpError(f"{place}: {error}") from error
    if negative is None:
        if below:
            raise AhpError(f"{place}: {text} is negative: say which item of a pair a negative number favours")
        return size
    if size < 1 or not math.isfinite(size):
        raise AhpError(f"{place}: {text} is below 1: with signs, a number says how many times as much")
    favours_first = below == (negative is Negative.FIRST) or size == 1
    return size if favours_first else 1 / size


def _unsigned(cell: Cell) -> float | str:
    return abs(cell.value) if isinstance(cell.value, float) else cell.text[1:]


def _one(rater: str, tables: Mapping[str, ComparisonMatrix]) -> ComparisonMatrix:
    if not tables:
        raise AhpError(f"rater {rater!r} has compared nothing: take the row out")
    return next(iter(tables.values()))
