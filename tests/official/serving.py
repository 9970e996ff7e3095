"""A chaincode of a toolkit in a process of its own, deployed on a network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hlf.admin.definition import ChaincodeDefinition, Collection
from hlf.admin.lifecycle import Lifecycle
from hlf.admin.package import ccaas_package, package_id
from hlf_network import Consortium
from hlf_network.access import Access
from hlf_network.ports import choose
from tests.official.toolkits import Toolkit

PARTIES = ["org-a", "org-b"]
_BOTH = "OR('org-a.member', 'org-b.member')"
CHANNEL = "slice"


@dataclass(frozen=True)
class Served:
    """A chaincode that runs: its name on the channel, and its process."""

    name: str
    pid: int


@contextmanager
def served(
    toolkit: Toolkit, network: Consortium, folder: Path, *, contracts: Sequence[str] = ()
) -> Iterator[Served]:
    """The toolkit's chaincode, approved by both parties and committed, for the length of the block.

    ``contracts`` are those that our own server is to serve.
    """
    layout, way = network.layout, Access(network.layout)
    listen, host = network.chaincode_address
    name = f"official-{os.urandom(4).hex()}"
    address = f"{listen}:{choose([name], folder, {})[name]}"
    root = layout.paths.tls_ca_certificate("org-a").read_bytes()
    package = ccaas_package(name, f"{host}:{address.rpartition(':')[2]}", tls_root_pem=root)
    tls = layout.paths.chaincode_tls("org-a")
    key, certificate = str(tls / "key.pem"), str(tls / "cert.pem")
    identifier = package_id(package)
    configuration = folder / f"{name}.json"
    own = {
        "address": address,
        "package_id": identifier,
        "contracts": list(contracts),
        "tls": {"key": key, "certificate": certificate, "client_ca": None},
    }
    # One file for all: each reads what it knows.
    written = {"packageId": identifier, "address": address, "key": key, "certificate": certificate}
    configuration.write_text(json.dumps({**written, "servers": [own]}), encoding="utf-8")
    with subprocess.Popen(
        [*toolkit.chaincode, str(configuration)], cwd=toolkit.folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready") for line in process.stdout), "the chaincode did not start"
            _deploy(network, way, name, package)
            yield Served(name, process.pid)
        finally:
            process.terminate()


def _deploy(network: Consortium, way: Access, name: str, package: bytes) -> None:
    both = Collection("both", _BOTH, 0, 1, member_only_read=True)
    definition = ChaincodeDefinition(name, "1", 1, "AND('org-a.peer', 'org-b.peer')", collections=(both,))
    for organization in PARTIES:
        node = network.layout.gateway(organization)
        with way.peer(node) as peer, way.gateway(node) as gateway:
            peer.install(package)
            Lifecycle(gateway, CHANNEL).approve(definition, package_id(package))
    with way.gateway(network.layout.gateway("org-a")) as gateway:
        Lifecycle(gateway, CHANNEL).commit(definition, PARTIES)
