"""How an organization's administrator reaches its own nodes: endpoints, TLS and identities by layout."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from hlf.admin.discovery import Discovery
from hlf.admin.participation import ClientTls
from hlf.admin.peer import PeerAdmin
from hlf.endpoint import Endpoint
from hlf.gateway import Gateway
from hlf.identity import SigningIdentity
from hlf.wallet import Wallet
from hlf_network.layout import Layout, Node


@dataclass(frozen=True)
class Access:
    """`password` opens the wallets' keys, where they are encrypted."""

    layout: Layout
    password: bytes | None = None

    def identity(self, organization: str, name: str = "admin") -> SigningIdentity:
        """An identity of an organization's wallet."""
        return Wallet(self.layout.paths.wallet(organization)).get(name, self.password)

    def endpoint(self, node: Node) -> Endpoint:
        """How a client on this machine dials a node."""
        return Endpoint(node.address, self.layout.paths.tls_ca_certificate(node.organization).read_bytes())

    def peer(self, node: Node) -> PeerAdmin:
        """The peer, as its own administrator."""
        return PeerAdmin(self.endpoint(node), self.identity(node.organization))

    def discovery(self, node: Node) -> Discovery:
        """The peer's discovery service, as its own administrator."""
        return Discovery(self.endpoint(node), self.identity(node.organization))

    def gateway(self, node: Node) -> Gateway:
        """The peer's Gateway service, as its own administrator."""
        return Gateway(self.endpoint(node), self.identity(node.organization))

    def participation(self, node: Node) -> tuple[str, ClientTls]:
        """URL and TLS of an orderer's admin port."""
        paths = self.layout.paths
        folder = paths.admin_tls(node.organization)
        return f"https://localhost:{node.admin_published}", ClientTls(
            root_pem=paths.tls_ca_certificate(node.organization).read_bytes(),
            certificate_pem=(folder / "cert.pem").read_bytes(),
            key_pem=(folder / "key.pem").read_bytes(),
        )

    def serves(self, node: Node, port: int = 0) -> bool:
        """Whether the node answers with its own certificate; a CA, whether it says who it is.

        A bare connection proves nothing: Docker accepts it before the container's program listens.
        """
        if node.kind == "ca":
            return self._authority_answers(node)
        context = ssl.create_default_context(cafile=self.layout.paths.tls_ca_certificate(node.organization))
        context.set_alpn_protocols(["h2"])
        try:
            with (
                socket.create_connection(("127.0.0.1", port or node.published), timeout=2) as plain,
                context.wrap_socket(plain, server_hostname="localhost"),
            ):
                return True
        except OSError:
            return False

    def _authority_answers(self, node: Node) -> bool:
        context = ssl.create_default_context(cafile=self.layout.paths.tls_ca_certificate(node.organization))
        connection = http.client.HTTPSConnection("localhost", node.published, timeout=5, context=context)
        try:
            connection.request("GET", "/cainfo")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()
