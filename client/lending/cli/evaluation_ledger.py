"""`dure evaluation submit|override`: what a foundation's officers put on the ledger."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from hlf import Gateway
from lending.cli.desk import Desk, json_option, profiles_option, state_option
from lending.cli.review_options import on_option, organization_option, tell
from lending.credit import compute
from lending.credit.explanation import as_text
from lending.credit.forms import read_forms
from lending.foundation import FoundationClient
from lending.governance import GovernanceClient
from lending.institution import new_salt
from lending_domain.model import Threshold
from lending_domain.records_evaluation import OverrideGround, OverrideRequest
from lending_domain.score import Evaluation, evaluate

_user = click.option("--user", default="evaluator", show_default=True)


def adopted_threshold(gateway: Gateway, result: Evaluation) -> Threshold:
    """The threshold that the foundations have adopted for the result's version, class and industry."""
    found = GovernanceClient(gateway).thresholds("referral", result.model_digest).threshold_of(result)
    if found is None:
        raise click.ClickException("No threshold has been adopted for this class and industry.")
    return found


@click.command("submit")
@click.argument("referral_id")
@click.argument("form", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@on_option
@organization_option
@_user
@state_option
@profiles_option
@json_option
def submit_evaluation(
    *,
    referral_id: str,
    form: Path,
    on: date,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Score FORM by the version in force and submit it for REFERRAL_ID; the peer computes it again.

    FORM holds one firm with the facts of the filter (`screening`), which comes first.
    """
    entries = read_forms(form)
    if len(entries) != 1:
        raise click.ClickException(f"{form.name} holds {len(entries)} firms: a referral is one firm's.")
    answers, screening = entries[0].admitted(), entries[0].screening
    if screening is None:
        raise click.ClickException(f"{form.name} has no `screening`: the filter comes before the form.")
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        client = FoundationClient(gateway)
        model = client.active_model(on)
        threshold = adopted_threshold(gateway, evaluate(answers, model))
        record = compute(screening, answers, threshold, model)
        done = client.evaluate(referral_id, on, record)
    tell(
        {
            "id": referral_id,
            "state": done.state,
            "model": model.id,
            "score": as_text(record.result.total),
            "guaranteeable": record.guaranteeable,
            "commitment": record.commitment,
        },
        as_json,
    )


@click.command("override")
@click.argument("referral_id")
@click.option(
    "--ground",
    type=click.Choice([one.value for one in OverrideGround]),
    required=True,
    help="Why the score is departed from.",
)
@click.option("--reason", required=True, help="In words, of ten characters or more; sealed off the channel.")
@on_option
@organization_option
@_user
@state_option
@profiles_option
@json_option
def override_evaluation(
    *,
    referral_id: str,
    ground: str,
    reason: str,
    on: date,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Depart from a score below the threshold for REFERRAL_ID: it takes two different officers."""
    if len(reason) < 10:
        raise click.BadParameter("give the reason in ten characters or more", param_hint="--reason")
    request = OverrideRequest(salt=new_salt(), ground=OverrideGround(ground), reason=reason)
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        done = FoundationClient(gateway).override(referral_id, on, request)
    tell({"id": referral_id, "state": done.state}, as_json)
