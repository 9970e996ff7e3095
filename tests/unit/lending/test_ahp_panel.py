"""Panels: from files as analysts and AHP-OS have them, screened, weighed, bootstrapped, and at the prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from openpyxl import Workbook

from lending.cli.ahp import main
from lending.credit.ahp import (
    AhpError,
    By,
    ComparisonMatrix,
    Hierarchy,
    Interval,
    Mean,
    Panel,
    PanelAggregation,
    aggregate_judgements,
    aggregate_priorities,
    bootstrap_panel,
    compose,
    consensus,
    hierarchy_consensus,
    parse_hierarchy,
    read_panel,
    read_rater_weights,
    weigh,
    weigh_panel,
)

GOAL = ("cost", "style", "safety")
TEXT = "car: cost, style, safety; cost: price, fuel; safety: crash;"
HIERARCHY = parse_hierarchy(TEXT)[0]


def judged(labels: Sequence[str], *upper: float) -> ComparisonMatrix:
    pairs = [(a, b) for place, a in enumerate(labels) for b in labels[place + 1 :]]
    return ComparisonMatrix.from_judgements(labels, dict(zip(pairs, upper, strict=True)))


PEOPLE = {
    "Kim": {"car": judged(GOAL, 3, 5, 2), "cost": judged(("price", "fuel"), 3)},
    "Lee": {"car": judged(GOAL, 1 / 2, 2, 4), "cost": judged(("price", "fuel"), 1)},
    "Park": {"car": judged(GOAL, 3, 1 / 4, 5), "cost": judged(("price", "fuel"), 2)},  # a ratio above 2
}
PANEL = Panel(HIERARCHY, PEOPLE)


def table(matrix: ComparisonMatrix) -> list[list[Any]]:
    rows: list[list[Any]] = [[None, *matrix.labels]]
    return rows + [[label, *row] for label, row in zip(matrix.labels, matrix.values.tolist(), strict=True)]


def write_csv(path: Path, matrix: ComparisonMatrix) -> Path:
    lines = [",".join("" if one is None else str(one) for one in row) for row in table(matrix)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_xlsx(path: Path, sheets: dict[str, ComparisonMatrix]) -> Path:
    book = Workbook(write_only=True)
    for name, matrix in sheets.items():
        sheet = book.create_sheet(name)
        for row in table(matrix):
            sheet.append(row)
    book.save(path)
    return path


def same(one: Panel, other: Panel) -> bool:
    assert one.raters == other.raters
    for node in one.compared:
        for a, b in zip(one.matrices(node.id), other.matrices(node.id), strict=True):
            assert a.labels == b.labels
            assert a.values == pytest.approx(b.values, rel=1e-12)
    return one.hierarchy == other.hierarchy


def test_weights_node_by_node() -> None:
    found = weigh_panel(PANEL)
    local = {
        id: weigh(aggregate_judgements([answers[id] for answers in PEOPLE.values()])).as_dict()
        for id in ("car", "cost")
    }
    assert found.weights == pytest.approx(compose(HIERARCHY, local), abs=1e-12)
    assert found.every["cost"] == pytest.approx(found.weights["price"] + found.weights["fuel"])
    nodes = {
        id: consensus([weigh(answers[id]).values for answers in PEOPLE.values()]) for id in ("car", "cost")
    }
    assert found.consensus == pytest.approx(hierarchy_consensus(nodes, found.every))


def test_weighted_raters_by_priorities() -> None:
    how = PanelAggregation(By.PRIORITIES, rater_weights={"Park": 0})
    found = weigh_panel(PANEL, how)
    own = [weigh(PEOPLE[one]["car"]).values for one in ("Kim", "Lee")]
    assert found.nodes["car"].values == pytest.approx(np.mean(own, axis=0), abs=1e-12)
    assert how.averaged is Mean.ARITHMETIC


def test_screen_names_who_is_out_and_by_which_matrix() -> None:
    kept, out = PANEL.screened(0.1)
    assert kept.raters == ("Kim", "Lee")
    assert [(one.rater, one.node) for one in out] == [("Park", "car")]
    assert out[0].consistency_ratio == pytest.approx(weigh(PEOPLE["Park"]["car"]).consistency_ratio)
    assert PANEL.screened(2.1)[1] == ()
    with pytest.raises(AhpError, match="no rater has every consistency ratio at or below 0"):
        PANEL.screened(0)


def test_bootstrap_of_a_panel() -> None:
    for how in (PanelAggregation(), PanelAggregation(By.PRIORITIES, Mean.TRIMMED)):
        found = bootstrap_panel(PANEL, how, replicates=50, seed=1)
        assert found.labels == ("price", "fuel", "style", "crash")
        assert found.estimate == pytest.approx(list(weigh_panel(PANEL, how).weights.values()), abs=1e-12)
        assert found.replicates.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-12)
    again = bootstrap_panel(PANEL, replicates=50, seed=1)
    assert np.array_equal(again.replicates, bootstrap_panel(PANEL, replicates=50, seed=1).replicates)


def partial() -> Panel:
    """Lee has not compared the costs."""
    return Panel(HIERARCHY, {**PEOPLE, "Lee": {"car": PEOPLE["Lee"]["car"]}})


@pytest.mark.parametrize("by", list(By))
def test_a_rater_counts_where_they_answered(by: By) -> None:
    panel = partial()
    assert panel.gaps == (("Lee", "cost"),)
    how = PanelAggregation(by, rater_weights={"Park": 3})
    found = weigh_panel(panel, how)
    two = Panel(HIERARCHY, {one: PEOPLE[one] for one in ("Kim", "Park")})
    assert found.nodes["cost"].values == pytest.approx(weigh_panel(two, how).nodes["cost"].values, abs=1e-12)
    assert found.nodes["car"].values == pytest.approx(weigh_panel(PANEL, how).nodes["car"].values, abs=1e-12)
    assert panel.screened(0.1)[0].raters == ("Kim", "Lee")


@pytest.mark.parametrize("by", list(By))
def test_draws_without_a_rater_of_some_node_are_left_out(by: By) -> None:
    panel, how = partial(), PanelAggregation(by)
    for interval in Interval:
        found = bootstrap_panel(panel, how, replicates=500, seed=1, interval=interval)
        counts = np.random.default_rng(1).multinomial(3, np.full(3, 1 / 3), size=500)
        assert len(found.replicates) == (counts[:, [0, 2]].sum(axis=1) > 0).sum() < 500
        assert found.estimate == pytest.approx(list(weigh_panel(panel, how).weights.values()), abs=1e-12)
        assert np.isfinite([found.low, found.high]).all()
    rare = {"Kim": PEOPLE["Kim"], **{f"r{k}": {"car": PEOPLE["Lee"]["car"]} for k in range(9)}}
    assert len(bootstrap_panel(Panel(HIERARCHY, rare), how, replicates=500, seed=1).replicates) < 400


def test_files_folders_and_workbooks_of_raters(tmp_path: Path) -> None:
    flat = Panel.of_one_table({rater: answers["car"] for rater, answers in PEOPLE.items()})
    files = [write_csv(tmp_path / f"{rater}.csv", answers["car"]) for rater, answers in PEOPLE.items()]
    assert same(read_panel(files), flat)
    book = write_xlsx(tmp_path / "all.xlsx", {rater: answers["car"] for rater, answers in PEOPLE.items()})
    assert same(read_panel([book]), flat)
    books = [write_xlsx(tmp_path / f"{rater}.xlsx", answers) for rater, answers in PEOPLE.items()]
    assert same(read_panel(books, HIERARCHY), PANEL)
    for rater, answers in PEOPLE.items():
        (tmp_path / rater).mkdir()
        for node, matrix in answers.items():
            write_csv(tmp_path / rater / f"{node}.csv", matrix)
    assert same(read_panel([tmp_path / rater for rater in PEOPLE], HIERARCHY), PANEL)
    documents = []
    for rater, answers in PEOPLE.items():
        documents.append(tmp_path / f"{rater}.yaml")
        tables = {
            node: {"labels": list(matrix.labels), "values": matrix.values.tolist()}
            for node, matrix in answers.items()
        }
        documents[-1].write_text(yaml.safe_dump(tables), encoding="utf-8")
    assert same(read_panel(documents, HIERARCHY), PANEL)


PROJECT = {
    # The fields of AHP-OS's "Export Project" (github.com/bpmsg/ahp-os, ahp-session-admin.php and AhpDb.php).
    "pj": [
        {"project_sc": "abc123", "project_name": "car", "project_hText": TEXT.replace("safety: crash;", "")}
    ],
    "pwc": [
        {"pwc_part": "Kim", "pwc_node": "car", "pwc_ab": "000", "pwc_intense": "352"},
        {"pwc_part": "Kim", "pwc_node": "cost", "pwc_ab": "0", "pwc_intense": "3"},
        {"pwc_part": "Lee", "pwc_node": "car", "pwc_ab": "100", "pwc_intense": "224"},
        {"pwc_part": "Lee", "pwc_node": "cost", "pwc_ab": "0", "pwc_intense": "1"},
        {"pwc_part": "Park", "pwc_node": "car", "pwc_ab": "010", "pwc_intense": "345"},
        {"pwc_part": "Park", "pwc_node": "cost", "pwc_ab": "0", "pwc_intense": "2"},
    ],
}


def test_a_project_of_ahp_os(tmp_path: Path) -> None:
    path = tmp_path / "abc123-AHP-project.JSON"
    path.write_text(json.dumps(PROJECT), encoding="utf-8")
    panel = read_panel([path])
    assert panel.hierarchy == Hierarchy.from_dict(
        {"car": {"cost": ["price", "fuel"], "style": None, "safety": None}}
    )
    for rater, answers in PEOPLE.items():
        for node, matrix in answers.items():
            assert panel.answers[rater][node].values == pytest.approx(matrix.values)


def test_input_data_of_ahp_os(tmp_path: Path) -> None:
    """Its CSV names participants and nodes, and no items: they are those of the hierarchy."""
    lines = ["sep=,", '"Session Code","abc123"']
    for rater, answers in PEOPLE.items():
        lines.append(f'"Participant","{rater}"')
        for node, matrix in answers.items():
            lines.append(f'"Node","{node}","{matrix.size}x{matrix.size} decision matrix"')
            lines += [",," + ",".join(f'"{one:.6f}"' for one in row) for row in matrix.values.tolist()]
    (tmp_path / "input.csv").write_text("\n".join(lines), encoding="utf-8")
    assert same(read_panel([tmp_path / "input.csv"], HIERARCHY), PANEL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pwc_intense": "35"}, "participant 'Kim', node 'car': 3 items make 3 pairs, not 3 and 2"),
        ({"pwc_intense": "350"}, "judgements are 0 or 1 and 1 to 9, not '000' and '350'"),
        ({"pwc_node": "colour"}, "node 'colour'"),
        ({"pwc_node": "style"}, "node 'style': alternatives are compared there"),
    ],
)
def test_a_project_that_is_wrong_names_participant_and_node(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    rows = [{**PROJECT["pwc"][0], **change}, *PROJECT["pwc"][1:]]
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**PROJECT, "pwc": rows}), encoding="utf-8")
    with pytest.raises(AhpError, match=message):
        read_panel([path])


def test_other_json_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    for document, message in (
        ({"Project": "abc", "Priorities": {}}, "holds AHP-OS's priorities, not judgements"),
        ({"pj": []}, "is no project that AHP-OS exported"),
        ([1], "is no project that AHP-OS exported"),
    ):
        path.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(AhpError, match=message):
            read_panel([path])
    path.write_text("{", encoding="utf-8")
    with pytest.raises(AhpError, match=r"p\.json is no JSON"):
        read_panel([path])
    with pytest.raises(AhpError, match="give it alone"):
        read_panel([path, path])


def test_panels_that_do_not_fit_say_who_and_where(tmp_path: Path) -> None:
    car, cost = PEOPLE["Kim"]["car"], PEOPLE["Kim"]["cost"]
    one = write_xlsx(tmp_path / "Kim.xlsx", {"a": car, "b": cost})
    with pytest.raises(AhpError, match="rater 'Kim' has 2 tables of different items, a, b"):
        read_panel([one])
    (tmp_path / "again").mkdir()
    twice = write_xlsx(tmp_path / "again" / "Kim.xlsx", {"a": car, "b": cost})
    with pytest.raises(AhpError, match="rater 'Kim' is there twice"):
        read_panel([one, twice], HIERARCHY)
    other = write_xlsx(tmp_path / "Lee.xlsx", {"a": car, "b": judged(("price", "oil"), 2)})
    with pytest.raises(AhpError, match="rater 'Lee', table 'b': price, oil are not the items of one node"):
        read_panel([other], HIERARCHY)
    with pytest.raises(AhpError, match="nobody has compared the items of 'cost'"):
        Panel(HIERARCHY, {"Choi": {"car": car}})
    split = ComparisonMatrix([[1, 2, None], [None, 1, None], [None, None, 1]], GOAL)
    with pytest.raises(AhpError, match="rater 'Choi', node 'car': no comparison connects"):
        Panel(HIERARCHY, {"Choi": {"car": split, "cost": cost}})
    with pytest.raises(AhpError, match="rater 'Choi', node 'cost': 'fuel'"):
        Panel(HIERARCHY, {"Choi": {"car": car, "cost": judged(("price", "oil"), 2)}})
    (tmp_path / "empty").mkdir()
    with pytest.raises(AhpError, match="holds no tables"):
        read_panel([tmp_path / "empty"])
    with pytest.raises(AhpError, match="no raters"):
        Panel(HIERARCHY, {})


def test_rater_weights(tmp_path: Path) -> None:
    for name, text in (
        ("w.csv", "rater,weight\nKim,2\nPark,0.5\n"),
        ("w.yaml", "Kim: 2\nPark: 0.5\n"),
        ("w.json", '{"Kim": 2, "Park": 0.5}'),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_rater_weights(tmp_path / name, PANEL.raters) == {"Kim": 2.0, "Park": 0.5}
    (tmp_path / "w.csv").write_text("Kim,2\nChoi,1\n", encoding="utf-8")
    with pytest.raises(AhpError, match="'Choi' is no rater; the raters are Kim, Lee, Park"):
        read_rater_weights(tmp_path / "w.csv", PANEL.raters)
    (tmp_path / "w.csv").write_text("rater,weight\nKim,much\n", encoding="utf-8")
    with pytest.raises(AhpError, match="the weight of 'Kim' is 'much'"):
        read_rater_weights(tmp_path / "w.csv", PANEL.raters)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["aggregate", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def books(tmp_path: Path) -> list[str]:
    return [str(write_xlsx(tmp_path / f"{rater}.xlsx", answers)) for rater, answers in PEOPLE.items()]


def test_command_with_everything(tmp_path: Path, books: list[str]) -> None:
    (tmp_path / "car.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "w.csv").write_text("Kim,3\n", encoding="utf-8")
    options = ["--hierarchy", str(tmp_path / "car.txt"), "--rater-weights", str(tmp_path / "w.csv")]
    options += ["--limit", "0.1", "--bootstrap", "40", "--seed", "3", "--by", "priorities"]
    document = json.loads(run(*books, *options, "--json"))
    kept, _ = PANEL.screened(0.1)
    how = PanelAggregation(By.PRIORITIES, rater_weights={"Kim": 3.0})
    found, intervals = weigh_panel(kept, how), bootstrap_panel(kept, how, replicates=40, seed=3)
    assert document["weights"] == pytest.approx(found.weights, abs=1e-15)
    assert document["raters"] == ["Kim", "Lee"]
    assert document["rater_weights"] == {"Kim": 3.0, "Lee": 1.0}
    assert document["left_out"][0]["rater"] == "Park"
    assert document["mean"] == "arithmetic"
    assert document["nodes"]["car"]["consensus"]["index"] == pytest.approx(found.nodes["car"].consensus.index)  # type: ignore[union-attr]
    assert document["bootstrap"]["intervals"]["crash"] == pytest.approx([intervals.low[3], intervals.high[3]])
    assert document["bootstrap"]["ranks_first"] == intervals.first
    assert document["not_compared"] == []
    said = run(*books, *options)
    assert f"price  {found.weights['price']:.4f}  [{intervals.low[0]:.4f}, {intervals.high[0]:.4f}]" in said
    assert "Left out above 0.1: 1." in said
    assert "Park: 2." in said


def test_command_without_hierarchy_and_its_outputs(tmp_path: Path) -> None:
    flat = {rater: answers["car"] for rater, answers in PEOPLE.items()}
    book = str(write_xlsx(tmp_path / "all.xlsx", flat))
    document = json.loads(run(book, "--mean", "trimmed", "--trim", "0.34", "--json"))
    matrix = aggregate_judgements(list(flat.values()), mean=Mean.TRIMMED, trim=0.34)
    assert document["weights"] == pytest.approx(weigh(matrix).as_dict(), abs=1e-12)
    assert document["left_out"] == []
    assert "bootstrap" not in document
    for name in ("out.csv", "out.xlsx", "out.yaml"):
        run(book, "--by", "priorities", "--bootstrap", "20", "--output", str(tmp_path / name))
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "item,weight,low,high,ranks first"
    own = aggregate_priorities([weigh(matrix).values for matrix in flat.values()])
    assert [float(line.split(",")[1]) for line in lines[1:4]] == pytest.approx(own, abs=1e-15)
    written = yaml.safe_load((tmp_path / "out.yaml").read_text(encoding="utf-8"))
    assert written["weights"] == pytest.approx(dict(zip(GOAL, own.tolist(), strict=True)))


def test_command_says_in_one_sentence_what_is_wrong(tmp_path: Path, books: list[str]) -> None:
    for arguments, message in (
        (books, "Error: rater 'Kim' has 2 tables of different items"),
        ([*books, "--mean", "arithmetic", "--hierarchy", str(tmp_path / "car.txt")], "is not reciprocal"),
    ):
        (tmp_path / "car.txt").write_text(TEXT, encoding="utf-8")
        result = CliRunner().invoke(main, ["aggregate", *arguments])
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.strip().splitlines()) == 1
