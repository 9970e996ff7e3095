"""What `dure evaluation` reads beside a form: a model version, a threshold or a table of thresholds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import TypeAdapter, ValidationError

from lending.credit.versions import VersionError, read_version
from lending_domain.model import Model, Threshold, model2
from lending_domain.model_rules import model_violations
from lending_domain.score import UNIT, Evaluation
from lending_domain.violations import require


def read_model(source: str) -> Model:
    """The version in a file (YAML or JSON), or model 2 for `packaged`.

    Raises `Refused` with all that is incomplete or implausible in it, as a proposal of it would.
    """
    if source == "packaged":
        return model2()
    try:
        model = read_version(Path(source))
    except VersionError as error:
        raise click.ClickException(f"{error}.") from error
    require(model_violations(model))
    return model


def read_threshold(source: str | None, evaluation: Evaluation) -> Threshold | None:
    """The threshold for the evaluation's model, class, industry and composition; None where none is given."""
    if source is None:
        return None
    own = {name: getattr(evaluation, name) for name in ("model", "composition", "company_class", "industry")}
    if not Path(source).is_file():
        return Threshold(**own, units=_units(source))
    document = _document(source)
    entries = document.get("entries") if isinstance(document, dict) else document
    try:
        thresholds = TypeAdapter(list[Threshold]).validate_python(entries)
    except ValidationError as error:
        raise click.ClickException(f"{source} is no table of thresholds: {_first(error)}.") from error
    for one in thresholds:
        if all(getattr(one, name) == value for name, value in own.items()):
            return one
    raise click.ClickException(
        f"{source} has no threshold for {evaluation.model}, {evaluation.composition}, "
        f"{evaluation.company_class}, {evaluation.industry}."
    )


def _units(text: str) -> int:
    try:
        units = Decimal(text) * UNIT
    except InvalidOperation as error:
        raise click.ClickException(
            f"{text} is no file and no threshold: write a decimal such as 0.65."
        ) from error
    if not units.is_finite() or units != units.to_integral_value() or units < 0:
        raise click.ClickException(f"{text} is no whole number of 1/{UNIT:,}: at most seven decimals.")
    return int(units)


def _document(source: str) -> Any:
    try:
        # JSON is YAML.
        return yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{source} is neither YAML nor JSON.") from error


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
