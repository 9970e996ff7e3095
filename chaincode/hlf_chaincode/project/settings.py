"""A chaincode project: the table ``[tool.hlf.chaincode]`` of its pyproject.toml.

::

    [tool.hlf.chaincode]
    name = "assets"                          # on the channel
    version = "1.0"                          # optional
    contracts = ["assets.contract:Assets"]   # module:Class, the first is the default
    organizations = ["Org1MSP", "Org2MSP"]   # optional: whose peers a ledger in memory has
    policy = "AND('Org1MSP.peer', 'Org2MSP.peer')"   # optional: by default a majority
    collections = "collections.json"         # optional: private data, in the samples' JSON

Tests take their ledger from it, and `hlf chaincode` its names.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..serving.config import ConfigurationError, find_contract

if TYPE_CHECKING:
    from ..contract import Contract
    from ..testing import CollectionSpec

FILE = "pyproject.toml"
_TABLE = "tool.hlf.chaincode"
_KNOWN = ("name", "version", "contracts", "organizations", "policy", "collections")
# core/chaincode/lifecycle/scc.go: ChaincodeNameRegExp, systemChaincodeNames.
_NAME = re.compile(r"[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*")
_SYSTEM = frozenset({"cscc", "escc", "lscc", "qscc", "vscc"})


@dataclass(frozen=True)
class Project:
    """What the table says. ``folder`` holds the pyproject.toml."""

    folder: Path
    name: str
    contracts: tuple[str, ...]
    version: str = "1.0"
    organizations: tuple[str, ...] = ("Org1MSP", "Org2MSP")
    policy: str | None = None
    collections_file: Path | None = None

    def make_importable(self) -> None:
        """Let modules of the project's folder be imported."""
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))

    def contract_classes(self) -> list[type[Contract]]:
        """The contracts, imported; ConfigurationError for one that is none."""
        self.make_importable()
        where = f"{self.folder / FILE}: [{_TABLE}]: contracts"
        return [find_contract(name, where) for name in self.contracts]

    def collections(self) -> tuple[CollectionSpec, ...]:
        """The private data collections, none where no file is named."""
        return read_collections(self.collections_file) if self.collections_file else ()


def load_project(folder: Path) -> Project:
    """Read a folder's pyproject.toml; ConfigurationError names the file and the field."""
    path = folder / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; `hlf chaincode new NAME` writes one") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from error
    table: Any = document
    for part in _TABLE.split("."):
        table = table.get(part) if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{path}: there is no table [{_TABLE}]")
    unknown = sorted(table.keys() - set(_KNOWN))
    if unknown:
        raise _wrong(path, f"unknown field {unknown[0]}")
    contracts = _texts(path, table, "contracts")
    if not contracts or not all(re.fullmatch(r"[\w.]+:\w+", name) for name in contracts):
        raise _wrong(path, "contracts: expected a list of module:Class")
    name = _text(path, table, "name")
    try:
        check_name(name)
    except ValueError as error:
        raise _wrong(path, f"name: {error}") from None
    collections = _text(path, table, "collections") if "collections" in table else None
    return Project(
        folder=folder,
        name=name,
        contracts=contracts,
        version=_text(path, table, "version") if "version" in table else Project.version,
        organizations=_texts(path, table, "organizations")
        if "organizations" in table
        else Project.organizations,
        policy=_text(path, table, "policy") if "policy" in table else None,
        collections_file=folder / collections if collections else None,
    )


def check_name(name: str) -> str:
    """The name itself; ValueError for what a peer would refuse as the name of a chaincode."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"invalid chaincode name {name!r}: letters and digits, with single '-' or '_' between them"
        )
    if name in _SYSTEM:
        raise ValueError(f"chaincode name {name!r} is the name of a system chaincode")
    return name


def read_collections(path: Path) -> tuple[CollectionSpec, ...]:
    """Private data collections in the JSON that `peer lifecycle chaincode` takes, with its defaults
    (internal/peer/chaincode/common.go, collectionConfigJson); ConfigurationError otherwise."""
    from ..testing import CollectionSpec

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            CollectionSpec(
                name=entry["name"],
                policy=entry["policy"],
                required_peers=entry.get("requiredPeerCount", 0),
                max_peers=entry.get("maxPeerCount", 1),
                block_to_live=entry.get("blockToLive", 0),
                member_only_read=entry.get("memberOnlyRead", False),
                member_only_write=entry.get("memberOnlyWrite", False),
                endorsement_policy=(entry.get("endorsementPolicy") or {}).get("signaturePolicy"),
            )
            for entry in document
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path}: not a list of collections: {error!r}") from error


def _text(path: Path, table: Mapping[str, Any], field: str) -> str:
    value = table.get(field)
    if not isinstance(value, str) or not value:
        raise _wrong(path, f"{field}: expected a text")
    return value


def _texts(path: Path, table: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = table.get(field)
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise _wrong(path, f"{field}: expected a list of texts")
    return tuple(value)


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: [{_TABLE}]: {what}")
