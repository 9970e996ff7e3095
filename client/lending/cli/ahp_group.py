"""`dure ahp aggregate`: many raters' comparisons as one group's weights."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from lending.cli.desk import json_option, print_json, width
from lending.credit.ahp import (
    By,
    Completion,
    Consensus,
    Excess,
    Group,
    Interval,
    Intervals,
    Mean,
    Method,
    Negative,
    Panel,
    PanelAggregation,
    PanelWeights,
    RandomIndex,
    bootstrap_panel,
    read_answers,
    read_hierarchy,
    read_panel,
    read_rater_weights,
    weigh_panel,
)
from lending.credit.ahp.tables import write_table


def _choice(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([one.value for one in kind])


@click.command("aggregate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--hierarchy",
    "hierarchy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How the items belong together (YAML, JSON or AHP-OS text): local weights compose to global ones.",
)
@click.option(
    "--wide", is_flag=True, help="The file is survey data: a row a rater, a column a pair (rent_parking)."
)
@click.option(
    "--negative",
    type=_choice(Negative),
    help="Which item of a pair a negative number of --wide favours.",
)
@click.option(
    "--by",
    type=_choice(By),
    default=By.JUDGEMENTS.value,
    show_default=True,
    help="Average the judgements and weigh, or weigh each rater and average.",
)
@click.option(
    "--mean", type=_choice(Mean), help="[default: geometric of judgements, arithmetic of priorities]"
)
@click.option(
    "--trim",
    type=click.FloatRange(0, 0.5, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the raters that --mean trimmed leaves out at each end.",
)
@click.option(
    "--rater-weights",
    "weights_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Raters and their weights, two columns or a YAML mapping; 1 for who is not in it.",
)
@click.option(
    "--limit",
    type=click.FloatRange(0),
    help="Leave out raters of whom a matrix of three items or more has a larger consistency ratio.",
)
@click.option(
    "--method", type=_choice(Method), default=Method.EIGENVECTOR.value, show_default=True, help="Of weighing."
)
@click.option(
    "--completion", type=_choice(Completion), default=Completion.EIGENVALUE.value, show_default=True
)
@click.option("--random-index", type=_choice(RandomIndex), default=RandomIndex.SAATY.value, show_default=True)
@click.option(
    "--bootstrap", "replicates", type=click.IntRange(10), help="Intervals from this many draws of raters."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option(
    "--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True
)
@click.option("--interval", type=_choice(Interval), default=Interval.PERCENTILE.value, show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a .csv, .xlsx or .yaml file too."
)
@json_option
def main(
    *,
    files: tuple[Path, ...],
    hierarchy_file: Path | None,
    wide: bool,
    negative: str | None,
    by: str,
    mean: str | None,
    trim: float,
    weights_file: Path | None,
    limit: float | None,
    method: str,
    completion: str,
    random_index: str,
    replicates: int | None,
    seed: int,
    level: float,
    interval: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Weights of a group of raters, with consistency and consensus.

    FILES are one file or folder a rater, one workbook with a sheet a rater, or one project that AHP-OS
    exported (JSON). With --hierarchy a rater's file, or folder, holds a table for each node. With --wide
    it is one table of survey data.
    """
    hierarchy = read_hierarchy(hierarchy_file)[0] if hierarchy_file else None
    if wide and len(files) > 1:
        raise click.UsageError("--wide reads one file with all raters")
    if negative and not wide:
        raise click.UsageError("--negative goes with --wide")
    if wide:
        panel = read_answers(files[0], hierarchy, Negative(negative) if negative else None)
    else:
        panel = read_panel(files, hierarchy)
    how = PanelAggregation(
        by=By(by),
        mean=Mean(mean) if mean else None,
        trim=trim,
        rater_weights=read_rater_weights(weights_file, panel.raters) if weights_file else None,
        method=Method(method),
        completion=Completion(completion),
        random_index=RandomIndex(random_index),
    )
    left_out: tuple[Excess, ...] = ()
    if limit is not None:
        panel, left_out = panel.screened(limit, completion=how.completion, random_index=how.random_index)
    found = weigh_panel(panel, how)
    intervals = None
    if replicates:
        intervals = bootstrap_panel(
            panel, how, replicates=replicates, seed=seed, level=level, interval=Interval(interval)
        )
    document = _document(panel, how, limit, left_out, found, intervals, seed)
    if output:
        write_table(output, _rows(found, intervals), document)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(_lines(panel, how, limit, left_out, found, intervals)))


def _document(
    panel: Panel,
    how: PanelAggregation,
    limit: float | None,
    left_out: Sequence[Excess],
    found: PanelWeights,
    intervals: Intervals | None,
    seed: int,
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "weights": found.weights,
        "consensus": found.consensus,
        "by": how.by.value,
        "mean": how.averaged.value,
        "trim": how.trim if how.averaged is Mean.TRIMMED else None,
        "method": how.method.value,
        "completion": how.completion.value,
        "raters": list(panel.raters),
        "rater_weights": dict(zip(panel.raters, how.shares(panel.raters), strict=True)),
        "limit": limit,
        "left_out": [
            {"rater": one.rater, "node": one.node, "consistency_ratio": one.consistency_ratio}
            for one in left_out
        ],
        "not_compared": [{"rater": rater, "node": node} for rater, node in panel.gaps],
        "nodes": {
            id: {
                "weights": one.as_dict(),
                "consistency_ratio": one.consistency_ratio,
                "rater_consistency_ratios": _ratios(panel, id, one),
                "consensus": _consensus(one.consensus),
            }
            for id, one in found.nodes.items()
        },
        "global_weights": found.every,
    }
    if intervals:
        document["bootstrap"] = {
            "replicates": len(intervals.replicates),
            "seed": seed,
            "level": intervals.level,
            "interval": intervals.interval.value,
            "intervals": {
                label: [low, high]
                for label, low, high in zip(
                    intervals.labels, intervals.low.tolist(), intervals.high.tolist(), strict=True
                )
            },
            "ranks_first": intervals.first,
        }
    return document


def _ratios(panel: Panel, node: str, one: Group) -> dict[str, float]:
    raters = [panel.raters[place] for place in panel.places(node)]
    return dict(zip(raters, one.rater_ratios.tolist(), strict=True))


def _consensus(one: Consensus | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "index": one.index,
        "wording": one.wording,
        "alpha": one.alpha,
        "beta": one.beta,
        "gamma": one.gamma,
    }


def _rows(found: PanelWeights, intervals: Intervals | None) -> list[list[str | float | None]]:
    rows: list[list[str | float | None]] = [["item", "weight"]]
    rows += [[label, value] for label, value in found.weights.items()]
    if intervals:
        rows[0] += ["low", "high", "ranks first"]
        for row, low, high, first in zip(
            rows[1:], intervals.low, intervals.high, intervals.first.values(), strict=True
        ):
            row += [float(low), float(high), first]
    rows += [[], ["node", "consistency ratio", "consensus"]]
    rows += [
        [id, one.consistency_ratio, one.consensus.index if one.consensus else None]
        for id, one in found.nodes.items()
    ]
    return rows


def _lines(
    panel: Panel,
    how: PanelAggregation,
    limit: float | None,
    left_out: Sequence[Excess],
    found: PanelWeights,
    intervals: Intervals | None,
) -> list[str]:
    raters = f"{len(panel.raters)} rater{'s' if len(panel.raters) > 1 else ''}"
    lines = [f"Weights of {raters}: {how.averaged} mean of {how.by}, {how.method}.", ""]
    wide = max(map(width, found.weights))
    for place, (label, weight) in enumerate(found.weights.items()):
        line = f"{label}{' ' * (wide - width(label))}  {weight:.4f}"
        if intervals:
            line += f"  [{intervals.low[place]:.4f}, {intervals.high[place]:.4f}]"
            line += f"  first in {intervals.first[label]:.1%}"
        lines.append(line)
    lines.append("")
    for id, one in found.nodes.items():
        agreed = f", consensus {one.consensus.index:.3f} ({one.consensus.wording})" if one.consensus else ""
        lines.append(f"{id}: consistency ratio {one.consistency_ratio:.3f}{agreed}")
    if len(found.nodes) > 1 and found.consensus is not None:
        lines.append(f"Consensus of the hierarchy: {found.consensus:.3f}")
    if panel.gaps:
        lines.append(f"Not compared: {', '.join(f'{node} by {rater}' for rater, node in panel.gaps)}.")
    if limit is not None:
        lines.append(f"Left out above {limit:g}: {len(left_out) or 'nobody'}.")
        lines += [f"  {one.rater}: {one.consistency_ratio:.3f} in {one.node}" for one in left_out]
    return lines
