"""Comparison tables as analysts have them: every notation, and every mistake with its cell."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from openpyxl import Workbook

from lending.credit.ahp import AhpError, ComparisonMatrix, weigh
from lending.credit.ahp.tables import choose, parse_matrices, read_matrices, read_matrix, write_matrix
from tests.unit.lending.ahp_matrices import matrices

THIRD = 1 / 3
FULL = [[1, 3, 5], [THIRD, 1, 2], [0.2, 0.5, 1]]


def one(text: str | bytes, name: str = "judged.csv") -> ComparisonMatrix:
    content = text if isinstance(text, bytes) else text.encode()
    return choose(parse_matrices(content, name), name, None)


def workbook(*sheets: tuple[str, Sequence[Sequence[object]]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        ",a,b,c\na,1,3,5\nb,1/3,1,2\nc,1/5,1/2,1\n",
        ",a,b,c\na,1,3,5\nb,0.333,1,2\nc,0.2,0.5,1\n",
        ",a,b,c\na,,3,5\nb,,,2\nc,,,\n",
        ",a,b,c\na,,,\nb,1/3,,\nc,1/5,1/2,\n",
        "criteria,a,b,c\r\na,1,3,5\r\nb,,1,2\r\nc,,,1\r\n",
        "\ufeff;a;b;c\na;1;3;5\nb;0,33;1;2\nc;0,2;0,5;1\n",
        "\ta\tb\tc\na\t1\t3\t5\nb\t\t1\t2\nc\t\t\t1\n",
        'sep=;\n;"a";"b";"c"\n"a";1;3;5\n"b";;1;2\n"c";;;1\n',
        ",c,a,b\na,5,1,3\nb,2,,1\nc,1,,\n",
        "a,b,c\n1,3,5\n1/3,1,2\n1/5,1/2,1\n",
        "Criteria of the panel\n,a,b,c\na,1,3,5\nb,-,1,2\nc,NA,-,1\n",
        "\n\n,,,,\n,,a,b,c,,weight\n,a,1,3,5,,0.6\n,b,,1,2,,0.3\n,c,,,1,,0.1\n\nnote: of 2026\n",
        ",a,b,c\na,1,'3,=5\nb,,1,2:1\nc,,,1\n",
        ",a,b,c\na,１,3,5\nb,⅓,1,2\nc,,,1\n",
    ],
)
def test_notations_of_one_table(text: str) -> None:
    matrix = one(text)
    assert matrix.labels == ("a", "b", "c")
    assert np.allclose(matrix.values, FULL, rtol=1e-15)


def test_a_comparison_not_made_is_an_empty_cell() -> None:
    assert one(",a,b,c\na,1,3,\nb,,1,2\nc,,,1\n").missing == (("a", "c"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_korean_labels_in_every_encoding(encoding: str) -> None:
    matrix = one(",가격,품질\n가격,1,1/4\n품질,,1\n".encode(encoding))
    assert matrix.labels == ("가격", "품질")
    assert matrix.values[0, 1] == 0.25


def test_labels_that_macos_decomposed_are_the_same() -> None:
    decomposed = "\u1100\u1161\u1100\u1167\u11a8"
    assert one(f",가격,품질\n{decomposed},1,4\n품질,,1\n").labels == ("가격", "품질")


def test_numbers_as_labels() -> None:
    assert one(",1,2\n1,1,3\n2,,1\n").labels == ("1", "2")
    unlabelled = one("1,3\n1/3,1\n")
    assert unlabelled.labels == ("1", "2")
    assert unlabelled.values[0, 1] == 3


def test_rounding_in_a_file_costs_nothing() -> None:
    """Of 1.41 and 0.709 neither is exact: the more exact one counts, and the other is its reciprocal."""
    matrix = one(",a,b,c\na,1,1.414214,7\nb,0.707107,1,3\nc,0.14,0.33,1\n")
    assert matrix.values[0, 1] == 1.414214
    assert matrix.values[2, 0] == 1 / 7
    assert matrix.values[2, 1] == THIRD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",a,b\na,1,0\nb,,1\n", "judged.csv, C2 (row 'a', column 'b'): '0' is not a positive number"),
        (",a,b\na,1,-3\nb,,1\n", "C2 (row 'a', column 'b'): '-3' is not a positive number"),
        (",a,b\na,1,inf\nb,,1\n", "C2 (row 'a', column 'b'): 'inf' is not a positive number"),
        (",a,b\na,1,much\nb,,1\n", "C2 (row 'a', column 'b'): 'much' is not a number: write 3, 0.5 or 1/3"),
        (",a,b\na,1,1/0\nb,,1\n", "'1/0' is not a finite number"),
        (",a,b\na,2,3\nb,,1\n", "B2 (row 'a', column 'a'): an item compared with itself is 1, not 2"),
        (
            ",a,b\na,1,3\nb,0.5,1\n",
            "B3 (row 'b', column 'a'): 0.5 is not the reciprocal of 3 in C2: write 1/3, or leave",
        ),
        # A whole number is exact: 0.4 is between 0.35 and 0.45, and none of these is a third.
        (",a,b\na,1,3\nb,0.4,1\n", "B3 (row 'b', column 'a'): 0.4 is not the reciprocal of 3 in C2"),
        (",a,b\na,1,3-Jan\nb,,1\n", "'3-Jan' is a date: a spreadsheet program made it of a fraction"),
        (",a,b\na,1,01월 03일\nb,,1\n", "'01월 03일' is a date"),
        (",a,b\na,1,Jan-03\nb,,1\n", "'Jan-03' is a date"),
        (",a,b\na,1,1/3/2026\nb,,1\n", "'1/3/2026' is a date"),
        (",a,b\na,1,maybe 3\nb,,1\n", "'maybe 3' is not a number"),
        (",a,b\na,1,2026-01-03\nb,,1\n", "'2026-01-03' is a date"),
        (",a,b\na,1,33%\nb,,1\n", "'33%' is a percentage, and a judgement is a ratio"),
        (",a,b\na,1,#DIV/0!\nb,,1\n", "'#DIV/0!' is an error of the spreadsheet"),
        (',a,b\na,1,"0,33"\nb,,1\n', "'0,33' may have a decimal comma, but here commas separate cells"),
        (";a;b;c\na;1;0,5;0.5\nb;;1;2\nc;;;1\n", "'0,5' may have a decimal comma"),
        (",a,b\na,1,3\nc,,1\n", "A3: the row 'c' has no column of that name; the columns are a, b"),
        (",a,b,c\na,1,3,2\nb,,1,2\n", "D1: the column 'c' has no row of that name; the rows are a, b"),
        (",a,b\na,1,3\nb,,1\nc,,\n", "A4: the row 'c' has no column of that name"),
        (",a,a\na,1,3\na,,1\n", "A3: the label 'a' is there twice, also in A2"),
        (",a,b\n,1,3\nb,,1\n", "A2: the row has no label"),
        ("nothing here\n", "judged.csv holds no comparison table: write the labels in the first row"),
        ("", "holds no comparison table"),
        ('a,"b\n', "is no CSV file"),
    ],
)
def test_mistakes_name_the_cell(text: str, message: str) -> None:
    with pytest.raises(AhpError) as refused:
        one(text)
    assert message in str(refused.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(AhpError, match="save it as CSV UTF-8"):
        one(b",a,b\na,1,\xff\xff\nb,,1")


def test_several_tables_in_a_file() -> None:
    text = "Criteria,,\n,a,b\na,,3\nb,,\n\nRater 2,,\n,a,b\na,,1/3\nb,,\n"
    found = parse_matrices(text.encode(), "panel.csv")
    assert {name: matrix.values[0, 1] for name, matrix in found.items()} == {"Criteria": 3, "Rater 2": THIRD}
    with pytest.raises(AhpError, match=r"holds 2 tables, 'Criteria', 'Rater 2': choose one by table"):
        choose(found, "panel.csv", None)
    with pytest.raises(AhpError, match="holds no table 'Rater 3': there is 'Criteria', 'Rater 2'"):
        choose(found, "panel.csv", "Rater 3")
    assert choose(found, "panel.csv", "Rater 2").values[0, 1] == THIRD


class TestWorkbooks:
    def test_fractions_as_text_numbers_and_formulas(self) -> None:
        rows = [
            [None],
            [None, "Criteria"],
            [None, None, "a", "b", "c", None, "weight"],
            [None, "a", 1, "=6/2", "5", None, 0.6],
            [None, "b", "=1/D4", 1, 2, None, 0.3],
            [None, "c", "=1/$E$4", "1/2", None, None, 0.1],
        ]
        matrix = one(workbook(("기준", rows)), "judged.xlsx")
        assert matrix.labels == ("a", "b", "c")
        assert np.allclose(matrix.values, FULL, rtol=1e-15)

    def test_a_formula_of_an_empty_cell_is_empty(self) -> None:
        rows = [[None, "a", "b", "c"], ["a", 1, 3, None], ["b", "=1/C2", 1, 2], ["c", "=1/D2", "=1/D3", 1]]
        assert one(workbook(("s", rows)), "judged.xlsx").missing == (("a", "c"),)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                date(2026, 1, 3),
                "'2026-01-03' is a date: a spreadsheet program made it of 1/3; format",
            ),
            (datetime(2026, 5, 2, 0, 0), "is a date: a spreadsheet program made it of 5/2"),
            ("=SUM(A1:A2)", "the formula '=SUM(A1:A2)' has no stored result: save the file"),
            ("=1/C2", "the formula '=1/C2' has no stored result"),
            (0, "0 is not a positive number: leave the cell empty if nothing was compared"),
            (True, "'TRUE' is not a number"),
        ],
    )
    def test_mistakes_name_sheet_and_cell(self, value: object, message: str) -> None:
        good = [[None, "a", "b"], ["a", 1, 3], ["b", None, 1]]
        bad = [[None, "a", "b"], ["a", 1, value], ["b", None, 1]]
        with pytest.raises(AhpError) as refused:
            one(workbook(("first", good), ("second", bad)), "judged.xlsx")
        assert str(refused.value).startswith("judged.xlsx, sheet 'second', C2 (row 'a', column 'b'): ")
        assert message in str(refused.value)

    def test_a_sheet_a_matrix(self, tmp_path: Path) -> None:
        rows = [[None, "a", "b"], ["a", None, 3], ["b", None, None]]
        path = tmp_path / "panel.xlsx"
        path.write_bytes(workbook(("one", rows), ("two", rows), ("notes", [["by hand"]])))
        assert list(read_matrices(path)) == ["one", "two"]
        assert read_matrix(path, "two").values[0, 1] == 3

    def test_hidden_sheets_are_not_read(self) -> None:
        book = Workbook()
        book.active.append([None, "a", "b"])
        book.active.append(["a", 1, 3])
        book.active.append(["b", None, 1])
        book.create_sheet("old").append(["a", "b"])
        book["old"].sheet_state = "hidden"
        content = io.BytesIO()
        book.save(content)
        assert one(content.getvalue(), "judged.xlsx").values[0, 1] == 3

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("judged.xlsx", b"no zip", "is no XLSX workbook"),
            ("judged.xls", b"", "of the old Excel format: save it as .xlsx"),
            ("judged.pdf", b"", "of no format that is read here: give one of .csv"),
        ],
    )
    def test_other_files(self, name: str, content: bytes, message: str) -> None:
        with pytest.raises(AhpError, match=message):
            parse_matrices(content, name)


class TestYaml:
    @pytest.mark.parametrize(
        "text",
        [
            "labels: [a, b, c]\nvalues:\n- [1, 3, 5]\n- [1/3, 1, 2]\n- [~, ~, 1]\n",
            "a: {b: 3, c: 5}\nb: {c: 2}\nc:\n",
            "a: {b: 3, c: 5}\nc: {b: 1/2}\n",
            "- ['', a, b, c]\n- [a, 1, 3, 5]\n- [b, ~, 1, 2]\n- [c, ~, ~, 1]\n",
            "judged: {labels: [a, b, c], values: [[1, 3, 5], [~, 1, 2], [~, ~, 1]]}\n",
        ],
    )
    def test_forms(self, text: str) -> None:
        matrix = one(text, "judged.yaml")
        assert matrix.labels == ("a", "b", "c")
        assert np.allclose(matrix.values, FULL, rtol=1e-15)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: {b: 0}\n", "judged.yaml, a: b (row 'a', column 'b'): 0 is not a positive number"),
            ("labels: [a, b]\nvalues: [[1, x], [~, 1]]", "values[0][1] (row 'a', column 'b'): 'x' is not"),
            ("labels: [a, b]\nvalues: [[1, 2]]", "there are 2 labels and 1 rows of values"),
            ("labels: a\nvalues: 3", "labels is a list of names, and values a list of rows"),
            ("a: [1", "judged.yaml is no YAML at line"),
            ("3", "holds no table: write labels and values"),
        ],
    )
    def test_mistakes(self, text: str, message: str) -> None:
        with pytest.raises(AhpError) as refused:
            one(text, "judged.yaml")
        assert message in str(refused.value)


class TestAhpOs:
    """Exports of AHP-OS, laid out as its classes AhpCalcIo, AhpHier, AhpDb and AhpGroup write them."""

    def test_priority_calculator_with_decimal_commas(self) -> None:
        text = (
            'sep=;\nCar;"2026.01.02 10:00:00"\n3\n"a";"b";"c"\n1,000000;3,000000;5,000000\n'
            "0,333333;1,000000;2,000000\n0,200000;0,500000;1,000000\n0,648329;0,229651;0,122020\n3,003695;0,003800\n"
        )
        found = parse_matrices(text.encode(), "ahp.csv")
        assert list(found) == ["Car"]
        assert found["Car"].labels == ("a", "b", "c")
        assert np.allclose(found["Car"].values, FULL, rtol=1e-15)
        assert weigh(found["Car"]).values == pytest.approx([0.648329, 0.229651, 0.122020], abs=1e-6)

    def test_hierarchy(self) -> None:
        text = (
            'sep=,\n"Project: Car"\n"Level 1","p (L1)","Glb. Pr."\n'
            '"a",0.750000,0.750000\n"b",0.250000,0.250000\n\n'
            '"Car"\n"a",1.000000,3.000000,\n"b",0.333333,1.000000,\n'
            '"Alternatives for a"\n"x",1.000000,2.000000,\n"y",0.500000,1.000000,\n'
        )
        found = parse_matrices(text.encode(), "ahp.csv")
        assert {name: one.labels for name, one in found.items()} == {"Car": ("a", "b"), "a": ("x", "y")}
        assert found["Car"].values[1, 0] == THIRD

    def test_input_data_of_a_project(self) -> None:
        text = (
            'sep=,\n"0","1","2","15"\n"Session Code","abc123"\n"No of Participants",2\n'
            '"Participant","Ann"\n""\n"Node","Car","2x2 decision matrix"\n,,"1.000000","3.000000",\n'
            ',,"0.333333","1.000000",\n\n"Participant","Joe"\n""\n"Node","Car","2x2 decision matrix"\n'
            ',,"1.000000","0.250000",\n,,"4.000000","1.000000",\n\n'
        )
        found = parse_matrices(text.encode(), "abc123-AHPinputData.csv")
        assert {name: one.values[0, 1] for name, one in found.items()} == {"Ann: Car": 3, "Joe: Car": 0.25}
        assert found["Joe: Car"].labels == ("1", "2")

    def test_group_result(self) -> None:
        text = (
            'sep=,\n"0","1","2","15"\n"Session Code","abc123"\n"Project","Car"\n"No of Participants",2\n\n'
            '"Global weights by nodes and participants"\n\n"Node","Car"\n"Weights","a","b","CR"\n'
            '"Group result",0.666667,0.333333,0.000000\n"by participants:"\n"Ann",0.7,0.3,0.0\n'
            '"AHP Consensus",0.990000\n"Consolidated Decision Matrix"\n,"1.000000","1.414214",\n'
            ',"0.707107","1.000000",\n'
        )
        found = parse_matrices(text.encode(), "abc123-AHPgResult.csv")
        assert list(found) == ["Car"]
        assert found["Car"].labels == ("a", "b")
        assert found["Car"].values[0, 1] == 1.414214

    def test_group_result_of_alternatives(self) -> None:
        text = (
            'sep=,\n"0","1","2","15"\n"Session Code","abc123"\n"Evaluation","Alternatives"\n\n'
            '"3. Consolidated Decision Matrix"\n"price","CR","0.000000"\n,"1.000000","3.000000",\n'
            ',"0.333333","1.000000",\n"style","CR","0.000000"\n,"1.000000","0.500000",\n,"2.000000","1.000000",\n'
        )
        found = parse_matrices(text.encode(), "abc123-AHPgResult.csv")
        assert {name: one.values[0, 1] for name, one in found.items()} == {"price": 3, "style": 0.5}
        assert found["price"].labels == ("1", "2")

    def test_a_matrix_that_ends_early(self) -> None:
        text = (
            'sep=,\n"Session Code","abc"\n"Participant","Ann"\n"Node","Car","3x3 decision matrix"\n'
            ',,"1.0","3.0","5.0",\n'
        )
        with pytest.raises(AhpError, match="the matrix of 'Ann: Car' ends before its 3 rows"):
            parse_matrices(text.encode(), "abc.csv")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".yaml"])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(matrix=matrices(gaps=True))
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, matrix: ComparisonMatrix) -> None:
    path = tmp_path / f"written{suffix}"
    write_matrix(path, matrix)
    found = read_matrix(path)
    assert found.labels == matrix.labels
    assert np.allclose(found.values, matrix.values, rtol=1e-15, equal_nan=True)


def test_output_of_no_format(tmp_path: Path) -> None:
    with pytest.raises(AhpError, match=r"ends in \.csv, \.tsv, \.xlsx or \.yaml"):
        write_matrix(tmp_path / "matrix.pdf", one(",a,b\na,1,2\nb,,1\n"))
