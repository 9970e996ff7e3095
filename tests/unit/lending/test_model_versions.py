"""Versions off the ledger: made of weights and of a survey's result, compared, kept in files."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lending.cli import main
from lending.credit.survey.panel import calibrated_panel
from lending.credit.survey.report import survey_report
from lending.credit.survey.response import collect
from lending.credit.versions import (
    SYNTHETIC,
    VersionError,
    as_yaml,
    differences,
    from_survey,
    from_weights,
    read_version,
)
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import Composition, Model, Source, millionths, model2
from lending_domain.model_rules import model_violations

COMBINATIONS = list(product(CompanyClass, Industry))
ABOUT: dict[str, Any] = {
    "name": "model-3",
    "label": "A test",
    "sources": [Source(kind="decision", citation="a test")],
    "provenance": "a test",
}


def base_sum(model: Model, company: CompanyClass, industry: Industry) -> int:
    weights = model.weights(company, industry)
    return sum(weight for name, weight in weights.items() if model.items[name].block != "bonus")


def printed() -> dict[tuple[str, str], dict[str, Any]]:
    """Model 2's own weights as a table of combinations."""
    model, table = model2(), {}
    for company, industry in COMBINATIONS:
        row = {name: one.weight[company] for name, one in model.items.items() if company in one.weight}
        table[company, industry] = {**row, **model.judgement[industry]}
    return table


def test_the_same_weights_make_the_same_model() -> None:
    made = from_weights(printed(), **ABOUT)
    for combination in COMBINATIONS:
        assert made.weights(*combination) == model2().weights(*combination)
    changed = {one.path.rsplit(".", 1)[-1] for one in differences(made, model2())}
    assert changed == {"id", "source", "provenance"}


@given(st.lists(st.integers(1, 1000), min_size=11, max_size=11), st.integers(1, 999))
def test_base_weights_that_sum_to_one_sum_to_a_million(parts: list[int], half: int) -> None:
    """Whatever the weights are, thirds and sevenths too: the common model's base loses not a millionth."""
    names = [name for name, one in model2().items.items() if one.block in {"financial", "fact"}]
    names += list(model2().judgement[Industry.OTHER])
    whole = {name: Fraction(part, sum(parts)) for name, part in zip(names, parts, strict=True)}
    table = printed()
    for (company, industry), row in table.items():
        for name, weight in whole.items():
            if name not in model2().judgement[Industry.OTHER] or industry == Industry.OTHER:
                row[name] = weight
        if company == CompanyClass.STARTUP:  # what a startup has no sales for goes to borrowing
            row["borrowing"] = row["borrowing"] + row.pop("sales")
            row["rent_deposit"] += row["borrowing"] * Fraction(half, 1000)
            row["borrowing"] *= 1 - Fraction(half, 1000)
    made = from_weights(table, **ABOUT)
    for company in CompanyClass:
        assert base_sum(made, company, Industry.OTHER) == 1_000_000
        exact = {k: v for k, v in table[company, Industry.OTHER].items() if k in whole}
        for name, weight in exact.items():
            assert abs(made.weights(company, Industry.OTHER)[name] - weight * 1_000_000) < 2


def test_the_normalised_composition_is_exact_for_every_industry() -> None:
    made = from_weights(printed(), composition=Composition.NORMALISED, **ABOUT)
    assert {base_sum(made, *one) for one in COMBINATIONS} == {1_000_000}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.pop(("startup", "other")), "startup firms in other"),
        (
            lambda table: table["general", "other"].pop("sales"),
            "general/other: the weight of sales is missing",
        ),
        (lambda table: table["general", "other"].update(colour=0.1), "no item 'colour'"),
        (lambda table: table["general", "other"].update(sales=0.3), "sales has several weights"),
        (lambda table: table["general", "other"].update(sales=float("nan")), "sales: nan is no weight"),
        (lambda table: table["general", "other"].update(sales=-0.1), "sales: a weight lies between 0 and 1"),
    ],
)
def test_a_table_that_makes_no_model_says_where(change: Any, message: str) -> None:
    table = printed()
    change(table)
    with pytest.raises(VersionError, match=message):
        from_weights(table, **ABOUT)


@pytest.fixture(scope="module")
def result() -> bytes:
    """The JSON of a small synthetic survey's report."""
    panel = calibrated_panel(raters=6, accepted=4)
    report = survey_report(panel.definition, collect(panel.definition, panel.responses, allow_unsigned=True))
    return json.dumps(report.to_dict(), ensure_ascii=False).encode()


def test_a_version_of_a_synthetic_panel_says_so(result: bytes) -> None:
    made = from_survey(result, name="panel-1", label="A panel", predecessor=model2().digest)
    assert made.origin is not None
    assert made.synthetic
    assert SYNTHETIC in made.origin.label
    assert made.source.startswith(SYNTHETIC)
    assert all("synthetic survey p2-2007" in one.provenance for one in made.items.values())
    assert "4 of 6 raters" in made.origin.sources[0].citation
    assert made.origin.sources[0].digest is not None
    assert made.origin.predecessor == model2().digest
    assert not model_violations(made)


def test_a_survey_s_common_base_is_exactly_one(result: bytes) -> None:
    made = from_survey(result, name="panel-1", label="A panel")
    for company in CompanyClass:
        assert base_sum(made, company, Industry.OTHER) == 1_000_000
    # The industry's block is set to 0.166 by the survey's definition, as tables 16 to 19 print it.
    for industry in set(Industry) - {Industry.OTHER}:
        assert sum(map(millionths, made.judgement[industry].values())) == 166_000


def test_what_is_no_survey_s_result_makes_no_version() -> None:
    for wrong in (b"", b"[]", b"{}", b'{"provenance": {}, "weights": [], "synthetic": false}'):
        with pytest.raises(VersionError, match="no result of a survey"):
            from_survey(wrong, name="panel-1", label="A panel")


def test_a_version_is_the_same_after_a_file(tmp_path: Path) -> None:
    (tmp_path / "version.yaml").write_text(as_yaml(model2()), encoding="utf-8")
    (tmp_path / "version.json").write_text(model2().model_dump_json(), encoding="utf-8")
    for name in ("version.yaml", "version.json"):
        assert read_version(tmp_path / name) == model2()
        assert read_version(tmp_path / name).digest == model2().digest


def test_a_file_that_is_no_version_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "version.yaml"
    text = as_yaml(model2())
    path.write_text(text.replace("'0.336'", "'0.3361234567'"), encoding="utf-8")
    with pytest.raises(VersionError, match=r"items\.borrowing\.weight\.general.*millionths"):
        read_version(path)
    path.write_text("items: [", encoding="utf-8")
    with pytest.raises(VersionError, match="cannot be read"):
        read_version(path)


def test_differences_are_numbers_not_texts() -> None:
    old = model2()
    item = old.items["sales"].model_copy(update={"weight": {CompanyClass.GENERAL: Decimal("0.2020")}})
    same = Model.model_validate({**old.model_dump(), "items": {**old.items, "sales": item}})
    assert differences(same, old) == ()
    other = old.model_copy(update={"composition": Composition.NORMALISED, "bonus_cap_units": 6_000_000})
    found = {one.path: (one.before, one.after) for one in differences(other, old)}
    assert found == {
        "composition": ("as_published", "normalised"),
        "bonus_cap_units": (None, "6000000"),
    }


def test_a_dry_run_proposes_nothing_and_prints_a_file(tmp_path: Path, result: bytes) -> None:
    survey = tmp_path / "result.json"
    survey.write_bytes(result)
    command = ["model", "propose", "--from-survey", str(survey), "--id", "panel-1", "--label", "A panel"]
    done = CliRunner().invoke(main, [*command, "--dry-run"])
    assert done.exit_code == 0, done.output
    (tmp_path / "version.yaml").write_text(done.output, encoding="utf-8")
    assert read_version(tmp_path / "version.yaml") == from_survey(result, name="panel-1", label="A panel")
    again = CliRunner().invoke(
        main, ["model", "propose", str(tmp_path / "version.yaml"), "--dry-run", "--json"]
    )
    assert json.loads(again.output)["digest"] == read_version(tmp_path / "version.yaml").digest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Give one of FILE, --packaged and --from-survey"),
        (("--packaged", "--from-survey", "FILE"), "Give one of"),
        (("--from-survey", "FILE", "--dry-run"), "needs --id and --label"),
        (("FILE", "--dry-run"), "id: Field required"),
    ],
)
def test_the_prompt_says_what_is_missing(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    path = tmp_path / "empty.json"
    path.write_text("{}", encoding="utf-8")
    done = CliRunner().invoke(main, ["model", "propose", *(a.replace("FILE", str(path)) for a in arguments)])
    assert done.exit_code != 0
    assert says in done.output.replace("\n", " ")
