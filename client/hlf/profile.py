"""Connection profiles: the YAML or JSON file that says where a network's nodes are.

The format is the one of the former Fabric SDKs and of fabric-samples' test network::

    client: {organization: Org1}
    organizations: {Org1: {mspid: Org1MSP, peers: [peer0.org1.example.com]}}
    peers:
      peer0.org1.example.com:
        url: grpcs://localhost:7051
        tlsCACerts: {path: tls/ca.pem}        # or pem: a text, or a list of texts
        grpcOptions: {ssl-target-name-override: peer0.org1.example.com}

Paths are relative to the profile's folder. For peers that ask clients for a certificate, its PEM and its
key's stand under ``client.tlsCerts.client.cert`` and ``.key``, by path or pem, for all nodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hlf.endpoint import Endpoint
from hlf.errors import ConfigurationError

# An authority's port may be left to its scheme.
_URL = re.compile(r"grpcs?://[^/]+:\d+/?|https?://[^/]+(/.*)?")


@dataclass(frozen=True)
class NodeProfile:
    """A peer, an orderer or a certificate authority: ``name`` as the profile calls it, ``url`` as written."""

    name: str
    url: str
    tls_root_pem: bytes | None = field(default=None, repr=False)
    override_host: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    file: str = field(default="", repr=False)
    client_certificate_pem: bytes | None = field(default=None, repr=False)
    client_key_pem: bytes | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """Where to dial the node. ConfigurationError for a grpcs url without CA certificates."""
        parts = urlsplit(self.url)
        secure = parts.scheme in {"grpcs", "https"}
        if secure and self.tls_root_pem is None:
            raise ConfigurationError(
                f"{self.name} uses TLS and has no tlsCACerts", file=self.file, field="tlsCACerts"
            )
        if not secure:
            return Endpoint(parts.netloc)
        return Endpoint(
            parts.netloc,
            self.tls_root_pem,
            override_host=self.override_host,
            client_certificate_pem=self.client_certificate_pem,
            client_key_pem=self.client_key_pem,
        )


@dataclass(frozen=True)
class OrganizationProfile:
    """A member: its MSP id, and its nodes by name."""

    name: str
    msp_id: str
    peers: tuple[str, ...] = ()
    certificate_authorities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A connection profile. ``organization`` is the client's own, by the profile's name for it."""

    name: str
    organization: str
    organizations: Mapping[str, OrganizationProfile]
    peers: Mapping[str, NodeProfile]
    orderers: Mapping[str, NodeProfile] = field(default_factory=dict)
    certificate_authorities: Mapping[str, NodeProfile] = field(default_factory=dict)
    file: str = ""

    @property
    def msp_id(self) -> str:
        """MSP id of the client's own organization."""
        return self.organizations[self.organization].msp_id

    def peer(self, name: str | None = None) -> NodeProfile:
        """Return a peer by name, or the first one of the client's organization (else of the profile)."""
        if name is None:
            names = (*self.organizations[self.organization].peers, *self.peers)
            if not names:
                raise ConfigurationError("the profile names no peer", file=self.file, field="peers")
            name = names[0]
        if name not in self.peers:
            known = ", ".join(self.peers) or "none"
            raise ConfigurationError(
                f"there is no peer {name!r}", file=self.file, field="peers", hint=f"known: {known}"
            )
        return self.peers[name]


def load_profile(path: str | Path) -> Profile:
    """Read a profile, YAML or JSON. ConfigurationError names the file and the field that is wrong."""
    import yaml  # not at the top: clients with endpoints of their own do without it

    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(file)) from error
    try:
        data = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"is not valid {file.suffix[1:] or 'YAML'}: {error}", file=str(file)
        ) from error
    return ProfileReader(file).profile(data)


class ProfileReader:
    """Reads a profile that has been parsed. Paths in it are relative to ``base``, its folder by default."""

    def __init__(self, file: Path, base: Path | None = None) -> None:
        self.file = file
        self.base = file.parent if base is None else base
        self._client_tls: tuple[bytes | None, bytes | None] = (None, None)

    def fail(self, field: str, message: str) -> ConfigurationError:
        """Return the error for a field."""
        return ConfigurationError(message, file=str(self.file), field=field)

    def mapping(self, value: Any, field: str) -> dict[str, Any]:
        """Return a mapping that is there, or an empty one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fail(field, "a mapping is expected")
        return value

    def _names(self, value: Any, field: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(field, "a list of names is expected")
        return tuple(value)

    def profile(self, data: Any) -> Profile:
        """Return the profile."""
        root = self.mapping(data, "")
        organizations = {
            name: self._organization(name, value)
            for name, value in self.mapping(root.get("organizations"), "organizations").items()
        }
        settings = self.mapping(root.get("client"), "client")
        client = settings.get("organization")
        tls = self.mapping(settings.get("tlsCerts"), "client.tlsCerts").get("client")
        place = "client.tlsCerts.client"
        self._client_tls = self.client_tls(self.mapping(tls, place), place, "cert", "key")
        if client is None and len(organizations) == 1:
            client = next(iter(organizations))
        if client not in organizations:
            raise self.fail("client.organization", "must name one of the organizations")
        return Profile(
            name=str(root.get("name", self.file.stem)),
            organization=client,
            organizations=organizations,
            peers=self._nodes(root, "peers"),
            orderers=self._nodes(root, "orderers"),
            certificate_authorities=self._nodes(root, "certificateAuthorities"),
            file=str(self.file),
        )

    def _organization(self, name: str, value: Any) -> OrganizationProfile:
        place = f"organizations.{name}"
        entry = self.mapping(value, place)
        msp_id = entry.get("mspid", entry.get("mspID"))
        if not isinstance(msp_id, str) or not msp_id:
            raise self.fail(f"{place}.mspid", "is missing")
        authorities = self._names(entry.get("certificateAuthorities"), f"{place}.certificateAuthorities")
        return OrganizationProfile(
            name, msp_id, self._names(entry.get("peers"), f"{place}.peers"), authorities
        )

    def _nodes(self, root: dict[str, Any], section: str) -> dict[str, NodeProfile]:
        return {
            name: self._node(name, value, f"{section}.{name}")
            for name, value in self.mapping(root.get(section), section).items()
        }

    def _node(self, name: str, value: Any, place: str) -> NodeProfile:
        entry = self.mapping(value, place)
        url = entry.get("url")
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise self.fail(f"{place}.url", "grpcs://host:port is expected")
        options = self.mapping(entry.get("grpcOptions"), f"{place}.grpcOptions")
        override = options.get("ssl-target-name-override") or options.get("hostnameOverride")
        roots = self.pem(entry.get("tlsCACerts"), f"{place}.tlsCACerts")
        certificate, key = self.client_tls(entry, place, "clientCert", "clientKey")
        if certificate is None:
            certificate, key = self._client_tls
        if override is not None and not isinstance(override, str):
            raise self.fail(f"{place}.grpcOptions", "a host name is expected")
        return NodeProfile(name, url, roots, override, options, str(self.file), certificate, key)

    def client_tls(
        self, entry: dict[str, Any], place: str, certificate: str, key: str
    ) -> tuple[bytes | None, bytes | None]:
        """Return the client's TLS certificate and key under these fields, or twice None."""
        both = (
            self.pem(entry.get(certificate), f"{place}.{certificate}"),
            self.pem(entry.get(key), f"{place}.{key}"),
        )
        if (both[0] is None) != (both[1] is None):
            raise self.fail(place, f"{certificate} and {key} belong together")
        return both

    def pem(self, value: Any, place: str) -> bytes | None:
        """Return what stands there under ``pem``, or in the file under ``path``."""
        entry = self.mapping(value, place)
        if "pem" in entry:
            pem = entry["pem"]
            parts = pem if isinstance(pem, list) else [pem]
            if not all(isinstance(part, str) for part in parts):
                raise self.fail(f"{place}.pem", "PEM text is expected")
            return "\n".join(parts).encode()
        if "path" in entry:
            path = self.base / str(entry["path"])
            try:
                return path.read_bytes()
            except OSError as error:
                raise self.fail(f"{place}.path", f"{path}: {error.strerror}") from error
        return None
