"""The emulator: every node of the network in one process, on real TLS ports of this machine."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hlf_network.control import Faults
from hlf_network.errors import NetworkError
from hlf_network.layout import LOOPBACK, Layout, Node, Paths
from hlf_network.ports import require_free
from hlf_network.processes import HostProcess, python
from hlf_network.topology import AuthorityRequest, Topology
from hlf_network.waiting import wait_until

_END = 2.0


class EmulatorRuntime:
    """One network's emulator process."""

    name = "emulator"
    in_containers = False

    def __init__(self, state: Path) -> None:
        self._paths = Paths(state)
        self._process = HostProcess(self._paths.run, "emulator")

    def check(self, topology: Topology) -> None:
        """Nothing can be missing: the emulator is part of this distribution."""

    def close(self) -> None:
        """Nothing is held open."""

    def start(self, layout: Layout) -> None:
        """Start the process, or the nodes that were stopped in it."""
        if self._process.pid is not None:
            for name, present in self.states(layout).items():
                if present != "running":
                    self.start_node(layout, name)
            return
        require_free(layout.ports, [*(node.name for node in layout.nodes), "control"])
        path = self._paths.run / "emulator.config"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(configuration(layout), indent=1))
        self._process.start(python("hlf_emulator", "--config", str(path)), {})
        self._process.wait_ready(30)

    def chaincode_address(self) -> str:
        """Loopback."""
        return LOOPBACK

    def fabric_version(self, layout: Layout) -> str:
        """The version that is emulated."""
        return f"{layout.topology.fabric} (emulated)"

    def states(self, layout: Layout) -> Mapping[str, str]:
        """running or stopped; all missing without the process."""
        missing = {node.name: "missing" for node in layout.nodes}
        if self._process.pid is None:
            return missing
        try:
            stopped = set(self._faults(layout).status()["stopped"])
        except NetworkError as error:
            # The ports of a process that ends are closed a moment before it is gone.
            said = f"{error.message}, and its process did not end"
            wait_until(lambda: self._process.pid is None, _END, lambda: said)
            return missing
        return {node.name: "stopped" if node.name in stopped else "running" for node in layout.nodes}

    def stop_node(self, layout: Layout, name: str) -> None:
        """Simulate the crash of a node."""
        self._faults(layout).stop(layout.node(name).name)

    def start_node(self, layout: Layout, name: str) -> None:
        """Let a stopped node run again."""
        self._faults(layout).start(layout.node(name).name)

    def last_words(self, layout: Layout, name: str) -> str:  # noqa: ARG002  one log for all nodes
        """The last lines of the process's log."""
        return self._process.tail()

    def remove(self) -> list[str]:
        """End the process and remove its ledgers."""
        removed = ["process emulator"] if self._process.stop() else []
        shutil.rmtree(self._paths.data, ignore_errors=True)
        return removed

    def _faults(self, layout: Layout) -> Faults:
        return Faults(f"{LOOPBACK}:{layout.ports['control']}")


def configuration(layout: Layout) -> dict[str, Any]:
    """The emulator's configuration file."""
    return {
        "state": str(layout.paths.data),
        "fabric": layout.topology.fabric,
        "execute_timeout": layout.topology.execute_timeout,
        "control": f"{LOOPBACK}:{layout.ports['control']}",
        "peers": [_node(layout, node) for node in layout.peers()],
        "orderers": [
            {
                **_node(layout, node),
                "admin_listen": f"{LOOPBACK}:{node.admin_published}",
                "admin_client_roots": [str(layout.paths.tls_ca_certificate(node.organization))],
            }
            for node in layout.orderers()
        ],
        "cas": [_authority(layout, node) for node in layout.authorities()],
    }


def _authority(layout: Layout, node: Node) -> dict[str, Any]:
    request = layout.topology.organizations[node.organization].authority or AuthorityRequest()
    certificate = layout.paths.ca_certificate(node.organization)
    tls = layout.paths.node(node) / "tls"
    return {
        "name": node.name,
        "listen": f"{LOOPBACK}:{node.published}",
        "certificate": str(certificate),
        "key": str(certificate.with_name("key.pem")),
        "registrar": str(layout.paths.ca_registrar(node.organization)),
        "removal": request.removal,
        "max_enrollments": request.max_enrollments,
        "tls": {"certificate": str(tls / "cert.pem"), "key": str(tls / "key.pem"), "roots": []},
    }


def _node(layout: Layout, node: Node) -> dict[str, Any]:
    folder = layout.paths.node(node)
    return {
        "name": node.name,
        "msp_id": node.msp_id,
        "listen": f"{LOOPBACK}:{node.published}",
        "external": node.endpoint,
        "msp": str(folder / "msp"),
        "tls": {
            "certificate": str(folder / "tls" / "cert.pem"),
            "key": str(folder / "tls" / "key.pem"),
            "roots": [str(layout.paths.tls_ca_certificate(node.organization))],
        },
    }
