"""Forms from files: figure 6's fields, digits only, every wrong answer named at once."""

from __future__ import annotations

import csv
import json
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import openpyxl
import pytest
import yaml

from lending.credit.forms import Entry, read_forms
from lending.documents.applicants import load_applicant
from lending_domain.form import EvaluationForm, Months
from lending_domain.form_fields import form_fields
from lending_domain.model import model2
from lending_domain.violations import Refused

DATA = Path(__file__).parents[2] / "data"
FORM = load_applicant(DATA / "demo-applicant.yaml").form
ROW: dict[str, Any] = {
    "firm": "A",
    "screening.sector": "retail",
    "screening.regular_workers": "2",
    "screening.business_open": "예",
    "사업장 자가구분": "아니오",
    "임차 보증금": "70,000,000",
    "총차입금": "50000000",
    "매출액(년)": "35,000,000",
    "industry_career": "10년",
    "real_estate": "apt",
    "부동산담보제공여부": "no",
    "bank_credit_loan_krw": "3000000",
    "wage_rent_arrears": "연체 모두 없음",
    "cash_advance_krw": "0",
    "business_age": "10년 0개월",
    "residence": "10y 0m",
    "overdue_loans_3m": "0",
    "lender_count": "1",
    "certificate": "없음",
    "judgement.manager_ability": "2",
    **{f"judgement.{one}": "3" for one in ("sales_outlook", "industry_outlook", "premises")},
    **{f"judgement.{one}": "3" for one in ("trading_stability", "service")},
}


def sheet(path: Path, *rows: dict[str, Any]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def found(entry: Entry) -> set[tuple[str, str]]:
    with pytest.raises(Refused) as refusal:
        entry.admitted()
    return {(one.field, one.code) for one in refusal.value.violations}


# -- the words of the form


def test_every_field_has_its_words() -> None:
    words = form_fields()
    assert set(words) == set(EvaluationForm.model_fields)
    for name, field in words.items():
        assert all((field.ko, field.en, field.tooltip_ko, field.tooltip_en)), name
        assert (field.type == "choice") == bool(field.values), name
        annotation = EvaluationForm.model_fields[name].annotation
        kinds = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type)]
        choices = next((one for one in kinds if issubclass(one, StrEnum)), None)
        assert set(field.values) == set(choices or ()), name
        assert (field.type == "span") == (Months in kinds), name
        assert (field.type == "flag") == (bool in kinds), name


def test_what_the_figure_prints() -> None:
    """P2 figure 6: the examples (입력예) beside the boxes, and the order of the fields."""
    words = form_fields()
    printed = {name: one.example for name, one in words.items() if one.example}
    assert printed == {
        "rent_deposit_krw": "70,000,000",
        "total_borrowing_krw": "50,000,000",
        "annual_sales_krw": "35,000,000",
        "industry_career": "3년 2개월",
        "bank_credit_loan_krw": "40,000,000",
        "cash_advance_krw": "300,000",
        "business_age": "2년 0개월",
        "residence": "2년 0개월",
    }
    sections = [one.section for one in words.values()]
    order = ["header", "financial", "nonfinancial", "bonus", "judgement"]
    assert sections == sorted(sections, key=order.index)


def test_what_model_2_does_not_score() -> None:
    unscored = {name for name, one in form_fields().items() if not one.scored}
    assert unscored == {"entered_by", "industry_career", "wage_rent_arrears", "arrears_months"}
    assert not unscored & set(model2().items)


# -- documents


def test_a_sample_applicant_is_a_form() -> None:
    (entry,) = read_forms(DATA / "demo-applicant.yaml")
    assert entry.admitted() == FORM


def test_a_form_alone_in_json(tmp_path: Path) -> None:
    path = tmp_path / "firm.json"
    path.write_text(FORM.model_dump_json(), encoding="utf-8")
    (entry,) = read_forms(path)
    assert (entry.firm, entry.admitted(), entry.screening) == ("firm", FORM, None)


def test_a_document_may_be_typed_as_the_form_is(tmp_path: Path) -> None:
    typed = {"rent_deposit_krw": "70,000,000", "premises_owned": "아니오", "residence": "10년"}
    path = tmp_path / "firm.yaml"
    path.write_text(yaml.safe_dump(json.loads(FORM.model_dump_json()) | typed), encoding="utf-8")
    assert read_forms(path)[0].admitted() == FORM


def test_many_forms_in_one_document(tmp_path: Path) -> None:
    path = tmp_path / "firms.yaml"
    form = FORM.model_dump(mode="json")
    path.write_text(yaml.safe_dump([{"form": form}, {"form": form, "firm": "second"}]), encoding="utf-8")
    assert [one.firm for one in read_forms(path)] == ["firms", "second"]


def test_every_wrong_answer_of_a_document_is_named(tmp_path: Path) -> None:
    form = json.loads(FORM.model_dump_json())
    del form["lender_count"]
    form |= {"cash_advance_krw": "3만", "real_estate": "castle", "favourite_colour": "red"}
    form["residence"] = {"years": 1.5}
    path = tmp_path / "firm.yaml"
    path.write_text(yaml.safe_dump(form), encoding="utf-8")
    assert found(read_forms(path)[0]) == {
        ("lender_count", "FIELD_MISSING"),
        ("cash_advance_krw", "AMOUNT_NOT_DIGITS"),
        ("real_estate", "FIELD_INVALID"),
        ("favourite_colour", "FIELD_UNKNOWN"),
        ("residence.years", "FIELD_INVALID"),
    }


def test_no_answer_is_in_a_message(tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    form = json.loads(FORM.model_dump_json()) | {"total_borrowing_krw": "팔천만구백", "real_estate": "성북동"}
    path.write_text(yaml.safe_dump(form, allow_unicode=True), encoding="utf-8")
    with pytest.raises(Refused) as refusal:
        read_forms(path)[0].admitted()
    said = " ".join(one.ko + one.en for one in refusal.value.violations)
    assert "팔천만구백" not in said
    assert "성북동" not in said


# -- sheets


def test_a_sheet_of_firms(tmp_path: Path) -> None:
    path = sheet(tmp_path / "firms.csv", ROW, ROW | {"firm": "B", "총차입금": "40,000,000"})
    first, second = read_forms(path)
    assert (first.firm, second.firm) == ("A", "B")
    assert first.admitted() == FORM
    assert second.admitted().total_borrowing_krw == 40_000_000


def test_a_spreadsheet_of_firms(tmp_path: Path) -> None:
    path = tmp_path / "firms.xlsx"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(list(ROW))
    book.active.append([int(cell) if cell.isdigit() else cell for cell in ROW.values()])
    book.save(path)
    (entry,) = read_forms(path)
    assert entry.admitted() == FORM


@pytest.mark.parametrize(("encoding", "separator"), [("cp949", ","), ("utf-8", ";"), ("cp949", "\t")])
def test_a_sheet_as_spreadsheets_write_it(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "firms.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows([list(ROW), list(ROW.values())])
    assert read_forms(path)[0].admitted() == FORM


def test_a_span_in_two_columns(tmp_path: Path) -> None:
    row = {name: cell for name, cell in ROW.items() if name != "residence"}
    path = sheet(tmp_path / "firms.csv", row | {"residence.years": "10", "residence.months": "0"})
    assert read_forms(path)[0].admitted() == FORM


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"임차 보증금": "7천만"}, "rent_deposit_krw", "AMOUNT_NOT_DIGITS"),
        ({"임차 보증금": "7,00"}, "rent_deposit_krw", "AMOUNT_NOT_DIGITS"),
        ({"임차 보증금": "-1"}, "rent_deposit_krw", "AMOUNT_NOT_DIGITS"),
        ({"lender_count": "one"}, "lender_count", "AMOUNT_NOT_DIGITS"),
        ({"사업장 자가구분": "maybe"}, "premises_owned", "FLAG_UNKNOWN"),
        ({"business_age": "ten years"}, "business_age", "SPAN_UNKNOWN"),
        ({"business_age": " "}, "business_age", "SPAN_UNKNOWN"),
        ({"real_estate": "성"}, "real_estate", "FIELD_INVALID"),
        ({"certificate": ""}, "", ""),
        ({"매출액(년)": ""}, "annual_sales_krw", "FIELD_MISSING"),
        ({"screening.sector": "farming"}, "screening.sector", "FIELD_INVALID"),
        ({"screening.regular_workers": "5"}, "regular_workers", "NOT_A_SMALL_ENTERPRISE"),
        ({"screening.business_open": "no"}, "business_open", "BUSINESS_CLOSED"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, changed: dict[str, str], field: str, code: str) -> None:
    (entry,) = read_forms(sheet(tmp_path / "firms.csv", ROW | changed))
    if not code:
        assert entry.admitted() == FORM
    else:
        assert (field, code) in found(entry)


def test_the_filter_comes_first_and_all_is_said(tmp_path: Path) -> None:
    changed = {"screening.business_open": "no", "총차입금": "5천만", "business_age": "?"}
    (entry,) = read_forms(sheet(tmp_path / "firms.csv", ROW | changed))
    with pytest.raises(Refused) as refusal:
        entry.admitted()
    codes = [one.code for one in refusal.value.violations]
    assert codes == ["BUSINESS_CLOSED", "AMOUNT_NOT_DIGITS", "SPAN_UNKNOWN"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("firm.yaml", b"[]", "holds no form"),
        ("firm.yaml", b"a: [", "neither YAML nor JSON"),
        ("firm.json", b"\xff\xfe", "neither YAML nor JSON"),
        ("firms.csv", b"firm\n", "a row of field names and a row for each firm"),
        ("firms.csv", b"\xff\xfe\x00", "can't decode"),
        ("firms.xlsx", b"no zip", "not a zip file"),
        ("firms.csv", b"firm,weather\nA,fair\n", "No field is called weather"),
        ("firms.csv", b"firm,screening.weather\nA,fair\n", "No field is called screening.weather"),
        ("firms.csv", b"firm,judgement\nA,fair\n", "No field is called judgement"),
    ],
)
def test_what_is_no_form(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Refused, match=said):
        read_forms(path)
