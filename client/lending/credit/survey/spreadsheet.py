"""Answers collected on paper: one row a rater, or one sheet a rater with a square table per matrix."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

from lending.credit.ahp import AhpError, ComparisonMatrix
from lending.credit.ahp.grid import Notation, blocks, matrix_of
from lending.credit.ahp.sheets import Sheet, read_sheets
from lending.credit.survey.definition import Definition, Matrix, SurveyError
from lending.credit.survey.judgements import read_judgement, write_judgement
from lending.credit.survey.response import NO_NAME, is_pseudonym
from lending.credit.survey.sheets import Cell
from lending.credit.survey.wording import question_text


def read_answers(definition: Definition, path: Path) -> dict[str, dict[str, str]]:
    """Rater -> question id -> judgement, from a CSV, XLSX or YAML file.

    One row a rater: the first row names the column `rater` and questions by id. One sheet a rater: the
    sheet's name is the rater's; a line with the matrix's id stands above each table, whose sides name the
    items by id or in Korean or English. Empty cells are open. SurveyError names file, sheet and cell; OSError
    when the file cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    try:
        sheets = read_sheets(path.read_bytes(), path.name)
        for number, sheet in enumerate(sheets, 1):
            head = [cell.text for cell in sheet.rows[0]] if sheet.rows else []
            if "rater" in head:
                read = _row_a_rater(definition, sheet, head.index("rater"), f"{path.name}, {sheet.name}, ")
            else:
                read = _sheet_a_rater(definition, sheet, f"{path.name}, sheet {number}, ")
            for where, rater, answers in read:
                # Told by place only: whatever stands there instead of a number may be a name.
                if not is_pseudonym(rater):
                    raise SurveyError(f"{where}{NO_NAME}")
                if rater in found:
                    raise SurveyError(f"{where}the rater stands in the file twice")
                found[rater] = answers
    except AhpError as error:
        raise SurveyError(str(error)) from error
    if not found:
        raise SurveyError(
            f"{path.name}: no answers; the first row needs a column `rater`, or each table a line with the "
            "matrix's id above it"
        )
    return found


_Read = list[tuple[str, str, dict[str, str]]]
"""Where the rater stands, how the rater is called there, and the answers."""


def _row_a_rater(definition: Definition, sheet: Sheet, column: int, where: str) -> _Read:
    questions = {
        place: cell for place, cell in enumerate(sheet.rows[0]) if place != column and not cell.empty
    }
    for cell in questions.values():
        if cell.text not in definition.asked:
            raise SurveyError(f"{where}{cell.at}: {cell.text!r} is no question of the survey")
    notation = Notation.of(sheet)
    read = []
    for row in sheet.rows[1:]:
        if all(cell.empty for cell in row):
            continue
        if row[column].empty:
            raise SurveyError(f"{where}{row[column].at}: the row has answers and no rater")
        answers = {}
        for place, question in questions.items():
            if row[place].empty:
                continue
            try:
                judged = write_judgement(*notation.number(row[place].value))
                answers[question.text] = read_judgement(definition, question.text, judged)
            except (AhpError, SurveyError) as error:
                raise SurveyError(f"{where}{row[place].at}: {error}") from error
        read.append((f"{where}{row[column].at}: ", row[column].text, answers))
    return read


def _sheet_a_rater(definition: Definition, sheet: Sheet, where: str) -> _Read:
    answers: dict[str, str] = {}
    notation = Notation.of(sheet)
    for block in blocks(sheet):
        matrix = definition.matrices.get(block.title)
        if matrix is None:
            continue
        place = f"{where}{matrix.id}, "
        table = matrix_of(block, notation, place, only=True)
        if table is not None:
            answers |= _answers(definition, matrix, table, place)
    # Without a matrix they are notes, or the questions' wording.
    return [(f"{where}its name: ", sheet.name, answers)] if answers else []


def _answers(definition: Definition, matrix: Matrix, table: ComparisonMatrix, where: str) -> dict[str, str]:
    ids = {alias: node.id for node in matrix.node.children for alias in (node.ko, node.en, node.id)}
    labels = [ids.get(label, label) for label in table.labels]
    if sorted(labels) != sorted(matrix.items):
        raise SurveyError(f"{where}the items are {', '.join(labels)}, not {', '.join(matrix.items)}")
    answers = {}
    for a, b in itertools.combinations(matrix.items, 2):
        value = float(table.values[labels.index(a), labels.index(b)])
        if not math.isnan(value):
            question = f"{matrix.id}.{a}.{b}"
            answers[question] = read_judgement(definition, question, write_judgement(value))
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
        names = [node.ko for node in matrix.node.children]
        rows += [[matrix.id], [None, *names]]
        for place, name in enumerate(names):
            rows.append([name, *("1" if place == other else None for other in range(matrix.size))])
        rows.append([])
    return {rater: rows}
