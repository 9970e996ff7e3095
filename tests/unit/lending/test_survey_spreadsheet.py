"""Answers collected on paper: a row a rater, a sheet a rater, and what is wrong with which cell."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from lending.credit.survey.definition import SurveyError, packaged
from lending.credit.survey.judgements import write_judgement
from lending.credit.survey.sheets import write_csv, write_xlsx
from lending.credit.survey.spreadsheet import blank_rows, blank_sheet, read_answers

SURVEY = packaged()
PAIR = "stability.business_age.residence"


def _csv(folder: Path, text: str) -> Path:
    path = folder / "paper.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_a_rater_with_fractions_and_open_cells(tmp_path: Path) -> None:
    path = _csv(tmp_path, f"rater,{PAIR},bonus.joint_guarantee.certificate\nR-1,3,1/5\nR-2,0.333,\n\n")
    assert read_answers(SURVEY, path) == {
        "R-1": {PAIR: "3", "bonus.joint_guarantee.certificate": "1/5"},
        "R-2": {PAIR: "1/3"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"rater,{PAIR}\nR-1,12\n", r"paper\.csv, paper, B2: .*12 is beyond the scale"),
        (f"rater,{PAIR}\nR-1,three\n", r"paper\.csv, paper, B2: "),
        (f"rater,{PAIR}\nR-1,Jan-03\n", r"paper\.csv, paper, B2: "),
        (f"rater,{PAIR}\n,3\n", r"paper\.csv, paper, A2: the row has answers and no rater"),
        (f"rater,{PAIR}\nR-1,3\nR-1,3\n", r"paper, A3: the rater stands in the file twice"),
        (f"rater,{PAIR}\n홍길동,3\n", r"paper, A2: a rater is a serial number such as R-017, never a name$"),
        (f"rater,{PAIR}\n900101-1234567,3\n", r"paper, A2: a rater is a serial number"),
        ("rater,no.such.question\nR-1,3\n", r"B1: 'no\.such\.question' is no question"),
        ("a,b\n1,2\n", r"paper\.csv: no answers"),
        ("", r"paper\.csv"),
    ],
)
def test_what_is_wrong_is_told_with_its_cell(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SurveyError, match=message):
        read_answers(SURVEY, _csv(tmp_path, text))


def test_a_sheet_named_after_a_person_is_refused_without_the_name(tmp_path: Path) -> None:
    sheets = {"홍길동": [["stability"], [None, "업력", "거주기간"], ["업력", 1, 3], ["거주기간", None, 1]]}
    write_xlsx(tmp_path / "a.xlsx", sheets)
    with pytest.raises(SurveyError, match="sheet 1, its name: a rater is a serial number") as refused:
        read_answers(SURVEY, tmp_path / "a.xlsx")
    assert "홍길동" not in str(refused.value)


def test_a_fraction_that_a_spreadsheet_made_a_date_is_refused(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["rater", PAIR])
    sheet.append(["R-1", dt.datetime(2026, 1, 3)])
    book.save(tmp_path / "paper.xlsx")
    with pytest.raises(SurveyError, match=r"B2: .*1/3"):
        read_answers(SURVEY, tmp_path / "paper.xlsx")


def test_the_blank_row_form_comes_back_filled_in(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "form.xlsx", blank_rows(SURVEY), text=True)
    book = load_workbook(tmp_path / "form.xlsx")
    sheet = book["answers"]
    assert [cell.value for cell in sheet[1]] == ["rater", *SURVEY.asked]
    assert book["questions"].max_row == 1 + len(SURVEY.asked)
    assert sheet.column_dimensions["B"].number_format == "@"  # else 1/3 becomes a date
    for column, value in enumerate(["R-1", *["1/3"] * len(SURVEY.asked)], 1):
        sheet.cell(2, column).value = value
    book.save(tmp_path / "filled.xlsx")
    assert read_answers(SURVEY, tmp_path / "filled.xlsx") == {"R-1": dict.fromkeys(SURVEY.asked, "1/3")}


def test_the_blank_sheet_form_comes_back_filled_in_either_triangle(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "form.xlsx", blank_sheet(SURVEY, "R-7"), text=True)
    book = load_workbook(tmp_path / "form.xlsx")
    sheet = book["R-7"]
    place = {row[0].value: row[0].row for row in sheet.iter_rows() if row[0].value in SURVEY.matrices}
    assert len(place) == sum(one.size > 1 for one in SURVEY.matrices.values())
    fact = place["fact"]
    assert [cell.value for cell in sheet[fact + 1]][1:4] == ["재정상태(비재무)", "신뢰성", "안정성"]
    sheet.cell(fact + 2, 3).value = "3"  # 재정상태 over 신뢰성
    sheet.cell(fact + 4, 2).value = "1/4"  # 안정성 under 재정상태: the lower triangle
    sheet.cell(place["bonus"] + 2, 3).value = 0.2
    book.save(tmp_path / "filled.xlsx")
    assert read_answers(SURVEY, tmp_path / "filled.xlsx") == {
        "R-7": {
            "fact.condition.credibility": "3",
            "fact.condition.stability": "4",
            "bonus.joint_guarantee.certificate": "1/5",
        }
    }


def test_a_table_of_other_items_or_of_contradicting_halves_is_refused(tmp_path: Path) -> None:
    sheets = {"R-1": [["stability"], [None, "업력", "매출"], ["업력", 1, 3], ["매출", None, 1]]}
    write_xlsx(tmp_path / "a.xlsx", sheets)
    with pytest.raises(SurveyError, match="stability, the items are business_age, 매출"):
        read_answers(SURVEY, tmp_path / "a.xlsx")
    sheets = {"R-1": [["stability"], [None, "업력", "거주기간"], ["업력", 1, 3], ["거주기간", 3, 1]]}
    write_xlsx(tmp_path / "b.xlsx", sheets)
    with pytest.raises(SurveyError, match="not the reciprocal"):
        read_answers(SURVEY, tmp_path / "b.xlsx")


def test_rows_written_as_csv_come_back(tmp_path: Path) -> None:
    rows = blank_rows(SURVEY)["answers"]
    write_csv(tmp_path / "form.csv", [*rows, ["R-9", *["7"] * len(SURVEY.asked)]])
    assert read_answers(SURVEY, tmp_path / "form.csv") == {"R-9": dict.fromkeys(SURVEY.asked, "7")}


@pytest.mark.parametrize(
    ("value", "doubt", "written"),
    [(3.0, 0, "3"), (1 / 3, 0, "1/3"), (0.333, 0.0005, "1/3"), (0.5, 0, "1/2"), (1.0, 0, "1")],
)
def test_a_ratio_is_written_as_people_do(value: float, doubt: float, written: str) -> None:
    assert write_judgement(value, doubt) == written


@pytest.mark.parametrize("value", [2.3456789012345, 0.123456789012345, 0.333])
def test_another_ratio_keeps_every_digit(value: float) -> None:
    assert float(write_judgement(value)) == value
