"""`hlf chaincode`: write a chaincode in Python, test it, and serve it while it is being written."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from .config import ConfigurationError, ServerTls
from .project import load_project
from .scaffold import write_project

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
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


@main.command()
@_folder
@click.option("--package-id", envvar="CHAINCODE_ID", required=True, help="What peers know the chaincode by.")
@click.option(
    "--address",
    envvar="CHAINCODE_SERVER_ADDRESS",
    default="0.0.0.0:9999",
    show_default=True,
    help="Where to listen.",
)
@click.option(
    "--tls-certificate",
    envvar=["CHAINCODE_TLS_CERT_FILE", "CHAINCODE_TLS_CERT"],
    type=_FILE,
    help="Serve with TLS (PEM).",
)
@click.option(
    "--tls-key", envvar=["CHAINCODE_TLS_KEY_FILE", "CHAINCODE_TLS_KEY"], type=_FILE, help="Its key (PEM)."
)
@click.option(
    "--client-ca",
    envvar=["CHAINCODE_TLS_CLIENT_CACERT_FILE", "CHAINCODE_CLIENT_CA_CERT"],
    type=_FILE,
    help="Let only peers in that show a certificate of this CA (PEM).",
)
def serve(
    folder: Path,
    package_id: str,
    address: str,
    tls_certificate: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
) -> None:
    """Serve the project's contracts until SIGTERM, which lets calls under way finish.

    Options are also read from the environment, by the names that Node's and Go's servers have:
    CHAINCODE_ID, CHAINCODE_SERVER_ADDRESS, CHAINCODE_TLS_CERT_FILE, CHAINCODE_TLS_KEY_FILE and
    CHAINCODE_TLS_CLIENT_CACERT_FILE, or CHAINCODE_TLS_CERT, CHAINCODE_TLS_KEY and CHAINCODE_CLIENT_CA_CERT.
    """
    from . import server

    project = load_project(folder.resolve())
    service = server.ChaincodeService(
        package_id=package_id,
        contracts=tuple(project.contract_classes()),
        address=address,
        tls=_tls(tls_certificate, tls_key, client_ca),
    )
    asyncio.run(server.serve([service], ready=_say_ready))


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> ServerTls | None:
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError("TLS needs both --tls-certificate and --tls-key")
    return ServerTls(
        certificate.read_bytes(), key.read_bytes(), client_ca.read_bytes() if client_ca else None
    )


def _say_ready(addresses: list[str]) -> None:
    click.echo(f"ready {' '.join(addresses)}")
