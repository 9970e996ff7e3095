"""`hlf emulator`'s faults on request, and what all its commands share: the network's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hlf_network.control import Faults, control_address
from hlf_network.sample import SamplePaths

STATE = Path("test-network")
# What a topology's network has in its folder (hlf_network.layout.Paths).
TOPOLOGY_RECORD, TOPOLOGY_CONFIG = "network.json", Path("run") / "emulator.config"
_F = TypeVar("_F", bound=Callable[..., Any])


def state_option(command: _F) -> _F:
    """The option `--state`."""
    return click.option(
        "--state",
        type=click.Path(path_type=Path),
        default=STATE,
        show_default=True,
        help="The network's folder.",
    )(command)


def faults_of(state: Path) -> Faults:
    """The faults of the network in a folder, the sample or a topology's."""
    for config in (SamplePaths(state).config, state / TOPOLOGY_CONFIG):
        if config.exists():
            return Faults(control_address(config))
    return Faults(control_address(SamplePaths(state).config))


@click.command("stop-node")
@click.argument("node")
@state_option
def stop_node(node: str, state: Path) -> None:
    """Close a node's ports, as a crash would."""
    faults_of(state).stop(node)


@click.command("start-node")
@click.argument("node")
@state_option
def start_node(node: str, state: Path) -> None:
    """Let a stopped node run again."""
    faults_of(state).start(node)


@click.command("lose-quorum")
@click.argument("channel")
@state_option
def lose_quorum(channel: str, state: Path) -> None:
    """Stop as few orderers as leave CHANNEL without a quorum."""
    click.echo(f"Stopped {', '.join(faults_of(state).lose_quorum(channel))}")


@click.command()
@click.argument("node")
@click.argument("seconds", type=float)
@state_option
def delay(node: str, seconds: float, state: Path) -> None:
    """Let a peer wait before each block it commits."""
    faults_of(state).delay(node, seconds)


@click.command()
@click.argument("node")
@click.argument("blocks", type=int)
@state_option
def lag(node: str, blocks: int, state: Path) -> None:
    """Keep a peer BLOCKS behind its channels."""
    faults_of(state).lag(node, blocks)


@click.command()
@click.argument("node")
@state_option
def forget(node: str, state: Path) -> None:
    """Drop a peer from gossip; its port goes on answering."""
    faults_of(state).forget(node)


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@state_option
def expire(certificate: Path, state: Path) -> None:
    """Judge a certificate (a PEM file) expired from now on."""
    faults_of(state).expire(certificate.read_bytes())


@click.command("close-streams")
@click.argument("node")
@state_option
def close_streams(node: str, state: Path) -> None:
    """End every open stream of a node."""
    click.echo(f"Closed {faults_of(state).close_streams(node)}")


@click.command("refuse-disk")
@click.argument("node")
@state_option
def refuse_disk(node: str, state: Path) -> None:
    """Let every write of a node fail as on a full disk."""
    faults_of(state).refuse_disk(node)


@click.command()
@click.argument("node", required=False)
@state_option
def heal(node: str | None, state: Path) -> None:
    """End the faults of NODE, or all of them."""
    faults_of(state).heal(node)


FAULT_COMMANDS = (
    stop_node,
    start_node,
    lose_quorum,
    delay,
    lag,
    forget,
    expire,
    close_streams,
    refuse_disk,
    heal,
)
