"""`dure ahp decide`: comparisons, measured values or ratings under weights from a file, and sensitivity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from lending.cli.ahp import main
from lending.credit.ahp import (
    AhpError,
    ComparisonMatrix,
    Decision,
    Ratings,
    Scale,
    Synthesis,
    break_evens,
    critical_change,
    read_alternatives,
    read_measured,
    read_scales,
    read_values,
    read_weights,
)

WEIGHTS = {"rent": 0.5, "passers": 0.3, "rivals": 0.2}
VALUES = {
    "rent": {"market": 3.0, "station": 2.0, "campus": 5.0},
    "passers": {"market": 9.0, "station": 8.0, "campus": 1.5},
    "rivals": {"market": 1.0, "station": 3.0, "campus": 0.0},
}


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["decide", *arguments])


def answer(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return write(tmp_path / "w.csv", "item,weight\nrent,0.5\npassers,0.3\nrivals,0.2\n\nnode,ratio\nx,0.1\n")


def test_weights_of_files(tmp_path: Path, weights: str) -> None:
    assert read_weights(Path(weights)) == WEIGHTS
    for name, document in (("a.yaml", WEIGHTS), ("b.yaml", {"by": "judgements", "weights": WEIGHTS})):
        assert read_weights(Path(write(tmp_path / name, yaml.safe_dump(document)))) == WEIGHTS
    with pytest.raises(AhpError, match="the weight of 'rent' is 'much'"):
        read_weights(Path(write(tmp_path / "w.yaml", "rent: much")))
    with pytest.raises(AhpError, match="the weight of 'rent' is -1"):
        read_weights(Path(write(tmp_path / "w.yaml", "rent: -1")))
    with pytest.raises(AhpError, match="holds no weights"):
        read_weights(Path(write(tmp_path / "e.csv", "\n")))
    with pytest.raises(AhpError, match="write 'name: value'"):
        read_weights(Path(write(tmp_path / "w.yaml", "[1, 2]")))


def test_measured_values(tmp_path: Path, weights: str) -> None:
    rows = ["site,rent,passers,rivals"]
    rows += [",".join([site, *(f"{VALUES[id][site]:g}" for id in WEIGHTS)]) for site in VALUES["rent"]]
    table = write(tmp_path / "m.csv", "\n".join(rows))
    assert read_measured(Path(table), list(WEIGHTS)) == VALUES
    for mode in Synthesis:
        decision = Decision(WEIGHTS, VALUES, mode)
        found = answer("--weights", weights, "--measured", table, "--mode", mode.value)
        assert found["scores"] == pytest.approx(decision.scores(), abs=1e-15)
        assert found["ranking"] == list(decision.ranking())
        change = critical_change(decision)
        assert change is not None
        assert found["critical"]["relative"] == pytest.approx(change.relative)
        for id in WEIGHTS:
            shares = [swap["share"] for swap in found["break_evens"][id]]
            assert shares == pytest.approx([swap.share for swap in break_evens(decision, id)])
        assert "rank_reversals" not in found
    said = run("--weights", weights, "--measured", table).stdout
    assert said.startswith("station  0.3797\nmarket ")
    assert "Most critical: " in said


def test_comparisons_and_rank_reversal(tmp_path: Path) -> None:
    """Belton & Gear's example (Omega 11(3), 1983, 228-230) from files: D is B's copy."""
    rows = {"a": (1, 9, 1, 9), "b": (9, 1, 1, 1), "c": (8, 9, 1, 9)}
    for id, row in rows.items():
        lines = [",A,B,C,D"] + [
            ",".join(["ABCD"[i], *(f"{row[i]}/{row[j]}" for j in range(4))]) for i in range(4)
        ]
        write(tmp_path / f"{id}.csv", "\n".join(lines))
    weights = write(tmp_path / "w.yaml", "a: 1\nb: 1\nc: 1\n")
    files = [str(tmp_path / f"{id}.csv") for id in rows]
    found = answer(*files, "--weights", weights)
    assert found["ranking"][0] == "A"
    assert {"without": "D", "ahead": "A", "behind": "B"} in found["rank_reversals"]
    assert "Without D, B would be ahead of A." in run(*files, "--weights", weights).stdout
    assert answer(*files, "--weights", weights, "--mode", "ideal")["rank_reversals"] == []


def test_ratings_and_output(tmp_path: Path, weights: str) -> None:
    scales = write(tmp_path / "s.yaml", "good: 4\nfair: 2\npoor: 0\n")
    table = write(tmp_path / "r.csv", "site,rent,passers,rivals\nx,good,fair,poor\ny,fair,fair,good\n")
    options = ["--weights", weights, "--rated", table, "--scales", scales]
    found = answer(*options, "--output", str(tmp_path / "o.csv"))
    scale = Scale({"good": 4, "fair": 2, "poor": 0})
    ratings = Ratings(WEIGHTS, dict.fromkeys(WEIGHTS, scale))
    rated = {"x": dict(zip(WEIGHTS, ("good", "fair", "poor"), strict=True))}
    assert found["scores"]["x"] == pytest.approx(ratings.score(rated["x"]))
    assert found["parts"]["x"] == pytest.approx(ratings.parts(rated["x"]))
    lines = (tmp_path / "o.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "alternative,score"
    assert float(lines[1].split(",")[1]) == found["scores"]["x"]
    assert run(*options).stdout == "x  0.6500\ny  0.6000\n"
    each = read_scales(Path(write(tmp_path / "t.yaml", "rent: {good: 2, bad: 1}\n")), ["rent"])
    assert each == {"rent": Scale({"good": 1.0, "bad": 0.5})}


def test_what_is_wrong_is_named(tmp_path: Path, weights: str) -> None:
    table = Path(write(tmp_path / "m.csv", "site,rent,passers\nx,1,many\n"))
    with pytest.raises(AhpError, match="row 'x', column 'passers': 'many' is not a number"):
        read_measured(table, ["rent", "passers"])
    with pytest.raises(AhpError, match="criterion 'rivals' has no column among rent, passers"):
        read_measured(table, ["rivals"])
    with pytest.raises(AhpError, match=r"B2 \(row 'x', column 'rent'\): nothing is there"):
        read_values(Path(write(tmp_path / "v.csv", "site,rent\nx,\n")))
    with pytest.raises(AhpError, match="A3: x is there twice"):
        read_values(Path(write(tmp_path / "v.csv", "site,rent\nx,1\nx,2\n")))
    with pytest.raises(AhpError, match="holds no table"):
        read_values(Path(write(tmp_path / "v.csv", "site,rent\n")))
    with pytest.raises(AhpError, match="criterion 'rent': the worth of 'good' is no number"):
        read_scales(Path(write(tmp_path / "s.yaml", "rent: {good: best}")), ["rent"])
    with pytest.raises(AhpError, match="'style' has no intensities"):
        read_scales(Path(write(tmp_path / "s.yaml", "rent: {good: 1}\nstyle: 3")), ["rent"])
    one = Path(write(tmp_path / "rent.csv", ",x,y\nx,1,2\ny,,1\n"))
    with pytest.raises(AhpError, match="criterion 'style' has no table"):
        read_alternatives([one], ["rent", "style"])
    with pytest.raises(AhpError, match="table 'rent' is named as no criterion: style"):
        read_alternatives([one], ["style"])
    assert read_alternatives([one], ["rent"]) == {"rent": ComparisonMatrix([[1, 2], [None, 1]], ["x", "y"])}
    for arguments, message in (
        ([], "give the alternatives as FILES"),
        (["--measured", str(table), str(one)], "give the alternatives as FILES"),
        (["--rated", str(table)], "--rated and --scales go together"),
    ):
        result = run("--weights", weights, *arguments)
        assert result.exit_code == 2
        assert message in result.output
