"""Panels in files: a file a rater, a sheet a rater, a folder a rater, or an export of AHP-OS.

Which table belongs to which node of the hierarchy is told by its labels, since every id is unique. Tables
of one file that all compare the same items are different raters'; tables of different items are one
rater's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lending.credit.ahp.decision_files import two_columns
from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.hierarchy import Hierarchy, Node
from lending.credit.ahp.hierarchy_text import parse_hierarchy
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.panel import Panel
from lending.credit.ahp.tables import read_matrices

_Answers = dict[str, dict[str, ComparisonMatrix]]


def read_panel(paths: Sequence[Path], hierarchy: Hierarchy | None = None) -> Panel:
    """The raters of files and folders.

    Args:
        paths: CSV, XLSX and YAML files as `read_matrices` takes them, folders of such files, or one JSON file
            that AHP-OS's "Export Project" has written, whose hierarchy counts unless another is given.
        hierarchy: what was compared; without one all tables compare the same items.

    Raises:
        AhpError: names the file; a rater comes twice, or a table compares what is no node's.
        OSError: a file cannot be read.
    """
    if not paths:
        raise AhpError("there are no files of raters")
    if any(path.suffix.lower() == ".json" for path in paths):
        if len(paths) > 1:
            raise AhpError("an export of AHP-OS is a whole panel: give it alone")
        return read_project(paths[0], hierarchy)
    answers: _Answers = {}
    for path in paths:
        for rater, tables in _raters(path, hierarchy).items():
            if rater in answers:
                raise AhpError(f"{path}: rater {rater!r} is there twice")
            answers[rater] = tables
    if hierarchy is None:
        return Panel.of_one_table({rater: _only(rater, tables) for rater, tables in answers.items()})
    return Panel(hierarchy, {rater: _by_node(rater, tables, hierarchy) for rater, tables in answers.items()})


def read_project(path: Path, hierarchy: Hierarchy | None = None) -> Panel:
    """A project of AHP-OS with its participants' judgements, as its "Export Project" writes them.

    `pj[0].project_hText` is the hierarchy's text; each of `pwc` is a participant's judgements under a node:
    `pwc_ab` says with 0 or 1 for each pair, row by row, whether its first or its second item counts more, and
    `pwc_intense` by how much, a digit a pair.

    Raises:
        AhpError: names the participant and the node.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise AhpError(f"{path.name} is no JSON: {error}") from error
    if isinstance(document, Mapping) and "Priorities" in document:
        raise AhpError(
            f"{path.name} holds AHP-OS's priorities, not judgements: choose 'Export Project' there"
        )
    try:
        if hierarchy is None:
            hierarchy, _ = parse_hierarchy(document["pj"][0]["project_hText"])
        rows = [
            (row["pwc_part"], row["pwc_node"], row["pwc_ab"], row["pwc_intense"]) for row in document["pwc"]
        ]
    except (KeyError, IndexError, TypeError) as error:
        raise AhpError(f"{path.name} is no project that AHP-OS exported: it has no {error}") from error
    answers: _Answers = {}
    for rater, node, sides, intensities in rows:
        try:
            labels = [child.id for child in hierarchy.node(node).children]
            if not labels:
                raise AhpError("alternatives are compared there, and a panel weighs criteria only")
            answers.setdefault(rater, {})[node] = _judged(labels, str(sides), str(intensities))
        except AhpError as error:
            raise AhpError(f"{path.name}, participant {rater!r}, node {node!r}: {error}") from error
    return Panel(hierarchy, answers)


def read_rater_weights(path: Path, raters: Sequence[str]) -> dict[str, float]:
    """Rater -> weight, of a YAML or JSON mapping or a table of two columns, names and numbers.

    Raises:
        AhpError: names a weight that is no number, or a rater who is not in the panel.
    """
    weights: dict[str, float] = {}
    for name, value in two_columns(path):
        try:
            weights[name] = float(value)
        except (TypeError, ValueError):
            raise AhpError(f"{path.name}: the weight of {name!r} is {value!r}, not a number") from None
    if unknown := [name for name in weights if name not in raters]:
        raise AhpError(f"{path.name}: {unknown[0]!r} is no rater; the raters are {', '.join(raters)}")
    return weights


def _raters(path: Path, hierarchy: Hierarchy | None) -> _Answers:
    """Rater -> {name: table} of a file or folder."""
    if path.is_dir():
        files = sorted(
            one for one in path.iterdir() if one.is_file() and not one.name.startswith((".", "~$"))
        )
        tables = {
            f"{file.stem}: {name}": matrix for file in files for name, matrix in read_matrices(file).items()
        }
        if not tables:
            raise AhpError(f"{path} holds no tables")
        return {path.name: tables}
    tables = read_matrices(path)
    if len(tables) == 1:
        return {path.stem: tables}
    exported = _participants(tables, hierarchy)
    if exported:
        return exported
    if len({frozenset(matrix.labels) for matrix in tables.values()}) == 1:
        return {name: {name: matrix} for name, matrix in tables.items()}
    return {path.stem: tables}


def _participants(tables: Mapping[str, ComparisonMatrix], hierarchy: Hierarchy | None) -> _Answers:
    """AHP-OS's input data, `participant: node`, whose labels are only numbers; empty where it is not that."""
    if hierarchy is None or not all(_numbered(matrix) for matrix in tables.values()):
        return {}
    answers: _Answers = {}
    for name, matrix in tables.items():
        rater, colon, node = name.rpartition(": ")
        if not colon:
            return {}
        labels = [child.id for child in hierarchy.node(node).children]
        if len(labels) != matrix.size:
            raise AhpError(
                f"participant {rater!r}: {node!r} has {len(labels)} items, its matrix {matrix.size}"
            )
        answers.setdefault(rater, {})[node] = ComparisonMatrix(matrix.values, labels)
    return answers


def _numbered(matrix: ComparisonMatrix) -> bool:
    return list(matrix.labels) == [str(place + 1) for place in range(matrix.size)]


def _only(rater: str, tables: Mapping[str, ComparisonMatrix]) -> ComparisonMatrix:
    if len(tables) > 1:
        raise AhpError(
            f"rater {rater!r} has {len(tables)} tables of different items, {', '.join(tables)}: say with a "
            "hierarchy how they belong together"
        )
    return next(iter(tables.values()))


def _by_node(
    rater: str, tables: Mapping[str, ComparisonMatrix], hierarchy: Hierarchy
) -> dict[str, ComparisonMatrix]:
    nodes: dict[frozenset[str], Node] = {
        frozenset(child.id for child in parent.children): parent for parent in hierarchy.parents
    }
    found: dict[str, ComparisonMatrix] = {}
    for name, matrix in tables.items():
        node = nodes.get(frozenset(matrix.labels))
        if node is None:
            raise AhpError(
                f"rater {rater!r}, table {name!r}: {', '.join(matrix.labels)} are not the items of one node "
                f"of the hierarchy {hierarchy.root.id!r}"
            )
        if node.id in found:
            raise AhpError(f"rater {rater!r}: two tables compare the items of {node.id!r}")
        found[node.id] = matrix
    return found


def _judged(labels: Sequence[str], sides: str, intensities: str) -> ComparisonMatrix:
    pairs = [(a, b) for place, a in enumerate(labels) for b in labels[place + 1 :]]
    if not len(sides) == len(intensities) == len(pairs):
        raise AhpError(
            f"{len(labels)} items make {len(pairs)} pairs, not {len(sides)} and {len(intensities)}"
        )
    if not re.fullmatch("[01]*", sides) or not re.fullmatch("[1-9]*", intensities):
        raise AhpError(f"judgements are 0 or 1 and 1 to 9, not {sides!r} and {intensities!r}")
    return ComparisonMatrix.from_judgements(
        labels,
        {
            (b, a) if side == "1" else (a, b): int(intensity)
            for (a, b), side, intensity in zip(pairs, sides, intensities, strict=True)
        },
    )
