"""How `_lifecycle` lays out definitions and approvals in state (core/chaincode/lifecycle/serializer.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fabric_protos.peer import collection_pb2
from fabric_protos.peer.lifecycle import chaincode_definition_pb2, db_pb2

from hlf_emulator.ledger.definitions import LIFECYCLE, Read, parameter_fields
from hlf_emulator.ledger.rwset import sha256
from hlf_emulator.ledger.simulator import Simulator

NAMESPACES = "namespaces"
SOURCES = "chaincode-sources"
DEFINITION = "ChaincodeDefinition"
PARAMETERS = "ChaincodeParameters"
LOCAL_PACKAGE = "ChaincodeLocalPackage"

Fields = Sequence[tuple[str, db_pb2.StateData]]


class StateAccess(Protocol):
    """Reads and writes of one place: public state, or an organization's implicit collection."""

    def get(self, key: str) -> bytes: ...

    def put(self, key: str, value: bytes) -> None: ...

    def delete(self, key: str) -> None: ...


@dataclass(frozen=True)
class PublicAccess:
    """Public state of `_lifecycle`."""

    simulator: Simulator

    def get(self, key: str) -> bytes:
        return self.simulator.get_state(LIFECYCLE, key)

    def put(self, key: str, value: bytes) -> None:
        self.simulator.set_state(LIFECYCLE, key, value)

    def delete(self, key: str) -> None:
        self.simulator.set_state(LIFECYCLE, key, b"")


@dataclass(frozen=True)
class PrivateAccess:
    """One collection of `_lifecycle`."""

    simulator: Simulator
    collection: str

    def get(self, key: str) -> bytes:
        return self.simulator.get_private(LIFECYCLE, self.collection, key)

    def put(self, key: str, value: bytes) -> None:
        self.simulator.set_private(LIFECYCLE, self.collection, key, value)

    def delete(self, key: str) -> None:
        self.simulator.set_private(LIFECYCLE, self.collection, key, b"")

    def digest(self, key: str) -> bytes:
        """The value's hash, which peers of other organizations see too."""
        return self.simulator.get_private_hash(LIFECYCLE, self.collection, key)


@dataclass
class Parameters:
    """What organizations approve; `validation_parameter` is an encoded ApplicationPolicy."""

    version: str
    endorsement_plugin: str
    validation_plugin: str
    validation_parameter: bytes
    init_required: bool
    collections: collection_pb2.CollectionConfigPackage = field(
        default_factory=collection_pb2.CollectionConfigPackage
    )

    def fields(self) -> Fields:
        return parameter_fields(
            version=self.version,
            endorsement_plugin=self.endorsement_plugin,
            validation_plugin=self.validation_plugin,
            validation_parameter=self.validation_parameter,
            init_required=self.init_required,
            collections=self.collections,
        )

    @classmethod
    def read(cls, name: str, get: Read) -> Parameters:
        def data(field_name: str) -> bytes:
            stored = get(field_key(NAMESPACES, name, field_name))
            return db_pb2.StateData.FromString(stored or b"").Bytes

        endorsement = chaincode_definition_pb2.ChaincodeEndorsementInfo.FromString(data("EndorsementInfo"))
        validation = chaincode_definition_pb2.ChaincodeValidationInfo.FromString(data("ValidationInfo"))
        return cls(
            endorsement.version,
            endorsement.endorsement_plugin,
            validation.validation_plugin,
            validation.validation_parameter,
            endorsement.init_required,
            collection_pb2.CollectionConfigPackage.FromString(data("Collections")),
        )

    def difference(self, passed: Parameters) -> str:
        """How `passed` differs from these, in Fabric's words; empty when it does not."""
        pairs: list[tuple[str, str, str]] = [
            ("Version", self.version, passed.version),
            ("EndorsementPlugin", self.endorsement_plugin, passed.endorsement_plugin),
            ("InitRequired", str(self.init_required).lower(), str(passed.init_required).lower()),
            ("ValidationPlugin", self.validation_plugin, passed.validation_plugin),
            ("ValidationParameter", self.validation_parameter.hex(), passed.validation_parameter.hex()),
        ]
        for name, expected, actual in pairs:
            if expected != actual:
                return f"expected {name} '{expected}' does not match passed {name} '{actual}'"
        return "" if self.collections == passed.collections else "Collections do not match"


def metadata_key(namespace: str, name: str) -> str:
    return f"{namespace}/metadata/{name}"


def field_key(namespace: str, name: str, field_name: str) -> str:
    return f"{namespace}/fields/{name}/{field_name}"


def read_metadata(namespace: str, name: str, get: Callable[[str], bytes]) -> db_pb2.StateMetadata | None:
    """The kind of a stored structure, None when nothing is stored."""
    content = get(metadata_key(namespace, name))
    return db_pb2.StateMetadata.FromString(content) if content else None


def read_sequence(name: str, get: Callable[[str], bytes]) -> int:
    """The committed sequence of a chaincode, 0 when it is not defined."""
    content = get(field_key(NAMESPACES, name, "Sequence"))
    return db_pb2.StateData.FromString(content).Int64 if content else 0


def store(state: StateAccess, namespace: str, name: str, kind: str, fields: Fields) -> None:
    """Write a structure, touching only what changed."""
    metadata = read_metadata(namespace, name, state.get) or db_pb2.StateMetadata()
    existing = {key: state.get(key) for key in (field_key(namespace, name, old) for old in metadata.fields)}
    for field_name, data in fields:
        key, value = field_key(namespace, name, field_name), data.SerializeToString()
        if existing.pop(key, None) != value:
            state.put(key, value)
    names = [field_name for field_name, _ in fields]
    if existing or metadata.datatype != kind or len(metadata.fields) != len(names):
        state.put(metadata_key(namespace, name), _metadata(kind, names))
    for key in existing:
        state.delete(key)


def mismatches(
    digest: Callable[[str], bytes], namespace: str, name: str, kind: str, fields: Fields
) -> list[str]:
    """The fields whose stored hashes differ; the structure's name when it is not stored at all."""
    names = [field_name for field_name, _ in fields]
    stored = {key: digest(key) for key in (field_key(namespace, name, each) for each in names)}
    if digest(metadata_key(namespace, name)) != sha256(_metadata(kind, names)):
        return [kind]
    return [
        field_name
        for field_name, data in fields
        if stored[field_key(namespace, name, field_name)] != sha256(data.SerializeToString())
    ]


def _metadata(kind: str, names: list[str]) -> bytes:
    return db_pb2.StateMetadata(datatype=kind, fields=names).SerializeToString()
