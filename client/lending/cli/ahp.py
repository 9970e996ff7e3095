"""`dure ahp`: weights from pairwise comparisons."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lending.cli.ahp_text import bars, check_lines, repair_lines, sentence
from lending.cli.desk import CommandTable, json_option, print_json
from lending.credit.ahp import (
    AhpError,
    ComparisonMatrix,
    Completion,
    Consistency,
    Method,
    RandomIndex,
    Repair,
    examine,
    repair_sequence,
    repairs,
    weigh,
)
from lending.credit.ahp.tables import choose, parse_matrices, write_matrix, write_table

_GROUPS = {
    "aggregate": ("lending.cli.ahp_group", "Weights of a group of raters, with consistency and consensus."),
    "decide": ("lending.cli.ahp_decide", "Alternatives under weighted criteria, and what they hang on."),
    "survey": ("lending.cli.ahp_survey", "A survey of raters: definition, sessions, responses, weights."),
}


class _Analyst(CommandTable):
    """Says which cell is wrong in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AhpError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=_Analyst, table=_GROUPS)
def main() -> None:
    """Weights from pairwise comparisons by the Analytic Hierarchy Process.

    A FILE is a square table with labels in its first row and column: CSV, XLSX or YAML. A cell is a number or
    a fraction such as 1/3, and empty where nothing was compared; one triangle is enough. Exports of AHP-OS
    are read as they are. A single - reads CSV from the standard input.
    """


def _choice(values: type[Method | Completion | RandomIndex]) -> click.Choice[str]:
    return click.Choice([str(one) for one in values])


_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
_table = click.option("--table", help="Which table of the FILE, where it holds several.")
_output = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a .csv, .xlsx or .yaml file too."
)
_random_index = click.option(
    "--random-index",
    type=_choice(RandomIndex),
    default=RandomIndex.SAATY.value,
    show_default=True,
    help="Whose random index the consistency ratio is divided by.",
)
_completion = click.option(
    "--completion",
    type=_choice(Completion),
    default=Completion.EIGENVALUE.value,
    show_default=True,
    help="How comparisons that were not made are completed.",
)
_limit = click.option(
    "--limit",
    type=click.FloatRange(0, min_open=True),
    default=0.1,
    show_default=True,
    help="The consistency ratio that is still acceptable.",
)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@main.command()
@_options(_file, _table, _random_index, _completion, _output, json_option)
@click.option(
    "--method",
    type=_choice(Method),
    default=Method.EIGENVECTOR.value,
    show_default=True,
    help="How weights are derived.",
)
def weights(
    file: Path,
    table: str | None,
    random_index: str,
    completion: str,
    output: Path | None,
    as_json: bool,
    method: str,
) -> None:
    """Weights of the items that FILE compares, and how consistent it is."""
    matrix = _matrix(file, table)
    found = weigh(
        matrix, Method(method), completion=Completion(completion), random_index=RandomIndex(random_index)
    )
    document: dict[str, Any] = {
        "weights": found.as_dict(),
        "method": str(found.method),
        "lambda_max": found.lambda_max,
        "consistency_index": found.consistency_index,
        "random_index": found.random_index,
        "consistency_ratio": found.consistency_ratio,
    }
    if output:
        figures = [(name, value) for name, value in document.items() if name != "weights"]
        write_table(output, [["item", "weight"], *found.as_dict().items(), [], *figures], document)
    if as_json:
        print_json(document)
        return
    click.echo(bars(found))
    click.echo()
    click.echo(sentence(matrix, found, completion, random_index))


@main.command()
@_options(_file, _table, _limit, _random_index, _completion, _output, json_option)
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many comparisons and triads to list.",
)
@click.pass_context
def check(
    context: click.Context,
    file: Path,
    table: str | None,
    limit: float,
    random_index: str,
    completion: str,
    output: Path | None,
    as_json: bool,
    worst: int,
) -> None:
    """Whether FILE is consistent, and which comparisons contradict; exit code 1 when over the limit."""
    report = examine(
        _matrix(file, table), completion=Completion(completion), random_index=RandomIndex(random_index)
    )
    acceptable = report.consistency_ratio <= limit
    document = _check_document(report, limit, acceptable)
    if output:
        figures = [(name, value) for name, value in document.items() if not isinstance(value, list)]
        cells = [(one.a, one.b, one.judged, one.implied, one.error) for one in report.cells]
        heading = ["item", "against", "judged", "implied", "error"]
        write_table(output, [*figures, [], heading, *cells], document)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(check_lines(report, limit, acceptable, worst)))
    context.exit(0 if acceptable else 1)


@main.command()
@_options(_file, _table, _limit, _random_index, _completion, _output, json_option)
@click.pass_context
def repair(
    context: click.Context,
    file: Path,
    table: str | None,
    limit: float,
    random_index: str,
    completion: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Which judgements of FILE to think over, and how far to move them.

    It suggests; the one who judged decides. --output writes the matrix with the suggested changes. Exit code
    1 when no changes on Saaty's scale reach the limit.
    """
    matrix = _matrix(file, table)
    chosen: Any = {"completion": Completion(completion), "random_index": RandomIndex(random_index)}
    singles = repairs(matrix, limit, **chosen)
    steps, repaired = repair_sequence(matrix, limit, **chosen)
    before, after = weigh(matrix, **chosen), weigh(repaired, **chosen)
    reached = after.consistency_ratio <= limit
    if output:
        write_matrix(output, repaired)
    if as_json:
        print_json(
            {
                "limit": limit,
                "consistency_ratio": before.consistency_ratio,
                "single": [_repair_document(one) for one in singles],
                "sequence": [_repair_document(one) for one in steps],
                "repaired": {"consistency_ratio": after.consistency_ratio, "weights": after.as_dict()},
            }
        )
    else:
        click.echo("\n".join(repair_lines(before, after, singles, steps, limit)))
    context.exit(0 if reached else 1)


def _matrix(file: Path, table: str | None) -> ComparisonMatrix:
    if str(file) == "-":
        name, content = "stdin", sys.stdin.buffer.read()
    else:
        name, content = file.name, file.read_bytes()
    return choose(parse_matrices(content, name), name, table, "--table")


def _check_document(report: Consistency, limit: float, acceptable: bool) -> dict[str, Any]:
    return {
        "acceptable": acceptable,
        "limit": limit,
        "consistency_ratio": report.consistency_ratio,
        "lambda_max": report.lambda_max,
        "consistency_index": report.consistency_index,
        "random_index": report.random_index,
        "geometric_consistency_index": report.geometric_consistency_index,
        "geometric_limit": report.geometric_limit,
        "koczkodaj_index": report.koczkodaj_index,
        "cells": [
            {"row": one.a, "column": one.b, "judged": one.judged, "implied": one.implied, "error": one.error}
            for one in report.cells
        ],
        "triads": [
            {
                "items": [one.a, one.b, one.c],
                "judged": [one.first, one.second, one.direct],
                "implied": one.implied,
                "factor": one.factor,
                "circular": one.circular,
            }
            for one in report.triads
        ],
    }


def _repair_document(one: Repair) -> dict[str, Any]:
    return {
        "row": one.a,
        "column": one.b,
        "judged": one.judged,
        "best": one.best,
        "best_ratio": one.best_ratio,
        "nearest": one.nearest,
        "scale": one.scale,
        "scale_ratio": one.scale_ratio,
        "enough": one.enough,
    }
