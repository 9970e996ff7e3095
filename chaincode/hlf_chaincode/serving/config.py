"""What is served, where, and within which limits; and the server's configuration file.

``{"servers": [{"address": "host:port", "package_id": "label:hash", "contracts": ["module:Class", …],
"tls": {"certificate": path, "key": path, "client_ca": path or null} or null}, …]}``

``tls`` must be there: null serves without TLS, and says so by being written. Paths are relative to the file.
A server may also have ``time_limit`` (seconds; null for none), ``workers`` and ``waiting``; ``msp_id``, the
organization of its peers, for contracts that ask; and ``guard``: true, which has each call watched for what
another endorser's run might do otherwise (and slows it down).
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..contract import Contract
from .stream import TIME_LIMIT
from .tls import ServerTls, TlsError, read_pem


class ConfigurationError(Exception):
    """Names the file and the field."""


@dataclass(frozen=True)
class Limits:
    """What a chaincode may take.

    ``time_limit``: seconds for a call, less than the peer's 30 (0: none). ``workers``: calls that run at
    once. ``waiting``: calls that may wait for one of these; a further one is answered 500 BUSY. A peer has
    up to 2,500 calls under way (peer.limits.concurrency.endorserService).
    """

    time_limit: float = TIME_LIMIT
    workers: int = 128
    waiting: int = 5_000


@dataclass(frozen=True)
class ChaincodeService:
    """One chaincode on one port, known to the peer by its package id. ``tls=None`` is plain text.

    ``guard`` refuses calls that are not deterministic; ``msp_id`` is the organization of the peers, if known.
    """

    package_id: str
    contracts: tuple[type[Contract], ...]
    address: str
    tls: ServerTls | None
    limits: Limits = Limits()
    guard: bool = False
    msp_id: str = ""


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


def find_contract(name: Any, where: str) -> type[Contract]:
    """The contract that ``module:Class`` names; ConfigurationError begins with ``where``."""
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


_LIMITS = tuple(field.name for field in fields(Limits))
_FIELDS = {"address", "package_id", "contracts", "tls", "guard", "msp_id", *_LIMITS}


def _service(entry: Any, where: str, folder: Path) -> ChaincodeService:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where}: expected an object")
    unknown = sorted(entry.keys() - _FIELDS)
    if unknown:
        raise ConfigurationError(f"{where}: unknown field {unknown[0]}")
    contracts = entry.get("contracts")
    if not isinstance(contracts, list) or not contracts:
        raise ConfigurationError(f"{where}.contracts: expected a list of module:Class")
    if "tls" not in entry:
        raise ConfigurationError(f"{where}.tls: missing; null serves without TLS")
    if type(entry.get("guard", False)) is not bool:
        raise ConfigurationError(f"{where}.guard: expected true or false")
    return ChaincodeService(
        package_id=_text(entry, "package_id", where),
        contracts=tuple(find_contract(name, f"{where}.contracts") for name in contracts),
        address=_text(entry, "address", where),
        tls=_tls(entry["tls"], f"{where}.tls", folder),
        limits=Limits(**{name: _limit(entry, name, where) for name in _LIMITS if name in entry}),
        guard=entry.get("guard", False),
        msp_id=_text(entry, "msp_id", where) if "msp_id" in entry else "",
    )


def _text(entry: dict[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where}.{name}: expected a text")
    return value


def _limit(entry: dict[str, Any], name: str, where: str) -> Any:
    value = entry[name]
    if name == "time_limit":
        if value is None:
            return 0.0
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return float(value)
        raise ConfigurationError(f"{where}.{name}: expected seconds, or null for no limit")
    if type(value) is not int or value < (name == "workers"):
        raise ConfigurationError(f"{where}.{name}: expected a number of calls")
    return value


def _tls(entry: Any, where: str, folder: Path) -> ServerTls | None:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where}: expected an object or null")
    unknown = sorted(entry.keys() - {"certificate", "key", "client_ca"})
    if unknown:
        raise ConfigurationError(f"{where}: unknown field {unknown[0]}")
    client_ca = entry.get("client_ca")
    try:
        return ServerTls.checked(
            certificate=_file(entry.get("certificate"), f"{where}.certificate", folder),
            key=_file(entry.get("key"), f"{where}.key", folder),
            client_ca=None if client_ca is None else _file(client_ca, f"{where}.client_ca", folder),
        )
    except TlsError as error:
        raise ConfigurationError(str(error)) from error


def _file(name: Any, where: str, folder: Path) -> tuple[str, bytes]:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}: expected a path")
    return f"{where}: {name}", read_pem(folder / name, f"{where}: {name}")
