"""Rows as CSV and as workbooks of several sheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

Cell = str | float | int | None
Rows = Sequence[Sequence[Cell]]


def write_csv(path: Path, rows: Rows) -> None:
    """Rows as CSV, with the byte order mark without which Excel reads Korean as another encoding."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8-sig")


def write_xlsx(path: Path, sheets: Mapping[str, Rows], *, text: bool = False) -> None:
    """Sheets as a workbook. text: cells are formatted as text, so that 1/3 typed there stays what it is."""
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:31])
        if text:
            for column in range(1, 1 + max(map(len, rows), default=0)):
                sheet.column_dimensions[get_column_letter(column)].number_format = "@"
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(number, column, value)
                if text:
                    cell.number_format = "@"
    book.save(path)
