"""CSV, XLSX and YAML files as rows of cells, each of which knows its address; nothing is interpreted yet."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.matrix import parse_ratio

Value = str | float | date | None
"""What a cell holds. Integers are floats; a datetime is a date."""

FORMATS = (".csv", ".tsv", ".txt", ".xlsx", ".yaml", ".yml")


@dataclass(frozen=True)
class Cell:
    """A value and where it stands: ``B3``, or a path in a YAML document."""

    value: Value
    at: str

    @property
    def empty(self) -> bool:
        """Whether nothing but blanks is in it."""
        return self.value is None or (isinstance(self.value, str) and not self.value.strip())

    @property
    def text(self) -> str:
        """As a label: blanks trimmed, whole numbers without a fraction."""
        if isinstance(self.value, float) and self.value.is_integer():
            return str(int(self.value))
        return "" if self.value is None else str(self.value).strip()


@dataclass(frozen=True)
class Sheet:
    """A rectangle of cells. ``separator``: of a CSV file, else empty."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    separator: str = ""


def read_sheets(content: bytes, name: str) -> list[Sheet]:
    """The sheets of a file; a CSV or YAML table is one.

    Args:
        content: the whole file.
        name: its name; the ending says what it is, without one CSV, or XLSX where the content is.

    Raises:
        AhpError: the content is not of the format, or of none of `FORMATS`.
    """
    suffix = Path(name).suffix.lower()
    if suffix == ".xls":
        raise AhpError(f"{name} is of the old Excel format: save it as .xlsx")
    if suffix == ".xlsx" or content.startswith(b"PK\x03\x04"):
        return _read_xlsx(content, name)
    if suffix in {".yaml", ".yml"}:
        return _read_yaml(content, name)
    if suffix in {".csv", ".tsv", ".txt", ""}:
        return [_read_csv(content, name)]
    raise AhpError(f"{name} is of no format that is read here: give one of {', '.join(FORMATS)}")


def address(row: int, column: int) -> str:
    """``B3`` for row 2 and column 1, both counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def _rectangle(name: str, rows: Sequence[Sequence[Value]], separator: str = "") -> Sheet:
    width = max(map(len, rows), default=0)
    padded = [[*row, *[None] * (width - len(row))] for row in rows]
    cells = [tuple(Cell(value, address(i, j)) for j, value in enumerate(row)) for i, row in enumerate(padded)]
    return Sheet(name, tuple(cells), separator)


def _read_csv(content: bytes, name: str) -> Sheet:
    lines = _decode(content, name).splitlines()
    first = next((line for line in lines if line.strip()), "")
    declared = re.fullmatch(r'"?sep=(.)"?;*,*', first.strip(" "))
    if declared:
        separator = declared[1]
        # The line stays, empty, so that addresses are those of the file.
        lines[lines.index(first)] = ""
    else:
        bare = (re.sub(r'"[^"]*"', "", line) for line in lines)
        # The first line that has any: a title may stand above the table.
        separator = next((max("\t;,", key=line.count) for line in bare if re.search("[\t;,]", line)), ",")
    try:
        rows: list[list[Value]] = [list(row) for row in csv.reader(lines, delimiter=separator, strict=True)]
    except csv.Error as error:
        raise AhpError(f"{name} is no CSV file: {error}") from error
    return _rectangle(Path(name).stem, rows, separator)


def _decode(content: bytes, name: str) -> str:
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    # Korean Excel saves "CSV" as code page 949 unless told otherwise.
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp949"]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AhpError(f"{name} is no text that can be read: save it as CSV UTF-8")


def _read_xlsx(content: bytes, name: str) -> list[Sheet]:
    # Here, not above: it takes long to import, and most tables are text.
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            # It warns of drawings and validations that it does not keep; they say nothing of the numbers.
            warnings.simplefilter("ignore", UserWarning)
            stored = load_workbook(io.BytesIO(content), data_only=True)
            written = load_workbook(io.BytesIO(content))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise AhpError(f"{name} is no XLSX workbook that can be read: save it again as .xlsx") from error
    sheets = []
    for sheet in written.worksheets:
        if sheet.sheet_state != "visible":
            continue
        formulas = [list(row) for row in sheet.iter_rows(values_only=True)]
        values = [list(row) for row in stored[sheet.title].iter_rows(values_only=True)]
        solved = [
            [_solve(values, formulas, i, j, ()) for j in range(len(row))] for i, row in enumerate(formulas)
        ]
        sheets.append(_rectangle(sheet.title, solved))
    return sheets


_TERM = r"(\$?[A-Za-z]{1,3}\$?\d+|\d+(?:\.\d+)?)"
_RATIO = re.compile(rf"=\s*\+?\(?\s*{_TERM}\s*(?:/\s*{_TERM})?\s*\)?")


def _solve(
    values: list[list[Any]], formulas: list[list[Any]], row: int, column: int, above: tuple[str, ...]
) -> Value:
    """What a cell holds: its number, or the ratio that its formula writes where no number is stored.

    A reciprocal of an empty cell (``=1/B3``, shown as #DIV/0!) is an empty cell.
    """
    if not (row < len(formulas) and column < len(formulas[row])):
        return None
    formula, stored = formulas[row][column], values[row][column]
    if not (isinstance(formula, str) and formula.startswith("=")):
        return _plain(stored)
    if isinstance(stored, int | float) and not isinstance(stored, bool):
        return float(stored)
    here = address(row, column)
    ratio = _RATIO.fullmatch(formula)
    if not ratio or here in above:
        if isinstance(stored, str) and not stored.startswith("#"):
            return stored
        return formula
    terms = [_term(values, formulas, text, (*above, here)) for text in ratio.groups() if text]
    if any(term is None for term in terms):
        return None
    numbers = [term for term in terms if isinstance(term, float)]
    if len(numbers) != len(terms) or 0.0 in numbers[1:]:
        return formula
    return numbers[0] / numbers[1] if len(numbers) == 2 else numbers[0]


def _term(values: list[list[Any]], formulas: list[list[Any]], text: str, above: tuple[str, ...]) -> Value:
    reference = re.fullmatch(r"\$?([A-Za-z]+)\$?(\d+)", text)
    if not reference:
        return float(text)
    column = 0
    for letter in reference[1].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    found = _solve(values, formulas, int(reference[2]) - 1, column - 1, above)
    if not isinstance(found, str):
        return found
    try:
        return parse_ratio(found) if found.strip() else None
    except AhpError:
        return found


def _plain(value: Any) -> Value:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return float(value)
    return value if isinstance(value, date) or value is None else str(value)


def _read_yaml(content: bytes, name: str) -> list[Sheet]:
    try:
        document = yaml.safe_load(_decode(content, name))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        raise AhpError(f"{name} is no YAML{where}") from error
    if isinstance(document, Mapping) and document and all(map(_is_table, document.values())):
        return [_yaml_table(str(key), one, f"{name}, {key}") for key, one in document.items()]
    return [_yaml_table(Path(name).stem, document, name)]


def _is_table(document: Any) -> bool:
    return isinstance(document, Mapping) and "labels" in document and "values" in document


def _yaml_table(name: str, document: Any, place: str) -> Sheet:
    """``{labels, values}``, rows as in a spreadsheet, or ``{a: {b: 3, c: 1/3}, b: {c: 2}}``."""
    if _is_table(document):
        labels, rows = document["labels"], document["values"]
        if not _is_list(labels) or not _is_list(rows) or not all(map(_is_list, rows)):
            raise AhpError(f"{place}: labels is a list of names, and values a list of rows")
        if len(rows) != len(labels):
            raise AhpError(f"{place}: there are {len(labels)} labels and {len(rows)} rows of values")
        heading = [Cell(None, "labels"), *_labels(labels)]
        lines = [
            [_labels(labels)[i], *(Cell(_plain(one), f"values[{i}][{j}]") for j, one in enumerate(row))]
            for i, row in enumerate(rows)
        ]
    elif (
        isinstance(document, Mapping)
        and document
        and all(isinstance(one, Mapping | None) for one in document.values())
    ):
        names = list(dict.fromkeys(name for a, row in document.items() for name in (a, *(row or {}))))
        heading = [Cell(None, name), *_labels(names)]
        lines = [
            [
                Cell(str(a), str(a)),
                *(Cell(_plain((document.get(a) or {}).get(b)), f"{a}: {b}") for b in names),
            ]
            for a in names
        ]
    elif _is_list(document) and document and all(map(_is_list, document)):
        return _rectangle(name, [[_plain(one) for one in row] for row in document])
    else:
        raise AhpError(
            f"{place} holds no table: write labels and values, or for each item its worth beside others"
        )
    width = max(map(len, [heading, *lines]))
    rows_of_cells = [(*line, *[Cell(None, name)] * (width - len(line))) for line in [heading, *lines]]
    return Sheet(name, tuple(rows_of_cells))


def _labels(labels: Sequence[Any]) -> list[Cell]:
    return [Cell(_plain(label), f"labels[{index}]") for index, label in enumerate(labels)]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
