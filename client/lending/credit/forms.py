"""Evaluation forms from files: one in YAML or JSON, or a sheet of many firms in CSV or XLSX.

A document is the form's fields, or `{form: …, screening: …}` as the sample applicants have it. In a sheet
each row is a firm: columns are named by the fields of the form (`business_age` as `10y 2m` or `10년 2개월`,
`judgement.manager_ability`, `screening.regular_workers`) or by their Korean words in figure 6; `firm`, if
there is such a column, names the row. Where no industry is given, it is the one of the screening's sector.
All that is wrong comes back at once, with the field.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import yaml
from pydantic import ValidationError

from lending_domain.enterprise import Sector
from lending_domain.form import EvaluationForm, Screening, industry_of, screen
from lending_domain.form_fields import FormField, form_fields
from lending_domain.money import parse_won
from lending_domain.violations import Refused, Violation, Violations, refuse, require

Answers = dict[str, Any]

_SPAN = re.compile(r"(?:(\d{1,3})\s*(?:y|년))?\s*(?:(\d{1,2})\s*(?:m|개월))?", re.I)
_SPANS = {"business_age", "residence", "industry_career"}
_YES = {"true", "yes", "y", "1", "예"}
_NO = {"false", "no", "n", "0", "아니오"}


@dataclass(frozen=True)
class Entry:
    """One firm's answers. firm: its name in the file, never a person's. violations: why there is no form."""

    firm: str
    form: EvaluationForm | None
    screening: Screening | None
    violations: Violations = ()

    def admitted(self) -> EvaluationForm:
        """The form of a firm that passes the filter, where its facts are known.

        Raises `Refused` with every reason of the filter, which comes first, and all that is wrong with the
        answers.
        """
        require((*(screen(self.screening) if self.screening else ()), *self.violations))
        if self.form is None:
            raise _unreadable(f"{self.firm} has no answers")
        return self.form


def read_forms(path: Path) -> tuple[Entry, ...]:
    """The firms of a file, in its order.

    Raises `Refused` FILE_UNREADABLE for a file that is no form at all, and UNKNOWN_COLUMN for a sheet's
    column that is no field; an answer that is wrong is in its entry's violations.
    """
    kind = path.suffix.lower()
    if kind in {".csv", ".xlsx"}:
        try:
            rows = list(_csv(path) if kind == ".csv" else _xlsx(path))
        except (UnicodeDecodeError, csv.Error, BadZipFile, KeyError) as error:
            raise _unreadable(f"{path.name}: {error}") from error
        return tuple(_sheet(rows))
    try:
        # JSON is YAML.
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unreadable(f"{path.name} is neither YAML nor JSON") from error
    documents = document if isinstance(document, list) else [document]
    if not documents or not all(isinstance(one, dict) for one in documents):
        raise _unreadable(f"{path.name} holds no form")
    return tuple(_document(one, path.stem, number) for number, one in enumerate(documents, 1))


def _unreadable(why: str) -> Refused:
    return refuse(
        "FILE_UNREADABLE", f"평가표를 읽을 수 없습니다: {why}.", f"No form can be read: {why}.", "file"
    )


# -- documents


def _document(document: Mapping[str, Any], name: str, number: int) -> Entry:
    wrapped = "form" in document
    answers = document["form"] if wrapped else document
    screening = document.get("screening") if wrapped else None
    firm = str(document.get("firm", name if number == 1 else f"{name} {number}")) if wrapped else name
    found: list[Violation] = []
    return _entry(firm, _as_typed(answers, found), screening, found)


def _as_typed(answers: Any, found: list[Violation]) -> Any:
    """Answers written as a person types them (`70,000,000`, `10년`, `예`) as values, as in a sheet."""
    if not isinstance(answers, dict):
        return answers
    typed = dict(answers)
    for name, field in form_fields().items():
        if isinstance(typed.get(name), str):
            try:
                typed[name] = _answer(field, typed[name])
            except Refused as refusal:
                found.extend(refusal.violations)
    return typed


def _entry(firm: str, answers: Any, screening: Any, found: list[Violation]) -> Entry:
    sector = screening.get("sector") if isinstance(screening, dict) else None
    if isinstance(answers, dict) and "industry" not in answers and sector in set(Sector):
        answers = {**answers, "industry": industry_of(Sector(sector))}
    form = _validated(EvaluationForm, answers, "", found)
    facts = None if screening is None else _validated(Screening, screening, "screening.", found)
    return Entry(firm, None if found else form, facts, tuple(found))


def _validated(model: type[Any], answers: Any, prefix: str, found: list[Violation]) -> Any:
    seen = {one.field.partition(".")[0] for one in found}
    try:
        return model.model_validate(answers)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            field = prefix + ".".join(str(part) for part in fault["loc"])
            if field.partition(".")[0] not in seen:
                found.append(_fault(field, fault["type"], fault["msg"]))
    return None


def _fault(field: str, kind: str, said: str) -> Violation:
    if kind == "missing":
        return Violation(code="FIELD_MISSING", ko="값이 없습니다.", en="A value is needed.", field=field)
    if kind == "extra_forbidden":
        return Violation(
            code="FIELD_UNKNOWN",
            ko="평가표에 없는 항목입니다.",
            en="The form has no such field.",
            field=field,
        )
    return Violation(code="FIELD_INVALID", ko="값이 맞지 않습니다.", en=f"{said}.", field=field)


# -- sheets


def _csv(path: Path) -> Iterator[Sequence[Any]]:
    raw = path.read_bytes()
    try:
        # Spreadsheets put a byte order mark before UTF-8, and in Korea still write code page 949.
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp949")
    heading = text.partition("\n")[0]
    yield from csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=max(",;\t", key=heading.count)
    )


def _xlsx(path: Path) -> Iterator[Sequence[Any]]:
    # Here, not above: it takes as long to load as everything else, and few forms are workbooks.
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        yield from book.worksheets[0].iter_rows(values_only=True)
    finally:
        book.close()


def _sheet(rows: Iterable[Sequence[Any]]) -> Iterator[Entry]:
    filled = [row for row in rows if any(cell not in {None, ""} for cell in row)]
    if len(filled) < 2:
        raise _unreadable("a sheet has a row of field names and a row for each firm")
    columns = [_column(cell) for cell in filled[0]]
    for number, row in enumerate(filled[1:], 1):
        yield _row(columns, row, number)


def _column(cell: Any) -> str:
    name = str(cell or "").strip()
    by_words = {field.ko: field.id for field in form_fields().values()}
    name = by_words.get(name, name)
    group, _, rest = name.partition(".")
    known = name in {"", "firm"} | set(form_fields()) - {"judgement"}
    known = known or (group == "judgement" and bool(rest))
    known = known or (group == "screening" and rest in Screening.model_fields)
    known = known or (
        group in {"business_age", "residence", "industry_career"} and rest in {"years", "months"}
    )
    if not known:
        raise refuse("UNKNOWN_COLUMN", f"알 수 없는 열입니다: {name}.", f"No field is called {name}.", name)
    return name


def _row(columns: Sequence[str], row: Sequence[Any], number: int) -> Entry:
    firm, found = f"row {number}", list[Violation]()
    answers: Answers = {"judgement": {}}
    screening: Answers = {}
    for name, cell in zip(columns, row, strict=False):
        if not name or cell is None or cell == "":
            continue
        if name == "firm":
            firm = str(cell)
            continue
        group, _, rest = name.partition(".")
        try:
            if group == "screening":
                screening[rest] = _screened(rest, cell, name)
            elif rest:
                answers.setdefault(group, {})[rest] = _digits(cell, name)
            else:
                answers[name] = _answer(form_fields()[name], cell)
        except Refused as refusal:
            found.extend(refusal.violations)
    return _entry(firm, answers, screening or None, found)


def _answer(field: FormField, cell: Any) -> Any:
    if field.type in {"won", "count"}:
        return _digits(cell, field.id)
    if field.type == "flag":
        return _flag(cell, field.id)
    if field.type == "span":
        return _span(cell, field.id)
    by_words = {ko: value for value, (ko, _) in field.values.items()}
    return by_words.get(str(cell).strip(), str(cell).strip())


def _screened(name: str, cell: Any, field: str) -> Any:
    if name == "sector":
        return str(cell).strip()
    return _digits(cell, field) if name == "regular_workers" else _flag(cell, field)


def _digits(cell: Any, field: str) -> int:
    return cell if isinstance(cell, int) and not isinstance(cell, bool) else parse_won(str(cell), field)


def _flag(cell: Any, field: str) -> bool:
    said = str(cell).strip().lower()
    if said in _YES | _NO:
        return said in _YES
    raise refuse("FLAG_UNKNOWN", "예 또는 아니오로 적으십시오.", "Write yes or no.", field)


def _span(cell: Any, field: str) -> Answers:
    match = _SPAN.fullmatch(str(cell).strip())
    if match is None or not any(match.groups()):
        raise refuse(
            "SPAN_UNKNOWN", "3년 2개월처럼 적으십시오.", "Write years and months as in 3y 2m.", field
        )
    years, months = match.groups()
    return {"years": int(years or 0), "months": int(months or 0)}
