"""The CSV files that AHP-OS of BPMSG exports (https://bpmsg.com/ahp, version of 2022).

Four kinds: the priority calculator's (labels, matrix, weights and eigenvalue in lines), a hierarchy's (its
table, then each node's matrix), a project's input data (participant by participant) and a group's result
(each node's consolidated matrix). Numbers are rounded to six decimals there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.grid import Notation, Rows, square
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.sheets import Cell, Sheet


def read(sheet: Sheet, place: str) -> dict[str, ComparisonMatrix] | None:
    """The matrices of an export by name; None where the sheet is no such export.

    Raises:
        AhpError: it is one, but a matrix in it is not as AHP-OS writes it.
    """
    rows = [row for row in sheet.rows if any(not one.empty for one in row)]
    texts = [[one.text for one in row] for row in rows]
    notation = Notation.of(sheet)
    if _is_calculator(texts):
        size = int(texts[1][0])
        return {texts[0][0]: square(texts[2][:size], _cells(rows[3:], 0, size), notation, place)}
    if texts and texts[0][0].startswith("Project: "):
        found = _of_hierarchy(rows, texts)
    elif any(line[0] == "Session Code" for line in texts[:2]):
        found = _of_project(rows, texts)
    else:
        return None
    matrices: dict[str, ComparisonMatrix] = {}
    for name, labels, cells in found:
        if len(cells) < len(labels):
            raise AhpError(f"{place}the matrix of {name!r} ends before its {len(labels)} rows")
        matrices[name] = square(labels, cells, notation, place)
    return matrices


def _is_calculator(texts: Sequence[Sequence[str]]) -> bool:
    return (
        len(texts) > 3
        and bool(re.fullmatch(r"\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d", (*texts[0], "", "")[1]))
        and texts[1][0].isdigit()
        and len(texts) == int(texts[1][0]) + 5
    )


def _of_hierarchy(rows: Rows, texts: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[str], Rows]]:
    """A line with the node's name alone, then a line an item: its name and its comparisons."""
    heads = [k for k, line in enumerate(texts) if k > 0 and line[0] and not any(line[1:])]
    for head, following in zip(heads, [*heads[1:], len(rows)], strict=True):
        size = following - head - 1
        labels = [line[0] for line in texts[head + 1 : following]]
        yield texts[head][0].removeprefix("Alternatives for "), labels, _cells(rows[head + 1 :], 1, size)


def _of_project(rows: Rows, texts: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[str], Rows]]:
    participant, node, labels, alternatives = "", "", [""], [""]
    consolidated = False
    for k, line in enumerate(texts):
        match line[0]:
            case "Participant":
                participant = line[1]
            case "Alternatives":
                alternatives = [text for text in line[1:] if text]
            case "Node" | "Criterion":
                node = line[1]
                kind = re.match(r"(\d+)x\1 decision matrix", (*line, "", "")[2])
                if kind:
                    size = int(kind[1])
                    # The file does not name a node's children; alternatives stand once a participant.
                    named = alternatives if line[0] == "Criterion" else [str(i + 1) for i in range(size)]
                    yield f"{participant}: {node}", named, _cells(rows[k + 1 :], 2, size)
            case "Weights":
                labels = [text for text in line[1:] if text][:-1]
            case "Consolidated Decision Matrix":
                yield node, labels, _cells(rows[k + 1 :], 1, len(labels))
            case "3. Consolidated Decision Matrix":
                consolidated = True
            case name if consolidated and name and line[1] == "CR":
                size = next((i for i, after in enumerate(texts[k + 1 :]) if after[0]), len(texts) - k - 1)
                yield name, [str(i + 1) for i in range(size)], _cells(rows[k + 1 :], 1, size)


def _cells(rows: Rows, skip: int, size: int) -> list[Sequence[Cell]]:
    return [row[skip : skip + size] for row in rows[:size]]
