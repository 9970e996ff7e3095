"""The applicant's explanation: exact, complete, in two languages, and silent about the threshold."""

from __future__ import annotations

import inspect
import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.credit import (
    Change,
    Explainer,
    Explanation,
    explain,
    explanation_text,
    reason_codes,
    rights,
    sufficiency,
)
from lending.credit.explanation import better_grades, gain
from lending.credit.explanation_pdf import explanation_pdf
from lending.credit.explanation_words import Language
from lending.credit.sufficiency import Step
from lending.documents.applicants import load_applicant, threshold_for
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import Composition, Model, compose, model2
from lending_domain.records_review import ReviewKind
from lending_domain.score import UNIT, Evaluation, evaluate, score_grades
from lending_domain.violations import Refused

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
MODEL = model2()
EXPLAINER = Explainer(MODEL)
APPLICANT = load_applicant(DATA / "demo-applicant.yaml")
RESULT = evaluate(APPLICANT.form)
CASES = [(company, industry) for company in CompanyClass for industry in Industry]


# A busy machine is no failure.
_UNHURRIED = settings(deadline=None, max_examples=40)


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    company, industry = draw(st.sampled_from(CASES))
    items = MODEL.weights(company, industry)
    grades = {name: draw(st.integers(1, MODEL.items[name].grades), label=name) for name in items}
    return score_grades(grades, company, industry, MODEL)


@_UNHURRIED
@given(result=evaluations())
def test_the_waterfall_is_the_score(result: Evaluation) -> None:
    told = EXPLAINER.explain(result)
    bars = told.waterfall
    assert bars[0].start == 0
    assert all(one.end == two.start for one, two in itertools.pairwise(bars))
    base = [bar for bar in bars if bar.block != "bonus"]
    assert bars[: len(base)] == tuple(base)
    assert (base[-1].end, bars[-1].end) == (result.base, result.total)
    assert (told.base_units, told.bonus_units, told.total_units) == (result.base, result.bonus, result.total)
    assert {bar.item for bar in bars} == {row.item for row in result.items}


@_UNHURRIED
@given(result=evaluations())
def test_an_improvement_brings_what_it_says(result: Evaluation) -> None:
    grades = {row.item: row.grade for row in result.items}
    for one in EXPLAINER.explain(result).improvements:
        raised = score_grades(grades | {one.item: one.better}, result.company_class, result.industry, MODEL)
        assert raised.total - result.total == one.gain
        assert one.better < one.grade


@_UNHURRIED
@given(result=evaluations())
def test_reasons_are_the_greatest_losses_of_the_base(result: Evaluation) -> None:
    told = EXPLAINER.explain(result)
    lost = {row.item: row.most - row.points for row in result.items if row.block != "bonus"}
    assert [one.lost for one in told.reasons] == sorted((n for n in lost.values() if n), reverse=True)[:4]
    assert all(lost[one.item] == one.lost for one in told.reasons)
    earned = sorted((r.points for r in result.items if r.block != "bonus" and r.points), reverse=True)
    assert [one.earned for one in told.strengths] == earned[:4]


def test_the_sample_applicant() -> None:
    told = explain(RESULT, guaranteeable=True)
    assert (told.score, told.base, told.bonus) == ("0.706200", "0.706200", "0.000000")
    assert (told.highest_base, told.highest_bonus) == ("0.972000", "0.087000")
    first = told.reasons[0]
    # .336 x (1 - .5) of .972 - .7062
    assert (first.code, first.lost, first.share_permille) == ("R-BORROWING", 10_080_000, 632)
    best = told.improvements[0]
    assert (best.item, best.grade, best.better, best.asks_en) == ("borrowing", 3, 2, "at most 30,000,000 won")


def test_who_can_change_what() -> None:
    told = explain(score_grades(_worst(CompanyClass.GENERAL), CompanyClass.GENERAL, Industry.OTHER))
    by = {one.item: one.change for one in told.improvements}
    assert by["business_age"] is by["residence"] is Change.TIME
    assert by["credit_transactions"] is Change.RECORD
    assert by["manager_ability"] is Change.JUDGEMENT
    assert by["borrowing"] is Change.APPLICANT


def test_a_startups_age_is_no_improvement() -> None:
    """With a year it is a general firm, and other weights hold."""
    told = explain(score_grades(_worst(CompanyClass.STARTUP), CompanyClass.STARTUP, Industry.OTHER))
    assert "business_age" not in {one.item for one in told.improvements}


def test_a_flag_has_two_grades_only() -> None:
    model = model2().model_copy(update={"joint_guarantee": True})
    company, industry = CompanyClass.GENERAL, Industry.OTHER
    told = explain(score_grades(_worst(company) | {"joint_guarantee": 6}, company, industry, model), model)
    assert {one.item: one.better for one in told.improvements}["joint_guarantee"] == 1


def _worst(company: CompanyClass) -> dict[str, int]:
    return {name: MODEL.items[name].grades for name in MODEL.weights(company, Industry.OTHER)}


# -- the threshold


@_UNHURRIED
@given(result=evaluations(), share=st.integers(0, 100))
def test_an_explanation_is_the_same_whatever_the_threshold(result: Evaluation, share: int) -> None:
    """It is made from the evaluation and the answer alone: two thresholds with one answer, one text."""
    threshold = threshold_for(APPLICANT, result).model_copy(update={"units": UNIT * share // 100})
    answer = result.total >= threshold.units
    told = EXPLAINER.explain(result, guaranteeable=answer)
    other = threshold.model_copy(update={"units": threshold.units // 2 if answer else threshold.units + UNIT})
    assert (result.total >= other.units) is answer
    assert told == EXPLAINER.explain(result, guaranteeable=result.total >= other.units)


def test_nothing_that_explains_is_given_the_threshold() -> None:
    for function in (explain, Explainer, Explainer.explain, explanation_text, explanation_pdf):
        assert "threshold" not in "".join(inspect.signature(function).parameters)


def test_a_threshold_is_in_no_form_of_the_explanation() -> None:
    units = RESULT.total + 4_321_987
    told = explain(RESULT, guaranteeable=False)
    texts = [told.model_dump_json(), explanation_text(told, "ko"), explanation_text(told, "en")]
    missing = {str(units), str(4_321_987), f"{units / UNIT:.4f}", f"{4_321_987 / UNIT:.4f}"}
    for text in texts:
        assert "threshold" not in text
        assert "기준점" not in text
        assert not [one for one in missing if one in text]


# -- what would suffice, for evaluators


def test_what_alone_would_suffice() -> None:
    threshold = threshold_for(APPLICANT, RESULT)
    just = threshold.model_copy(update={"units": RESULT.total + 10_080_000})
    found = sufficiency(RESULT, just)
    assert [(one.item, one.better) for one in found.singles] == [("borrowing", 1)]
    assert found.smallest == found.smallest_by_applicant == found.singles
    over = sufficiency(RESULT, just.model_copy(update={"units": RESULT.total + 10_080_001}))
    assert over.singles == ()
    assert over.smallest is not None
    assert len(over.smallest) == 2
    # One grade of another item suffices with it: the least is the single grade that adds the most.
    assert {(one.item, one.better) for one in over.smallest} == {("borrowing", 1), ("certificate", 3)}


def test_what_nothing_brings() -> None:
    threshold = threshold_for(APPLICANT, RESULT)
    assert sufficiency(RESULT, threshold.model_copy(update={"units": 2 * UNIT})).smallest is None
    assert sufficiency(RESULT, threshold.model_copy(update={"units": RESULT.total})).missing == 0
    with pytest.raises(Refused) as refusal:
        sufficiency(RESULT, threshold.model_copy(update={"industry": Industry.OTHER}))
    assert refusal.value.code == "THRESHOLD_OF_ANOTHER_MODEL"


@_UNHURRIED
@given(result=evaluations(), more=st.integers(1, UNIT // 4))
def test_the_smallest_combination_suffices_and_no_smaller_does(result: Evaluation, more: int) -> None:
    threshold = threshold_for(APPLICANT, result).model_copy(update={"units": result.total + more})
    found = sufficiency(result, threshold)
    grades = {row.item: row.grade for row in result.items}

    def total(steps: tuple[Step, ...]) -> int:
        better = {one.item: one.better for one in steps}
        return score_grades(grades | better, result.company_class, result.industry, MODEL).total

    criteria = Explainer(MODEL).criteria(result.company_class, result.industry)
    best = [
        gain(row, better[-1])
        for row in result.items
        if (better := better_grades(row, criteria[row.item], result.company_class))
    ]
    by_count = list(itertools.accumulate(sorted(best, reverse=True)))
    needed = next((count for count, points in enumerate(by_count, 1) if points >= more), None)
    assert (found.smallest and len(found.smallest)) == needed
    if found.smallest:
        assert total(found.smallest) >= threshold.units
        # One grade less in any of them and it no longer suffices.
        for one in found.smallest:
            if one.better + 1 < one.grade or len(found.smallest) > 1:
                rest = tuple(s for s in found.smallest if s is not one)
                assert total(rest) < threshold.units
    assert all(total((one,)) >= threshold.units for one in found.singles)


def test_a_cap_on_the_bonus_holds_for_what_would_suffice() -> None:
    model = MODEL.model_copy(update={"bonus_cap_units": 1_000})
    company, industry = CompanyClass.GENERAL, Industry.OTHER
    result = score_grades(_worst(company), company, industry, model)
    threshold = threshold_for(APPLICANT, result).model_copy(update={"units": 1_001})
    found = sufficiency(result, threshold, model)
    assert "certificate" not in {one.item for one in found.singles}
    reachable = sufficiency(result, threshold.model_copy(update={"units": 1_000}), model)
    assert "certificate" in {one.item for one in reachable.singles}


# -- criteria, codes, words


@pytest.mark.parametrize("composition", list(Composition))
@pytest.mark.parametrize(("company", "industry"), CASES)
def test_the_criteria_are_the_versions(
    company: CompanyClass, industry: Industry, composition: Composition
) -> None:
    model = compose(MODEL, composition)
    grades = {name: 1 for name in model.weights(company, industry)}
    told = explain(score_grades(grades, company, industry, model), model)
    assert {one.item: one.weight for one in told.criteria} == dict(model.weights(company, industry))
    for one in told.criteria:
        assert [bound.grade for bound in one.bounds] == list(range(1, model.items[one.item].grades + 1))
        assert all(bound.ko and bound.en for bound in one.bounds)


def test_another_versions_evaluation_is_not_explained() -> None:
    with pytest.raises(ValueError, match="another version"):
        explain(RESULT, compose(MODEL, Composition.NORMALISED))


def test_every_item_has_its_reason_code() -> None:
    codes = reason_codes()
    assert set(codes) == set(MODEL.items)
    assert len({one.code for one in codes.values()}) == len(codes)
    for item, one in codes.items():
        assert one.code == f"R-{item.upper().replace('_', '-')}"
        assert (one.change is Change.JUDGEMENT) == (MODEL.items[item].kind == "judgement")


def test_rights_are_answered_in_the_days_that_the_contracts_count() -> None:
    days = {one.id: one.days for one in rights()}
    assert days == {"explanation": 30, "human-review": 30, "correction": 10, "favourable-information": None}
    assert set(ReviewKind) < set(days)


def test_an_item_of_a_later_version_is_explained_too() -> None:
    fields = MODEL.model_dump(mode="json")
    fields["items"]["online_presence"] = {**fields["items"]["staff"], "ko": "온라인", "en": "Online presence"}
    fields["judgement"]["other"]["online_presence"] = "0.500000"
    model = Model.model_validate(fields)
    company, industry = CompanyClass.GENERAL, Industry.OTHER
    told = explain(score_grades(_worst(company) | {"online_presence": 6}, company, industry, model), model)
    assert "R-ONLINE-PRESENCE" in {one.code for one in told.reasons}


def test_an_explanation_travels_as_json() -> None:
    told = explain(RESULT, guaranteeable=True)
    assert Explanation.model_validate_json(told.model_dump_json()) == told
    for _ in range(2):
        assert Explanation.model_validate_json(EXPLAINER.json(RESULT, guaranteeable=True)) == told
    # Letters are canonical JSON, which has no binary fractions.
    assert not re.search(r":\s*-?\d+\.\d", json.dumps(told.model_dump(mode="json")))


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_the_text_says_all_of_it(lang: Language) -> None:
    told = explain(RESULT, guaranteeable=False)
    text = explanation_text(told, lang)
    expected = [
        told.score,
        told.highest_base,
        getattr(told, f"note_{lang}"),
        getattr(told, f"contact_{lang}"),
    ]
    expected += [getattr(one, lang) for one in told.waterfall]
    expected += [one.code for one in told.reasons]
    expected += [getattr(one, f"advice_{lang}") for one in told.improvements]
    expected += [getattr(bound, lang) for one in told.criteria for bound in one.bounds]
    expected += [getattr(one, f"law_{lang}") for one in told.rights]
    expected += ["30일 이내", "보증 불가"] if lang == "ko" else ["within 30 days", "Not guaranteeable"]
    assert [one for one in expected if one not in text] == []
    if lang == "en":
        assert not re.search(r"[가-힣]", text)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_pdf_is_the_same_for_the_same_explanation(lang: Language) -> None:
    told = explain(RESULT, guaranteeable=True)
    first = explanation_pdf(told, lang)
    assert first.startswith(b"%PDF-")
    assert first == explanation_pdf(told, lang)
    assert first != explanation_pdf(told.model_copy(update={"guaranteeable": False}), lang)
    assert (b"HYGothic-Medium" in first) is (lang == "ko")


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_synthetic_version_is_said_on_every_output(lang: Language) -> None:
    assert MODEL.origin is not None
    made_up = MODEL.model_copy(update={"origin": MODEL.origin.model_copy(update={"synthetic": True})})
    evaluation = evaluate(APPLICANT.form, made_up)
    told = explain(evaluation, made_up)
    label = {"ko": "가상", "en": "SYNTHETIC"}[lang]
    assert label in explanation_text(told, lang)
    assert label not in explanation_text(EXPLAINER.explain(RESULT), lang)
    assert json.loads(Explainer(made_up).json(evaluation)) == told.model_dump(mode="json")
    # The note at the foot takes another line, and the page is drawn all the same.
    assert explanation_pdf(told, lang) != explanation_pdf(EXPLAINER.explain(RESULT), lang)
