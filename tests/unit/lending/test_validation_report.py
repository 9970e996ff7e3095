"""The monitoring report and the text: what they say, that they fetch nothing, that they come out the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from lending.credit.validation import (
    SYNTHETIC_EN,
    SYNTHETIC_KO,
    Portfolio,
    Revalidation,
    as_text,
    classification_table,
    coefficient_table,
    page,
    published,
    revalidate,
    synthesize,
)


class Reader(HTMLParser):
    """Ids, what the page would fetch, words in plots, and whether tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if "id" in known:
            self.ids.append(known["id"])
        self.fetched += [
            value
            for name, value in known.items()
            if name in {"src", "href", "xlink:href", "srcset", "action"} and not value.startswith("#")
        ]
        if tag in {"script", "link", "iframe", "object"}:
            self.fetched.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open and self.open[-1] == "text":
            self.texts.append(data)


@pytest.fixture(scope="module")
def firms() -> Portfolio:
    return synthesize(8_000, seed=1)


@pytest.fixture(scope="module")
def result(firms: Portfolio) -> Revalidation:
    shifted = synthesize(3_000, seed=2)
    grades = shifted.grades.copy()
    column = shifted.items.index("residence")
    grades[:2_000, column] = 6
    return revalidate(firms, baseline=replace(shifted, grades=grades), seed=3)


@pytest.fixture(scope="module")
def html(result: Revalidation) -> str:
    return page(result, source="firms.csv", digest="ab" * 32)


@pytest.fixture(scope="module")
def reader(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_the_page_is_whole_and_fetches_nothing(html: str, reader: Reader) -> None:
    assert reader.open == []
    assert reader.fetched == []
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert len(reader.ids) == len(set(reader.ids))


def test_every_plot_is_there_with_its_text_as_text(html: str, reader: Reader) -> None:
    assert html.count("<svg") == 8
    for words in ("score", "accidents found (sensitivity)", "predicted, %", "PSI; lines at 0.10 and 0.25"):
        assert words in reader.texts
    assert "Length of residence" in reader.texts
    for target in re.findall(r"url\(#([^)]+)\)", html):
        assert target in reader.ids


def test_headings_in_both_languages(html: str) -> None:
    for words in (
        "신용평가모형 재검증 보고서", "Revalidation of the evaluation model", "자료 품질", "Data quality",
        "모집단", "단계별선택 로지스틱 회귀분석", "예측확률의 적합도", "안정성지수",
        "Population stability index",
        "ROC 곡선", "누적분포와 KS 통계량", "표 11 양식", "표 12 양식",
    ):  # fmt: skip
        assert words in html, words


def test_it_says_that_firms_are_synthetic_and_what_figures_are_not(
    html: str, result: Revalidation, firms: Portfolio
) -> None:
    assert html.count(SYNTHETIC_KO) >= 2
    assert html.count(SYNTHETIC_EN) >= 2
    assert "<title>[가상 자료] " in html
    assert "no true default probability" in html
    assert "only firms that were accepted are seen" in html
    assert {note.code for note in result.notes} == {"SYNTHETIC", "NO_DEFAULT_PROBABILITY", "IN_SAMPLE"}
    real = page(revalidate(replace(firms, synthetic=False), seed=3))
    assert SYNTHETIC_EN not in real
    assert "[가상 자료]" not in real
    assert "no true default probability" in real
    # A synthetic baseline is as much of it as the firms are.
    mixed = revalidate(replace(firms, synthetic=False), baseline=firms, seed=3)
    assert mixed.synthetic
    assert SYNTHETIC_EN in page(mixed)


def test_the_paper_s_figures_stand_apart_as_printed(html: str) -> None:
    ours, printed = html.split('<section class="printed">')
    assert "As printed in the paper: not computed from these data" in printed
    for row in published().logit[1:]:
        assert f"{row.wald:.3f}" in printed
        assert f"{row.wald:.3f}" not in ours
    assert "0.6232" in printed
    assert "0.6315" in printed
    assert "&lt;0.000" in printed
    assert "&lt;0.000" not in ours
    assert "-6.248" in printed


def test_numbers_on_the_page_are_the_result_s(html: str, result: Revalidation) -> None:
    for row in result.logit.selection.fit.coefficients:
        assert f"<td>{row.b:.3f}</td>" in html
        assert f"<td>{row.wald:.3f}</td>" in html
    assert result.score is not None
    assert f"<b>{result.score.discrimination.auc:.3f}</b>" in html
    assert result.stability is not None
    residence = next(one for one in result.stability.items if one.name == "residence")
    assert residence.shift == "significant"
    assert f"{residence.psi:.4f}" in html
    assert '<span class="tag significant">' in html
    assert "ab" * 32 in html


def test_the_same_result_gives_the_same_bytes(html: str, result: Revalidation, firms: Portfolio) -> None:
    assert page(result, source="firms.csv", digest="ab" * 32) == html
    again = revalidate(firms, seed=3)
    assert again.to_json() == revalidate(firms, seed=3).to_json()
    assert page(again) == page(revalidate(firms, seed=3))
    assert again.to_json() != revalidate(firms, seed=4).to_json()


def test_names_from_data_are_escaped(firms: Portfolio) -> None:
    items = tuple("<script>x</script>" if item == "borrowing" else item for item in firms.items)
    html = page(revalidate(replace(firms, items=items, score=np.full(len(firms), np.nan)), seed=3))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_forms_of_tables_11_and_12(result: Revalidation) -> None:
    header, const, *rows = coefficient_table(result)
    assert header[1:] == ("B", "S.E.", "Wald", "p", "Exp(B)", "95 % CI")
    assert const[0] == "상수 Constant"
    assert {row[4] for row in [const, *rows] if float(row[3]) > 10.9} == {"<0.001"}
    assert all(re.fullmatch(r"<0\.001|0\.\d{3}", row[4]) for row in [const, *rows])
    table = classification_table(published().classification)
    assert [row[1:] for row in table[1:]] == [
        ("281", "145", "426"),
        ("169", "257", "426"),
        ("450", "402", "852"),
    ]


def test_the_text_begins_with_what_must_be_known(result: Revalidation) -> None:
    text = as_text(result)
    assert text.startswith(f"* {SYNTHETIC_KO}\n  {SYNTHETIC_EN}\n")
    assert "no true default probability" in text
    assert "R2 Nagelkerke" in text
    assert "R2 Cox-Snell (ML)" in text
    assert "(King & Zeng 2001)" in text
    assert re.search(r"^residence +\d\.\d{4} +significant$", text, re.M)


def test_json_has_everything_and_nothing_that_json_has_not(result: Revalidation) -> None:
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["synthetic"] is True
    assert document["notes"][0]["en"] == SYNTHETIC_EN
    logit = document["logit"]
    assert logit["selection"]["fit"]["coefficients"][0]["item"] == "const"
    assert logit["classification"]["accuracy"] == result.logit.classification.accuracy
    assert "probabilities" not in logit["selection"]["fit"]
    assert "outcomes" not in logit
    assert document["draw"]["strata"][0]["short"] == 0
    assert {one["shift"] for one in document["stability"]["items"]} == {"stable", "significant"}
    # Of the firms themselves nothing is in it.
    assert "S000001" not in json.dumps(document)


def test_without_scores_and_baseline_the_rest_stands(firms: Portfolio) -> None:
    bare = replace(
        firms,
        items=tuple(f"x_{item}" for item in firms.items),
        score=np.full(len(firms), np.nan),
    )
    found = revalidate(bare, items=["x_real_estate", "x_credit_information"], seed=3)
    assert found.score is None
    assert found.stability is None
    html = page(found)
    assert html.count("<svg") == 4
    assert "No baseline was given" in html
    assert "NO_BASELINE" in {note.code for note in found.notes}
