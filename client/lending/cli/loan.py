"""`dure loan`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from lending.bank import BankClient
from lending.cli.desk import Desk, json_option, print_json, profiles_option, state_option


@click.group()
def main() -> None:
    """Loans, for a bank's officers."""


@main.command("show")
@click.argument("loan_id")
@click.option("--organization", default="bank-a", show_default=True)
@click.option("--user", default="officer", show_default=True)
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day.  [default: today]")
@state_option
@profiles_option
@json_option
def show_loan(
    *,
    loan_id: str,
    organization: str,
    user: str,
    on: datetime | None,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """What is owed on loan LOAN_ID on a day."""
    day = on.date() if on else datetime.now(UTC).date()
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        position = BankClient(gateway).position(loan_id, day).model_dump(mode="json")
    if as_json:
        print_json(position)
        return
    for name, value in position.items():
        click.echo(f"{name:<24} {value:,}" if isinstance(value, int) else f"{name:<24} {value}")
