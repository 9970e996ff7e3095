"""Real Fabric: the official peer and orderer images, driven through Docker's API.

Everything carries the label `hlf.network=<identifier>`, which is how `remove` finds all of it and nothing
else. Nothing is ever pulled: a missing image is a sentence that says how to get it.
"""

import contextlib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import LogConfig

from hlf_network import authority
from hlf_network.errors import NetworkError, PortTakenError
from hlf_network.layout import ADMIN_PORT, LOOPBACK, Layout, Node
from hlf_network.topology import Topology

_LABEL = "hlf.network"
_IDENTITY = "/etc/hyperledger/identity"
_DATA = "/var/hyperledger"
_STOPPED = NetworkError(
    "no Docker engine answers",
    hint="start Docker (for example `sudo systemctl start docker`) and see that your user may use it",
)


def images(topology: Topology) -> dict[str, str]:
    """The image of each kind of node that the network has."""
    found = {kind: f"hyperledger/fabric-{kind}:{topology.fabric}" for kind in ("peer", "orderer")}
    if any(organization.authority for organization in topology.organizations.values()):
        found["ca"] = authority.IMAGE
    return found


class DockerRuntime:
    """One network's containers."""

    name = "docker"
    in_containers = True

    def __init__(self, network: str, identifier: str) -> None:
        self._name = f"{network}-{identifier}"
        self._labels = {_LABEL: identifier}
        self._identifier = identifier
        self._client = _connect()

    def check(self, topology: Topology) -> None:
        """NetworkError if an image is missing; that the engine answers was seen when this was made."""
        missing = [image for image in images(topology).values() if not _present(self._client, image)]
        if missing:
            raise _missing(missing)

    def close(self) -> None:
        """Give the connections to the engine back."""
        self._client.close()

    def start(self, layout: Layout) -> None:
        """Create and start what is not there or not running; all containers at once."""
        self.check(layout.topology)
        wanted = images(layout.topology)
        gateway = self.chaincode_address()
        with ThreadPoolExecutor(max_workers=8) as pool:
            for _ in pool.map(
                lambda node: self._start(layout, node, wanted[node.kind], gateway), layout.nodes
            ):
                pass

    def chaincode_address(self) -> str:
        """The bridge's own address: containers reach the host there, other machines do not."""
        with _sentences():
            network = self._network() or self._client.networks.create(
                self._name, driver="bridge", labels=self._labels
            )
            network.reload()
        gateway: str = network.attrs["IPAM"]["Config"][0]["Gateway"]
        return gateway

    def fabric_version(self, layout: Layout) -> str:
        """What the first running peer says of itself."""
        with _sentences():
            answer = self._get(layout.peers()[0]).exec_run(["peer", "version"]).output
        found = re.search(rb"Version: v?(\S+)", b"".join([answer] if isinstance(answer, bytes) else answer))
        return found[1].decode() if found else layout.topology.fabric

    def states(self, layout: Layout) -> Mapping[str, str]:
        """running, stopped or missing, for every node."""
        with _sentences():
            found = {container.name: container.status for container in self._containers()}
        return {
            node.name: {None: "missing", "running": "running"}.get(
                found.get(self._container(node)), "stopped"
            )
            for node in layout.nodes
        }

    def stop_node(self, layout: Layout, name: str) -> None:
        """Kill the node's container; harmless when it does not run."""
        with _sentences():
            container = self._get(layout.node(name))
            try:
                container.kill()
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # the engine's word for "not running"
                    raise

    def start_node(self, layout: Layout, name: str) -> None:
        """Start the node's container again."""
        with _sentences():
            self._get(layout.node(name)).start()

    def last_words(self, layout: Layout, name: str) -> str:
        """The last lines of the container's log."""
        with _sentences():
            try:
                return self._get(layout.node(name)).logs(tail=12).decode(errors="replace")
            except NotFound:
                return ""

    def remove(self) -> list[str]:
        """Remove this network's containers with their anonymous volumes, its volumes and its bridge."""
        removed = []
        query = {"label": f"{_LABEL}={self._identifier}"}
        with _sentences():
            containers = self._containers()
            with ThreadPoolExecutor(max_workers=8) as pool:
                removed += list(pool.map(_remove_container, containers))
            for volume in self._client.volumes.list(filters=query):
                volume.remove(force=True)
                removed.append(f"volume {volume.name}")
            for network in self._client.networks.list(filters=query):
                network.remove()
                removed.append(f"network {network.name}")
        return removed

    def _container(self, node: Node) -> str:
        return f"{self._name}-{node.name}"

    def _containers(self) -> list[Container]:
        return self._client.containers.list(all=True, filters={"label": f"{_LABEL}={self._identifier}"})

    def _get(self, node: Node) -> Container:
        return self._client.containers.get(self._container(node))

    def _network(self) -> Network | None:
        found = self._client.networks.list(filters={"label": f"{_LABEL}={self._identifier}"})
        return found[0] if found else None

    def _start(self, layout: Layout, node: Node, image: str, gateway: str) -> None:
        with _sentences(node):
            try:
                container = self._get(node)
            except NotFound:
                container = self._create(layout, node, image, gateway)
            if container.status != "running":
                container.start()

    def _create(self, layout: Layout, node: Node, image: str, gateway: str) -> Container:
        name = self._container(node)
        volume = self._client.volumes.create(name, labels=self._labels)
        ports: dict[int | str, Any] = {f"{node.port}/tcp": (LOOPBACK, node.published)}
        if node.kind == "orderer":
            ports[f"{ADMIN_PORT}/tcp"] = (LOOPBACK, node.admin_published)
        low = self._client.api
        created = low.create_container(
            image,
            name=name,
            hostname=node.host,
            command=authority.COMMAND if node.kind == "ca" else None,
            environment=authority.environment()
            if node.kind == "ca"
            else environment(layout, node, self._name),
            labels={**self._labels, "hlf.node": node.name},
            ports=[(int(str(port).partition("/")[0]), "tcp") for port in ports],
            host_config=low.create_host_config(
                binds=[f"{volume.name}:{_DATA}", *_binds(layout, node)],
                port_bindings=ports,
                # Installing a chaincode unpacks it there, and the images have no writable /tmp of their own.
                tmpfs={"/tmp": ""},  # noqa: S108  the container's, not ours
                extra_hosts={layout.chaincode_host: gateway},
                log_config=LogConfig(type="json-file", config={"max-size": "20m", "max-file": "2"}),
            ),
            networking_config={
                "EndpointsConfig": {self._name: low.create_endpoint_config(aliases=[node.host])}
            },
        )
        return self._client.containers.get(created["Id"])


def obstacle(topology: Topology) -> NetworkError | None:
    """Why this runtime cannot be used here, or None."""
    try:
        client = _connect()
    except NetworkError as error:
        return error
    with contextlib.closing(client):
        missing = [image for image in images(topology).values() if not _present(client, image)]
    return _missing(missing) if missing else None


def _binds(layout: Layout, node: Node) -> list[str]:
    if node.kind == "ca":
        return authority.binds(layout, node)
    return [f"{layout.paths.node(node)}:{_IDENTITY}:ro"]


def environment(layout: Layout, node: Node, network: str) -> dict[str, str]:
    """The node's settings on top of the image's core.yaml or orderer.yaml."""
    tls = f"{_IDENTITY}/tls"
    authority = f"{_IDENTITY}/msp/tlscacerts/tlsca.pem"
    if node.kind == "peer":
        return {
            "CORE_PEER_ID": node.name,
            "CORE_PEER_NETWORKID": network,
            "CORE_PEER_LOCALMSPID": node.msp_id,
            "CORE_PEER_MSPCONFIGPATH": f"{_IDENTITY}/msp",
            "CORE_PEER_ADDRESS": node.endpoint,
            "CORE_PEER_LISTENADDRESS": f"0.0.0.0:{node.port}",
            "CORE_PEER_FILESYSTEMPATH": f"{_DATA}/production",
            "CORE_PEER_TLS_ENABLED": "true",
            "CORE_PEER_TLS_CERT_FILE": f"{tls}/cert.pem",
            "CORE_PEER_TLS_KEY_FILE": f"{tls}/key.pem",
            "CORE_PEER_TLS_ROOTCERT_FILE": authority,
            "CORE_PEER_GOSSIP_BOOTSTRAP": node.endpoint,
            "CORE_PEER_GOSSIP_EXTERNALENDPOINT": node.endpoint,
            **_gossip(len(layout.peers())),
            "CORE_PEER_GOSSIP_PVTDATA_RECONCILESLEEPINTERVAL": "5s",
            "CORE_CHAINCODE_EXECUTETIMEOUT": layout.topology.execute_timeout,
        }
    return {
        "ORDERER_GENERAL_LISTENADDRESS": "0.0.0.0",  # noqa: S104  inside the container
        "ORDERER_GENERAL_LISTENPORT": str(node.port),
        "ORDERER_GENERAL_LOCALMSPID": node.msp_id,
        "ORDERER_GENERAL_BOOTSTRAPMETHOD": "none",  # 2.5 looks for a system channel's block unless told so
        "ORDERER_GENERAL_LOCALMSPDIR": f"{_IDENTITY}/msp",
        "ORDERER_GENERAL_TLS_ENABLED": "true",
        "ORDERER_GENERAL_TLS_CERTIFICATE": f"{tls}/cert.pem",
        "ORDERER_GENERAL_TLS_PRIVATEKEY": f"{tls}/key.pem",
        "ORDERER_GENERAL_TLS_ROOTCAS": f"[{authority}]",
        "ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE": f"{tls}/cert.pem",
        "ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY": f"{tls}/key.pem",
        "ORDERER_FILELEDGER_LOCATION": f"{_DATA}/production/orderer",
        "ORDERER_CONSENSUS_WALDIR": f"{_DATA}/production/orderer/wal",
        "ORDERER_CONSENSUS_SNAPDIR": f"{_DATA}/production/orderer/snapshots",
        "ORDERER_CHANNELPARTICIPATION_ENABLED": "true",
        "ORDERER_ADMIN_LISTENADDRESS": f"0.0.0.0:{ADMIN_PORT}",
        "ORDERER_ADMIN_TLS_ENABLED": "true",
        "ORDERER_ADMIN_TLS_CERTIFICATE": f"{tls}/cert.pem",
        "ORDERER_ADMIN_TLS_PRIVATEKEY": f"{tls}/key.pem",
        "ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED": "true",
        "ORDERER_ADMIN_TLS_CLIENTROOTCAS": f"[{authority}]",
    }


def _gossip(peers: int) -> dict[str, str]:
    """How often peers talk.

    The defaults suit wide networks: a first dial that fails would be tried again after 25 s only. But every
    try is a TLS handshake with every peer not yet known, which on one machine must slow down as they grow.
    """
    pace = max(1.0, peers / 5)
    every = f"{pace:.1f}s"
    return {
        "CORE_PEER_GOSSIP_RECONNECTINTERVAL": every,
        "CORE_PEER_GOSSIP_ALIVETIMEINTERVAL": every,
        "CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT": f"{10 * pace:.1f}s",
        "CORE_PEER_GOSSIP_MEMBERSHIPTRACKERINTERVAL": every,
        "CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL": f"{pace / 2:.1f}s",
        "CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL": f"{pace / 2:.1f}s",
        "CORE_PEER_GOSSIP_PULLINTERVAL": every,
    }


def _connect() -> docker.DockerClient:
    _probe(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    try:
        client = docker.from_env(timeout=60, max_pool_size=16)
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise _STOPPED from error
    return client


def _probe(address: str) -> None:
    # Docker's client leaves a socket open for good when nobody listens at the other end.
    path = address.removeprefix("unix://")
    if path != address:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
        except OSError as error:
            raise _STOPPED from error


def _present(client: docker.DockerClient, image: str) -> bool:
    with _sentences():
        try:
            client.images.get(image)
        except ImageNotFound:
            return False
    return True


def _missing(missing: list[str]) -> NetworkError:
    return NetworkError(
        f"Docker has no image {' and '.join(missing)}",
        hint="; ".join(f"docker pull {image}" for image in missing),
    )


def _remove_container(container: Container) -> str:
    with contextlib.suppress(NotFound):
        container.remove(force=True, v=True)
    return f"container {container.name}"


@contextlib.contextmanager
def _sentences(node: Node | None = None) -> Iterator[None]:
    """Turn Docker's errors into sentences with a remedy."""
    try:
        yield
    except APIError as error:  # a RequestException, too
        text = str(error.explanation or error)
        if node is not None and ("port is already allocated" in text or "address already in use" in text):
            raise PortTakenError(
                f"port {node.published} of this machine, for {node.name}, is held by another program",
                hint="stop that program, or `hlf network down` and `up`, which chooses other ports",
            ) from error
        raise NetworkError(f"Docker refused: {text}") from error
    except requests.RequestException as error:
        raise _STOPPED from error
