"""An organization's Fabric CA in Docker: image, settings, and where its files stand in the container.

The server is the official one as it configures itself (`fabric-ca-server init`), but for its keys: it signs
with the key that signed the organization's other certificates, so that channels accept what it issues.
"""

from typing import Any

import yaml

from hlf_network.layout import CA_PORT, Layout, Node
from hlf_network.topology import AuthorityRequest, Organization

IMAGE = "hyperledger/fabric-ca:1.5"
FILE = "fabric-ca-server-config.yaml"
COMMAND = ["fabric-ca-server", "start"]
_HOME = "/var/hyperledger"
_KEYS = "/etc/hyperledger/ca"
_IDENTITY = "/etc/hyperledger/identity"
_ADMINISTRATOR = {
    "hf.Registrar.Roles": "*",
    "hf.Registrar.DelegateRoles": "*",
    "hf.Revoker": True,
    "hf.IntermediateCA": True,
    "hf.GenCRL": True,
    "hf.Registrar.Attributes": "*",
    "hf.AffiliationMgr": True,
}


def binds(layout: Layout, node: Node) -> list[str]:
    """What the container sees of the state folder: the CA's key pair, its TLS pair, its configuration."""
    folder = layout.paths.node(node)
    return [
        f"{layout.paths.ca_certificate(node.organization).parent}:{_KEYS}:ro",
        f"{folder}:{_IDENTITY}:ro",
        f"{folder / FILE}:{_HOME}/{FILE}:ro",
    ]


def environment() -> dict[str, str]:
    """The rest is in the configuration file: an environment is there to be read by whoever uses Docker."""
    return {"FABRIC_CA_SERVER_HOME": _HOME}


def configuration(organization: Organization, node: Node, secret: str) -> bytes:
    """The configuration file; `secret` is that of `admin`, the identity that the server starts with."""
    request = organization.authority or AuthorityRequest()
    content: dict[str, Any] = {
        "version": "1.5.0",
        "port": CA_PORT,
        "tls": {
            "enabled": True,
            "certfile": f"{_IDENTITY}/tls/cert.pem",
            "keyfile": f"{_IDENTITY}/tls/key.pem",
            "clientauth": {"type": "noclientcert"},
        },
        "ca": {"name": node.name, "certfile": f"{_KEYS}/cert.pem", "keyfile": f"{_KEYS}/key.pem"},
        "crl": {"expiry": "24h"},
        "registry": {
            "maxenrollments": request.max_enrollments,
            "identities": [
                {
                    "name": "admin",
                    "pass": secret,
                    "type": "client",
                    "affiliation": "",
                    "attrs": _ADMINISTRATOR,
                }
            ],
        },
        "db": {"type": "sqlite3", "datasource": f"{_HOME}/fabric-ca-server.db"},
        "affiliations": {"org1": ["department1", "department2"], "org2": ["department1"]},
        "signing": {
            "default": {"usage": ["digital signature"], "expiry": "8760h"},
            "profiles": {
                "ca": {
                    "usage": ["cert sign", "crl sign"],
                    "expiry": "43800h",
                    "caconstraint": {"isca": True, "maxpathlen": 0},
                },
                "tls": {
                    "usage": ["signing", "key encipherment", "server auth", "client auth", "key agreement"],
                    "expiry": "8760h",
                },
            },
        },
        "cfg": {
            "identities": {"passwordattempts": 10, "allowremove": request.removal},
            "affiliations": {"allowremove": request.removal},
        },
        "bccsp": {
            "default": "SW",
            "sw": {
                "hash": "SHA2",
                "security": 256,
                "filekeystore": {"keystore": f"{_HOME}/msp/keystore"},
            },
        },
        "operations": {"listenAddress": "127.0.0.1:9443"},
        "metrics": {"provider": "disabled"},
    }
    return yaml.safe_dump(content, sort_keys=False).encode()
