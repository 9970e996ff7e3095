"""`dure model`: versions of the evaluation model, proposed, commented, voted, activated, superseded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from hlf import Gateway
from hlf.errors import EvaluateError
from lending.cli.desk import Desk, Sentences, business_day, print_json
from lending.cli.model_desk import at_a_desk, on_option, resolve, say
from lending.cli.model_show import list_versions, show, thresholds
from lending.cli.model_validate import synthesize, validate
from lending.credit.versions import VersionError, as_yaml, from_survey, read_version
from lending.governance import GovernanceClient
from lending.institution import Committed
from lending_domain.model import Composition, Model, compose, model2
from lending_domain.model_rules import model_violations
from lending_domain.violations import require


class Versions(Sentences):
    """Says in a sentence what is wrong with a version, too."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VersionError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Versions)
def main() -> None:
    """Versions of the evaluation model: proposed, voted, activated, superseded; and their revalidation."""


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--packaged", is_flag=True, help="Model 2 of 2007, which comes with dure.")
@click.option(
    "--from-survey",
    "survey",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The JSON of a survey's report.",
)
@click.option("--id", "name", help="The version's id, e.g. model-3; with --from-survey.")
@click.option("--label", help="What the version is, in a line; with --from-survey.")
@click.option("--composition", type=click.Choice([one.value for one in Composition]))
@click.option("--dry-run", is_flag=True, help="Check and print the version; propose nothing.")
@on_option
@at_a_desk
def propose(
    *,
    file: Path | None,
    packaged: bool,
    survey: Path | None,
    name: str | None,
    label: str | None,
    composition: str | None,
    dry_run: bool,
    on: datetime | None,
    channel: str,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Propose a version: of FILE (YAML or JSON), packaged, or made from a survey's result."""
    if sum(map(bool, (file, packaged, survey))) != 1:
        raise click.UsageError("Give one of FILE, --packaged and --from-survey.")
    form = Composition(composition) if composition else None

    def made(predecessor: str | None) -> Model:
        if survey is not None:
            if not name or not label:
                raise click.UsageError("A version from a survey needs --id and --label.")
            return from_survey(
                survey.read_bytes(),
                name=name,
                label=label,
                predecessor=predecessor,
                composition=form or Composition.AS_PUBLISHED,
            )
        model = model2() if file is None else read_version(file)
        return model if form is None else compose(model, form)

    if dry_run:
        model = made(None)
        require(model_violations(model))
        if as_json:
            print_json({"digest": model.digest, "model": model.model_dump(mode="json")})
        else:
            click.echo(f"# {model.digest}\n{as_yaml(model)}", nl=False)
        return
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        client = GovernanceClient(gateway)
        model = made(_in_force(client, channel, business_day(on)))
        require(model_violations(model))
        say(client.propose_model(channel, model, business_day(on)), model.id, as_json)


def _in_force(client: GovernanceClient[Gateway], channel: str, on: date) -> str | None:
    try:
        return client.active_model(channel, on).digest
    except EvaluateError as error:
        if error.chaincode_message.startswith("MODEL_NOT_ACTIVE"):
            return None
        raise


def _acts(act: Callable[..., Committed], version: str, desk: dict[str, Any]) -> None:
    """Do what a command does about one version, and say its state."""
    with Desk.at(desk["state"], desk["profiles"]).gateway(desk["organization"], desk["user"]) as gateway:
        client = GovernanceClient(gateway)
        found = resolve(client, desk["channel"], version)
        say(act(client, found.id), found.name, desk["as_json"])


@main.command()
@click.argument("version")
@click.argument("text")
@on_option
@at_a_desk
def comment(*, version: str, text: str, on: datetime | None, **desk: Any) -> None:
    """Remark on VERSION (number, id or digest) with TEXT, in public: no personal data, 500 characters."""
    _acts(
        lambda one, digest: one.comment_model(desk["channel"], digest, business_day(on), text), version, desk
    )


@main.command()
@click.argument("version")
@click.option("--against", is_flag=True, help="Vote against it.")
@on_option
@at_a_desk
def vote(*, version: str, against: bool, on: datetime | None, **desk: Any) -> None:
    """Vote for VERSION, or against it; more than half of the foundations carry it."""
    _acts(
        lambda one, digest: one.vote_model(desk["channel"], digest, business_day(on), not against),
        version,
        desk,
    )


@main.command()
@click.argument("version")
@on_option
@at_a_desk
def withdraw(*, version: str, on: datetime | None, **desk: Any) -> None:
    """Take your own open proposal VERSION back."""
    _acts(lambda one, digest: one.withdraw_model(desk["channel"], digest, business_day(on)), version, desk)


@main.command()
@click.argument("version")
@click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first business date whose evaluations use it.  [default: the date that you sign]",
)
@on_option
@at_a_desk
def activate(*, version: str, since: datetime | None, on: datetime | None, **desk: Any) -> None:
    """Put the carried VERSION in force from a date on; the one before is superseded."""
    start = since.date() if since else None
    _acts(
        lambda one, digest: one.activate_model(desk["channel"], digest, business_day(on), start),
        version,
        desk,
    )


main.add_command(list_versions)
main.add_command(show)
main.add_command(thresholds)
main.add_command(validate)
main.add_command(synthesize)
