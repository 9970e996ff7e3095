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


@dataclass(frozen=True)
class Prepared:
    """A chaincode that is to be served: its package, and the file that its process reads."""

    name: str
    package: bytes
    configuration: Path


@contextmanager
def served(
    toolkit: Toolkit, network: Consortium, folder: Path, *, contracts: Sequence[str] = ()
) -> Iterator[Served]:
    """The toolkit's chaincode, approved by both parties and committed, for the length of the block.

    ``contracts`` are those that our own server is to serve.
    """
    prepared = prepare(network, folder, contracts=contracts)
    with running(toolkit, prepared) as process:
        deploy(network, prepared)
        yield Served(prepared.name, process.pid)


def prepare(
    network: Consortium,
    folder: Path,
    *,
    contracts: Sequence[str] = (),
    client_of: str | None = None,
    clients_of: str | None = None,
    root_of: str = "org-a",
) -> Prepared:
    """A package and a configuration with a name and a port of their own.

    The package trusts the TLS authority of ``root_of`` and holds the client certificate of ``client_of``;
    the server, org-a's, asks for one of ``clients_of``. None: no client certificate.
    """
    layout = network.layout
    listen, host = network.chaincode_address
    name = f"official-{os.urandom(4).hex()}"
    address = f"{listen}:{choose([name], folder, {})[name]}"
    client = layout.paths.chaincode_client(client_of) if client_of else None
    package = ccaas_package(
        name,
        f"{host}:{address.rpartition(':')[2]}",
        dial_timeout="3s",
        tls_root_pem=layout.paths.tls_ca_certificate(root_of).read_bytes(),
        client_cert_pem=(client / "cert.pem").read_bytes() if client else None,
        client_key_pem=(client / "key.pem").read_bytes() if client else None,
    )
    tls = layout.paths.chaincode_tls("org-a")
    key, certificate = str(tls / "key.pem"), str(tls / "cert.pem")
    identifier = package_id(package)
    authority = str(layout.paths.tls_ca_certificate(clients_of)) if clients_of else None
    own = {
        "address": address,
        "package_id": identifier,
        "contracts": list(contracts),
        "tls": {"key": key, "certificate": certificate, "client_ca": authority},
    }
    # One file for all: each reads what it knows.
    written = {"packageId": identifier, "address": address, "key": key, "certificate": certificate}
    configuration = folder / f"{name}.json"
    configuration.write_text(json.dumps({**written, "servers": [own]}), encoding="utf-8")
    return Prepared(name, package, configuration)


@contextmanager
def running(toolkit: Toolkit, prepared: Prepared) -> Iterator[subprocess.Popen[str]]:
    """The process of a toolkit's chaincode, ready."""
    command = [*toolkit.chaincode, str(prepared.configuration)]
    with subprocess.Popen(command, cwd=toolkit.folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready") for line in process.stdout), "the chaincode did not start"
            yield process
        finally:
            process.terminate()


def deploy(network: Consortium, prepared: Prepared) -> None:
    """Install, approve by both parties and commit."""
    way, name, package = Access(network.layout), prepared.name, prepared.package
    both = Collection("both", _BOTH, 0, 1, member_only_read=True)
    definition = ChaincodeDefinition(name, "1", 1, "AND('org-a.peer', 'org-b.peer')", collections=(both,))
    for organization in PARTIES:
        node = network.layout.gateway(organization)
        with way.peer(node) as peer, way.gateway(node) as gateway:
            peer.install(package)
            Lifecycle(gateway, CHANNEL).approve(definition, package_id(package))
    with way.gateway(network.layout.gateway("org-a")) as gateway:
        Lifecycle(gateway, CHANNEL).commit(definition, PARTIES)
