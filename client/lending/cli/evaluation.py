"""`dure evaluation`."""

from __future__ import annotations

from pathlib import Path

import click

from lending.cli.desk import Desk, json_option, print_json, profiles_option, state_option
from lending.credit import explain
from lending.foundation import FoundationClient


@click.group()
def main() -> None:
    """Credit evaluations, for a foundation's evaluators."""


@main.command("show")
@click.argument("referral_id")
@click.option("--organization", default="foundation-seoul", show_default=True)
@click.option("--user", default="evaluator", show_default=True)
@state_option
@profiles_option
@json_option
def show_evaluation(
    *, referral_id: str, organization: str, user: str, state: Path, profiles: Path | None, as_json: bool
) -> None:
    """The evaluation of referral REFERRAL_ID with its explanation, as the applicant gets it."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        record = FoundationClient(gateway).read_evaluation(referral_id)
    explanation = explain(record.result)
    if as_json:
        print_json(
            {
                "guaranteeable": record.guaranteeable,
                "commitment": record.commitment,
                "explanation": explanation.model_dump(mode="json"),
            }
        )
        return
    verdict = "reaches the threshold" if record.guaranteeable else "does not reach the threshold"
    click.echo(f"{explanation.model}: {explanation.score}, {verdict}")
    for bar in explanation.waterfall:
        click.echo(f"  {bar.ko} ({bar.en}): grade {bar.grade} of {bar.grades}")
    for reason in explanation.reasons:
        click.echo(
            f"  {reason.code}: {reason.ko} ({reason.en}), {reason.share_permille / 10:.1f} % of what was lost"
        )
    click.echo(f"{explanation.note_ko}\n{explanation.note_en}")
