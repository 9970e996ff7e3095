"""What every command shares: plain sentences for errors, the wallets and profiles of this machine, JSON."""

from __future__ import annotations

import importlib
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click

from hlf import Gateway
from hlf.errors import ConfigurationError, EventError, FabricError, GatewayError
from hlf.profile import load_profile
from hlf.wallet import Wallet
from lending_domain.violations import Refused

STATE = Path("network") / "state"
_PROFILES = Path("connection-profiles")
_KOREA = timezone(timedelta(hours=9))
_REMEDY = "`make status` shows what runs, `make up` brings the network up or repairs it"


class Sentences(click.Group):
    """Says what failed and what to do about it; a stack trace helps nobody at a prompt."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as error:
            raise click.ClickException(
                "; ".join(_both(one.ko, one.en) for one in error.violations)
            ) from error
        except FabricError as error:
            raise click.ClickException(_sentence(error)) from error


class CommandTable(Sentences):
    """A group of commands that are loaded when asked for: name -> (module with a command `main`, help)."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self.table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(self.table[cmd_name][0]).main
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, one.get_short_help_str(80)) for name, one in sorted(self.commands.items())]
        rows += [(name, help) for name, (_, help) in self.table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _sentence(error: FabricError) -> str:
    if isinstance(error, GatewayError | EventError) and error.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
        return f"The network does not answer: {_REMEDY}."
    if isinstance(error, GatewayError) and error.chaincode_message:
        return error.chaincode_message
    return str(error)


def _both(ko: str, en: str) -> str:
    return f"{ko} {en}"


@dataclass(frozen=True)
class Desk:
    """Where this machine keeps wallets and connection profiles."""

    state: Path
    profiles: Path

    @classmethod
    def at(cls, state: Path, profiles: Path | None) -> Desk:
        return cls(state, profiles or (_PROFILES if state == STATE else state / "connection-profiles"))

    @contextmanager
    def gateway(self, organization: str, user: str) -> Iterator[Gateway]:
        """An identity of the organization's wallet at its own peer."""
        path = self.profiles / f"{organization}.yaml"
        if not path.is_file():
            raise ConfigurationError(
                f"there is no connection profile of {organization}", file=str(path), hint=_REMEDY
            )
        # An environment variable, since a command line is readable by every user of the machine.
        password = os.environ.get("HLF_WALLET_PASSWORD")
        identity = Wallet(self.state / "wallets" / organization).get(user, password)
        with Gateway.from_profile(load_profile(path), identity) as gateway:
            yield gateway


state_option = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=STATE,
    show_default=True,
    help="The network's folder.",
)
profiles_option = click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    help=f"Where connection profiles are.  [default: {_PROFILES}, or in STATE where that is not the default]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def width(text: str) -> int:
    """Columns on a terminal: Korean takes two a letter."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def business_day(given: datetime | None) -> date:
    """The business date given, or today in Korea."""
    return given.date() if given else datetime.now(_KOREA).date()
