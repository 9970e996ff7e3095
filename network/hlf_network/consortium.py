"""One network of one checkout: up, down, status. The command line and tests drive the same object."""

import contextlib
import datetime
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hlf.admin import participation
from hlf.errors import ConfigurationError, FabricError, IdentityError
from hlf.wallet import Wallet
from hlf_network import genesis, material, ports, profiles, servers, state
from hlf_network import runtime as runtimes
from hlf_network.access import Access
from hlf_network.control import Faults
from hlf_network.crypto import write_public
from hlf_network.deploy import Deployment, Progress
from hlf_network.errors import NetworkError, PortTakenError, TopologyChangedError
from hlf_network.layout import LOOPBACK, Layout, Node, Paths, port_names
from hlf_network.processes import recorded
from hlf_network.topology import Topology, load
from hlf_network.waiting import wait_until

_MADE = ("organizations", "wallets", "channels", "data", "run", "connection-profiles")


@dataclass
class Consortium:
    """A topology and the folder in which its network lives.

    `runtime`: docker, emulator or auto (what it was made with; else docker where an engine answers and
    has the images). `profiles`: where connection profiles go, by default the state folder.
    `password` encrypts the keys in the wallets.
    """

    topology_path: Path
    state_dir: Path
    runtime: runtimes.Choice = "auto"
    profiles_dir: Path | None = None
    password: bytes | None = None

    def __post_init__(self) -> None:
        self.topology_path = Path(self.topology_path)
        self.state_dir = Path(self.state_dir).resolve()
        self._paths = Paths(self.state_dir)
        self._profiles = (self.profiles_dir or self.state_dir / "connection-profiles").resolve()

    @cached_property
    def topology(self) -> Topology:
        """The checked topology; ConfigurationError if it is not right."""
        return load(self.topology_path)

    @property
    def layout(self) -> Layout:
        """What stands where; NetworkError before the first `up`."""
        return self._layout(self._record())

    def profile_path(self, organization: str) -> Path:
        """The organization's connection profile (YAML; the JSON stands beside it)."""
        return self._profiles / f"{organization}.yaml"

    def wallet(self, organization: str) -> Wallet:
        """The organization's identities: `admin`, and those the topology names."""
        return Wallet(self._paths.wallet(organization))

    @property
    def fabric_version(self) -> str:
        """The version of Fabric that the running nodes are of, as they say themselves."""
        record = self._record()
        with self._runtime(record) as nodes:
            return nodes.fabric_version(self._layout(record))

    @property
    def running_on(self) -> str:
        """The runtime of the network that is there: docker or emulator; NetworkError when there is none."""
        return self._record().runtime

    @property
    def chaincode_address(self) -> tuple[str, str]:
        """Where a program on this machine listens that peers are to dial, and the name they dial it by."""
        record = self._record()
        with self._runtime(record) as nodes:
            return nodes.chaincode_address(), self._layout(record).chaincode_host

    @property
    def faults(self) -> Faults:
        """Faults on request; NetworkError where the network runs on Docker, which takes `stop_node` alone."""
        record = self._record()
        if record.runtime != "emulator":
            raise NetworkError("faults on request are the emulator's", hint="stop_node works on Docker, too")
        return Faults(f"{LOOPBACK}:{record.ports['control']}")

    def up(self, progress: Progress = lambda _line: None) -> None:
        """Bring the network to its wanted state from whatever state it is in; harmless when it is there.

        Raises TopologyChangedError after an edit, NetworkError with a remedy for what the machine refuses.
        """
        began = time.monotonic()

        def say(line: str) -> None:
            progress(f"{time.monotonic() - began:5.1f} s  {line}")

        with self._locked():
            anew = state.load(self._paths.record) is None
            record = self._prepare(progress)
            try:
                self._bring_up(record, say)
            except PortTakenError:
                if not anew:
                    raise
                # Between choosing a port and listening on it there is a moment for another program.
                say("another program has taken a port meanwhile: once more, with others")
                self._remove(record)
                record = self._prepare(progress)
                self._bring_up(record, say)
            record.complete = True
            record.save(self._paths.record)
            say("ready")

    def _bring_up(self, record: state.Record, say: Progress) -> None:
        layout = self._layout(record)
        made = material.make(layout, now=datetime.datetime.now(datetime.UTC), password=self.password)
        if made:
            say(f"keys and certificates of {len(made)} organizations")
        self._require_password(layout)
        with self._runtime(record) as nodes, ThreadPoolExecutor(max_workers=1) as beside:
            address = nodes.chaincode_address()
            # Nothing takes longer than nodes to come: whatever they do not need is made meanwhile.
            starting = beside.submit(nodes.start, layout)
            packages = servers.packages(layout)
            started = servers.start(layout, packages, address)
            genesis.write(layout)
            record.profiles = [str(path) for path in profiles.write(layout, self._profiles)]
            record.save(self._paths.record)
            starting.result()
            say(f"{len(layout.nodes)} nodes and {len(started)} chaincode server processes started")
            Deployment(layout, self._access(layout), nodes, packages, started, say).run()

    def down(self) -> list[str]:
        """Remove everything `up` made and nothing else; return what was removed."""
        if not self.state_dir.is_dir():
            return []
        with self._locked():
            return self._remove(state.load(self._paths.record))

    def _remove(self, record: state.Record | None) -> list[str]:
        removed: list[str] = []
        if record is not None:
            # Nodes first: a chaincode server that peers still call takes its grace before it ends.
            with self._runtime(record) as nodes:
                removed += nodes.remove()
            for path in map(Path, record.profiles):
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # a folder that holds something else stays
                    path.parent.rmdir()
        processes = recorded(self._paths.run)
        with ThreadPoolExecutor(max_workers=8) as pool:
            stopped = list(pool.map(lambda process: process.stop(), processes))
        removed += [f"process {process.name}" for process, was in zip(processes, stopped, strict=True) if was]
        for name in _MADE:
            folder = self.state_dir / name
            if folder.is_dir():
                shutil.rmtree(folder)
                removed.append(f"folder {name}")
        self._paths.topology.unlink(missing_ok=True)
        self._paths.record.unlink(missing_ok=True)
        return removed

    def status(self) -> dict[str, Any]:
        """What runs: nodes, chaincode servers, and each channel's height on every node (None: no answer)."""
        record = state.load(self._paths.record)
        if record is None:
            return {"network": self.topology.network, "state": "down", "nodes": [], "channels": []}
        layout = self._layout(record)
        self._require_password(layout)
        access = self._access(layout)
        with self._runtime(record) as nodes:
            states = nodes.states(layout)
        with ThreadPoolExecutor(max_workers=16) as pool:
            heights = dict(
                zip(
                    (node.name for node in layout.nodes),
                    pool.map(lambda node: _heights(access, node, states[node.name]), layout.nodes),
                    strict=True,
                )
            )
        processes = [
            {"name": process.name, "state": "running" if process.pid else "stopped"}
            for process in recorded(self._paths.run)
        ]
        well = all(value == "running" for value in states.values()) and all(
            process["state"] == "running" for process in processes
        )
        return {
            "network": layout.topology.network,
            "runtime": record.runtime,
            "fabric": layout.topology.fabric,
            "state": "up" if record.complete and well else "partly up",
            "nodes": [
                {
                    "name": node.name,
                    "organization": node.organization,
                    "kind": node.kind,
                    "address": node.address,
                    "state": states[node.name],
                }
                for node in layout.nodes
            ],
            "processes": processes,
            "channels": [
                {
                    "name": channel.name,
                    "members": list(channel.members),
                    "chaincodes": [definition.chaincode for definition in channel.definitions],
                    "heights": {
                        node.name: heights[node.name].get(channel.name)
                        for node in (*channel.peers, *channel.orderers)
                    },
                }
                for channel in layout.channels.values()
            ],
        }

    def stop_node(self, name: str) -> None:
        """Stop a peer or an orderer as a crash would (on the emulator: simulated)."""
        record = self._record()
        with self._runtime(record) as nodes:
            nodes.stop_node(self._layout(record), name)

    def start_node(self, name: str) -> None:
        """Start a stopped node, and wait until it serves."""
        record = self._record()
        layout = self._layout(record)
        access = self._access(layout)
        with self._runtime(record) as nodes:
            nodes.start_node(layout, name)
        node = layout.node(name)
        wait_until(lambda: access.serves(node), 60, lambda: f"{name} did not serve")

    def _prepare(self, progress: Callable[[str], None]) -> state.Record:
        """The record this run goes by: the one there is, unless the topology or the runtime differ."""
        record = state.load(self._paths.record)
        if record is None:
            name, line = runtimes.choose(self.runtime, self.topology)
            progress(line)
            record = state.Record(
                identifier=state.identifier(self.state_dir),
                runtime=name,
                topology=self.topology.data,
                ports=ports.choose(port_names(self.topology), self.state_dir, {}),
            )
            # What cannot work is refused before anything is written.
            self._layout(record)
            with self._runtime(record) as nodes:
                nodes.check(self.topology)
                # A state folder deleted by hand leaves containers behind whose keys are gone.
                nodes.remove()
            write_public(self._paths.topology, self.topology_path.read_bytes())
            record.save(self._paths.record)
            return record
        differences = state.differences(record.topology, self.topology.data)
        if differences:
            raise TopologyChangedError(differences)
        if self.runtime not in {"auto", record.runtime}:
            raise NetworkError(
                f"this network runs on {record.runtime}",
                hint=f"`hlf network down`, then `hlf network up --runtime {self.runtime}`",
            )
        progress(runtimes.choose(record.runtime, self.topology)[1])  # type: ignore[arg-type]
        return record

    def _record(self) -> state.Record:
        record = state.load(self._paths.record)
        if record is None:
            raise NetworkError("there is no network here", hint="`hlf network up` makes one")
        return record

    def _layout(self, record: state.Record) -> Layout:
        return Layout(
            self._topology_of(record), self.state_dir, record.ports, in_containers=record.runtime == "docker"
        )

    def _topology_of(self, record: state.Record) -> Topology:
        """The topology the network was made from: the file, unless it has been edited, broken or moved."""
        with contextlib.suppress(ConfigurationError):
            if not state.differences(record.topology, self.topology.data):
                return self.topology
        return load(self._paths.topology, self.topology_path.parent)

    def _require_password(self, layout: Layout) -> None:
        """NetworkError if the wallets do not open; one is tried, since all have the same password."""
        # Asked early: to whoever waits for nodes, a wallet that stays shut looks like a node that is late.
        for organization in layout.topology.organizations:
            wallet = self.wallet(organization)
            if "admin" in wallet.names():
                try:
                    wallet.get("admin", self.password)
                except IdentityError as error:
                    raise NetworkError(
                        "this network's wallets do not open with the password given, or with none",
                        hint="set HLF_WALLET_PASSWORD to what it was when the network was made",
                    ) from error
                return

    def _access(self, layout: Layout) -> Access:
        return Access(layout, self.password)

    @contextlib.contextmanager
    def _runtime(self, record: state.Record) -> Iterator[runtimes.Runtime]:
        nodes = runtimes.make(record.runtime, record.topology["network"], record.identifier, self.state_dir)
        with contextlib.closing(nodes):
            yield nodes

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.state_dir / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NetworkError(
                    "another command is changing this network", hint="wait until it has ended"
                ) from None
            try:
                yield
            finally:
                if not self._paths.record.exists():
                    Path(lock.name).unlink(missing_ok=True)
                    with contextlib.suppress(OSError):  # a folder that holds something else stays
                        self.state_dir.rmdir()


def _heights(access: Access, node: Node, present: str) -> dict[str, int]:
    """Each channel's height on a node; nothing for a node that does not answer."""
    if present != "running" or node.kind == "ca":
        return {}
    heights: dict[str, int] = {}
    with contextlib.suppress(FabricError):
        if node.kind == "orderer":
            url, tls = access.participation(node)
            for channel in access.layout.channels_of(node):
                found = participation.channel(url, channel.name, tls, timeout=5)
                if found is not None:
                    heights[channel.name] = found.height
        else:
            with access.peer(node) as peer:
                for channel in access.layout.channels_of(node):
                    heights[channel.name] = peer.height(channel.name)
    return heights
