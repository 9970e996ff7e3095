"""Comparison matrices in files as analysts have them, and results written in the same formats.

A table has labels in its first row and column, anywhere in a sheet; a cell is a number, a fraction such as
``1/3``, or empty where nothing was compared; one triangle is enough. Exports of AHP-OS are read as they are.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from lending.credit.ahp import ahp_os
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.grid import Notation, blocks, matrix_of
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.sheets import Sheet, read_sheets

Row = Sequence[str | float | None]


def read_matrix(path: Path, table: str | None = None) -> ComparisonMatrix:
    """The one matrix of a CSV, XLSX or YAML file, or the one of that name.

    Raises:
        AhpError: names the cell; or the file holds several matrices and none was chosen.
        OSError: the file cannot be read.
    """
    return choose(read_matrices(path), path.name, table)


def read_matrices(path: Path) -> dict[str, ComparisonMatrix]:
    """Every matrix of a file by name: of its sheet, or of the line above it where a sheet holds several.

    Raises:
        AhpError: names the cell; or the file holds no matrix.
        OSError: the file cannot be read.
    """
    return parse_matrices(path.read_bytes(), path.name)


def parse_matrices(content: bytes, name: str) -> dict[str, ComparisonMatrix]:
    """Every matrix of a file's content, whose ``name`` says the format by its ending.

    >>> table = b"x,price,style\\nprice,,3\\nstyle,,\\n"
    >>> parse_matrices(table, "criteria.csv")["criteria"].values.round(3).tolist()
    [[1.0, 3.0], [0.333, 1.0]]
    """
    sheets = read_sheets(content, name)
    found: dict[str, ComparisonMatrix] = {}
    for sheet in sheets:
        place = f"{name}, " if len(sheets) == 1 else f"{name}, sheet {sheet.name!r}, "
        for label, matrix in _of_sheet(sheet, place).items():
            found[label if label not in found else f"{sheet.name}: {label}"] = matrix
    if not found:
        raise AhpError(
            f"{name} holds no comparison table: write the labels in the first row and the first column, and "
            "the comparisons between them"
        )
    return found


def choose(
    matrices: Mapping[str, ComparisonMatrix], name: str, table: str | None, option: str = "table"
) -> ComparisonMatrix:
    """The matrix called ``table``, or the only one; ``option``: by what the caller lets one be chosen.

    Raises:
        AhpError: there is none of that name, or none was named and there are several.
    """
    if table is None and len(matrices) == 1:
        return next(iter(matrices.values()))
    listed = ", ".join(repr(one) for one in matrices)
    if table is None:
        raise AhpError(f"{name} holds {len(matrices)} tables, {listed}: choose one by {option}")
    if table not in matrices:
        raise AhpError(f"{name} holds no table {table!r}: there is {listed}")
    return matrices[table]


def write_matrix(path: Path, matrix: ComparisonMatrix) -> None:
    """The matrix as a table that `read_matrix` reads back: .csv, .tsv, .xlsx or .yaml, at full precision.

    Raises:
        AhpError: the ending is of no format that is written.
    """
    values = [[None if math.isnan(one) else one for one in row] for row in matrix.values.tolist()]
    rows: list[Row] = [["", *matrix.labels]]
    rows += [[label, *row] for label, row in zip(matrix.labels, values, strict=True)]
    write_table(path, rows, {"labels": list(matrix.labels), "values": values})


def write_table(path: Path, rows: Sequence[Row], document: object) -> None:
    """Rows in CSV and XLSX, the document in YAML, as the path's ending says.

    CSV begins with a byte order mark, without which Excel reads Korean as another encoding.

    Raises:
        AhpError: the ending is of no format that is written.
    """
    match path.suffix.lower():
        case ".csv" | ".tsv" as suffix:
            text = io.StringIO()
            csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n").writerows(rows)
            path.write_text(text.getvalue(), encoding="utf-8-sig")
        case ".xlsx":
            from openpyxl import Workbook

            book = Workbook(write_only=True)
            sheet = book.create_sheet("AHP")
            for row in rows:
                sheet.append(list(row))
            book.save(path)
        case ".yaml" | ".yml":
            path.write_text(
                yaml.safe_dump(document, allow_unicode=True, sort_keys=False, default_flow_style=None),
                encoding="utf-8",
            )
        case _:
            raise AhpError(f"{path.name}: give the output a name that ends in .csv, .tsv, .xlsx or .yaml")


def _of_sheet(sheet: Sheet, place: str) -> dict[str, ComparisonMatrix]:
    exported = ahp_os.read(sheet, place) if sheet.separator else None
    if exported is not None:
        return exported
    notation, parts = Notation.of(sheet), blocks(sheet)
    found: dict[str, ComparisonMatrix] = {}
    for part in parts:
        matrix = matrix_of(part, notation, place, only=len(parts) == 1)
        if matrix is not None:
            found[_free(part.title or sheet.name, found)] = matrix
    return {sheet.name: next(iter(found.values()))} if len(found) == 1 else found


def _free(name: str, taken: Mapping[str, object]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free
