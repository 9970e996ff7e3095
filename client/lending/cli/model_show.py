"""`dure model list`, `show` and `thresholds`: what there is, what a version says, what foundations keep."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from lending.cli.desk import Desk, business_day, print_json
from lending.cli.model_desk import at_a_desk, on_option, resolve, say
from lending.credit.versions import Change, as_yaml, differences
from lending.governance import GovernanceClient
from lending.institution import new_id, new_salt
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import Model, Threshold
from lending_domain.records_evaluation import ThresholdTable
from lending_domain.records_model import ModelVersion
from lending_domain.score import UNIT, score_text

_BLOCKS = {
    "financial": "재무 Financial",
    "fact": "비재무 사실정보 Non-financial facts",
    "judgement": "판단정보 Judgement",
    "bonus": "가점 Bonus, apart from the base",
}


@click.command("list")
@on_option
@at_a_desk
def list_versions(*, on: datetime | None, **desk: Any) -> None:
    """All versions with their states and dates; `*` marks the one in force on the day."""
    with Desk.at(desk["state"], desk["profiles"]).gateway(desk["organization"], desk["user"]) as gateway:
        found = GovernanceClient(gateway).models(desk["channel"])
    in_force = _in_force(found, business_day(on))
    if desk["as_json"]:
        print_json([{**one.model_dump(mode="json"), "in_force": one.id == in_force} for one in found])
        return
    for one in found:
        mark = "*" if one.id == in_force else " "
        since = f"from {one.effective_from}" if one.effective_from else f"since {one.on}"
        until = f" until {one.superseded_from}" if one.superseded_from else ""
        votes = (
            f"{sum(vote.support for vote in one.votes)} for, {sum(not v.support for v in one.votes)} against"
        )
        click.echo(
            f"{mark} {one.number:>2} {one.name:<16} {one.id[:12]} {one.state:<10} {since}{until} ({votes})"
        )
        click.echo(f"      {one.label}")


def _in_force(found: tuple[ModelVersion, ...], on: Any) -> str | None:
    """The id of the version in force on a day; the starts are in the order of activation."""
    started = [one for one in found if one.effective_from is not None and one.effective_from <= on]
    return max(started, key=lambda one: one.effective_from or on).id if started else None


@click.command()
@click.argument("version", required=False)
@click.option("--yaml", "as_file", is_flag=True, help="Print the version as a file for `propose`.")
@on_option
@at_a_desk
def show(*, version: str | None, as_file: bool, on: datetime | None, **desk: Any) -> None:
    """VERSION (default: the one in force): items by block, votes, comments, changes from its predecessor."""
    channel = desk["channel"]
    with Desk.at(desk["state"], desk["profiles"]).gateway(desk["organization"], desk["user"]) as gateway:
        client = GovernanceClient(gateway)
        if version is None:
            version = client.active_model(channel, business_day(on)).digest
        life = resolve(client, channel, version)
        model = client.model(channel, life.id)
        comments = client.model_comments(channel, life.id)
        before = client.model(channel, life.predecessor) if life.predecessor else None
    changes = differences(model, before) if before else ()
    if as_file:
        click.echo(as_yaml(model), nl=False)
    elif desk["as_json"]:
        print_json(
            {
                "version": life.model_copy(update={"comments": comments}).model_dump(mode="json"),
                "model": model.model_dump(mode="json"),
                "base_sums": _base_sums(model),
                "changes": [one._asdict() for one in changes],
            }
        )
    else:
        _tell(life.model_copy(update={"comments": comments}), model, changes)


def _tell(life: ModelVersion, model: Model, changes: tuple[Change, ...]) -> None:
    click.echo(f"{life.number} {life.name} {life.id}\n  {life.label}\n  {life.state}, {model.composition}")
    if life.synthetic:
        click.echo("  SYNTHETIC: made from answers or firms that a program drew; no evidence about real ones")
    for name, value in (
        ("proposed by", life.proposer),
        ("carried on", life.carried_on),
        ("in force from", life.effective_from),
        ("superseded from", life.superseded_from),
    ):
        if value is not None:
            click.echo(f"  {name} {value}")
    for source in model.origin.sources if model.origin else ():
        click.echo(f"  source ({source.kind}): {source.citation}")
    for block, title in _BLOCKS.items():
        click.echo(f"\n{title}")
        for name, item in model.items.items():
            if item.block == block:
                click.echo(
                    f"  {item.ko} {item.en} ({name}), {item.grades} grades: {_weights_of(model, name)}"
                )
                click.echo(f"      {item.provenance}")
    click.echo("\nBase weights sum to")
    for industry, sums in _base_sums(model).items():
        click.echo(f"  {industry}: " + ", ".join(f"{company} {value}" for company, value in sums.items()))
    for vote in life.votes:
        click.echo(
            f"\n{vote.organization} voted {'for' if vote.support else 'against'} it, {vote.on or 'undated'}"
        )
    for comment in life.comments:
        click.echo(f"\n{comment.organization}, {comment.on}: {comment.text}")
    if life.predecessor:
        click.echo(f"\nChanges from {life.predecessor[:12]}: {len(changes) or 'none'}")
        for change in changes:
            click.echo(f"  {change.path}: {change.before or '-'} -> {change.after or '-'}")


def _weights_of(model: Model, item: str) -> str:
    """An item's weights as they count under the version's composition; one text where they are all one."""
    rows = {}
    for industry in model.industries:
        row = {company: model.weights(company, industry).get(item) for company in CompanyClass}
        if any(value is not None for value in row.values()):
            one = len(set(row.values())) == 1
            texts = [_exact(value) if one else f"{company} {_exact(value)}" for company, value in row.items()]
            rows[industry] = texts[0] if one else ", ".join(texts)
    if not rows:
        return "not in force"
    if len(rows) == len(model.industries) and len(set(rows.values())) == 1:
        return next(iter(rows.values()))
    return "; ".join(f"{industry} {text}" for industry, text in rows.items())


def _exact(millionths: int | None) -> str:
    return "-" if millionths is None else score_text(millionths * 60)


def _base_sums(model: Model) -> dict[str, dict[str, str]]:
    """Industry -> company class -> the sum of base weights, exactly."""
    return {
        industry: {
            company: _exact(
                sum(
                    weight
                    for name, weight in model.weights(company, industry).items()
                    if model.items[name].block != "bonus"
                )
            )
            for company in CompanyClass
        }
        for industry in model.industries
    }


@click.command()
@click.argument("version")
@click.option(
    "--vote",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Vote for the table in this YAML file: entries with company_class, industry, threshold.",
)
@click.option(
    "--vote-for", "ballot", metavar="BALLOT", help="Vote for the table that another one has put up."
)
@at_a_desk
def thresholds(*, version: str, file: Path | None, ballot: str | None, **desk: Any) -> None:
    """The thresholds of VERSION, which foundations alone see; or a vote for a table of them."""
    channel, organization = desk["channel"], desk["organization"]
    with Desk.at(desk["state"], desk["profiles"]).gateway(organization, desk["user"]) as gateway:
        client = GovernanceClient(gateway)
        life = resolve(client, channel, version)
        if file is None and ballot is None:
            _show_table(client.thresholds(channel, life.id), life, desk["as_json"])
            return
        if ballot is not None:
            table = client.threshold_ballot(channel, ballot).table
            if table.model_digest != life.id:
                raise click.ClickException(f"Ballot {ballot} is about another version than {life.name}.")
        elif file is not None:
            table = _read_table(
                file, client.model(channel, life.id), client.next_thresholds(channel, life.id)
            )
        ballot = ballot or new_id()
        done = client.vote_threshold(channel, ballot, table)
    say(done, life.name, desk["as_json"])
    if done.state == "proposed" and not desk["as_json"]:
        click.echo(f"the others vote by: dure model thresholds {life.name} --vote-for {ballot}")


def _show_table(table: ThresholdTable, life: ModelVersion, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "version": life.id,
                "name": life.name,
                "table": table.version,
                "entries": [
                    {**entry.model_dump(mode="json"), "threshold": score_text(entry.units)}
                    for entry in table.entries
                ],
            }
        )
        return
    click.echo(f"{life.name} ({life.id[:12]}), table {table.version}: for foundations alone")
    for entry in table.entries:
        click.echo(f"  {entry.company_class:<8} {entry.industry:<22} {score_text(entry.units)}")


def _read_table(file: Path, model: Model, number: int) -> ThresholdTable:
    """A table of a file's entries; a score below 1 as a person writes it becomes units exactly."""
    try:
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))["entries"]
        return ThresholdTable(
            salt=new_salt(),
            model_digest=model.digest,
            version=number,
            entries=tuple(
                Threshold(
                    model=model.id,
                    composition=model.composition,
                    company_class=CompanyClass(row["company_class"]),
                    industry=Industry(row["industry"]),
                    units=_units(row["threshold"]),
                )
                for row in rows
            ),
        )
    except (KeyError, TypeError, ArithmeticError, ValidationError, ValueError, yaml.YAMLError) as error:
        raise click.ClickException(
            f"{file} holds no table: `entries`, each with company_class, industry and threshold ({error})"
        ) from error


def _units(text: object) -> int:
    exact = Decimal(str(text)) * UNIT
    if exact != exact.to_integral_value():
        raise ValueError(f"{text} is no whole number of 1/{UNIT}")
    return int(exact)
