"""`dure ahp decide`: alternatives under weighted criteria, and what their order hangs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lending.cli.desk import json_option, print_json
from lending.credit.ahp import (
    ComparisonMatrix,
    Decision,
    Ratings,
    Reversal,
    Synthesis,
    break_evens,
    critical_change,
    rank_reversals,
    read_alternatives,
    read_measured,
    read_scales,
    read_values,
    read_weights,
)
from lending.credit.ahp.sensitivity import WeightChange
from lending.credit.ahp.tables import write_table

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("decide")
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--weights",
    "weights_file",
    type=_FILE,
    required=True,
    help="Criteria and their weights, as --output of weights and aggregate writes them.",
)
@click.option(
    "--measured", type=_FILE, help="Values instead of comparisons, the more the better: a row an alternative."
)
@click.option("--rated", type=_FILE, help="Intensities instead of comparisons: a row an alternative.")
@click.option("--scales", type=_FILE, help="What each intensity is worth, by criterion (YAML).")
@click.option(
    "--mode",
    type=click.Choice([one.value for one in Synthesis]),
    default=Synthesis.DISTRIBUTIVE.value,
    show_default=True,
    help="What an alternative's priority is a share of: the criterion's sum, or its best.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a .csv, .xlsx or .yaml file too."
)
@json_option
def main(
    *,
    files: tuple[Path, ...],
    weights_file: Path,
    measured: Path | None,
    rated: Path | None,
    scales: Path | None,
    mode: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Which alternative is best, and how far the weights can move before another one is.

    FILES hold a comparison table of the alternatives for each criterion, named as the criterion is: a sheet,
    a key of a YAML file, or a CSV file of that name. Instead they are --measured, or --rated one by one.
    """
    if bool(files) + bool(measured) + bool(rated) != 1:
        raise click.UsageError("give the alternatives as FILES of comparisons, --measured or --rated")
    if bool(rated) != bool(scales):
        raise click.UsageError("--rated and --scales go together")
    weights = read_weights(weights_file)
    criteria = list(weights)
    if rated and scales:
        document = _ratings(Ratings(weights, read_scales(scales, criteria)), read_values(rated))
    elif measured:
        document = _decision(Decision(weights, read_measured(measured, criteria), Synthesis(mode)), None)
    else:
        comparisons = read_alternatives(files, criteria)
        document = _decision(Decision.from_comparisons(weights, comparisons, Synthesis(mode)), comparisons)
    if output:
        write_table(output, [["alternative", "score"], *document["scores"].items()], document)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(_lines(document)))


def _ratings(ratings: Ratings, table: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    scores = ratings.scores(table)
    return {
        "scores": scores,
        "ranking": sorted(scores, key=lambda name: -scores[name]),
        "mode": "ratings",
        "parts": {name: ratings.parts(row) for name, row in table.items()},
    }


def _decision(decision: Decision, comparisons: Mapping[str, ComparisonMatrix] | None) -> dict[str, Any]:
    varied = [
        id for id, weight in zip(decision.criteria, decision.weight_array, strict=True) if 0 < weight < 1
    ]
    document: dict[str, Any] = {
        "scores": decision.scores(),
        "ranking": list(decision.ranking()),
        "mode": decision.mode.value,
        "break_evens": {id: [asdict(swap) for swap in break_evens(decision, id)] for id in varied},
        "critical": _change(critical_change(decision)),
        "critical_any_rank": _change(critical_change(decision, any_rank=True)),
    }
    if comparisons and len(decision.alternatives) > 2:
        turned: tuple[Reversal, ...] = rank_reversals(decision.weights, comparisons, decision.mode)
        document["rank_reversals"] = [asdict(one) for one in turned]
    return document


def _change(change: WeightChange | None) -> dict[str, Any] | None:
    return asdict(change) if change else None


def _lines(document: dict[str, Any]) -> list[str]:
    scores = document["scores"]
    lines = [f"{name}  {scores[name]:.4f}" for name in document["ranking"]]
    if document["mode"] == "ratings":
        return lines
    change = document["critical"]
    lines.append("")
    if change is None:
        lines.append("No change of a single weight makes another alternative best.")
    else:
        lines.append(
            f"Most critical: {change['criterion']}, {change['relative']:+.1%} of its weight, and "
            f"{change['behind']} draws level with {change['ahead']}."
        )
    for id, swaps in document["break_evens"].items():
        lines += [
            f"{id}: up to {swap['share']:.4f} of all weight {swap['below']} leads {swap['above']}, beyond it "
            f"{swap['above']} leads ({swap['change']:+.4f} from now)"
            for swap in swaps
        ]
    lines += [
        f"Without {one['without']}, {one['behind']} would be ahead of {one['ahead']}."
        for one in document.get("rank_reversals", [])
    ]
    return lines
