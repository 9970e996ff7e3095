"""`hlf chaincode`: write a chaincode in Python, test it, and serve it while it is being written."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from ..serving.config import ConfigurationError
from .scaffold import write_project
from .settings import Project, load_project

_PASSING_ON = {"ignore_unknown_options": True}
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


@main.command(context_settings=_PASSING_ON)
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
    if importlib.util.find_spec("pytest") is None:
        raise click.ClickException("pytest is missing: pip install pytest")
    chosen = [] if network else ["-m", "not chaincode"]
    plugins = [part for name in _PLUGINS for part in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, *chosen, *pytest_arguments]
    ended = subprocess.run(command, check=False, cwd=folder)  # noqa: S603 - the project's own tests
    context.exit(ended.returncode)


@main.command(context_settings=_PASSING_ON)
@_folder
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def serve(context: click.Context, folder: Path, arguments: tuple[str, ...]) -> None:
    """Serve the project's contracts, as a container does, until SIGTERM.

    Where, as what and with which TLS is said by the environment (CHAINCODE_SERVER_ADDRESS, CHAINCODE_ID, …)
    or by arguments, which are those of `python -m hlf_chaincode.server`.
    """
    from ..server import main as run

    context.exit(run([*_contracts(folder), *arguments]))


@main.command(context_settings=_PASSING_ON)
@_folder
@click.option(
    "--address", default="127.0.0.1:9999", show_default=True, help="Where to listen, and be dialed."
)
@click.option("--package-id", help="Be this one, and deploy nothing: for a network of your own.")
@click.option(
    "--channel", default="mychannel", show_default=True, help="The emulator's channel to deploy on."
)
@click.option("--state", type=click.Path(path_type=Path), help="The emulator's folder.  [default: its own]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def dev(
    context: click.Context,
    folder: Path,
    address: str,
    package_id: str | None,
    channel: str,
    state: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Serve the project's contracts while they are being written: each call runs what the files say by then.

    With `hlf emulator up --detach` before, the chaincode is deployed on that network; with --package-id it is
    served for whichever peers know it. Further arguments are those of `python -m hlf_chaincode.dev`.
    """
    from ..dev import main as run

    names = _contracts(folder)
    chosen = package_id or _deploy(load_project(folder.resolve()), address, channel, state)
    click.echo("Edit a file, and the next call runs it. Ctrl-C ends the server.")
    context.exit(run([*names, "--address", address, "--package-id", chosen, *arguments]))


def _contracts(folder: Path) -> tuple[str, ...]:
    """The project's contracts, which can be imported from now on."""
    project = load_project(folder.resolve())
    project.make_importable()
    return project.contracts


def _deploy(project: Project, address: str, channel: str, state: Path | None) -> str:
    """Put the project into force on the emulator's network that runs here; its package id."""
    options = {
        "--address": address,
        "--channel": channel,
        "--version": project.version,
        "--policy": project.policy,
        "--collections": project.collections_file,
        "--state": state,
    }
    given = [str(part) for name, value in options.items() if value for part in (name, value)]
    # By its command line: this package knows nothing of networks, and can do without them.
    deploy = [sys.executable, "-m", "hlf_network.cli", "emulator", "chaincode", project.name, "--json"]
    command = [*deploy, *given]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    if ended.returncode:
        reason = ended.stderr.strip().rpartition("Error: ")[2]
        raise click.ClickException(
            f"{project.name} was not deployed: {reason}. For a network of your own there is --package-id."
        )
    (found,) = set(json.loads(ended.stdout)["package_ids"].values())
    click.echo(f"{project.name} {project.version} is on {channel}, as {found}")
    return str(found)
