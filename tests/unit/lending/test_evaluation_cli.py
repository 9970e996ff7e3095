"""`dure evaluation` without a network: score, explain, verify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from lending.cli import main
from lending.credit import Explanation, compute, opening_violations, reproduces
from lending.credit.explanation_pdf import explanation_pdf
from lending.documents.applicants import load_applicant, threshold_for
from lending_domain.form import EvaluationForm, Industry
from lending_domain.model import Composition, compose, model2
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.score import UNIT, evaluate, score_grades
from tests.unit.lending.test_evaluation_forms import ROW, sheet

DATA = Path(__file__).parents[2] / "data"
FORM = DATA / "demo-applicant.yaml"
APPLICANT = load_applicant(FORM)
RESULT = evaluate(APPLICANT.form)
RECORD = compute(APPLICANT.screening, APPLICANT.form, threshold_for(APPLICANT, RESULT))


def dure(*args: object) -> Result:
    arguments = ["evaluation", *(str(arg) for arg in args)]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


# -- score


def test_a_score_in_json() -> None:
    document = json.loads(dure("score", FORM, "--json").output)
    assert (document["total"], document["base"], document["bonus"]) == (42_372_000, 42_372_000, 0)
    assert (document["score"], document["unit"], document["guaranteeable"]) == ("0.706200", UNIT, None)
    assert document["items"] == [row.model_dump(mode="json") for row in RESULT.items]


@pytest.mark.parametrize(("threshold", "answer"), [("0.7062", True), ("0.7062001", False)])
def test_a_threshold_answers(threshold: str, answer: bool) -> None:
    document = json.loads(dure("score", FORM, "--threshold", threshold, "--json").output)
    assert document["guaranteeable"] is answer
    assert document["would_suffice"]["missing"] == (0 if answer else 6)
    said = dure("score", FORM, "--threshold", threshold).output
    assert ("Not guaranteeable" in said) is not answer
    assert ("alone suffices Rent deposit 2 -> 1, Borrowing 3 -> 2" in said) is not answer


def test_a_table_of_thresholds(tmp_path: Path) -> None:
    table = tmp_path / "thresholds.yaml"
    own = threshold_for(APPLICANT, RESULT)
    entries = [own.model_copy(update={"industry": Industry.OTHER, "units": 0}), own]
    table.write_text(yaml.safe_dump({"entries": [one.model_dump(mode="json") for one in entries]}))
    document = json.loads(dure("score", FORM, "--threshold", table, "--json").output)
    assert document["guaranteeable"] is True
    missing = dure("score", FORM, "--threshold", table, "--composition", "normalised")
    assert missing.exit_code == 1
    assert "has no threshold for model-2, normalised, general, retail-food-personal" in missing.output


def test_a_composition_and_a_model_of_ones_own(tmp_path: Path) -> None:
    model = compose(model2(), Composition.NORMALISED)
    file = tmp_path / "model.json"
    file.write_bytes(model.text)
    by_file = json.loads(dure("score", FORM, "--model", file, "--json").output)
    by_option = json.loads(dure("score", FORM, "--composition", "normalised", "--json").output)
    assert by_file["total"] == by_option["total"] == evaluate(APPLICANT.form, model).total
    assert by_file["composition"] == "normalised"


def test_a_sheet_is_scored_as_far_as_it_goes(tmp_path: Path) -> None:
    path = sheet(tmp_path / "firms.csv", ROW, ROW | {"firm": "B", "lender_count": "0", "총차입금": "1"})
    result = dure("score", path, "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.output)
    assert first["total"] == 42_372_000
    assert {(one["field"], one["code"]) for one in second["violations"]} == {
        ("total_borrowing_krw", "BORROWING_BELOW_CREDIT_LOAN"),
        ("lender_count", "LENDERS_MISSING"),
    }
    said = dure("score", path).output.splitlines()
    assert said[0].startswith("A: 0.706200 = 0.706200 + 0.000000 bonus")
    assert said[1].startswith("B: total_borrowing_krw BORROWING_BELOW_CREDIT_LOAN")


def test_one_sentence_names_every_violation_with_its_field(tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    form = json.loads(APPLICANT.form.model_dump_json())
    form |= {"premises_owned": True, "moves_in_two_years": 1}
    form["judgement"]["service"] = 9
    path.write_text(yaml.safe_dump(form))
    result = dure("score", path)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    for field, code in (
        ("rent_deposit_krw", "DEPOSIT_ON_OWN_PREMISES"),
        ("residence", "RESIDENCE_AND_MOVES"),
        ("judgement.service", "JUDGEMENT_GRADE"),
    ):
        assert f"{field} {code}: " in result.output


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--threshold", "much", "much is no file and no threshold: write a decimal such as 0.65."),
        ("--threshold", "0.00000001", "no whole number of 1/60,000,000: at most seven decimals"),
        ("--threshold", "NaN", "no whole number of 1/60,000,000"),
        ("--model", "nowhere.yaml", "nowhere.yaml cannot be read: "),
        ("--model", str(FORM), "demo-applicant.yaml: id: Field required."),
        ("--threshold", str(FORM), "is no table of thresholds"),
    ],
)
def test_an_option_that_is_wrong(option: str, value: str, said: str) -> None:
    result = dure("score", FORM, option, value)
    assert result.exit_code == 1
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_version_that_could_not_be_proposed_scores_nothing(tmp_path: Path) -> None:
    fields = model2().model_dump(mode="json")
    fields["items"]["borrowing"]["grades"] = 6
    path = tmp_path / "model.json"
    path.write_text(json.dumps(fields))
    result = dure("score", FORM, "--model", path)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "borrowing" in result.output


@pytest.mark.parametrize("industry", [one.value for one in Industry])
def test_an_empty_form_asks_for_everything(tmp_path: Path, industry: str) -> None:
    path = tmp_path / "form.yaml"
    path.write_text(dure("form", "--industry", industry).output, encoding="utf-8")
    form = yaml.safe_load(path.read_text(encoding="utf-8"))["form"]
    assert set(form) == set(EvaluationForm.model_fields)
    assert set(form["judgement"]) == set(model2().judgement[Industry(industry)])
    # Nothing is answered by itself: each empty field is named.
    said = dure("score", path).output
    assert "total_borrowing_krw FIELD_INVALID" in said
    answered = json.loads(APPLICANT.form.model_dump_json(exclude={"industry", "judgement"}))
    judged = dict.fromkeys(form["judgement"], 3)
    path.write_text(yaml.safe_dump({"form": form | answered | {"judgement": judged}}), encoding="utf-8")
    assert json.loads(dure("score", path, "--json").output)["industry"] == industry


# -- explain


def test_an_explanation_of_a_form(tmp_path: Path) -> None:
    document = json.loads(dure("explain", FORM, "--threshold", "0.6", "--json").output)
    told = Explanation.model_validate(document)
    assert told.guaranteeable is True
    pdf = tmp_path / "explanation.pdf"
    assert dure("explain", FORM, "--threshold", "0.6", "--pdf", pdf, "--lang", "en").exit_code == 0
    assert pdf.read_bytes() == explanation_pdf(told, "en")
    assert "부도확률이 아닙니다" in dure("explain", FORM).output
    assert "no probability of default" in dure("explain", FORM, "--lang", "en").output


def test_an_explanation_does_not_tell_the_threshold() -> None:
    texts = {dure("explain", FORM, "--threshold", one, "--json").output for one in ("0.61", "0.65", "0.7")}
    assert len(texts) == 1


def test_an_explanation_is_one_firms(tmp_path: Path) -> None:
    path = sheet(tmp_path / "firms.csv", ROW, ROW)
    result = dure("explain", path)
    assert result.exit_code == 1
    assert "holds 2 firms: an explanation is one firm's" in result.output


def test_what_is_neither_file_nor_referral() -> None:
    result = dure("explain", "somewhere")
    assert result.exit_code == 1
    assert "somewhere is no file, and no referral's id" in result.output


# -- verify


def opening(tmp_path: Path, record: EvaluationRecord = RECORD) -> Path:
    path = tmp_path / "record.json"
    path.write_text(record.model_dump_json(), encoding="utf-8")
    return path


def test_an_opening_is_verified(tmp_path: Path) -> None:
    result = dure("verify", opening(tmp_path), "--commitment", RECORD.commitment)
    assert result.exit_code == 0, result.output
    assert "verified: 42372000/60000000" in result.output
    document = json.loads(
        dure("verify", opening(tmp_path), "--commitment", RECORD.commitment, "--json").output
    )
    assert document == {"verified": True, "findings": []}


def test_a_commitment_of_something_else(tmp_path: Path) -> None:
    result = dure("verify", opening(tmp_path), "--commitment", "0" * 64)
    assert result.exit_code == 1
    assert "COMMITMENT_MISMATCH" in result.output


def test_a_score_off_by_one_unit_is_found(tmp_path: Path) -> None:
    result = RECORD.result.model_copy(update={"base": RECORD.result.base + 1})
    forged = RECORD.model_copy(update={"result": result})
    document = json.loads(
        dure("verify", opening(tmp_path, forged), "--commitment", forged.commitment, "--json").output
    )
    assert document["verified"] is False
    assert [(one["code"], one["field"]) for one in document["findings"]] == [
        ("RESULT_MISMATCH", "result.base")
    ]


def test_every_forgery_of_a_record_is_found() -> None:
    def findings(**changed: object) -> set[str]:
        forged = RECORD.model_copy(update=changed)
        assert not reproduces(forged, RECORD.commitment, model2())
        return {one.field for one in opening_violations(forged, forged.commitment, model2())}

    result = RECORD.result
    first, *rest = result.items
    raised = first.model_copy(update={"grade": 1, "points": first.most})
    assert findings(result=result.model_copy(update={"items": (raised, *rest)})) == {
        "result.items.rent_deposit"
    }
    assert findings(result=result.model_copy(update={"items": tuple(rest)})) == {"result.items"}
    assert "result.items" in findings(result=result.model_copy(update={"items": (*result.items, first)}))
    cheaper = RECORD.form.model_copy(update={"total_borrowing_krw": 10_000_000})
    assert {"result.items.borrowing", "result.base", "result.total"} <= findings(form=cheaper)
    broken = RECORD.form.model_copy(update={"lender_count": 0})
    assert findings(form=broken) == {"lender_count"}
    closed = RECORD.screening.model_copy(update={"business_open": False})
    assert findings(screening=closed) == {"business_open"}
    assert findings(model_digest="0" * 64) == {"model_digest"}
    another = RECORD.result.model_copy(update={"industry": Industry.OTHER})
    assert findings(result=another) == {"result.industry"}


def test_items_of_a_model_from_the_ledger_may_stand_in_another_order() -> None:
    items = tuple(sorted(RECORD.result.items, key=lambda row: row.item))
    moved = RECORD.model_copy(update={"result": RECORD.result.model_copy(update={"items": items})})
    assert opening_violations(moved, moved.commitment, model2()) == ()


def test_an_answer_added_later_leaves_commitments_as_they_were() -> None:
    """`entered_by` came after the first evaluations: their records have no such field."""
    assert RECORD.form.entered_by is None
    before = json.loads(RECORD.model_dump_json(exclude_none=True))
    assert "entered_by" not in before["form"]
    assert EvaluationRecord.model_validate(before).commitment == RECORD.commitment


def test_what_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"salt": "00"}')
    result = dure("verify", path, "--commitment", "0" * 64)
    assert result.exit_code == 1
    assert "is no evaluation record: look at form, guaranteeable" in result.output


def test_compositions_give_the_same_weights_in_any_order() -> None:
    """A model read from its canonical JSON has its items by name; largest remainder must not mind."""
    for composition in Composition:
        model = compose(model2(), composition)
        read = type(model).model_validate_json(model.text)
        assert read.digest == model.digest
        for industry in Industry:
            grades = {name: 2 for name in model.weights(RESULT.company_class, industry)}
            one, other = (score_grades(grades, RESULT.company_class, industry, m) for m in (model, read))
            assert one.total == other.total
            assert sorted(one.items, key=str) == sorted(other.items, key=str)
