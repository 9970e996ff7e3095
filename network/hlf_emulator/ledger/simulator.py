"""Simulation of one proposal: reads as of one height, writes collected and not seen by later reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fabric_protos.common import policies_pb2
from fabric_protos.peer import proposal_response_pb2

from hlf_emulator.ledger.definitions import (
    LEGACY_LIFECYCLE,
    LIFECYCLE,
    CollectionDefinition,
    read_definition,
)
from hlf_emulator.ledger.rwset import RwSetBuilder, key_hash
from hlf_emulator.ledger.state import Entry, Space, State, Version


class SimulationError(Exception):
    """A ledger call that the simulation refuses; the text is Fabric's."""


class RangeScan:
    """An iterator that knows how far it was read, for the phantom check and for bookmarks."""

    def __init__(self, entries: Iterator[tuple[str, Entry]], start: str, end: str) -> None:
        self._entries = entries
        self.start = start
        self.end = end
        self.reads: list[tuple[str, Version]] = []
        self.exhausted = False

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return self

    def __next__(self) -> tuple[str, Entry]:
        try:
            key, entry = next(self._entries)
        except StopIteration:
            self.exhausted = True
            raise
        self.reads.append((key, entry.version))
        return key, entry

    def bookmark(self) -> str:
        """The key where the next page begins; empty at the end."""
        following = next(self._entries, None)
        return following[0] if following else ""

    @property
    def last_key(self) -> str:
        """What a read-write set states as the end of the range."""
        return self.end if self.exhausted or not self.reads else self.reads[-1][0]


CollectionLookup = Callable[[str, str], CollectionDefinition | None]
"""(chaincode, collection) -> definition as of the simulation, None when there is none."""


class Simulator:
    """One transaction's view of a peer's ledger. Call `close` when done."""

    def __init__(
        self,
        transaction_id: str,
        public: State,
        private: State,
        height: int,
        collections: CollectionLookup,
    ) -> None:
        self.transaction_id = transaction_id
        self.rwset = RwSetBuilder()
        self._public = public
        self._private = private
        self._collections = collections
        self._public_snapshot = public.hold(height)
        self._private_snapshot = private.hold(height)
        self._open = True
        self._wrote = False
        self._queried_private = False
        self._paginated = False
        self._scans: list[tuple[str, RangeScan]] = []
        self._private_reads: set[tuple[str, str]] = set()
        self._definitions_read: set[str] = set()
        # (namespace, collection) -> policies of the keys written, None where a key has none.
        self._written: dict[tuple[str, str], dict[str, bytes | None]] = {}

    @property
    def height(self) -> int:
        """The number of blocks that the simulation sees."""
        return self._public_snapshot

    def close(self) -> None:
        if self._open:
            self._open = False
            self._public.release(self._public_snapshot)
            self._private.release(self._private_snapshot)

    # Public state

    def _entry(self, namespace: str, key: str) -> Entry | None:
        return self._public.get(Space(namespace), key, self._public_snapshot)

    def get_state(self, namespace: str, key: str) -> bytes:
        """The committed value; empty when there is none."""
        entry = self._entry(namespace, key)
        self.rwset.read(namespace, key, entry.version if entry else None)
        return entry.value if entry else b""

    def get_metadata(self, namespace: str, key: str) -> dict[str, bytes]:
        entry = self._entry(namespace, key)
        self.rwset.read(namespace, key, entry.version if entry else None)
        return dict(entry.metadata) if entry else {}

    def set_state(self, namespace: str, key: str, value: bytes) -> None:
        """An empty value deletes."""
        self._before_write()
        self.rwset.write(namespace, key, value)
        entry = self._entry(namespace, key)
        self._note_write(namespace, "", key, entry)

    def set_metadata(self, namespace: str, key: str, metadata: dict[str, bytes]) -> None:
        self._before_write()
        self.rwset.write_metadata(namespace, key, metadata)
        self._note_write(namespace, "", key, self._entry(namespace, key))

    def range(self, namespace: str, start: str, end: str, *, paginated: bool = False) -> RangeScan:
        if paginated:
            self._before_page()
        scan = RangeScan(self._public.range(Space(namespace), start, end, self._public_snapshot), start, end)
        self._scans.append((namespace, scan))
        return scan

    def query(self, *, paginated: bool = False) -> None:
        """A rich query, which LevelDB never answers: only what it forbids afterwards is left of it."""
        if not paginated:
            raise SimulationError("ExecuteQuery not supported for leveldb")
        self._before_page()
        raise SimulationError("ExecuteQueryWithMetadata not supported for leveldb")

    # Private state

    def get_private(self, namespace: str, collection: str, key: str) -> bytes:
        self._check_collection(namespace, collection)
        entry = self._private.get(Space(namespace, collection), key, self._private_snapshot)
        hashed = self._hashed(namespace, collection, key)
        version = entry.version if entry else None
        public = hashed.version if hashed else None
        if version != public:
            raise SimulationError(
                "private data matching public hash version is not available. Public hash version = "
                f"{_show(public)}, Private data version = {_show(version)}"
            )
        self.rwset.read_hash(namespace, collection, key, version)
        self._private_reads.add((namespace, collection))
        return entry.value if entry else b""

    def get_private_many(self, namespace: str, collection: str, keys: list[str]) -> list[bytes]:
        """Several values; unlike `get_private`, without the check against the public hash."""
        self._check_collection(namespace, collection)
        values = []
        for key in keys:
            entry = self._private.get(Space(namespace, collection), key, self._private_snapshot)
            self.rwset.read_hash(namespace, collection, key, entry.version if entry else None)
            self._private_reads.add((namespace, collection))
            values.append(entry.value if entry else b"")
        return values

    def get_private_hash(self, namespace: str, collection: str, key: str) -> bytes:
        self._check_collection(namespace, collection)
        hashed = self._hashed(namespace, collection, key)
        self.rwset.read_hash(namespace, collection, key, hashed.version if hashed else None)
        return hashed.value if hashed else b""

    def get_private_metadata(self, namespace: str, collection: str, key: str) -> dict[str, bytes]:
        self._check_collection(namespace, collection)
        hashed = self._hashed(namespace, collection, key)
        self.rwset.read_hash(namespace, collection, key, hashed.version if hashed else None)
        return dict(hashed.metadata) if hashed else {}

    def set_private(
        self, namespace: str, collection: str, key: str, value: bytes, *, purge: bool = False
    ) -> None:
        self._check_collection(namespace, collection)
        self._before_write()
        self.rwset.write_private(namespace, collection, key, value, purge=purge)
        self._note_write(namespace, collection, key, self._hashed(namespace, collection, key))

    def set_private_metadata(
        self, namespace: str, collection: str, key: str, metadata: dict[str, bytes]
    ) -> None:
        self._check_collection(namespace, collection)
        self._before_write()
        self.rwset.write_private_metadata(namespace, collection, key, metadata)
        self._note_write(namespace, collection, key, self._hashed(namespace, collection, key))

    def private_range(self, namespace: str, collection: str, start: str, end: str) -> RangeScan:
        self._before_private_query()
        self._check_collection(namespace, collection)
        space = Space(namespace, collection)
        return RangeScan(self._private.range(space, start, end, self._private_snapshot), start, end)

    def private_query(self, namespace: str, collection: str) -> None:
        """A rich query on a collection; see `query`."""
        self._before_private_query()
        self._check_collection(namespace, collection)
        raise SimulationError("ExecuteQuery not supported for leveldb")

    def read_collections(self, namespace: str) -> None:
        """Look a chaincode's collections up: the definition that says them becomes part of what was read."""
        if namespace != LIFECYCLE and namespace not in self._definitions_read:
            self._definitions_read.add(namespace)
            read_definition(namespace, lambda key: self.get_state(LIFECYCLE, key))

    # Outcome

    def finish(self) -> None:
        """Put the range queries into the read set, in the order they were made."""
        for namespace, scan in self._scans:
            self.rwset.range_query(namespace, scan.start, scan.last_key, scan.exhausted, scan.reads)
        self._scans.clear()

    def interest(self, system: frozenset[str]) -> proposal_response_pb2.ChaincodeInterest:
        """What discovery needs to find endorsers (endorser.go:480); `system` chaincodes are left out."""
        required: dict[str, dict[str, bool]] = {}
        policies: dict[str, list[policies_pb2.SignaturePolicyEnvelope]] = {}
        for (namespace, collection), keys in self._written.items():
            wanted = required.setdefault(namespace, {"": False})
            for policy in keys.values():
                if policy is None:
                    wanted[collection] = True
                else:
                    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
                    policies.setdefault(namespace, []).append(envelope)
        for namespace in self.rwset.namespaces():
            required.setdefault(namespace, {"": True})
        for namespace, collection in self._private_reads:
            required.setdefault(namespace, {})[collection] = True

        interest = proposal_response_pb2.ChaincodeInterest()
        for namespace in sorted(required.keys() - system - {LEGACY_LIFECYCLE}):
            for collection, wanted_here in sorted(required[namespace].items()):
                if collection:
                    interest.chaincodes.add(
                        name=namespace,
                        collection_names=[collection],
                        no_private_reads=(namespace, collection) not in self._private_reads,
                    )
                elif policies.get(namespace) or wanted_here:
                    interest.chaincodes.add(
                        name=namespace,
                        key_policies=policies.get(namespace, []),
                        disregard_namespace_policy=not wanted_here,
                    )
        return interest

    def _hashed(self, namespace: str, collection: str, key: str) -> Entry | None:
        return self._public.get(Space(namespace, collection), key_hash(key), self._public_snapshot)

    def _check_collection(self, namespace: str, collection: str) -> None:
        self.read_collections(namespace)
        # Fabric marks a chaincode whose collections it knows with the empty name (collection_val.go).
        if collection and self._collections(namespace, collection) is None:
            raise SimulationError(
                f"collection [{collection}] not defined in the collection config for chaincode [{namespace}]"
            )

    def _before_page(self) -> None:
        if self._wrote:
            raise SimulationError(
                f"txid [{self.transaction_id}]: unsuppored transaction. Paginated queries are supported "
                "only in a read-only transaction"
            )
        self._paginated = True

    def _before_private_query(self) -> None:
        if self._wrote:
            raise SimulationError(
                f"txid [{self.transaction_id}]: unsuppored transaction. Queries on pvt data is supported "
                "only in a read-only transaction"
            )
        self._queried_private = True

    def _before_write(self) -> None:
        if self._queried_private:
            raise SimulationError(
                f"txid [{self.transaction_id}]: unsuppored transaction. Transaction has already performed "
                "queries on pvt data. Writes are not allowed"
            )
        if self._paginated:
            raise SimulationError(
                f"txid [{self.transaction_id}]: unsuppored transaction. Transaction has already performed a "
                "paginated query. Writes are not allowed"
            )
        self._wrote = True

    def _note_write(self, namespace: str, collection: str, key: str, entry: Entry | None) -> None:
        policy = entry.validation_parameter if entry else None
        self._written.setdefault((namespace, collection), {})[key] = policy


def _show(version: Version | None) -> str:
    if version is None:
        return "<nil>"
    return f"{{BlockNum: {version.block}, TxNum: {version.transaction}}}"
