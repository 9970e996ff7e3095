"""`dure demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lending.cli.desk import STATE
from lending.demo.run import main as run


@click.command("demo")
@click.option(
    "--runtime", type=click.Choice(["auto", "docker", "emulator"]), default="auto", show_default=True
)
@click.option("--state", type=click.Path(path_type=Path), help=f"The network's folder.  [default: {STATE}]")
@click.pass_context
def main(context: click.Context, runtime: Any, state: Path | None) -> None:
    """Carry one loan from guidance to closing, then try to cheat; leaves the network up and a report."""
    context.exit(run(runtime, state))
