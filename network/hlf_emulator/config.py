"""What one emulator process runs: read from the JSON that the network tool writes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hlf.errors import ConfigurationError
from hlf_emulator.version import FABRIC_3_1, Version, version

T = TypeVar("T")
D = TypeVar("D")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|us|ns)$")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class NodeTls:
    """A node's own TLS certificate and key, and the roots of those who may call it (PEM files)."""

    certificate: Path
    key: Path
    roots: tuple[Path, ...]


@dataclass(frozen=True)
class PeerConfig:
    """One peer: ``listen`` is bound, ``external`` is what discovery tells clients."""

    name: str
    msp_id: str
    listen: str
    external: str
    msp: Path
    tls: NodeTls


@dataclass(frozen=True)
class OrdererConfig:
    """One orderer, with the address of its channel participation API."""

    name: str
    msp_id: str
    listen: str
    external: str
    admin_listen: str
    msp: Path
    tls: NodeTls
    admin_client_roots: tuple[Path, ...]


@dataclass(frozen=True)
class CaConfig:
    """One Fabric CA: its key pair, the file with its administrator's secret, and what it allows.

    ``removal``: of identities and affiliations. ``max_enrollments``: how often a secret serves (-1: always).
    """

    name: str
    listen: str
    certificate: Path
    key: Path
    registrar: Path
    removal: bool
    max_enrollments: int
    tls: NodeTls


@dataclass(frozen=True)
class EmulatorConfig:
    """Everything one process runs, as Fabric ``version``.

    ``batch_timeout`` (seconds) overrides the channels' own when set; ``execute_timeout`` (seconds) is how
    long a chaincode may take to answer. ``sync``: whether an acknowledged transaction would survive a crash
    of the machine too. ``ephemeral``: whether ``state`` is removed at the end. ``seed`` makes choices left to
    chance repeatable.
    """

    state: Path
    control: str
    batch_timeout: float | None
    version: Version
    sync: bool
    ephemeral: bool
    seed: int | None
    execute_timeout: float
    peers: tuple[PeerConfig, ...]
    orderers: tuple[OrdererConfig, ...]
    cas: tuple[CaConfig, ...] = ()


def parse_duration(text: str) -> float:
    """Seconds in a Go duration of one unit, such as ``100ms``. Raises ValueError for anything else."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    return float(match.group(1)) * _SECONDS[match.group(2)]


def split_address(address: str) -> tuple[str, int]:
    """``host:port`` in two. Raises ValueError when there is no port."""
    host, separator, port = address.rpartition(":")
    if not separator:
        raise ValueError(f"not host:port: {address!r}")
    return host, int(port)


def load(path: Path) -> EmulatorConfig:
    """Read and check the file.

    Relative paths are taken from the file's folder. Raises ConfigurationError naming the field.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
    return _Reader(path).config(document)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._base = path.resolve().parent

    def config(self, document: Mapping[str, Any]) -> EmulatorConfig:
        timeout = document.get("batch", {}).get("timeout")
        return EmulatorConfig(
            state=self._path(document, "state", "state"),
            control=self._text(document, "control", "control"),
            batch_timeout=None if timeout is None else self._duration(timeout, "batch.timeout"),
            version=self._version(document.get("fabric", FABRIC_3_1.name)),
            sync=self._optional(document, "sync", bool, True),
            ephemeral=self._optional(document, "ephemeral", bool, False),
            seed=self._optional(document, "seed", int, None),
            execute_timeout=self._duration(document.get("execute_timeout", "30s"), "execute_timeout"),
            peers=tuple(self._peer(item, f"peers[{i}]") for i, item in enumerate(document.get("peers", []))),
            orderers=tuple(
                self._orderer(item, f"orderers[{i}]") for i, item in enumerate(document.get("orderers", []))
            ),
            cas=tuple(self._ca(item, f"cas[{i}]") for i, item in enumerate(document.get("cas", []))),
        )

    def _peer(self, item: Mapping[str, Any], at: str) -> PeerConfig:
        return PeerConfig(
            name=self._text(item, "name", at),
            msp_id=self._text(item, "msp_id", at),
            listen=self._address(item, "listen", at),
            external=self._address(item, "external", at),
            msp=self._path(item, "msp", at),
            tls=self._tls(item, at),
        )

    def _orderer(self, item: Mapping[str, Any], at: str) -> OrdererConfig:
        return OrdererConfig(
            name=self._text(item, "name", at),
            msp_id=self._text(item, "msp_id", at),
            listen=self._address(item, "listen", at),
            external=self._address(item, "external", at),
            admin_listen=self._address(item, "admin_listen", at),
            msp=self._path(item, "msp", at),
            tls=self._tls(item, at),
            admin_client_roots=self._paths(item, "admin_client_roots", at),
        )

    def _ca(self, item: Mapping[str, Any], at: str) -> CaConfig:
        return CaConfig(
            name=self._text(item, "name", at),
            listen=self._address(item, "listen", at),
            certificate=self._path(item, "certificate", at),
            key=self._path(item, "key", at),
            registrar=self._path(item, "registrar", at),
            removal=bool(item.get("removal", False)),
            max_enrollments=int(item.get("max_enrollments", -1)),
            tls=self._tls(item, at),
        )

    def _tls(self, item: Mapping[str, Any], at: str) -> NodeTls:
        tls = item.get("tls")
        if not isinstance(tls, Mapping):
            raise self._error(f"{at}.tls", "is missing")
        return NodeTls(
            certificate=self._path(tls, "certificate", f"{at}.tls"),
            key=self._path(tls, "key", f"{at}.tls"),
            roots=self._paths(tls, "roots", f"{at}.tls"),
        )

    def _text(self, item: Mapping[str, Any], field: str, at: str) -> str:
        value = item.get(field)
        if not isinstance(value, str) or not value:
            raise self._error(f"{at}.{field}", "must be a non-empty string")
        return value

    def _optional(self, item: Mapping[str, Any], field: str, kind: type[T], default: D) -> T | D:
        value = item.get(field, default)
        if value is not default and not isinstance(value, kind):
            raise self._error(field, f"must be of type {kind.__name__}")
        return value

    def _address(self, item: Mapping[str, Any], field: str, at: str) -> str:
        value = self._text(item, field, at)
        try:
            split_address(value)
        except ValueError as error:
            raise self._error(f"{at}.{field}", str(error)) from error
        return value

    def _version(self, value: object) -> Version:
        try:
            return version(str(value))
        except ValueError as error:
            raise self._error("fabric", str(error)) from error

    def _duration(self, value: object, at: str) -> float:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            raise self._error(at, str(error)) from error

    def _path(self, item: Mapping[str, Any], field: str, at: str) -> Path:
        return self._base / self._text(item, field, at)

    def _paths(self, item: Mapping[str, Any], field: str, at: str) -> tuple[Path, ...]:
        value = item.get(field, [])
        if not isinstance(value, list):
            raise self._error(f"{at}.{field}", "must be a list of paths")
        return tuple(self._base / str(entry) for entry in value)

    def _error(self, field: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._name}: {field} {what}")
