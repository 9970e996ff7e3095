"""A survey's report as text, rows and sheets."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from lending.credit.survey.definition import Combination, Language
from lending.credit.survey.panel import LABEL_EN, LABEL_KO
from lending.credit.survey.report import Effect, SurveyReport, Table, node_names
from lending.credit.survey.sheets import Cell

_WORDS = {
    "weight": {"ko": "가중치", "en": "weight"},
    "item": {"ko": "항목", "en": "item"},
    "level": {"ko": "수준", "en": "level"},
    "total": {"ko": "합계", "en": "total"},
    "apart": {"ko": "가점 합계(별도)", "en": "bonus total (apart)"},
    "effect": {"ko": "기준과 평균에 따른 차이", "en": "Effect of threshold and mean"},
    "none": {"ko": "기준 없음", "en": "no threshold"},
    "raters": {"ko": "응답자", "en": "raters"},
}
_MEANS = {
    "arithmetic": {"ko": "산술평균", "en": "arithmetic"},
    "geometric": {"ko": "기하평균", "en": "geometric"},
    "trimmed": {"ko": "절사평균", "en": "trimmed"},
    "arithmetic-global": {"ko": "산술평균(전체가중치)", "en": "arithmetic, global"},
    "judgements": {"ko": "판단 통합(AIJ)", "en": "AIJ"},
}


def labelled(path: Path, synthetic: bool) -> Path:
    """The path, with `synthetic-` before a name that does not say what the content is."""
    return path if not synthetic or "synthetic" in path.name else path.with_name(f"synthetic-{path.name}")


def report_text(report: SurveyReport, language: Language) -> str:
    """The whole report for reading: counts, tables, effects; weights to three decimals, as the paper's."""
    lines = [report.definition.text(language), *_label(report, language), ""]
    lines += _counts(report, language)
    for table in report.tables:
        title = f"{table.form.id}: {table.form.text(language)}"
        lines += ["", title, *_aligned(table_rows(report, table, language))]
    for combination in _shown(report):
        names = report.definition.names(combination, language)
        for screening in report.screenings:
            effects = [one for one in report.effects if one.limit == screening.limit]
            limit, means, *items = effect_rows(report, combination, language, effects)
            title = ", ".join([_WORDS["effect"][language], *names, str(limit[1])])
            lines += ["", title, *_aligned([means, *items])]
    return "\n".join(lines) + "\n"


def report_sheets(report: SurveyReport, language: Language) -> dict[str, list[list[Cell]]]:
    """Sheet name -> rows, weights at full precision; the first sheet says what was counted."""
    label: list[list[Cell]] = [[line] for line in _label(report, language)]
    about: list[list[Cell]] = [*label, *([key, _cell(value)] for key, value in report.provenance().items())]
    about += [["ours", line] for line in report.definition.ours]
    prefix = "synthetic " if report.synthetic else ""
    sheets = {prefix + "about": about}
    for table in report.tables:
        sheets[prefix + table.form.id] = label + table_rows(report, table, language)
    for number, combination in enumerate(_shown(report), 1):
        names = ", ".join(report.definition.names(combination, language))
        sheets[f"{prefix}effects {number}"] = [
            *label,
            [names],
            *effect_rows(report, combination, language, report.effects),
        ]
    return sheets


def report_rows(report: SurveyReport, language: Language) -> list[list[Cell]]:
    """Every combination's items as one table: dimensions, item, weight, whether apart, whether synthetic."""
    names = node_names(report.definition)
    rows: list[list[Cell]] = [[*report.definition.dimensions, "item", "name", "weight", "apart", "synthetic"]]
    for combination in report.definition.combinations:
        base = report.weights.items(combination, apart=False)
        for item, weight in report.weights.items(combination).items():
            flags = [str(item not in base).lower(), str(report.synthetic).lower()]
            rows.append([*combination, item, names[item].text(language), weight, *flags])
    return rows


def table_rows(report: SurveyReport, table: Table, language: Language) -> list[list[Cell]]:
    """One table in the paper's form: node and weight level by level, then the item and a column each."""
    names, depth = node_names(report.definition), table.depth
    head: list[Cell] = []
    for level in range(1, depth + 1):
        head += [f"{_WORDS['level'][language]} {level}", _WORDS["weight"][language]]
    head += [_WORDS["item"][language]]
    head += [
        " ".join(report.definition.names(column, language)) or _WORDS["weight"][language]
        for column in table.columns
    ]
    rows = [head]
    above: tuple[tuple[str, float], ...] = ()
    for row in table.rows:
        cells: list[Cell] = []
        for level in range(depth):
            if level >= len(row.path) or row.path[: level + 1] == above[: level + 1]:
                cells += ["", ""]  # a node is printed once, as a merged cell
            else:
                item, weight = row.path[level]
                cells += [names[item].text(language), weight]
        rows.append([*cells, names[row.item].text(language), *row.weights])
        above = row.path
    blank: list[Cell] = [""] * (2 * depth)
    rows.append([*blank, _WORDS["total"][language], *table.totals])
    if any(table.apart_totals):
        rows.append([*blank, _WORDS["apart"][language], *table.apart_totals])
    return rows


def effect_rows(
    report: SurveyReport, combination: Combination, language: Language, effects: Sequence[Effect]
) -> list[list[Cell]]:
    """Items down; across, below each other, threshold and mean."""
    names = node_names(report.definition)
    thresholds: list[Cell] = [""]
    means: list[Cell] = [_WORDS["item"][language]]
    for one in effects:
        limit = _WORDS["none"][language] if one.limit is None else f"CR<={one.limit:g}"
        thresholds.append(f"{limit}, n={one.accepted}")
        means.append(_MEANS[one.aggregation.value][language])
    rows = [thresholds, means]
    for item in report.weights.items(combination):
        cells = [None if one.items is None else one.items[combination][item] for one in effects]
        rows.append([names[item].text(language), *cells])
    return rows


def _shown(report: SurveyReport) -> tuple[Combination, ...]:
    """The combinations that the tables show, each once."""
    return tuple(dict.fromkeys(column for table in report.tables for column in table.columns))


def _label(report: SurveyReport, language: Language) -> list[str]:
    return [LABEL_KO if language == "ko" else LABEL_EN] if report.synthetic else []


def _counts(report: SurveyReport, language: Language) -> Iterator[str]:
    told = report.provenance()
    names = report.definition.matrices
    if language == "ko":
        yield (
            f"응답 {told['responses']}건, 거절 {told['refused']}건, 서명 없음 {told['unsigned']}건; "
            f"응답자 {told['raters']}명 중 채택 {told['accepted']}명 (CR {told['limit']} 이하), "
            f"제외 {told['rejected']}명; CR {told['beside']['limit']} 이하라면 {told['beside']['accepted']}명"
        )
    else:
        yield (
            f"{told['responses']} responses, {told['refused']} refused, {told['unsigned']} unsigned; "
            f"of {told['raters']} raters {told['accepted']} accepted (CR at most {told['limit']}), "
            f"{told['rejected']} out; at {told['beside']['limit']}: {told['beside']['accepted']}"
        )
    for name, count in told["rejected_by_matrix"].items():
        yield f"  {names[name].name(language)}: {count}"


def _cell(value: object) -> Cell:
    return value if isinstance(value, str | int | float) or value is None else str(value)


def _aligned(rows: list[list[Cell]]) -> list[str]:
    texts = [
        [
            f"{cell:.3f}" if isinstance(cell, float) else str(cell or "-" if cell is None else cell)
            for cell in row
        ]
        for row in rows
    ]
    widths = [max(_width(row[place]) for row in texts if place < len(row)) for place in range(len(texts[0]))]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)
        ).rstrip()
        for row in texts
    ]


def _width(text: str) -> int:
    """Columns on a terminal: a Korean syllable takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
