"""Decisions in files: weights, the alternatives' comparisons under each criterion, and tables of values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.grid import Notation
from lending.credit.ahp.matrix import ComparisonMatrix
from lending.credit.ahp.matrix import cell as cell_name
from lending.credit.ahp.ratings import Scale
from lending.credit.ahp.sheets import Cell, read_sheets
from lending.credit.ahp.tables import read_matrices


def read_weights(path: Path) -> dict[str, float]:
    """Criterion -> weight, as `dure ahp weights` and `aggregate` write them with --output, or by hand.

    YAML or JSON: a mapping, or one under `weights`. CSV or XLSX: two columns, up to the first blank row.

    Raises:
        AhpError: names the criterion whose weight is no number.
        OSError: the file cannot be read.
    """
    weights: dict[str, float] = {}
    for name, value in two_columns(path, "weights"):
        number = _number(value)
        if number is None or number < 0:
            raise AhpError(f"{path.name}: the weight of {name!r} is {value!r}, not a number from 0 up")
        weights[name] = number
    if not weights:
        raise AhpError(f"{path.name} holds no weights: write a criterion and its weight a row")
    return weights


def read_alternatives(paths: Sequence[Path], criteria: Sequence[str]) -> dict[str, ComparisonMatrix]:
    """Criterion -> comparison matrix of the alternatives, from tables named as the criteria are.

    Raises:
        AhpError: a criterion has no table or two, or a table is named as no criterion is.
        OSError: a file cannot be read.
    """
    found: dict[str, ComparisonMatrix] = {}
    for path in paths:
        for name, matrix in read_matrices(path).items():
            if name not in criteria:
                raise AhpError(
                    f"{path.name}: the table {name!r} is named as no criterion: {', '.join(criteria)}"
                )
            if name in found:
                raise AhpError(f"{path.name}: criterion {name!r} has two tables")
            found[name] = matrix
    if lacking := [name for name in criteria if name not in found]:
        raise AhpError(f"criterion {lacking[0]!r} has no table in which the alternatives are compared")
    return {name: found[name] for name in criteria}


def read_values(path: Path) -> dict[str, dict[str, str]]:
    """Alternative -> {criterion: text of the cell}: alternatives down, criteria across.

    Raises:
        AhpError: names the cell that is empty or whose heading is.
        OSError: the file cannot be read.
    """
    sheet = read_sheets(path.read_bytes(), path.name)[0]
    rows = _first_block(sheet.rows)
    if len(rows) < 2:
        raise AhpError(f"{path.name} holds no table: write criteria in the first row, alternatives below")
    criteria = [cell.text for cell in rows[0][1:]]
    values: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        name = row[0].text
        if not name or name in values:
            raise AhpError(f"{path.name}, {row[0].at}: {'no name' if not name else name + ' is there twice'}")
        for criterion, cell in zip(criteria, row[1:], strict=True):
            if cell.empty or not criterion:
                raise AhpError(f"{path.name}, {cell.at} ({cell_name(name, criterion)}): nothing is there")
        values[name] = dict(zip(criteria, (cell.text for cell in row[1:]), strict=True))
    return values


def read_measured(path: Path, criteria: Sequence[str]) -> dict[str, dict[str, float]]:
    """Criterion -> {alternative: value}, the more the better, from a table as `read_values` reads it.

    Raises:
        AhpError: names the cell that is no number, or the criterion that has no column.
    """
    table = read_values(path)
    notation = Notation.of(read_sheets(path.read_bytes(), path.name)[0])
    measured: dict[str, dict[str, float]] = {id: {} for id in criteria}
    for name, row in table.items():
        for id in criteria:
            if id not in row:
                raise AhpError(f"{path.name}: criterion {id!r} has no column among {', '.join(row)}")
            try:
                measured[id][name] = 0.0 if _number(row[id]) == 0 else notation.number(row[id])[0]
            except AhpError as error:
                raise AhpError(f"{path.name}, row {name!r}, column {id!r}: {error}") from error
    return measured


def read_scales(path: Path, criteria: Sequence[str]) -> dict[str, Scale]:
    """Criterion -> its intensities, from YAML or JSON: `{rent: {low: 3, high: 1}, style: {...}}`.

    `{low: 3, high: 1}` alone, without criteria above it, is the scale of every criterion.

    Raises:
        AhpError: names the criterion or the intensity that is wrong.
        OSError: the file cannot be read.
    """
    document = _mapping(path)
    if all(not isinstance(one, Mapping) for one in document.values()):
        document = dict.fromkeys(criteria, document)
    scales = {}
    for id, intensities in document.items():
        if not isinstance(intensities, Mapping):
            raise AhpError(f"{path.name}: {id!r} has no intensities: write {{good: 1, fair: 0.5}} behind it")
        worths = {str(name): _number(worth) for name, worth in intensities.items()}
        if odd := [name for name, worth in worths.items() if worth is None]:
            raise AhpError(f"{path.name}, criterion {id!r}: the worth of {odd[0]!r} is no number")
        try:
            scales[str(id)] = Scale({name: worth for name, worth in worths.items() if worth is not None})
        except AhpError as error:
            raise AhpError(f"{path.name}, criterion {id!r}: {error}") from error
    return scales


def two_columns(path: Path, key: str = "") -> list[tuple[str, Any]]:
    """Names and values of a YAML or JSON mapping (or of the one under `key`), or of a table's two columns.

    A heading above the values is left out. Raises `AhpError` where the file is of neither form.
    """
    if path.suffix.lower() in {".yaml", ".yml", ".json"}:
        document = _mapping(path)
        inner = document.get(key)
        return [
            (str(name), value) for name, value in (inner if isinstance(inner, Mapping) else document).items()
        ]
    rows = _first_block(read_sheets(path.read_bytes(), path.name)[0].rows)
    pairs = [(row[0].text, row[1].value) for row in rows if len(row) > 1]
    heading = bool(pairs) and isinstance(pairs[0][1], str) and not re.match(r"\s*[\d.+-]", pairs[0][1])
    return pairs[1:] if heading else pairs


def _mapping(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise AhpError(f"{path.name} is no YAML") from error
    if not isinstance(document, Mapping):
        raise AhpError(f"{path.name}: write 'name: value', a line each")
    return dict(document)


def _first_block(rows: Sequence[Sequence[Cell]]) -> list[Sequence[Cell]]:
    """The rows up to the first blank one, without those blank before it."""
    block: list[Sequence[Cell]] = []
    for row in rows:
        if all(cell.empty for cell in row):
            if block:
                break
            continue
        block.append(row)
    return block


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
