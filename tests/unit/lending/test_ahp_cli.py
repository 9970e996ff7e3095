"""`dure ahp weights|check|repair` at the prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from lending.cli import main
from lending.credit.ahp import RandomIndex, weigh
from lending.credit.ahp.tables import read_matrix, write_matrix
from tests.unit.lending.ahp_matrices import DRINKS, HOUSE

KEYS = ["weights", "method", "lambda_max", "consistency_index", "random_index", "consistency_ratio"]


def dure(*args: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["ahp", *map(str, args)], input=given, catch_exceptions=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.csv"
    write_matrix(path, HOUSE.matrix)
    return path


@pytest.fixture
def drinks(tmp_path: Path) -> Path:
    path = tmp_path / "drinks.xlsx"
    write_matrix(path, DRINKS.matrix)
    return path


@pytest.fixture
def fractions(tmp_path: Path) -> Path:
    path = tmp_path / "fractions.csv"
    path.write_text(",가격,품질,색\n가격,1,1/3,\n품질,3,1,0.5\n색,,2,1\n", encoding="utf-8")
    return path


class TestWeights:
    def test_json_has_exactly_the_promised_keys_at_full_precision(self, house: Path) -> None:
        result = dure("weights", house, "--json")
        assert result.exit_code == 0
        document = json.loads(result.output)
        assert list(document) == KEYS
        found = weigh(HOUSE.matrix)
        assert document["weights"] == found.as_dict()
        assert document["method"] == "eigenvector"
        assert document["lambda_max"] == found.lambda_max
        assert document["random_index"] == 1.4
        assert document["consistency_ratio"] == found.consistency_index / 1.4

    def test_fractions_and_a_comparison_not_made(self, fractions: Path) -> None:
        document = json.loads(dure("weights", fractions, "--json").output)
        assert document["weights"] == pytest.approx({"가격": 1 / 10, "품질": 3 / 10, "색": 6 / 10}, abs=1e-14)
        assert document["random_index"] == 0
        assert document["consistency_ratio"] == 0

    @pytest.mark.parametrize("source", list(RandomIndex))
    def test_the_random_index_is_the_number_used(self, drinks: Path, source: RandomIndex) -> None:
        document = json.loads(dure("weights", drinks, "--json", "--random-index", source).output)
        expected = weigh(DRINKS.matrix, random_index=source)
        assert document["random_index"] == expected.random_index
        assert document["consistency_ratio"] == expected.consistency_index / expected.random_index

    def test_method_and_completion(self, fractions: Path, house: Path) -> None:
        chosen = json.loads(dure("weights", house, "--method", "geometric-mean", "--json").output)
        assert chosen["method"] == "geometric-mean"
        assert chosen["weights"] == weigh(HOUSE.matrix, "geometric-mean").as_dict()
        for completion in ("eigenvalue", "log-least-squares", "harker"):
            document = json.loads(dure("weights", fractions, "--completion", completion, "--json").output)
            assert document["weights"]["색"] == pytest.approx(0.6, abs=1e-12)

    def test_a_bar_per_weight_and_a_sentence(self, house: Path) -> None:
        result = dure("weights", house)
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert lines[7] == f"financing      0.3332  {'█' * 32}"
        assert "Consistency ratio 0.170 (lambda_max 9.6689" in result.output
        assert "random index 1.4 (saaty)): over Saaty's rule of 0.1" in result.output

    def test_korean_labels_stand_in_columns(self, fractions: Path) -> None:
        lines = dure("weights", fractions).output.splitlines()
        assert [line[: line.index("0.")] for line in lines[:3]] == ["가격  ", "품질  ", "색    "]
        assert "One comparison was not made and completed by eigenvalue." in lines[4]

    def test_from_standard_input(self) -> None:
        result = dure("weights", "-", "--json", given=b"x,a,b\na,1,4\nb,,1\n")
        assert json.loads(result.output)["weights"] == {"a": 0.8, "b": 0.2}

    @pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".yaml"])
    def test_output_in_the_formats_that_are_read(self, house: Path, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"weights{suffix}"
        assert dure("weights", house, "--output", path).exit_code == 0
        if suffix == ".yaml":
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert list(document) == KEYS
            assert document["weights"]["size"] == weigh(HOUSE.matrix).as_dict()["size"]
        elif suffix == ".csv":
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            assert lines[0] == "item,weight"
            assert float(lines[1].removeprefix("size,")) == weigh(HOUSE.matrix).as_dict()["size"]
            assert lines[10] == "method,eigenvector"
        else:
            assert path.read_bytes().startswith(b"PK")

    @pytest.mark.parametrize(
        ("table", "sentence"),
        [
            (",a,b\na,1,0\nb,,1\n", "bad.csv, C2 (row 'a', column 'b'): '0' is not a positive number"),
            (",a,b,c,d\na,,2,,\nb,,,,\nc,,,,3\nd,,,,\n", "no comparison connects (a, b) with (c, d)"),
            (",a,b\na,1,3\nb,2,1\n", "B3 (row 'b', column 'a'): 2 is not the reciprocal of 3 in C2"),
            ("", "holds no comparison table"),
        ],
    )
    def test_bad_input_is_one_sentence(self, tmp_path: Path, table: str, sentence: str) -> None:
        path = tmp_path / "bad.csv"
        path.write_text(table, encoding="utf-8")
        for command in ("weights", "check", "repair"):
            result = dure(command, path)
            assert result.exit_code == 1
            assert result.output.startswith("Error: ")
            assert sentence in result.output
            assert len(result.output.splitlines()) == 1

    def test_no_such_file_choice_or_folder(self, house: Path, tmp_path: Path) -> None:
        assert dure("weights", tmp_path / "none.csv").exit_code == 2
        assert dure("weights", house, "--method", "guess").exit_code == 2
        result = dure("weights", house, "--output", tmp_path / "none" / "w.csv")
        assert result.exit_code == 1
        assert "No such file or directory" in result.output

    def test_one_of_several_tables(self, tmp_path: Path) -> None:
        path = tmp_path / "panel.csv"
        path.write_text("One,,\n,a,b\na,,4\nb,,\n\nTwo,,\n,a,b\na,,1/4\nb,,\n", encoding="utf-8")
        result = dure("weights", path)
        assert result.exit_code == 1
        assert "panel.csv holds 2 tables, 'One', 'Two': choose one by --table" in result.output
        document = json.loads(dure("weights", path, "--table", "Two", "--json").output)
        assert document["weights"] == {"a": 0.2, "b": 0.8}


class TestCheck:
    def test_over_the_limit(self, house: Path) -> None:
        result = dure("check", house)
        assert result.exit_code == 1
        assert result.output.startswith("Consistency ratio 0.1703, over the limit of 0.1.")
        assert "neighbourhood against condition was judged 6" in result.output
        assert "(a circle)" in result.output

    def test_under_the_limit(self, house: Path, drinks: Path) -> None:
        assert dure("check", drinks).exit_code == 0
        assert dure("check", house, "--limit", "0.2").exit_code == 0
        assert "at most the limit of 0.2" in dure("check", house, "--limit", "0.2").output

    def test_json(self, house: Path) -> None:
        result = dure("check", house, "--json")
        assert result.exit_code == 1
        document = json.loads(result.output)
        assert document["acceptable"] is False
        assert document["cells"][0]["row"] == "neighbourhood"
        assert document["cells"][0]["error"] == pytest.approx(5.32, abs=0.005)
        assert document["triads"][0]["circular"] is True
        assert len(document["triads"]) == 56

    def test_how_many_are_listed(self, house: Path) -> None:
        assert dure("check", house, "--worst", "0").output.count("was judged") == 0
        assert dure("check", house, "--worst", "2").output.count("was judged") == 4

    @pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".yaml"])
    def test_output(self, house: Path, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"report{suffix}"
        assert dure("check", house, "--output", path).exit_code == 1
        assert path.stat().st_size > 100


class TestRepair:
    def test_what_to_change(self, house: Path, tmp_path: Path) -> None:
        path = tmp_path / "repaired.xlsx"
        result = dure("repair", house, "--output", path)
        assert result.exit_code == 0
        assert "neighbourhood against condition: 1 instead of 6 brings" in result.output
        assert "off the scale, 1.671 is just enough" in result.output
        repaired = read_matrix(path)
        assert repaired == HOUSE.matrix.replace("neighbourhood", "condition", 1)
        assert dure("check", path).exit_code == 0

    def test_json(self, house: Path) -> None:
        document = json.loads(dure("repair", house, "--limit", "0.05", "--json").output)
        assert document["limit"] == 0.05
        assert len(document["single"]) == 28
        assert len(document["sequence"]) > 1
        assert document["repaired"]["consistency_ratio"] <= 0.05
        assert sum(document["repaired"]["weights"].values()) == pytest.approx(1)

    def test_nothing_to_repair(self, drinks: Path) -> None:
        result = dure("repair", drinks)
        assert result.exit_code == 0
        assert result.output == "The consistency ratio is 0.022, at most 0.1: nothing to repair.\n"

    def test_what_the_scale_cannot_reach(self, tmp_path: Path) -> None:
        path = tmp_path / "odd.csv"
        path.write_text(",a,b,c\na,,2.5,1\nb,,,2.5\nc,,,\n", encoding="utf-8")
        result = dure("repair", path, "--limit", "0.000001")
        assert result.exit_code == 1
        assert "No further change on Saaty's scale helps" in result.output


def test_help_names_the_commands() -> None:
    result = dure("--help")
    assert result.exit_code == 0
    for command in ("weights", "check", "repair"):
        assert command in result.output
