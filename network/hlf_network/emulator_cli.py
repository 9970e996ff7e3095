"""`hlf emulator`: a Fabric network without Docker, started, looked at, disturbed and removed."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

import click

from hlf.endpoint import Endpoint
from hlf_network import ports
from hlf_network.collections_file import read_collections
from hlf_network.control import control_address
from hlf_network.emulated import EmulatedNetwork, Options
from hlf_network.emulator_faults_cli import (
    FAULT_COMMANDS,
    STATE,
    TOPOLOGY_CONFIG,
    TOPOLOGY_RECORD,
    faults_of,
    state_option,
)
from hlf_network.errors import NetworkError
from hlf_network.processes import recorded
from hlf_network.sample import (
    ADMIN_API,
    CHANNEL,
    MEMBERS,
    ORDERER,
    PORTS,
    SampleOrganization,
    ports_from,
)
from hlf_network.sample import organization as sample_organization

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def emulator() -> None:
    """A whole Fabric network in one process, on real ports, for development and tests.

    Without a topology it is the test network of fabric-samples. Run in the folder fabric-samples, it puts
    certificates and profiles where the samples look for them.
    """


def _json(command: _F) -> _F:
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


@emulator.command()
@click.option("--topology", type=click.Path(path_type=Path), help="A topology file, in place of the sample.")
@click.option("--state", type=click.Path(path_type=Path), help=f"The network's folder.  [default: {STATE}]")
@click.option("--in-memory", is_flag=True, help="Keep ledgers in memory; without --state nothing is left.")
@click.option("--detach", is_flag=True, help="Return when it runs; `hlf emulator down` removes it.")
@click.option("--seed", type=int, help="Let keys and every choice left to chance follow this number.")
@click.option("--clock", help="With --seed: the time at which certificates are made (ISO 8601).")
@click.option("--fabric", type=click.Choice(["3.1", "2.5"]), help="The version to be.  [default: 3.1]")
@click.option("--batch-timeout", help="When a block is cut, in Go's notation (2s).  [default: 10ms]")
@click.option("--port-base", type=int, help="Number the ports from here.  [default: test-network's]")
@click.option("--free-ports", is_flag=True, help="Take any free ports.")
@_json
def up(
    topology: Path | None,
    state: Path | None,
    in_memory: bool,
    detach: bool,
    seed: int | None,
    clock: str | None,
    fabric: str | None,
    batch_timeout: str | None,
    port_base: int | None,
    free_ports: bool,
    as_json: bool,
) -> None:
    """Start the network, or go on with the one there is."""
    temporary = state is None and in_memory
    folder = Path(mkdtemp(prefix="hlf-emulator-")) if temporary else (state or STATE)
    chosen = [value is not None for value in (port_base, seed, clock, fabric, batch_timeout)]
    if topology is not None:
        if any(chosen) or free_ports:
            raise click.UsageError("a topology says all of this itself, and ports are found")
        from hlf_network.consortium import Consortium  # the sample does without, and starts the sooner

        consortium = Consortium(topology, folder, "emulator")

        def start() -> dict[str, Any]:
            consortium.up(lambda line: click.echo(line, err=True))
            control = control_address(folder / TOPOLOGY_CONFIG)
            return {"state": str(folder.resolve()), "control": f"http://{control}"}

        end: Callable[[], object] = consortium.down if temporary else lambda: _end_processes(folder)
    else:
        options = Options(
            ports=_ports(port_base, free_ports=free_ports, folder=folder),
            batch_timeout=batch_timeout or "10ms",
            in_memory=in_memory,
            seed=seed,
            clock=clock,
            fabric=fabric or "3.1",
        )
        network = EmulatedNetwork(folder, options if any(chosen) or free_ports or in_memory else None)

        def start() -> dict[str, Any]:
            network.up(until_eof=None if detach else _lifeline())
            return _describe(network)

        end = network.down if temporary else network.stop
    _hold(start, end, temporary=temporary, detach=detach, as_json=as_json)


def _lifeline() -> int:
    """A descriptor whose other end this process holds until it ends, however it ends."""
    reading, _writing = os.pipe()
    return reading


def _hold(
    start: Callable[[], dict[str, Any]],
    end: Callable[[], object],
    *,
    temporary: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Start a network, say so, and end it at Ctrl-C or SIGTERM, unless it is to stay."""
    started = False
    if not detach:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        what = start()
        started = True
        _started(what, as_json)
        if not detach:
            threading.Event().wait()
    except KeyboardInterrupt:
        if not started:
            raise
    finally:
        if not detach if started else temporary:
            end()


def _ports(base: int | None, *, free_ports: bool, folder: Path) -> dict[str, int]:
    if free_ports:
        present = EmulatedNetwork(folder)
        return dict(present.ports) if present.made else ports.choose(PORTS, folder.resolve(), {})
    return ports_from(base) if base is not None else dict(PORTS)


def _describe(network: EmulatedNetwork) -> dict[str, Any]:
    return {
        "state": str(network.paths.root),
        "channel": CHANNEL,
        "organizations": {one.msp_id: f"localhost:{network.ports[one.node]}" for one in MEMBERS},
        "orderer": f"localhost:{network.ports[ORDERER.node]}",
        "orderer_admin": f"https://localhost:{network.ports[ADMIN_API]}",
        "certificates": str(network.paths.root / "organizations"),
        "control": f"http://{network.faults.address}",
    }


def _started(what: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(what))
        return
    for name, value in what.items():
        if isinstance(value, dict):
            for key, entry in value.items():
                click.echo(f"{key:<16} {entry}")
        else:
            click.echo(f"{name.replace('_', ' '):<16} {value}")
    click.echo("ready")


def _end_processes(folder: Path) -> None:
    for process in recorded((folder / TOPOLOGY_CONFIG).parent):
        process.stop()


@emulator.command()
@state_option
@_json
def down(state: Path, as_json: bool) -> None:
    """Remove the network: its process, ledgers, keys and certificates."""
    if (state / TOPOLOGY_RECORD).exists():
        from hlf_network.consortium import Consortium

        removed = Consortium(state / "topology.yaml", state).down()
    else:
        removed = EmulatedNetwork(state).down()
    if as_json:
        click.echo(json.dumps({"removed": removed}))
    else:
        click.echo(f"Removed {', '.join(removed)}" if removed else "There was nothing to remove")


@emulator.command()
@state_option
@_json
def status(state: Path, as_json: bool) -> None:
    """Show what runs, how high each channel is on every node, and which faults are in force."""
    found = faults_of(state).status()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, node in found["nodes"].items():
        heights = ", ".join(f"{channel} {height}" for channel, height in node["channels"].items())
        faults = ", ".join(f"{fault} {value}" for fault, value in node.get("faults", {}).items())
        click.echo(
            f"{name:<28} {'running' if node['running'] else 'stopped':<8} {heights}"
            + (f"   [{faults}]" if faults else "")
        )
    if found["expired"]:
        click.echo(f"certificates judged expired: {found['expired']}")


def _organization(name: str) -> SampleOrganization:
    try:
        return sample_organization(name)
    except KeyError as error:
        raise NetworkError(str(error.args[0])) from None


def _running(state: Path) -> EmulatedNetwork:
    network = EmulatedNetwork(state)
    if not network.running:
        raise NetworkError(
            f"no sample network runs in {state}",
            hint="`hlf emulator up` starts it (a topology's chaincodes are deployed by its `up`)",
        )
    return network


@emulator.command()
@click.argument("name")
@click.option("--member", "members", multiple=True, help="An organization.  [default: both]")
@state_option
def channel(name: str, members: tuple[str, ...], state: Path) -> None:
    """Create a channel, joined by its members' peers."""
    with contextlib.closing(_running(state)) as network:
        network.create_channel(name, members)
    click.echo(f"{name} is there")


@emulator.command()
@click.argument("name")
@click.option(
    "--address",
    "addresses",
    required=True,
    multiple=True,
    help="Where its server listens, or will: HOST:PORT; ORG=HOST:PORT, twice, for a server of each.",
)
@click.option("--channel", default=CHANNEL, show_default=True)
@click.option("--version", default="1.0", show_default=True)
@click.option("--policy", help="Endorsement policy.  [default: the channel's, a majority]")
@click.option(
    "--collections",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Private data collections, in the samples' JSON.",
)
@click.option("--init-required", is_flag=True, help="Let the chaincode be initialized before it is used.")
@state_option
@_json
def chaincode(
    name: str,
    addresses: tuple[str, ...],
    channel: str,
    version: str,
    policy: str | None,
    collections: Path | None,
    init_required: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Install, approve and commit a chaincode that runs as a service, and print its package id.

    Start the server with that id: CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS in the environment of Go, Node
    and Java chaincodes.
    """
    with contextlib.closing(_running(state)) as network:
        package_ids = network.deploy(
            channel,
            name,
            _addresses(addresses),
            policy=policy,
            collections=read_collections(collections) if collections else (),
            version=version,
            init_required=init_required,
        )
    distinct = sorted(set(package_ids.values()))
    if as_json:
        click.echo(json.dumps({"package_ids": package_ids}))
    elif len(distinct) == 1:
        click.echo(distinct[0])
    else:
        for msp_id, package_id in package_ids.items():
            click.echo(f"{msp_id} {package_id}")


def _addresses(given: tuple[str, ...]) -> str | dict[str, str]:
    """One address for all, or one by MSP id. ConfigurationError for what is no HOST:PORT."""
    if len(given) == 1 and "=" not in given[0]:
        return Endpoint(given[0]).address
    by_organization = {}
    for entry in given:
        organization, _, address = entry.partition("=")
        by_organization[_organization(organization).msp_id] = Endpoint(address).address
    if missing := {one.msp_id for one in MEMBERS} - by_organization.keys():
        raise click.UsageError(f"no --address for {', '.join(sorted(missing))}")
    return by_organization


@emulator.command()
@click.argument("organization", default=MEMBERS[0].prefix)
@state_option
def env(organization: str, state: Path) -> None:
    """Print the environment of Fabric's `peer` command as an organization's administrator."""
    network = _running(state)
    one = _organization(organization)
    for name, value in {
        "CORE_PEER_TLS_ENABLED": "true",
        "CORE_PEER_LOCALMSPID": one.msp_id,
        "CORE_PEER_TLS_ROOTCERT_FILE": network.paths.tls_ca_certificate(one),
        "CORE_PEER_MSPCONFIGPATH": network.paths.user(one, "Admin") / "msp",
        "CORE_PEER_ADDRESS": f"localhost:{network.ports[one.node]}",
        "ORDERER_CA": network.paths.tls_ca_certificate(ORDERER),
    }.items():
        click.echo(f"export {name}={value}")


for _command in FAULT_COMMANDS:
    emulator.add_command(_command)
