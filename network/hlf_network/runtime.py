"""What starts a network's nodes: real Fabric in Docker, or the emulator. One interface for both."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from hlf_network.emulator_runtime import EmulatorRuntime
from hlf_network.errors import NetworkError
from hlf_network.layout import Layout
from hlf_network.topology import Topology

Choice = Literal["docker", "emulator", "auto"]


class Runtime(Protocol):
    """Starts and stops nodes; knows nothing of channels and chaincodes."""

    name: str
    in_containers: bool

    def check(self, topology: Topology) -> None:
        """NetworkError with a remedy if the topology's nodes could not be started here."""

    def start(self, layout: Layout) -> None:
        """Start every node that does not run. Returns before they serve."""

    def close(self) -> None:
        """Give up connections; nodes go on."""

    def chaincode_address(self) -> str:
        """The address of this machine on which nodes reach chaincode servers."""

    def fabric_version(self, layout: Layout) -> str:
        """The version of Fabric the nodes run, or the one that is emulated and a word that says so."""

    def states(self, layout: Layout) -> Mapping[str, str]:
        """Each node's state: running, stopped or missing."""

    def stop_node(self, layout: Layout, name: str) -> None:
        """Stop one node at once, as a crash would; harmless when it is stopped."""

    def start_node(self, layout: Layout, name: str) -> None:
        """Start a stopped node; harmless when it runs."""

    def last_words(self, layout: Layout, name: str) -> str:
        """The last lines of a node's log."""

    def remove(self) -> list[str]:
        """Remove everything this runtime made for the network; say what."""


def make(choice: str, network: str, identifier: str, state: Path) -> Runtime:
    """The runtime of that name. `identifier` tells this checkout's network from any other."""
    if choice == "docker":
        # Docker's client costs a third of a second to import, much of what the emulator takes to start.
        from hlf_network.docker_runtime import DockerRuntime

        return DockerRuntime(network, identifier)
    if choice == "emulator":
        return EmulatorRuntime(state)
    raise NetworkError(f"no runtime is called {choice}", hint="docker or emulator")


def choose(choice: Choice, topology: Topology) -> tuple[str, str]:
    """The runtime's name, and a line that says which it is and how to get the other."""
    if choice == "docker":
        return (
            choice,
            f"Runtime: docker, Fabric {topology.fabric} (the other: RUNTIME=emulator, or --runtime emulator)",
        )
    if choice == "emulator":
        return (
            choice,
            "Runtime: emulator, no Docker needed (real Fabric: RUNTIME=docker, or --runtime docker)",
        )
    obstacle = _docker_obstacle(topology)
    if obstacle is None:
        return (
            "docker",
            f"Runtime: docker, Fabric {topology.fabric} (without: RUNTIME=emulator, or --runtime emulator)",
        )
    return (
        "emulator",
        f"Runtime: emulator, since {obstacle.message} "
        f"(real Fabric: {obstacle.hint}, then RUNTIME=docker, or --runtime docker)",
    )


def _docker_obstacle(topology: Topology) -> NetworkError | None:
    if "DOCKER_HOST" not in os.environ and not Path("/var/run/docker.sock").exists():
        return NetworkError("there is no Docker engine here", hint="install and start Docker")
    from hlf_network.docker_runtime import obstacle

    return obstacle(topology)
