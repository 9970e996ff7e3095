"""From cells to matrices: where a sheet's tables are, what their cells say, and what is wrong with which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import ComparisonMatrix, cell, parse_ratio, ratio_text
from lending.credit.ahp.sheets import Cell, Sheet

Rows = Sequence[Sequence[Cell]]

_NOTHING = {"", "-", "–", "—", "na", "n/a", "nan"}
_MONTH = "(?:jan|feb|mar|mrz|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)(?![a-z])"
_DATE = re.compile(
    rf"(?i)\d{{1,4}}[-. /]*{_MONTH}.*|{_MONTH}[-. /]*\d{{1,4}}.*"
    r"|\d{1,2}\s*월.*|\d{1,4}([-/.])\d{1,2}\1\d{1,4}|\d{1,2}-\d{1,2}"
)
_COMMA, _POINT = re.compile(r"\d*,\d+"), re.compile(r"\d*\.\d+")


@dataclass(frozen=True)
class Block:
    """A part of a sheet that blank rows and columns set apart, and the line above it, if any."""

    title: str
    rows: Rows


@dataclass(frozen=True)
class Notation:
    """How numbers are written in a sheet."""

    decimal_comma: bool

    @classmethod
    def of(cls, sheet: Sheet) -> Notation:
        """Commas are decimal where they do not separate cells and no number has a point."""
        texts = [one.text for row in sheet.rows for one in row if isinstance(one.value, str)]
        commas = any(map(_COMMA.fullmatch, texts)) and sheet.separator != ","
        return cls(commas and not any(map(_POINT.fullmatch, texts)))

    def number(self, value: object) -> tuple[float, float]:
        """A judgement, and how far it may be off for its printed digits: half a unit of the last.

        Raises:
            AhpError: it is no positive number; the message says what to write instead.
        """
        if isinstance(value, float):
            if not 0 < value < np.inf:
                raise AhpError(
                    f"{value:g} is not a positive number: leave the cell empty if nothing was compared"
                )
            return value, _half_unit(repr(value))
        if isinstance(value, date):
            raise AhpError(_dated(value.isoformat(), f"{value.month}/{value.day}"))
        text = unicodedata.normalize("NFKC", str(value)).strip().removeprefix("'").removeprefix("=").strip()
        if _DATE.fullmatch(text):
            raise AhpError(_dated(text, "a fraction such as 1/3"))
        if text.endswith("%"):
            raise AhpError(f"{text!r} is a percentage, and a judgement is a ratio: write 3, 0.5 or 1/3")
        if text.startswith("#"):
            raise AhpError(
                f"{text!r} is an error of the spreadsheet: correct its formula or write the number"
            )
        if str(value).startswith("=") and re.search(r"[A-Za-z]", text):
            raise AhpError(
                f"the formula {value!r} has no stored result: save the file in a spreadsheet program, or "
                "write the number"
            )
        if "," in text:
            if not self.decimal_comma:
                raise AhpError(
                    f"{text!r} may have a decimal comma, but here commas separate cells or other numbers "
                    f"have points: write {text.replace(',', '.')}"
                )
            text = text.replace(",", ".")
        number = parse_ratio(text)
        return number, _half_unit(text) if re.fullmatch(r"[\d.]+", text) else 0.0


def blocks(sheet: Sheet) -> list[Block]:
    """The parts of a sheet that are at least two cells high and wide, in reading order."""
    found: list[Block] = []
    note = ""
    for part in _cut(sheet.rows):
        rows, title = part, ""
        while len(rows) > 2 and sum(not one.empty for one in rows[0]) == 1:
            title = next(one.text for one in rows[0] if not one.empty)
            rows = _trim(rows[1:])
        if len(rows) > 1 and len(rows[0]) > 1:
            found.append(Block(title or note, rows))
            note = ""
        else:
            note = next(one.text for row in rows for one in row if not one.empty)
    return found


def matrix_of(block: Block, notation: Notation, place: str, *, only: bool) -> ComparisonMatrix | None:
    """The block as a matrix; None where it is another table, which the only one of a sheet must not be.

    Raises:
        AhpError: begins with ``place`` and the address of the cell.
    """
    rows = block.rows
    body = [row[1:] for row in rows[1:]]
    columns, side = [_label(one) for one in rows[0][1:]], [_label(row[0]) for row in rows[1:]]
    if sorted(columns) == sorted(side) and "" not in columns:
        _refuse_twice([row[0] for row in rows[1:]], place)
        order = [columns.index(label) for label in side]
        return square(side, [[row[k] for k in order] for row in body], notation, place)
    words_above = not any(map(_numeric, rows[0])) and (rows[1][0].empty or _numeric(rows[1][0]))
    words_beside = not any(_numeric(row[0]) for row in rows) and any(map(_numeric, rows[0]))
    numbers = all(one.empty or _numeric(one) for row in rows for one in row)
    if len(rows) == len(rows[0]) and numbers:
        return square([str(index + 1) for index in range(len(rows))], rows, notation, place)
    if len(rows) == len(rows[0]) + 1 and words_above:
        _refuse_twice(rows[0], place)
        return square([_label(one) for one in rows[0]], rows[1:], notation, place)
    if len(rows) + 1 == len(rows[0]) and words_beside:
        _refuse_twice([row[0] for row in rows], place)
        return square([_label(row[0]) for row in rows], [row[1:] for row in rows], notation, place)
    if only or len(set(columns) & set(side)) * 2 >= len(side):
        _refuse_labels(rows, columns, side, place)
    return None


def square(labels: Sequence[str], rows: Rows, notation: Notation, place: str) -> ComparisonMatrix:
    """The matrix of n labels and n by n cells.

    Where both cells of a pair are given and agree as far as their printed digits go (3 and 0.333), the more
    exact one counts, so that rounding in a file costs nothing.
    """
    size = len(labels)
    values, doubts = np.full((size, size), np.nan), np.zeros((size, size))
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            if one.text.lower() in _NOTHING:
                continue
            try:
                values[i, j], doubts[i, j] = notation.number(one.value)
            except AhpError as error:
                raise AhpError(f"{place}{one.at} ({cell(labels[i], labels[j])}): {error}") from error
        here = row[i]
        if abs(values[i, i] - 1) > doubts[i, i] + 1e-9:
            raise AhpError(
                f"{place}{here.at} ({cell(labels[i], labels[i])}): an item compared with itself is 1, "
                f"not {values[i, i]:g}"
            )
        values[i, i] = 1.0
    for i in range(size):
        for j in range(i):
            if np.isnan(values[i, j]) or np.isnan(values[j, i]):
                continue
            if not _reciprocal(values[i, j], doubts[i, j], values[j, i], doubts[j, i]):
                raise AhpError(
                    f"{place}{rows[i][j].at} ({cell(labels[i], labels[j])}): {values[i, j]:g} is not the "
                    f"reciprocal of {values[j, i]:g} in {rows[j][i].at}: "
                    f"write {ratio_text(1 / values[j, i])}, or leave one of the two empty"
                )
            below, above = doubts[i, j] / values[i, j], doubts[j, i] / values[j, i]
            drop_below = below > above or (below == above and values[i, j] < 1)
            values[(i, j) if drop_below else (j, i)] = np.nan
    try:
        return ComparisonMatrix(values, labels)
    except AhpError as error:
        raise AhpError(f"{place}{error}") from error


def _cut(rows: Rows) -> list[Rows]:
    """Parts between blank rows and blank columns, again and again until none is left."""
    rows = _trim(rows)
    if not rows:
        return []
    for axis in (rows, list(zip(*rows, strict=True))):
        blank = [k for k, line in enumerate(axis) if all(one.empty for one in line)]
        if blank:
            first, rest = axis[: blank[0]], axis[blank[0] :]
            if axis is not rows:
                first, rest = list(zip(*first, strict=True)), list(zip(*rest, strict=True))
            return [*_cut(first), *_cut(rest)]
    return [rows]


def _trim(rows: Rows) -> Rows:
    filled = [i for i, row in enumerate(rows) if any(not one.empty for one in row)]
    if not filled:
        return []
    rows = rows[filled[0] : filled[-1] + 1]
    columns = [j for row in rows for j, one in enumerate(row) if not one.empty]
    return [row[min(columns) : max(columns) + 1] for row in rows]


def _label(one: Cell) -> str:
    # A file from macOS may hold Korean as separate letters (NFD): the same label to the eye.
    return unicodedata.normalize("NFC", one.text)


def _numeric(one: Cell) -> bool:
    return isinstance(one.value, float) or bool(re.match(r"[\s='+]*[\d.,]+", one.text))


def _refuse_twice(cells: Sequence[Cell], place: str) -> None:
    seen: dict[str, Cell] = {}
    for one in cells:
        label = _label(one)
        if label in seen:
            raise AhpError(
                f"{place}{one.at}: the label {label!r} is there twice, also in {seen[label].at}: every item "
                "needs a name of its own"
            )
        seen[label] = one


def _refuse_labels(rows: Rows, columns: Sequence[str], side: Sequence[str], place: str) -> None:
    _refuse_twice([row[0] for row in rows[1:]], place)
    _refuse_twice(rows[0][1:], place)
    for one, label in [*zip([row[0] for row in rows[1:]], side, strict=True)]:
        if label not in columns:
            named = f"the row {label!r} has no column of that name" if label else "the row has no label"
            raise AhpError(f"{place}{one.at}: {named}; the columns are {', '.join(filter(None, columns))}")
    for one, label in zip(rows[0][1:], columns, strict=True):
        if label not in side:
            named = f"the column {label!r} has no row of that name" if label else "the column has no label"
            raise AhpError(f"{place}{one.at}: {named}; the rows are {', '.join(filter(None, side))}")


def _reciprocal(one: float, doubt: float, other: float, other_doubt: float) -> bool:
    low = (one - doubt) * (other - other_doubt)
    high = (one + doubt) * (other + other_doubt)
    return bool(low <= 1 + 1e-9 and high >= 1 - 1e-9)


def _half_unit(text: str) -> float:
    exponent = Decimal(text).as_tuple().exponent
    return (
        0.5 * 10.0**exponent
        if isinstance(exponent, int) and exponent < 0 and not text.endswith(".0")
        else 0.0
    )


def _dated(text: str, fraction: str) -> str:
    return (
        f"{text!r} is a date: a spreadsheet program made it of {fraction}; format the cells as text and "
        "write the fraction again, or write it as a formula, =1/3"
    )
