"""The kinds of network that the suites run on: one topology, told which Fabric and which ordering."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from hlf_network import Consortium
from tests.access import access_to
from tests.conformance.calls import Access

TOPOLOGY = Path(__file__).parent / "data" / "slice-topology.yaml"


@dataclass(frozen=True)
class Kind:
    """A kind of network. `fabric` is the topology's word; `version` names the folder of its recordings.

    `peers` is how many org-a has; `beside` is a file of tests/data with what else the topology says.
    """

    name: str
    fabric: str
    version: str
    consensus: str
    peers: int = 1
    lifecycle: str = ""
    beside: str = ""

    def topology(self, folder: Path) -> Path:
        """Its topology: the slice itself, or a copy in `folder` that differs in what the kind says."""
        if self.name == "slice":
            return TOPOLOGY
        data = yaml.safe_load(TOPOLOGY.read_text(encoding="utf-8"))
        data["fabric"] = self.fabric
        data["python_path"] = [str(TOPOLOGY.parent)]
        data["ordering"]["consensus"] = self.consensus
        data["organizations"]["org-a"]["peers"] = self.peers
        if self.lifecycle:
            data["channels"]["slice"]["lifecycle"] = self.lifecycle
        for organization in data["organizations"].values():
            organization.pop("ca", None)  # the same under any Fabric and any ordering, and asked on the slice
        if self.beside:
            more = yaml.safe_load((TOPOLOGY.parent / self.beside).read_text(encoding="utf-8"))
            data["channels"].update(more.pop("channels", {}))
            data.update(more)
        path = folder / f"{self.name}-topology.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path


KINDS = {
    kind.name: kind
    for kind in (
        Kind("slice", "3.1", "3.1.5", "bft"),
        Kind("config", "3.1", "3.1.5", "bft"),
        Kind("peers", "3.1", "3.1.5", "bft", peers=2, lifecycle="OR(org-a, org-b)"),
        Kind("channels", "3.1", "3.1.5", "bft", beside="side-channels.yaml"),
        Kind("raft", "3.1", "3.1.5", "raft"),
        Kind("fabric-2.5", "2.5", "2.5.16", "raft"),
    )
}


class Networks:
    """The networks of one session, each brought up when it is first asked for."""

    def __init__(self, fabric: str, folder: Callable[[str], Path], stack: ExitStack) -> None:
        self._fabric = fabric
        self._folder = folder
        self._stack = stack
        self._networks: dict[str, Consortium] = {}
        self._accesses: dict[str, Access] = {}

    def network(self, name: str) -> Consortium:
        """The network of that kind, up."""
        if name not in self._networks:
            folder = self._folder(name)
            network = Consortium(KINDS[name].topology(folder), folder / "state", runtime=self._fabric)
            self._stack.callback(network.down)
            network.up()
            self._networks[name] = network
        return self._networks[name]

    def access(self, name: str) -> Access:
        """The bare protocol's way into it."""
        if name not in self._accesses:
            access = access_to(self.network(name))
            self._stack.callback(access.close)
            self._accesses[name] = access
        return self._accesses[name]


@contextmanager
def opened(fabric: str, folder: Callable[[str], Path]) -> Iterator[Networks]:
    """Networks on the runtime `fabric`, in folders that `folder` makes; all of them down at the end."""
    with ExitStack() as stack:
        yield Networks(fabric, folder, stack)
