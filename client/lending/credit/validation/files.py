"""Portfolios in CSV, XLSX, YAML and JSON: one row a firm, headers in English or Korean.

Columns: firm, company_class, industry, accident (0, 1 or empty), score (optional), origin (`synthetic` or
empty), and one column an item, by the model's id or its Korean name. YAML and JSON hold a list of rows, or
an object whose `firms` is that list. `origin` stands in every row, so that no copy of a part loses it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import yaml
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from lending.credit.validation.errors import RevalidationError
from lending.credit.validation.portfolio import SYNTHETIC_EN, SYNTHETIC_KO, Portfolio
from lending.credit.validation.published import published
from lending_domain.form import CompanyClass, Industry

FORMATS = (".csv", ".xlsx", ".yaml", ".yml", ".json")
_HEAD = ("firm", "company_class", "industry", "accident", "score", "origin")
_HEADERS = {
    "기업": "firm", "업체": "firm", "id": "firm",
    "class": "company_class", "기업구분": "company_class", "업력구분": "company_class",
    "업종": "industry", "outcome": "accident", "사고": "accident", "사고여부": "accident",
    "점수": "score", "총점": "score", "출처": "origin",
}  # fmt: skip
_CLASSES = {"창업": "startup", "창업기업": "startup", "일반": "general", "일반기업": "general"}
_INDUSTRIES = {
    "제조업": "manufacturing", "도매업": "wholesale",
    "소매/음숙박/개인서비스업": "retail-food-personal", "소매/음숙박/개인서비스": "retail-food-personal",
    "사업서비스업": "business-services", "사업서비스": "business-services",
    "기타": "other", "기타업종": "other",
}  # fmt: skip
_EMPTY = {"", "-", "na", "n/a", "nan", "none", "null"}
_OUTCOMES = {"true": 1.0, "false": 0.0, "y": 1.0, "n": 0.0, "예": 1.0, "아니오": 0.0}


def read(path: Path) -> Portfolio:
    """The portfolio in a file; RevalidationError names the row and the column of what cannot be read."""
    try:
        rows = _rows(path)
    except (
        UnicodeDecodeError,
        json.JSONDecodeError,
        yaml.YAMLError,
        BadZipFile,
        InvalidFileException,
    ) as error:
        raise RevalidationError(
            f"{path.name} is no {path.suffix[1:].upper()} file that can be read"
        ) from error
    if not rows:
        raise RevalidationError(f"{path.name} holds no firms")
    return _portfolio(rows, path.name)


def write(portfolio: Portfolio, path: Path) -> None:
    """Write a portfolio in the format that the file's ending names."""
    suffix = _suffix(path)
    header = (*_HEAD, *portfolio.items)
    table = _table(portfolio)
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(table)
    elif suffix == ".xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet("firms")
        sheet.append(header)
        for row in table:
            sheet.append(row)
        if portfolio.synthetic:
            notice = book.create_sheet("notice")
            notice.append([SYNTHETIC_KO])
            notice.append([SYNTHETIC_EN])
        book.save(path)
    else:
        # Empty cells are written too: the first row then names every item, in order.
        firms = [dict(zip(header, row, strict=True)) for row in table]
        notice_of = {"notice_ko": SYNTHETIC_KO, "notice_en": SYNTHETIC_EN} if portfolio.synthetic else {}
        document = {**notice_of, "firms": firms}
        text = (
            json.dumps(document, ensure_ascii=False, indent=1) + "\n"
            if suffix == ".json"
            else yaml.dump(document, Dumper=_DUMPER, allow_unicode=True, sort_keys=False)
        )
        path.write_text(text, encoding="utf-8")


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise RevalidationError(f"{path.name}: the ending says the format, one of {', '.join(FORMATS)}")
    return suffix


def _rows(path: Path) -> list[Mapping[str, Any]]:
    suffix = _suffix(path)
    if suffix == ".xlsx":
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            # Closed only after reading: a read-only sheet is a stream.
            cells = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        finally:
            book.close()
        return _from_cells(cells, path.name)
    text = path.read_text(encoding="utf-8-sig")
    if suffix == ".csv":
        return _from_cells(list(csv.reader(io.StringIO(text))), path.name)
    document = json.loads(text) if suffix == ".json" else yaml.load(text, Loader=_LOADER)  # noqa: S506
    firms = document.get("firms") if isinstance(document, Mapping) else document
    if not isinstance(firms, list) or not all(isinstance(one, Mapping) for one in firms):
        raise RevalidationError(f"{path.name}: a list of firms, or an object with `firms`, is expected")
    return firms


def _from_cells(cells: list[list[Any]], name: str) -> list[Mapping[str, Any]]:
    filled = [row for row in cells if any(value not in {None, ""} for value in row)]
    if not filled:
        return []
    header = [str(value).strip() if value is not None else "" for value in filled[0]]
    for number, row in enumerate(filled[1:], 2):
        if len(row) > len(header):
            raise RevalidationError(f"{name}, row {number}: {len(row)} cells under {len(header)} headers")
    return [dict(zip(header, row, strict=False)) for row in filled[1:]]


def _portfolio(rows: list[Mapping[str, Any]], name: str) -> Portfolio:
    by_korean = {ko: item for item, (ko, _) in published().names.items()}
    columns: dict[str, str] = {}
    for header in dict.fromkeys(header for row in rows for header in row if header):
        field = _HEADERS.get(header, by_korean.get(header, header))
        if field in columns.values():
            raise RevalidationError(f"{name}: two columns are {field}")
        columns[header] = field
    for needed in ("company_class", "industry", "accident"):
        if needed not in columns.values():
            raise RevalidationError(f"{name}: there is no column {needed}")
    items = tuple(field for field in columns.values() if field not in _HEAD)
    if not items:
        raise RevalidationError(f"{name}: there is no column of grades")
    read_rows = [
        {columns[header]: value for header, value in row.items() if header in columns} for row in rows
    ]
    numbered = list(enumerate(read_rows, 2))

    def numbers(field: str) -> Any:
        return np.array([_number(row.get(field), name, number, field) for number, row in numbered])

    return Portfolio(
        firms=np.array([str(row.get("firm") or number - 1) for number, row in numbered], dtype=np.str_),
        company_class=_words(numbered, "company_class", _CLASSES, CompanyClass, name),
        industry=_words(numbered, "industry", _INDUSTRIES, Industry, name),
        items=items,
        grades=np.column_stack([numbers(item) for item in items]),
        accident=numbers("accident"),
        score=numbers("score"),
        synthetic=any(str(row.get("origin") or "").strip().lower() == "synthetic" for row in read_rows),
    )


def _words(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    field: str,
    korean: Mapping[str, str],
    known: Iterable[str],
    name: str,
) -> Any:
    words = {str(one) for one in known}
    found = []
    for number, row in rows:
        text = str(row.get(field) or "").strip()
        word = korean.get(text.replace(" ", ""), text.lower())
        if word not in words:
            raise RevalidationError(
                f"{name}, row {number}, column {field}: {text!r} is none of {', '.join(sorted(words))}"
            )
        found.append(word)
    return np.array(found, dtype=np.str_)


def _number(value: Any, name: str, row: int, field: str) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    text = "" if value is None else str(value).strip().lower()
    if text in _EMPTY:
        return math.nan
    if field == "accident" and text in _OUTCOMES:
        return _OUTCOMES[text]
    try:
        return float(text)
    except ValueError as error:
        raise RevalidationError(f"{name}, row {row}, column {field}: {text!r} is not a number") from error


def _table(portfolio: Portfolio) -> Iterable[list[Any]]:
    origin = "synthetic" if portfolio.synthetic else ""
    for index in range(len(portfolio)):
        score = portfolio.score[index]
        yield [
            str(portfolio.firms[index]),
            str(portfolio.company_class[index]),
            str(portfolio.industry[index]),
            _whole(portfolio.accident[index]),
            None if math.isnan(score) else float(score),
            origin,
            *(_whole(grade) for grade in portfolio.grades[index]),
        ]


def _whole(value: float) -> int | float | None:
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else float(value)
