"""Chaincode packages installed on one peer: parsing, storage, and the address of an external service."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hlf_emulator.bundle import ConfigError, duration
from hlf_emulator.disk import Disk, DiskError

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
DIAL_TIMEOUT = 3.0
"""Seconds; `DialTimeout` of core/container/externalbuilder/instance.go."""


class PackageError(Exception):
    """A package that the peer refuses; the text is Fabric's."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a chaincode runs as a service (`connection.json`); PEM texts, `dial_timeout` in seconds."""

    address: str
    domain: str
    dial_timeout: float
    tls_required: bool
    client_auth_required: bool
    client_key: str
    client_cert: str
    root_cert: str


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package."""

    package_id: str
    label: str
    type: str
    connection: Connection | None


def parse_package(content: bytes) -> Package:
    """Read an install package. Raises PackageError."""
    files = _entries(content)
    code = files.get("code.tar.gz")
    if code is None:
        raise PackageError("did not find a code package inside the package")
    if "metadata.json" not in files:
        raise PackageError("did not find any package metadata (missing metadata.json)")
    try:
        metadata = json.loads(files["metadata.json"])
    except ValueError as fault:
        raise PackageError(f"could not unmarshal metadata.json as json: {fault}") from fault
    label = str(metadata.get("label", ""))
    if not _LABEL.fullmatch(label):
        raise PackageError(
            f"invalid label '{label}'. Label must be non-empty, can only consist of alphanumerics, symbols "
            "from '.+-_', and can only begin with alphanumerics"
        )
    package_id = f"{label}:{hashlib.sha256(content).hexdigest()}"
    inner = _entries(code)
    connection = _connection(inner["connection.json"]) if "connection.json" in inner else None
    return Package(package_id, label, str(metadata.get("type", "")), connection)


def _entries(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if content[:2] != b"\x1f\x8b":
        # Go reads ten bytes before it looks at them.
        reason = ("unexpected EOF" if content else "EOF") if len(content) < 10 else "gzip: invalid header"
        raise PackageError(f"error reading as gzip stream: {reason}")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for entry in archive:
                if not entry.isreg():
                    raise PackageError(
                        f"tar entry {entry.name} is not a regular file, type {ord(entry.type)}"
                    )
                source = archive.extractfile(entry)
                files[entry.name] = source.read() if source else b""
    except (tarfile.TarError, EOFError, OSError) as fault:
        raise PackageError(f"error reading as gzip stream: {fault}") from fault
    return files


def _connection(content: bytes) -> Connection:
    try:
        fields: dict[str, Any] = json.loads(content)
        raw = fields.get("dial_timeout", "")
        timeout = duration(raw) if isinstance(raw, str) and raw else float(raw or 0) / 1e9
    except (ValueError, ConfigError) as fault:
        raise PackageError(f"malformed chaincode info at 'connection.json': {fault}") from fault
    connection = Connection(
        address=str(fields.get("address", "")),
        domain=str(fields.get("domain", "")),
        dial_timeout=timeout or DIAL_TIMEOUT,
        tls_required=bool(fields.get("tls_required", False)),
        client_auth_required=bool(fields.get("client_auth_required", False)),
        client_key=str(fields.get("client_key", "")),
        client_cert=str(fields.get("client_cert", "")),
        root_cert=str(fields.get("root_cert", "")),
    )
    problem = _problem(connection)
    if problem:
        raise PackageError(problem)
    return connection


def _problem(connection: Connection) -> str:
    if not connection.address:
        return "chaincode address not provided"
    if not connection.tls_required:
        return ""
    if connection.client_auth_required and not connection.client_key:
        return "chaincode tls key not provided"
    if connection.client_auth_required and not connection.client_cert:
        return "chaincode tls cert not provided"
    return "" if connection.root_cert else "chaincode tls root cert not provided"


class PackageStore:
    """The packages of one peer, one file each."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()
        folder.mkdir(parents=True, exist_ok=True)
        self.packages: dict[str, Package] = {}
        for path in sorted(folder.glob("*.tar.gz")):
            package = parse_package(path.read_bytes())
            self.packages[package.package_id] = package

    def install(self, content: bytes) -> Package:
        """Store a package. Raises PackageError."""
        try:
            package = parse_package(content)
        except PackageError as fault:
            raise PackageError(f"could not parse as a chaincode install package: {fault}") from fault
        if package.package_id in self.packages:
            raise PackageError(
                f"chaincode already successfully installed (package ID '{package.package_id}')"
            )
        try:
            self._disk.replace(self._path(package.package_id), content)
        except DiskError as fault:
            path = self._path(package.package_id)
            raise PackageError(
                "could not save cc install package: error writing chaincode install package to "
                f"{path.name}: {fault}"
            ) from fault
        self.packages[package.package_id] = package
        return package

    def content(self, package_id: str) -> bytes | None:
        """The package as it was installed."""
        return self._path(package_id).read_bytes() if package_id in self.packages else None

    def _path(self, package_id: str) -> Path:
        label, _, digest = package_id.partition(":")
        return self._folder / f"{label}.{digest}.tar.gz"
