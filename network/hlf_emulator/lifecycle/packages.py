"""Chaincode packages installed on one peer: parsing, building, storage, and where an external service is.

Source: core/chaincode/persistence/chaincode_package.go, the `ccaas` builder (ccaas_builder/cmd) and
core/container/externalbuilder/instance.go. A peer here has that builder and no Docker.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from hlf_emulator.go.json import BOOL, TEXT, GoJsonError, Struct, decode
from hlf_emulator.go.values import GoValueError, parse_duration
from hlf_emulator.ledger.disk import Disk, DiskError
from hlf_emulator.lifecycle.archives import ArchiveError, entries

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_METADATA = Struct("ChaincodePackageMetadata", {"type": TEXT, "path": TEXT, "label": TEXT})
_CONNECTION = Struct(
    "connection",
    {
        "address": TEXT,
        "dial_timeout": TEXT,
        "tls_required": BOOL,
        "client_auth_required": BOOL,
        "root_cert": TEXT,
        "client_key": TEXT,
        "client_cert": TEXT,
    },
)
_BUILDS = "/var/hyperledger/production/externalbuilder/builds"
_REGULAR = b"0"
DIAL_TIMEOUT = 3.0
"""Seconds; `DialTimeout` of core/container/externalbuilder/instance.go."""


class PackageError(Exception):
    """A package that the peer refuses; the text is Fabric's."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a chaincode runs as a service (`connection.json`); PEM texts, `dial_timeout` in seconds."""

    address: str
    dial_timeout: float
    tls_required: bool = False
    client_auth_required: bool = False
    client_key: str = field(default="", repr=False)
    client_cert: str = ""
    root_cert: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package. `connection_file` is its connection.json, None where there is none."""

    package_id: str
    label: str
    type: str
    connection_file: bytes | None = field(default=None, repr=False)

    def connection(self) -> Connection:
        """Where the chaincode is. Raises PackageError: what is wrong with it shows only now."""
        fields = decode(self.connection_file or b"{}", _CONNECTION, "main")
        try:
            timeout = parse_duration(fields["dial_timeout"]).total_seconds()
        except GoValueError as fault:
            folder = f"{_BUILDS}/{self.package_id.replace(':', '-')}/release/chaincode/server"
            raise PackageError(f"malformed chaincode info at '{folder}/connection.json': {fault}") from fault
        fields["dial_timeout"] = timeout or DIAL_TIMEOUT
        connection = Connection(**fields)
        problem = _problem(connection)
        if problem:
            raise PackageError(problem)
        return connection


def parse_package(content: bytes) -> Package:
    """Read an install package. Raises PackageError."""
    metadata: dict[str, str] | None = None
    code: bytes | None = None
    try:
        for name, kind, held in entries(content):
            if kind != _REGULAR:
                raise PackageError(f"tar entry {name} is not a regular file, type {kind[0]}")
            if name == "metadata.json":
                metadata = decode(held, _METADATA, "persistence")
            elif name == "code.tar.gz":
                code = held
    except ArchiveError as fault:
        raise PackageError(_broken(fault)) from fault
    except GoJsonError as fault:
        raise PackageError(f"could not unmarshal metadata.json as json: {fault}") from fault
    if code is None:
        raise PackageError("did not find a code package inside the package")
    if metadata is None:
        raise PackageError("did not find any package metadata (missing metadata.json)")
    label = metadata["label"]
    if not _LABEL.fullmatch(label):
        raise PackageError(
            f"invalid label '{label}'. Label must be non-empty, can only consist of alphanumerics, symbols "
            "from '.+-_', and can only begin with alphanumerics"
        )
    try:
        files = {name.removeprefix("./"): held for name, _, held in entries(code)}
    except ArchiveError as fault:
        raise PackageError(f"error retrieving DB artifacts from code package: {fault}") from fault
    package_id = f"{label}:{hashlib.sha256(content).hexdigest()}"
    return Package(package_id, label, metadata["type"], files.get("connection.json"))


def _broken(fault: ArchiveError) -> str:
    if not fault.zipped:
        return f"error reading as gzip stream: {fault}"
    if fault.entry is not None:
        return f"could not read {fault.entry} from tar: {fault}"
    return f"error inspecting next tar header: {fault}"


def _build(package: Package) -> None:
    """What the peer does with a package before it keeps it. Raises PackageError."""
    if package.type.lower() != "ccaas":
        raise PackageError(_NO_DOCKER)
    if not _connects(package.connection_file):
        raise PackageError(
            "external builder failed: external builder failed to build: external builder 'ccaas_builder' "
            "failed: exit status 1"
        )


def _connects(connection: bytes | None) -> bool:
    """Whether the builder takes a connection.json; it has no values for templates in it."""
    if connection is None:
        return False
    try:
        fields = decode(connection, _CONNECTION, "main")
    except GoJsonError:
        return False
    return not any("{{" in text for text in fields.values() if isinstance(text, str))


_NO_DOCKER = (
    "docker build failed: docker image inspection failed: failed to connect to the docker API at "
    "unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix "
    "/var/run/docker.sock: connect: no such file or directory"
)


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
            _build(package)
        except PackageError as fault:
            raise PackageError(f"could not build chaincode: {fault}") from fault
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
