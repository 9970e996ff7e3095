"""`dure model validate` and `dure model synthesize`: a model held against what became of its firms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import click
import yaml
from pydantic import ValidationError

from lending.cli.desk import json_option, print_json
from lending_domain.model import Model

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_NEW = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command("validate")
@click.argument("data", type=_FILE)
@click.option(
    "--baseline", type=_FILE, help="Firms that the model was made on or last validated on, for PSI."
)
@click.option("--model", "model_file", type=_FILE, help="The model (YAML or JSON).  [default: model 2]")
@click.option(
    "--item", "items", multiple=True, help="A candidate of the selection; repeat it.  [default: as P2]"
)
@click.option("--entry", default=0.20, show_default=True, help="p-value up to which an item enters.")
@click.option("--removal", type=float, help="p-value above which an item leaves.  [default: that of --entry]")
@click.option("--rate", type=float, help="The population's accident rate.  [default: that of DATA]")
@click.option("--seed", default=0, show_default=True, help="Of the balanced draw.")
@click.option("--html", "html_file", type=_NEW, help="Write the monitoring report there.")
@json_option
def validate(
    *,
    data: Path,
    baseline: Path | None,
    model_file: Path | None,
    items: tuple[str, ...],
    entry: float,
    removal: float | None,
    rate: float | None,
    seed: int,
    html_file: Path | None,
    as_json: bool,
) -> None:
    """Revalidate a model on the firms of DATA (CSV, XLSX, YAML or JSON) and what became of them.

    One row a firm: company_class, industry, accident (0, 1 or empty), score if there is one, and a column of
    grades for each item.
    """
    with _analysis() as validation:
        result = validation.revalidate(
            validation.read(data),
            baseline=validation.read(baseline) if baseline else None,
            model=_model(model_file) if model_file else None,
            seed=seed,
            entry=entry,
            removal=removal,
            items=items or None,
            rate=rate,
        )
        if html_file is not None:
            digest = hashlib.sha256(data.read_bytes()).hexdigest()
            html_file.write_text(validation.page(result, source=data.name, digest=digest), encoding="utf-8")
        if as_json:
            print_json(result.to_json())
        else:
            click.echo(validation.as_text(result))
    if html_file is not None:
        click.echo(f"The monitoring report is in {html_file}.", err=True)


@click.command("synthesize")
@click.option("--firms", type=click.IntRange(min=1), help="How many.  [default: 33752, as in P2]")
@click.option("--seed", default=0, show_default=True)
@click.option("--output", type=_NEW, required=True, help="A .csv, .xlsx, .yaml or .json file.")
@json_option
def synthesize(*, firms: int | None, seed: int, output: Path, as_json: bool) -> None:
    """Draw synthetic firms from the margins of P2's tables 8 to 10; each row says that it is synthetic."""
    with _analysis() as validation:
        portfolio = validation.synthesize(firms, seed=seed)
        validation.write(portfolio, output)
        moved = [one for one in validation.usable_margins() if one.how != "as printed"]
    if as_json:
        print_json(
            {
                "synthetic": True,
                "notice": {"ko": validation.SYNTHETIC_KO, "en": validation.SYNTHETIC_EN},
                "output": str(output),
                "firms": len(portfolio),
                "accidents": int(portfolio.accident.sum()),
                "seed": seed,
                "margins_not_as_printed": [
                    {
                        "item": one.margin.item,
                        "industry": one.margin.industry,
                        "printed": {"mean": one.margin.mean, "sd": one.margin.sd},
                        "used": {"mean": one.mean, "sd": one.sd},
                        "how": one.how,
                    }
                    for one in moved
                ],
            }
        )
        return
    click.echo(f"{validation.SYNTHETIC_KO}\n{validation.SYNTHETIC_EN}")
    click.echo(f"{len(portfolio)} firms, {int(portfolio.accident.sum())} accidents, seed {seed}: {output}")
    for one in moved:
        place = f"{one.margin.industry}." if one.margin.industry else ""
        click.echo(
            f"  {place}{one.margin.item}: printed mean {one.margin.mean:.2f}, sd {one.margin.sd:.2f}; "
            f"drawn with {one.mean:.2f}, {one.sd:.2f} ({one.how})"
        )


@contextmanager
def _analysis() -> Iterator[ModuleType]:
    """The validation package; every failure of it as one sentence."""
    try:
        # Here, not above: statsmodels and matplotlib are an extra, and slow to load.
        from lending.credit import validation
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed, which revalidation needs: pip install 'dure[analysis]'"
        ) from error
    try:
        yield validation
    except validation.RevalidationError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error


def _model(path: Path) -> Model:
    try:
        return Model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise click.ClickException(f"{path.name} is no evaluation model: {_first(error)}") from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(str(part) for part in one['loc']) or 'document'}: {one['msg']}"
    return "it cannot be read as YAML or JSON"
