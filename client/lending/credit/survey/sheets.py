"""Rows in and out of CSV and XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from lending.credit.survey.definition import SurveyError

Cell = str | float | int | None
Rows = Sequence[Sequence[Cell]]


def read_sheets(path: Path) -> dict[str, list[list[str]]]:
    """Sheet name -> rows of text; a CSV is one sheet. SurveyError naming file and cell."""
    if path.suffix.lower() == ".xlsx":
        return _read_xlsx(path)
    try:
        # utf-8-sig: Excel writes a byte order mark before CSV.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SurveyError(f"{path.name}: not UTF-8; save it as CSV UTF-8 or XLSX") from error
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    return {
        path.stem: [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=separator)
        ]
    }


def _read_xlsx(path: Path) -> dict[str, list[list[str]]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError) as error:
        raise SurveyError(f"{path.name}: no XLSX workbook") from error
    return {
        sheet.title: [
            [_text(cell.value, f"{path.name}, {sheet.title}!{cell.coordinate}") for cell in row]
            for row in sheet.iter_rows()
        ]
        for sheet in book.worksheets
    }


def _text(value: object, where: str) -> str:
    if isinstance(value, date):
        raise SurveyError(f"{where}: a date; the spreadsheet made one of a fraction: format the cell as text")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def csv_text(rows: Rows) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Sheets as a workbook; texts are text, so that 1/3 stays what it is."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:31])
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(number, column, value)
                if isinstance(value, str):
                    cell.number_format = "@"
                    cell.data_type = "s"  # a text that begins with = is no formula
    book.save(path)
