"""Answers collected on paper: one row a rater, or one sheet a rater with a square table per matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lending.credit.ahp import AhpError, ComparisonMatrix, parse_ratio
from lending.credit.survey.definition import Definition, Matrix, SurveyError
from lending.credit.survey.judgements import read_judgement
from lending.credit.survey.sheets import Cell, read_sheets
from lending.credit.survey.wording import question_text

_HAND = 0.05
"""How far a_ij x a_ji may be from 1 in a table filled in by hand: 0.33 beside 3."""


def read_answers(definition: Definition, path: Path) -> dict[str, dict[str, str]]:
    """Rater -> question id -> judgement, from a CSV or XLSX file.

    One row a rater: the first row names the column `rater` and questions by id. One sheet a rater: the
    sheet's name is the rater's; each table has the matrix's id in its corner and the items (ids or names, in
    Korean or English) along its sides. Empty cells are open. SurveyError names file, rater and cell.
    """
    found: dict[str, dict[str, str]] = {}
    for sheet, rows in read_sheets(path).items():
        head = [cell.lower() for cell in rows[0]] if rows else []
        if "rater" in head:
            read = _row_a_rater(definition, rows, f"{path.name}, {sheet}")
        elif any(row and row[0] in definition.matrices for row in rows):
            read = [(sheet, _sheet(definition, rows, f"{path.name}, {sheet}"))]
        else:
            continue  # notes, the list of questions
        for rater, answers in read:
            if rater in found:
                raise SurveyError(f"{path.name}: rater {rater!r} stands in it twice")
            found[rater] = answers
    if not found:
        raise SurveyError(
            f"{path.name}: no answers; the first row needs a column `rater`, or each sheet a matrix's id"
        )
    return found


def _row_a_rater(
    definition: Definition, rows: list[list[str]], where: str
) -> list[tuple[str, dict[str, str]]]:
    head = [cell.strip() for cell in rows[0]]
    column = [cell.lower() for cell in head].index("rater")
    unknown = [cell for cell in head if cell and cell.lower() != "rater" and cell not in definition.asked]
    if unknown:
        raise SurveyError(f"{where}: the column {unknown[0]!r} is no question of the survey")
    read = []
    for row in rows[1:]:
        if not any(row):
            continue
        if not row[column]:
            raise SurveyError(f"{where}: a row has answers and no rater")
        try:
            answers = {
                name: read_judgement(definition, name, cell)
                for name, cell in zip(head, row, strict=False)
                if cell and name in definition.asked
            }
        except SurveyError as error:
            raise SurveyError(f"{where}, rater {row[column]!r}: {error}") from error
        read.append((row[column], answers))
    return read


def _sheet(definition: Definition, rows: list[list[str]], where: str) -> dict[str, str]:
    answers: dict[str, str] = {}
    at = iter(rows)
    for row in at:
        if row and row[0] in definition.matrices:
            matrix = definition.matrices[row[0]]
            try:
                answers |= _table(definition, matrix, row[1:], at)
            except (AhpError, SurveyError) as error:
                raise SurveyError(f"{where}, {matrix.id}: {error}") from error
    return answers


def _table(
    definition: Definition, matrix: Matrix, head: list[str], rows: Iterator[list[str]]
) -> dict[str, str]:
    ids = {alias: node.id for node in matrix.node.children for alias in (node.id, node.ko, node.en)}
    columns = [ids.get(cell, cell) for cell in head if cell]
    if sorted(columns) != sorted(matrix.items):
        raise SurveyError(f"the columns are {', '.join(columns)}, not {', '.join(matrix.items)}")
    written: dict[tuple[str, str], str] = {}
    values: dict[str, list[float | None]] = {}
    for row in rows:
        if not any(row):
            break
        item = ids.get(row[0], row[0])
        if item not in matrix.items or item in values:
            raise SurveyError(f"the row {row[0]!r} is none of {', '.join(matrix.items)}, or there twice")
        cells = (row[1:] + [""] * len(columns))[: len(columns)]
        written |= {(item, other): cell for other, cell in zip(columns, cells, strict=True) if cell}
        values[item] = [parse_ratio(cell) if cell else None for cell in cells]
    missing = [item for item in matrix.items if item not in values]
    if missing:
        raise SurveyError(f"the row {missing[0]!r} is missing")
    # Made for its checks: reciprocal, a diagonal of ones.
    filled = np.array([values[item] for item in columns], dtype=np.float64)
    ComparisonMatrix(filled, columns, tolerance=_HAND)
    answers = {}
    for i, a in enumerate(matrix.items):
        for b in matrix.items[i + 1 :]:
            name = f"{matrix.id}.{a}.{b}"
            if (a, b) in written:
                answers[name] = read_judgement(definition, name, written[a, b])
            elif (b, a) in written:
                answers[name] = read_judgement(definition, name, repr(1 / parse_ratio(written[b, a])))
    return answers


def blank_rows(definition: Definition) -> dict[str, list[list[Cell]]]:
    """A workbook to fill in, one row a rater: the sheet of answers, and the questions' wording."""
    questions: list[list[Cell]] = [
        [name, question_text(definition, one, "ko"), question_text(definition, one, "en")]
        for name, one in definition.asked.items()
    ]
    return {
        "answers": [["rater", *definition.asked]],
        "questions": [["question", "ko", "en"], *questions],
    }


def blank_sheet(definition: Definition, rater: str) -> dict[str, list[list[Cell]]]:
    """A workbook to fill in, one sheet a rater: a square table for each matrix."""
    rows: list[list[Cell]] = []
    for matrix in definition.matrices.values():
        if matrix.size < 2:
            continue
        rows.append([matrix.id, *(node.ko for node in matrix.node.children)])
        for place, node in enumerate(matrix.node.children):
            rows.append([node.ko, *(1 if place == other else None for other in range(matrix.size))])
        rows.append([])
    return {rater: rows}
