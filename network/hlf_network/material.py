"""Keys, certificates, MSP folders and wallets of every organization, made once and kept.

An organization's folder appears under its final name only when it is whole, so that a run that was killed
half-way leaves nothing that looks finished.
"""

import datetime
import secrets
import shutil
from pathlib import Path

from hlf.identity import SigningIdentity
from hlf.wallet import Wallet
from hlf_network import authority
from hlf_network.crypto import Authority, Credential, write_public, write_secret
from hlf_network.layout import LOOPBACK, Layout, Node
from hlf_network.topology import IdentityRequest, Organization

_NODE_OUS = """\
NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
"""
ADMIN = IdentityRequest(name="admin", role="admin")


def make(layout: Layout, *, now: datetime.datetime, password: bytes | None = None) -> list[str]:
    """Make what is missing; return the organizations it was made for.

    `now`: aware, UTC. `password` encrypts the keys in the wallets.
    """
    made = []
    for organization in layout.topology.organizations.values():
        if not layout.paths.organization(organization.name).is_dir():
            _Maker(layout, organization, now).make(password)
            made.append(organization.name)
    return made


class _Maker:
    """Makes one organization's folder in a temporary place, then its wallet, then gives it its name."""

    def __init__(self, layout: Layout, organization: Organization, now: datetime.datetime) -> None:
        self._layout = layout
        self._organization = organization
        self._name = organization.name
        self._country = layout.topology.country
        self._ca = Authority.create(f"ca.{self._name}", self._name, self._country, now)
        self._tls_ca = Authority.create(f"tlsca.{self._name}", self._name, self._country, now)
        self._final = layout.paths.organization(self._name)
        self._draft = self._final.with_name(f".{self._name}.draft")

    def make(self, password: bytes | None) -> None:
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(parents=True, mode=0o700)
        self._ca.credential.write(self._draft / "ca")
        self._tls_ca.credential.write(self._draft / "tlsca")
        for node in self._layout.nodes:
            if node.organization == self._name:
                self._node(node)
        self._tls("admin-tls", f"admin.{self._name}")
        if self._organization.peers:
            host = self._layout.chaincode_host
            self._tls("chaincode-tls", host, host, "localhost", LOOPBACK)
            self._tls("chaincode-client", f"peer.{self._name}")
        wallet = Wallet(self._layout.paths.wallet(self._name))
        for request in (ADMIN, *self._organization.identities):
            wallet.put(request.name, self._identity(request), password)
        self._draft.rename(self._final)

    def _tls(self, folder: str, name: str, *hosts: str) -> None:
        self._tls_ca.tls(name, self._name, self._country, hosts).write(self._draft / folder)

    def _node(self, node: Node) -> None:
        folder = self._draft / self._layout.paths.node(node).relative_to(self._final)
        if node.kind == "ca":
            secret = secrets.token_urlsafe(24)
            write_secret(self._draft / "ca" / "registrar", secret.encode())
            write_secret(folder / authority.FILE, authority.configuration(self._organization, node, secret))
        else:
            self._msp(folder, node)
        hosts = dict.fromkeys((node.host, node.name, "localhost", LOOPBACK))
        self._tls_ca.tls(node.name, self._name, self._country, tuple(hosts)).write(folder / "tls")

    def _msp(self, folder: Path, node: Node) -> None:
        write_msp(folder / "msp", self._ca, self._tls_ca, self._sign(node.name, node.kind))

    def _sign(self, name: str, role: str, attributes: dict[str, str] | None = None) -> Credential:
        return self._ca.identity(name, role, self._name, self._country, attributes)

    def _identity(self, request: IdentityRequest) -> SigningIdentity:
        attributes = {
            key: secrets.token_hex(value) if isinstance(value, int) else value
            for key, value in request.attributes.items()
        }
        subject = secrets.token_hex(16) if request.random_subject else request.name
        credential = self._sign(subject, request.role, attributes)
        return SigningIdentity.from_pem(self._name, credential.certificate, credential.key)


def write_msp(folder: Path, ca: Authority, tls_ca: Authority, credential: Credential) -> None:
    """A node's local MSP folder as Fabric reads it, NodeOUs on."""
    write_public(folder / "cacerts" / "ca.pem", ca.certificate)
    write_public(folder / "tlscacerts" / "tlsca.pem", tls_ca.certificate)
    write_public(folder / "signcerts" / "cert.pem", credential.certificate)
    write_public(folder / "config.yaml", _NODE_OUS.encode())
    write_secret(folder / "keystore" / "key.pem", credential.key)
