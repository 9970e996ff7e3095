"""The server's configuration file.

``{"servers": [{"address": "host:port", "package_id": "label:hash", "contracts": ["module:Class", …],
"tls": {"certificate": path, "key": path, "client_ca": path or null} or null}, …]}``

``tls`` must be there: null serves without TLS, and says so by being written. Paths are relative to the file.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import Contract


class ConfigurationError(Exception):
    """Names the file and the field."""


@dataclass(frozen=True)
class ServerTls:
    """PEM material. With ``client_ca`` the peer must show a certificate of that authority."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None = None

    def __repr__(self) -> str:
        return f"ServerTls(mutual={self.client_ca is not None})"


@dataclass(frozen=True)
class ChaincodeService:
    """One chaincode on one port, known to the peer by its package id. ``tls=None`` is plain text."""

    package_id: str
    contracts: tuple[type[Contract], ...]
    address: str
    tls: ServerTls | None


def load_config(path: Path) -> list[ChaincodeService]:
    """Read a configuration and import its contracts; ConfigurationError names what is wrong."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: not JSON: {error}") from error
    servers = document.get("servers") if isinstance(document, dict) else None
    if not isinstance(servers, list) or not servers:
        raise ConfigurationError(f"{path}: servers: expected a list with at least one server")
    return [
        _service(server, f"{path}: servers[{index}]", path.parent) for index, server in enumerate(servers)
    ]


def _service(entry: Any, where: str, folder: Path) -> ChaincodeService:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where}: expected an object")
    unknown = sorted(entry.keys() - {"address", "package_id", "contracts", "tls"})
    if unknown:
        raise ConfigurationError(f"{where}: unknown field {unknown[0]}")
    contracts = entry.get("contracts")
    if not isinstance(contracts, list) or not contracts:
        raise ConfigurationError(f"{where}.contracts: expected a list of module:Class")
    if "tls" not in entry:
        raise ConfigurationError(f"{where}.tls: missing; null serves without TLS")
    return ChaincodeService(
        package_id=_text(entry, "package_id", where),
        contracts=tuple(_contract(name, f"{where}.contracts") for name in contracts),
        address=_text(entry, "address", where),
        tls=_tls(entry["tls"], f"{where}.tls", folder),
    )


def _text(entry: dict[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where}.{name}: expected a text")
    return value


def _tls(entry: Any, where: str, folder: Path) -> ServerTls | None:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where}: expected an object or null")
    client_ca = entry.get("client_ca")
    return ServerTls(
        certificate=_file(entry.get("certificate"), f"{where}.certificate", folder),
        key=_file(entry.get("key"), f"{where}.key", folder),
        client_ca=None if client_ca is None else _file(client_ca, f"{where}.client_ca", folder),
    )


def _file(name: Any, where: str, folder: Path) -> bytes:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}: expected a path")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{where}: {name}: {error.strerror}") from error


def _contract(name: Any, where: str) -> type[Contract]:
    module, _, attribute = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not module or not attribute:
        raise ConfigurationError(f"{where}: expected module:Class")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{where}: {name}: {error}") from error
    if not isinstance(found, type) or not issubclass(found, Contract):
        raise ConfigurationError(f"{where}: {name} is not a Contract")
    return found
