"""Files that analysts really have: Korean headers, spreadsheets, gaps; errors by row and column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook

from lending.credit.validation import RevalidationError, read

KOREAN = """\
업체,기업구분,업종,임차보증금,부동산보유,매출액,사고,점수
가,창업기업,제조업,1,5,,예,0.31
나,일반,소매/음숙박/개인서비스업,6,2,4,0,0.5
다,일반기업,기타,2,-,1,,
"""


def test_korean_headers_words_and_gaps(tmp_path: Path) -> None:
    path = tmp_path / "firms.csv"
    path.write_text(KOREAN, encoding="utf-8-sig")  # as spreadsheets save it
    firms = read(path)
    assert firms.firms.tolist() == ["가", "나", "다"]
    assert firms.company_class.tolist() == ["startup", "general", "general"]
    assert firms.industry.tolist() == ["manufacturing", "retail-food-personal", "other"]
    assert firms.items == ("rent_deposit", "real_estate", "sales")
    assert firms.column("real_estate")[:2].tolist() == [5, 2]
    assert np.isnan(firms.column("real_estate")[2])
    assert firms.accident[:2].tolist() == [1, 0]
    assert np.isnan(firms.accident[2])
    assert firms.score[1] == 0.5
    assert not firms.synthetic


def test_a_workbook_s_first_sheet(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (
        ["firm", "company_class", "industry", "accident", "residence"],
        [1001, "startup", "wholesale", 1, 6],
        [None, None, None, None, None],
        [1002, "general", "other", None, 2],
    ):
        book.active.append(row)
    path = tmp_path / "firms.xlsx"
    book.save(path)
    firms = read(path)
    assert firms.firms.tolist() == ["1001", "1002"]
    assert firms.column("residence").tolist() == [6, 2]


@pytest.mark.parametrize("wrapped", [True, False])
def test_json_and_yaml_as_a_list_or_under_firms(tmp_path: Path, wrapped: bool) -> None:
    rows = [
        {"company_class": "startup", "industry": "other", "accident": True, "residence": 3},
        {
            "company_class": "general",
            "industry": "other",
            "accident": 0,
            "borrowing": 2,
            "origin": "Synthetic",
        },
    ]
    path = tmp_path / "firms.yaml"
    path.write_text(json.dumps({"firms": rows} if wrapped else rows), encoding="utf-8")
    firms = read(path)
    assert firms.items == ("residence", "borrowing")
    assert firms.accident.tolist() == [1, 0]
    assert np.isnan(firms.column("borrowing")[0])
    assert firms.synthetic


HEAD = "company_class,industry,accident,residence\n"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", HEAD + "startup,other,1,two\n", "a.csv, row 2, column residence: 'two' is not a number"),
        (
            "a.csv",
            HEAD + "startup,other,1,2\nbig,other,1,2\n",
            "row 3, column company_class: 'big' is none of",
        ),
        ("a.csv", HEAD + "startup,fishing,1,2\n", "column industry: 'fishing' is none of business-services"),
        ("a.csv", HEAD + "startup,other,1,2,9\n", "row 2: 5 cells under 4 headers"),
        ("a.csv", "company_class,industry,residence\nstartup,other,2\n", "there is no column accident"),
        ("a.csv", "company_class,industry,accident\nstartup,other,1\n", "there is no column of grades"),
        (
            "a.csv",
            "업종,industry,company_class,accident\nother,other,startup,1\n",
            "two columns are industry",
        ),
        ("a.csv", HEAD, "holds no firms"),
        ("a.csv", "", "holds no firms"),
        ("a.json", "{", "no JSON file that can be read"),
        ("a.yaml", "firms: 3", "a list of firms"),
        ("a.xlsx", "no workbook", "no XLSX file that can be read"),
        ("a.txt", HEAD, "the ending says the format, one of .csv, .xlsx"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RevalidationError) as error:
        read(path)
    assert says in str(error.value)
