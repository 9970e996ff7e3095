"""The network that fabric-samples' test-network makes, as data: two organizations, one orderer, `mychannel`.

Names, MSP ids, ports and folders are those of test-network (network.sh with cryptogen), so that what is
written for it finds everything where it looks. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHANNEL = "mychannel"
CONTROL = "control"
LOOPBACK = "127.0.0.1"
COUNTRY = "US"


@dataclass(frozen=True)
class SampleOrganization:
    """One organization. `prefix` is what test-network calls it in file names: org1, org2, orderer."""

    prefix: str
    msp_id: str
    domain: str
    kind: str

    @property
    def node(self) -> str:
        """The name of its one node, as its certificate and other nodes know it."""
        return f"peer0.{self.domain}" if self.kind == "peer" else f"orderer.{self.domain}"

    @property
    def authority(self) -> str:
        """The name of its Fabric CA, as clients give it (caname)."""
        return f"ca-{self.prefix}"

    @property
    def users(self) -> tuple[tuple[str, str], ...]:
        """Name and NodeOU of its people."""
        admin = (f"Admin@{self.domain}", "admin")
        return (admin, (f"User1@{self.domain}", "client")) if self.kind == "peer" else (admin,)


ORG1 = SampleOrganization("org1", "Org1MSP", "org1.example.com", "peer")
ORG2 = SampleOrganization("org2", "Org2MSP", "org2.example.com", "peer")
ORDERER = SampleOrganization("orderer", "OrdererMSP", "example.com", "orderer")
MEMBERS = (ORG1, ORG2)
ORGANIZATIONS = (ORDERER, ORG1, ORG2)
ADMIN_API = f"{ORDERER.node}/admin"
# Who may register, at each organization's CA: admin, with test-network's password.
REGISTRAR_SECRET = "adminpw"  # noqa: S105  it is as public as the samples are

# The order in which `--port-base` numbers them.
PORTS: Mapping[str, int] = {
    ORDERER.node: 7050,
    ADMIN_API: 7053,
    ORG1.node: 7051,
    ORG2.node: 9051,
    ORG1.authority: 7054,
    ORG2.authority: 8054,
    ORDERER.authority: 9054,
    CONTROL: 7059,
}


def ports_from(base: int) -> dict[str, int]:
    """Ports one after another from `base`."""
    return {name: base + index for index, name in enumerate(PORTS)}


def organization(name: str) -> SampleOrganization:
    """The organization called `name`: by MSP id, domain or prefix (Org1MSP, org1.example.com, org1).

    Raises KeyError that lists them.
    """
    for one in ORGANIZATIONS:
        if name.lower() in {one.msp_id.lower(), one.domain, one.prefix}:
            return one
    raise KeyError(f"no organization {name}; there are {', '.join(one.msp_id for one in ORGANIZATIONS)}")


@dataclass(frozen=True)
class SamplePaths:
    """Where everything lies under `root`, which is test-network's own folder to the samples."""

    root: Path

    def organization(self, one: SampleOrganization) -> Path:
        """The folder of an organization, as cryptogen makes it."""
        return self.root / "organizations" / f"{one.kind}Organizations" / one.domain

    def node(self, one: SampleOrganization) -> Path:
        """The folder of its node, with `msp` and `tls`."""
        return self.organization(one) / f"{one.kind}s" / one.node

    def user(self, one: SampleOrganization, name: str) -> Path:
        """A user's folder; `name` is Admin or User1."""
        return self.organization(one) / "users" / f"{name}@{one.domain}"

    def ca_certificate(self, one: SampleOrganization) -> Path:
        return self.organization(one) / "ca" / f"ca.{one.domain}-cert.pem"

    def tls_ca_certificate(self, one: SampleOrganization) -> Path:
        return self.organization(one) / "tlsca" / f"tlsca.{one.domain}-cert.pem"

    def connection(self, one: SampleOrganization, suffix: str) -> Path:
        """The connection profile; `suffix` is json or yaml."""
        return self.organization(one) / f"connection-{one.prefix}.{suffix}"

    def ca(self, one: SampleOrganization) -> Path:
        """The folder of its Fabric CA: key and certificate, and `tls`."""
        return self.organization(one) / "ca"

    @property
    def made(self) -> tuple[Path, ...]:
        """The folders that are this network's alone."""
        organizations = self.root / "organizations"
        return (
            organizations / "peerOrganizations",
            organizations / "ordererOrganizations",
            self.root / "channel-artifacts",
            self.run,
        )

    def genesis(self, channel: str) -> Path:
        return self.root / "channel-artifacts" / f"{channel}.block"

    @property
    def run(self) -> Path:
        """The emulator's own: its configuration, log, record and ledgers."""
        return self.root / "emulator"

    @property
    def registrar(self) -> Path:
        """The file with the password of every CA's `admin`."""
        return self.run / "registrar"

    @property
    def data(self) -> Path:
        return self.run / "ledgers"

    @property
    def config(self) -> Path:
        return self.run / "emulator.config"


def configuration(
    paths: SamplePaths,
    ports: Mapping[str, int],
    *,
    ledgers: Path,
    batch_timeout: str | None,
    in_memory: bool,
    fabric: str,
    seed: int | None,
) -> dict[str, object]:
    """The emulator's configuration file."""
    document: dict[str, object] = {
        "state": str(ledgers),
        "fabric": fabric,
        "sync": not in_memory,
        "ephemeral": in_memory,
        "control": f"{LOOPBACK}:{ports[CONTROL]}",
        "peers": [_node(paths, one, ports) for one in MEMBERS],
        "orderers": [
            {
                **_node(paths, ORDERER, ports),
                "admin_listen": f"{LOOPBACK}:{ports[ADMIN_API]}",
                "admin_client_roots": [str(paths.tls_ca_certificate(ORDERER))],
            }
        ],
        "cas": [_authority(paths, one, ports) for one in ORGANIZATIONS],
    }
    if batch_timeout is not None:
        document["batch"] = {"timeout": batch_timeout}
    if seed is not None:
        document["seed"] = seed
    return document


def _node(paths: SamplePaths, one: SampleOrganization, ports: Mapping[str, int]) -> dict[str, object]:
    folder = paths.node(one)
    return {
        "name": one.node,
        "msp_id": one.msp_id,
        "listen": f"{LOOPBACK}:{ports[one.node]}",
        "external": f"{one.node}:{ports[one.node]}",
        "msp": str(folder / "msp"),
        "tls": {
            "certificate": str(folder / "tls" / "server.crt"),
            "key": str(folder / "tls" / "server.key"),
            "roots": [str(paths.tls_ca_certificate(one))],
        },
    }


def _authority(paths: SamplePaths, one: SampleOrganization, ports: Mapping[str, int]) -> dict[str, object]:
    folder = paths.ca(one)
    return {
        "name": one.authority,
        "listen": f"{LOOPBACK}:{ports[one.authority]}",
        "certificate": str(paths.ca_certificate(one)),
        "key": str(folder / "priv_sk"),
        "registrar": str(paths.registrar),
        "tls": {
            "certificate": str(folder / "tls" / "server.crt"),
            "key": str(folder / "tls" / "server.key"),
            "roots": [str(paths.ca_certificate(one))],
        },
    }


def profile(one: SampleOrganization, ports: Mapping[str, int], tls_ca: str, ca: str) -> dict[str, object]:
    """The organization's connection profile, as test-network's ccp-generate.sh writes it.

    `tls_ca` and `ca` are the organization's authorities, PEM.
    """
    name = one.prefix.capitalize()
    return {
        "name": f"test-network-{one.prefix}",
        "version": "1.0.0",
        "client": {
            "organization": name,
            "connection": {"timeout": {"peer": {"endorser": "300"}}},
        },
        "organizations": {
            name: {
                "mspid": one.msp_id,
                "peers": [one.node],
                "certificateAuthorities": [f"ca.{one.domain}"],
            }
        },
        "peers": {
            one.node: {
                "url": f"grpcs://localhost:{ports[one.node]}",
                "tlsCACerts": {"pem": tls_ca},
                "grpcOptions": {
                    "ssl-target-name-override": one.node,
                    "hostnameOverride": one.node,
                },
            }
        },
        "certificateAuthorities": {
            f"ca.{one.domain}": {
                "url": f"https://localhost:{ports[one.authority]}",
                "caName": one.authority,
                "tlsCACerts": {"pem": [ca]},
                "httpOptions": {"verify": False},
            }
        },
    }
