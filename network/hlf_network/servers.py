"""Chaincode servers: host processes that peers dial, one port for each organization's copy of a chaincode.

In Docker each organization has a process of its own, as it would have a machine; beside the emulator one
process serves all, since starting interpreters is most of what the emulator's `up` costs.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hlf.admin.package import ccaas_package, package_id
from hlf_network.crypto import write_secret
from hlf_network.errors import NetworkError
from hlf_network.layout import ChaincodeServer, Layout
from hlf_network.ports import free
from hlf_network.processes import HostProcess, python
from hlf_network.waiting import wait_until

_PREFIX = "chaincode"
_LEAVING_SECONDS = 3.0


@dataclass(frozen=True)
class Package:
    """A chaincode package of one organization, and the id its peer gives it."""

    server: ChaincodeServer
    content: bytes

    @cached_property
    def id(self) -> str:
        return package_id(self.content)


def packages(layout: Layout) -> dict[tuple[str, str], Package]:
    """The package of every (organization, chaincode): where its server listens, and both sides' TLS."""
    made = {}
    for server in layout.servers:
        folder = layout.paths.chaincode_client(server.organization)
        content = ccaas_package(
            server.label,
            f"{layout.chaincode_host}:{server.port}",
            dial_timeout="10s",
            tls_root_pem=layout.paths.tls_ca_certificate(server.organization).read_bytes(),
            client_cert_pem=(folder / "cert.pem").read_bytes(),
            client_key_pem=(folder / "key.pem").read_bytes(),
        )
        made[server.organization, server.chaincode] = Package(server, content)
    return made


def start(layout: Layout, made: Mapping[tuple[str, str], Package], address: str) -> list[HostProcess]:
    """Start the servers that do not run, listening on `address`; they serve after their `ready` line."""
    groups: dict[str, list[Package]] = {}
    for (organization, _chaincode), package in made.items():
        name = f"{_PREFIX}-{organization}" if layout.in_containers else _PREFIX
        groups.setdefault(name, []).append(package)
    started = []
    for name, members in groups.items():
        process = HostProcess(layout.paths.run, name)
        if process.pid is None:
            for package in members:
                _require_free(package.server, address)
            config = layout.paths.run / f"{name}.config"
            write_secret(config, json.dumps(configuration(layout, members, address), indent=1).encode())
            process.start(python("hlf_chaincode.server", "--config", str(config)), _environment(layout))
        started.append(process)
    return started


def configuration(layout: Layout, members: list[Package], address: str) -> dict[str, Any]:
    """The server process's configuration file."""
    return {
        "servers": [
            {
                "address": f"{address}:{package.server.port}",
                "package_id": package.id,
                "contracts": list(package.server.contracts),
                "tls": {
                    "certificate": str(layout.paths.chaincode_tls(package.server.organization) / "cert.pem"),
                    "key": str(layout.paths.chaincode_tls(package.server.organization) / "key.pem"),
                    "client_ca": str(layout.paths.tls_ca_certificate(package.server.organization)),
                },
            }
            for package in members
        ]
    }


def _environment(layout: Layout) -> dict[str, str]:
    path = [str(entry) for entry in layout.topology.python_path]
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([*path, inherited] if inherited else path)} if path else {}


def _require_free(server: ChaincodeServer, address: str) -> None:
    try:
        # The threads of a server that was just killed outlive it a little, and hold its port as long.
        wait_until(lambda: free(server.port, address), _LEAVING_SECONDS, lambda: "not free")
    except NetworkError:
        raise NetworkError(
            f"port {server.port} of {address}, for {server.label}, is held by another program",
            hint="stop that program, or `hlf network down` and `up`, which chooses other ports",
        ) from None
