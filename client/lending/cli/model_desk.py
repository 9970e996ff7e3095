"""What the commands about versions of the model share: who asks, on which day, about which version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from hlf import Gateway
from lending.cli.desk import json_option, print_json, profiles_option, state_option
from lending.governance import GovernanceClient
from lending.institution import Committed
from lending_domain.records_model import ModelVersion

F = TypeVar("F", bound=Callable[..., Any])


def at_a_desk(function: F) -> F:
    """The options of every command that asks the network."""
    for option in (
        json_option,
        profiles_option,
        state_option,
        click.option("--user", default="admin", show_default=True, help="An administrator of it."),
        click.option("--organization", default="foundation-seoul", show_default=True),
        click.option(
            "--channel",
            type=click.Choice(["referral", "application"]),
            default="referral",
            show_default=True,
            help="`application`: SEMAS's own model for direct loans.",
        ),
    ):
        function = option(function)
    return function


on_option = click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The business date that you sign.  [default: today in Korea]",
)


def resolve(client: GovernanceClient[Gateway], channel: str, version: str) -> ModelVersion:
    """The version that a number, an id or the beginning of a digest names; the newest of several."""
    found = client.models(channel)
    if version.isdigit() and len(version) < 8:
        named = [one for one in found if one.number == int(version)]
    else:
        named = [
            one for one in found if version == one.name or (len(version) > 5 and one.id.startswith(version))
        ]
    if not named:
        raise click.ClickException(f"There is no version {version}: `dure model list` shows all.")
    return named[-1]


def say(done: Committed, name: str, as_json: bool) -> None:
    """The state after a transaction, and where it stands."""
    if as_json:
        print_json(
            {
                "version": done.result["id"],
                "name": name,
                "state": done.state,
                "transaction_id": done.transaction_id,
                "block_number": done.block_number,
            }
        )
    else:
        click.echo(f"{name} ({str(done.result['id'])[:12]}): {done.state}, block {done.block_number}")
