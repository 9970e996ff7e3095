"""`hlf network up|down|status`, and `hlf emulator`."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hlf.errors import FabricError
from hlf_network.emulator_cli import emulator

if TYPE_CHECKING:
    from hlf_network.consortium import Consortium
    from hlf_network.runtime import Choice

_TOPOLOGY = Path("network") / "topology.yaml"
_STATE = Path("network") / "state"
_PROFILES = Path("connection-profiles")


class _Sentences(click.Group):
    """Says what failed and what to do about it; a stack trace helps nobody at a prompt."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FabricError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Sentences)
def main() -> None:
    """Work with a Hyperledger Fabric network."""


@main.group()
@click.option("--topology", type=click.Path(path_type=Path), default=_TOPOLOGY, show_default=True)
@click.option("--state", type=click.Path(path_type=Path), default=_STATE, show_default=True)
@click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    help=f"Where connection profiles go.  [default: {_PROFILES}, or in STATE where that is not the default]",
)
@click.pass_context
def network(context: click.Context, topology: Path, state: Path, profiles: Path | None) -> None:
    """Bring a network up, take it down, look at it."""
    context.obj = (topology, state, profiles or (_PROFILES if state == _STATE else None))


def _consortium(context: click.Context, runtime: "Choice" = "auto") -> "Consortium":
    # `hlf emulator` does without, and starts the sooner.
    from hlf_network.consortium import Consortium

    topology, state, profiles = context.obj
    # An environment variable, since a command line is readable by every user of the machine.
    password = os.environ.get("HLF_WALLET_PASSWORD")
    return Consortium(topology, state, runtime, profiles, password.encode() if password else None)


@network.command()
@click.option(
    "--runtime", type=click.Choice(["docker", "emulator", "auto"]), default="auto", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print the status at the end, as JSON.")
@click.pass_context
def up(context: click.Context, runtime: "Choice", as_json: bool) -> None:
    """Bring the network up, or repair it.

    With HLF_WALLET_PASSWORD in the environment the keys in the wallets are encrypted.
    """
    consortium = _consortium(context, runtime)
    consortium.up(lambda line: click.echo(line, err=as_json))
    if as_json:
        _print(consortium.status())


@network.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was removed, as JSON.")
@click.pass_context
def down(context: click.Context, as_json: bool) -> None:
    """Remove every container, volume, process, key and block that `up` made."""
    removed = _consortium(context).down()
    if as_json:
        _print({"removed": removed})
    elif removed:
        click.echo(f"Removed {len(removed)}: {', '.join(removed)}")
    else:
        click.echo("There was nothing to remove")


@network.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show what runs, and how high each channel is on every node."""
    present = _consortium(context).status()
    if as_json:
        _print(present)
        return
    click.echo(
        f"{present['network']}: {present['state']}"
        + (f" on {present['runtime']}" if present["nodes"] else "")
    )
    for node in present["nodes"]:
        click.echo(f"  {node['name']:<32} {node['state']:<8} {node['address']}")
    for process in present.get("processes", []):
        click.echo(f"  {process['name']:<32} {process['state']}")
    for channel in present["channels"]:
        heights = ", ".join(
            f"{node} {'?' if height is None else height}" for node, height in channel["heights"].items()
        )
        click.echo(f"  channel {channel['name']}: {heights}")


main.add_command(emulator)


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
