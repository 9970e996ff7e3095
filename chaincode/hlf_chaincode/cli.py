"""`hlf chaincode`: write a chaincode in Python, test it, and serve it while it is being written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from .config import ConfigurationError
from .project import load_project
from .scaffold import write_project

_PLUGINS = ("hlf_pytest", "hlf_network.pytest_plugin")


class _Sentences(click.Group):
    """Says what failed and what to do about it; a stack trace helps nobody at a prompt."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Sentences)
def main() -> None:
    """Write, test and serve a chaincode in Python."""


def _folder(command: Any) -> Any:
    return click.option(
        "--project",
        "folder",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default=".",
        show_default="this folder",
        help="The project's folder.",
    )(command)


@main.command()
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where to write it.  [default: a new folder of that name]",
)
def new(name: str, folder: Path | None) -> None:
    """Write a small chaincode: typed, tested, with its container file."""
    target = folder or Path(name)
    try:
        written = write_project(name, target)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    except FileExistsError as error:
        raise click.ClickException(f"{target} is not empty: choose another --folder") from error
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"\nNext:\n  cd {target}\n  hlf chaincode test")


@main.command(context_settings={"ignore_unknown_options": True})
@_folder
@click.option(
    "--network", is_flag=True, help="Also run the tests marked `chaincode`, on an emulator network."
)
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def test(context: click.Context, folder: Path, network: bool, pytest_arguments: tuple[str, ...]) -> None:
    """Run the project's tests with pytest, whose arguments may follow.

    Contracts run on a ledger in memory, where a contract that reads the clock, chance or the environment is
    caught.
    """
    load_project(folder.resolve())
    chosen = [] if network else ["-m", "not chaincode"]
    plugins = [part for name in _PLUGINS for part in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, *chosen, *pytest_arguments]
    ended = subprocess.run(command, check=False, cwd=folder)  # noqa: S603 - the project's own tests
    context.exit(ended.returncode)
