"""A survey's definition: P2's, and what is wrong with others."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import yaml

import lending.credit.survey
from lending.credit.survey.definition import SurveyError, packaged, packaged_text, parse
from lending.credit.survey.wording import fit_particles, judgement_text, question_text
from lending_domain.form import CompanyClass, Industry
from lending_domain.score import model2


def test_what_the_package_offers_is_frozen() -> None:
    assert lending.credit.survey.__all__ == sorted(lending.credit.survey.__all__)
    assert set(lending.credit.survey.__all__) == {
        *("Aggregation", "Check", "Collection", "Combination", "Conflict", "Definition", "GroupWeights"),
        *("Origin", "Panel", "Raters", "Recovery", "Response", "Screening", "Session", "SignedResponse"),
        *("SurveyError", "SurveyReport", "aggregate", "calibrated_panel", "check", "collect", "conflicts"),
        *("item_weights", "load", "measure_recovery", "new_rater", "packaged", "parse", "pseudonym"),
        *("read_answers", "read_responses", "report_rows", "report_sheets", "report_text", "respond"),
        *("response_violations", "resume", "screen", "survey_report"),
    }
    for name in lending.credit.survey.__all__:
        assert not isinstance(getattr(lending.credit.survey, name), ModuleType)


def test_p2_s_hierarchy_asks_46_questions_of_which_six_matrices_can_be_inconsistent() -> None:
    survey = packaged()
    assert len(survey.asked) == 46
    assert {one.id: one.size for one in survey.screened} == {
        "fact": 3,
        "financial_general": 3,
        "judgement_manufacturing": 4,
        "judgement_wholesale": 4,
        "judgement_retail": 4,
        "judgement_services": 4,
    }


@pytest.mark.parametrize("company", list(CompanyClass))
@pytest.mark.parametrize("industry", list(Industry))
def test_the_items_of_every_class_and_industry_are_model_2_s(
    company: CompanyClass, industry: Industry
) -> None:
    survey, model = packaged(), model2().model_copy(update={"joint_guarantee": True})
    leaves = {
        node.id: node
        for tree in survey.trees((company.value, industry.value))
        for node in tree.walk()
        if not node.children
    }
    assert set(leaves) == set(model.weights(company, industry))
    for name, leaf in leaves.items():
        assert (leaf.ko, leaf.en) == (model.items[name].ko, model.items[name].en)


def test_every_question_is_worded_in_both_languages_with_the_particles_that_fit() -> None:
    survey = packaged()
    for question in survey.asked.values():
        for language in ("ko", "en"):
            text = question_text(survey, question, language)
            assert "(과)" not in text
            assert question.a.text(language) in text or question.id in survey.questions
    told = question_text(survey, survey.asked["fact.condition.stability"], "ko")
    assert "재정상태(비재무)와 안정성" in told
    told = question_text(survey, survey.asked["financial_general.borrowing.sales"], "ko")
    assert "차입금과 매출액" in told


@pytest.mark.parametrize(
    ("template", "fitted"),
    [
        ("업력을(를)", "업력을"),
        ("여신거래을(를)", "여신거래를"),
        ("차입금이(가)", "차입금이"),
        ("재정상태(비재무)와(과) 신용", "재정상태(비재무)와 신용"),
        ("A을(를)", "A을(를)"),
    ],
)
def test_korean_particles_follow_the_syllable_before_them(template: str, fitted: str) -> None:
    assert fit_particles(template) == fitted


def test_a_judgement_is_told_by_its_stronger_side_and_by_both_words_it_lies_between() -> None:
    survey = packaged()
    question = survey.asked["stability.business_age.residence"]
    assert judgement_text(survey, question, "3", "ko") == "업력: 약간 더 중요 (3)"
    assert (
        judgement_text(survey, question, "1/9", "en") == "Length of residence: extremely more important (9)"
    )
    assert judgement_text(survey, question, "1", "en") == "equally important (1)"
    between = judgement_text(survey, question, "4", "en")
    assert between == "Business age: between 'moderately more important' and 'strongly more important' (4)"


def test_the_digest_is_of_the_content_and_not_of_the_layout() -> None:
    content = yaml.safe_load(packaged_text())
    assert parse(yaml.safe_dump(content, allow_unicode=True)).digest == packaged().digest
    content["limit"] = "0.1"
    assert parse(yaml.safe_dump(content, allow_unicode=True)).digest != packaged().digest


def _set(path: str, value: Any) -> Any:
    def change(content: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            content = content[int(step) if step.isdigit() else step]
        if value is None:
            del content[last]
        elif isinstance(content, list):
            content[int(last)] = value
        else:
            content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("blocks.0.children.0.en", None), r"blocks\.common\.children\.financial\.en: Field required"),
        (_set("blocks.1.fills", "nowhere"), r"blocks\.financial_startup\.fills: .*'nowhere'"),
        (
            _set("blocks.1.applies", {"company_class": ["old"]}),
            r"financial_startup\.applies\.company_class: old",
        ),
        (_set("blocks.1.applies", {}), r"two fill 'financial_condition' for general"),
        (_set("blocks.8.scale", None), r"blocks\.bonus\.scale: .*needs a total"),
        (_set("blocks.8.scale", "0"), r"blocks\.bonus\.scale: Input should be greater than 0"),
        (_set("blocks.1.id", "financial_general"), r"'financial_general' is the id of two nodes"),
        (_set("blocks.1.children.1.id", "rent_deposit"), r"blocks\.financial_startup: 'rent_deposit' stands"),
        (_set("blocks.1.children.1.id", "real_estate"), r"'real_estate' stands twice for startup"),
        (_set("ask.ko", "{nobody}"), r"ask: only \{matrix\}"),
        (_set("questions.no.such.pair", {"ko": "가", "en": "a"}), "questions"),
        (_set("scale.words.11", {"ko": "가", "en": "a"}), r"scale\.words: "),
        (_set("tables.0.columns.0.industry", "farming"), r"tables\.table-15\.columns: industry: 'farming'"),
        (_set("tables.1.root", "nowhere"), r"tables\.table-16\.root"),
        (_set("surprise", 1), r"surprise: Extra inputs"),
    ],
)
def test_a_mistake_is_told_with_its_field(change: Any, message: str) -> None:
    content = yaml.safe_load(packaged_text())
    if "no.such.pair" in str(message) or message == "questions":
        content["questions"]["no.such.pair"] = {"ko": "가", "en": "a"}
        message = r"questions\.no\.such\.pair: there is no such question"
    else:
        change(content)
    with pytest.raises(SurveyError, match=message):
        parse(yaml.safe_dump(content, allow_unicode=True), "my.yaml")


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "just words"])
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(SurveyError, match=r"my\.yaml"):
        parse(text, "my.yaml")


def test_more_items_than_random_indices_know_are_refused() -> None:
    content = yaml.safe_load(packaged_text())
    content["blocks"][8]["children"] = [
        {"id": f"item{number}", "ko": "항목", "en": "item"} for number in range(16)
    ]
    with pytest.raises(SurveyError, match=r"bonus\.children: 16 items"):
        parse(yaml.safe_dump(content, allow_unicode=True))
