"""Questionnaires with a row a rater and a column a pair, as R's ahpsurvey has them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lending.cli.ahp import main
from lending.credit.ahp import AhpError, Negative, parse_hierarchy, read_answers, weigh
from tests.unit.lending.ahp_published import CITY, CITY_ANSWERS, CITY_PRINTED

HEADING = (
    "cult_fam,cult_house,cult_jobs,cult_trans,fam_house,fam_jobs,fam_trans,house_jobs,house_trans,jobs_trans"
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_data_frame_of_ahpsurvey(tmp_path: Path) -> None:
    """The first six raters of city200 as its README prints them, with `negconvert = TRUE`."""
    path = write(tmp_path / "city.csv", HEADING, *(",".join(map(str, answers)) for answers in CITY_ANSWERS))
    panel = read_answers(path, negative=Negative.FIRST)
    assert panel.raters == ("1", "2", "3", "4", "5", "6")
    weights = np.array([weigh(answers["goal"]).values for answers in panel.answers.values()])
    assert weights == pytest.approx(np.array(CITY_PRINTED)[:, :5], abs=2e-7)
    assert [leaf.id for leaf in panel.hierarchy.leaves] == list(CITY)
    turned = read_answers(path, negative=Negative.SECOND)
    assert turned.answers["1"]["goal"].values == pytest.approx(panel.answers["1"]["goal"].values.T)


def test_ratios_names_gaps_and_a_hierarchy(tmp_path: Path) -> None:
    hierarchy, _ = parse_hierarchy("shop: cost, demand, rivals; demand: passers, parking;")
    path = write(
        tmp_path / "a.csv",
        "who,cost/demand,demand/rivals,cost/rivals,parking/passers",
        "Kim,1/3,5,,1/4",
        "Lee,2,0.5,3,",
    )
    panel = read_answers(path, hierarchy)
    assert panel.gaps == (("Lee", "demand"),)
    kim = panel.matrices("shop")[0]
    assert kim.missing == (("cost", "rivals"),)
    assert kim.values[0, 1] == pytest.approx(1 / 3)
    assert panel.matrices("demand")[0].values[0, 1] == pytest.approx(4)


@pytest.mark.parametrize(
    ("lines", "negative", "message"),
    [
        (("a_b,a_c",), None, "holds no answers"),
        (("who,a_b,note", "Kim,2,x"), None, "the column 'note' names no pair"),
        (("who,why", "Kim,2"), None, "the column 'why' names no pair"),
        (("a_b,b_a", "2,2"), None, "'b' and 'a' is no pair, or there twice"),
        (("a_b,a_c", "2,-3"), None, r"B2 \(a against c\): -3 is negative"),
        (("a_b,a_c", "2,0.5"), Negative.FIRST, r"B2 \(a against c\): 0.5 is below 1"),
        (("a_b,a_c", "2,much"), None, r"B2 \(a against c\): 'much' is not a number"),
        (("who,a_b", "Kim,2", "Kim,3"), None, "A3: Kim is there twice"),
        (("who,a_b", "Kim,2", ",3"), None, "A3: no name"),
        (("who,a_b", "Kim,"), None, "rater 'Kim' has compared nothing"),
    ],
)
def test_errors_name_column_or_cell(
    tmp_path: Path, lines: tuple[str, ...], negative: Negative | None, message: str
) -> None:
    with pytest.raises(AhpError, match=message):
        read_answers(write(tmp_path / "a.csv", *lines), negative=negative)


def test_pairs_across_nodes_are_refused(tmp_path: Path) -> None:
    hierarchy, _ = parse_hierarchy("shop: cost, demand; demand: passers, parking;")
    path = write(tmp_path / "a.csv", "cost_demand,cost_parking", "2,3")
    with pytest.raises(AhpError, match="'cost' and 'parking' are not under one node of 'shop'"):
        read_answers(path, hierarchy)


def test_at_the_prompt(tmp_path: Path) -> None:
    path = write(tmp_path / "city.csv", HEADING, *(",".join(map(str, answers)) for answers in CITY_ANSWERS))
    options = [str(path), "--wide", "--negative", "first", "--by", "priorities", "--json"]
    result = CliRunner().invoke(main, ["aggregate", *options])
    assert result.exit_code == 0, result.output
    printed = np.array(CITY_PRINTED)[:, :5].mean(axis=0)
    assert list(json.loads(result.stdout)["weights"].values()) == pytest.approx(printed, abs=2e-7)
    refused = CliRunner().invoke(main, ["aggregate", str(path), "--negative", "first"])
    assert refused.exit_code == 2
    assert "--negative goes with --wide" in refused.output
