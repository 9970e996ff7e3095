"""A peer's view of one channel: the shared public ledger up to its own height, and its own private data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.peer import transaction_pb2
from fabric_protos.peer.lifecycle import db_pb2

from hlf_emulator.ledger.definitions import (
    IMPLICIT_PREFIX,
    LIFECYCLE,
    ChaincodeDefinition,
    CollectionDefinition,
)
from hlf_emulator.ledger.disk import Disk
from hlf_emulator.ledger.ledger import Effects, SharedLedger, defined_by, private_writes
from hlf_emulator.ledger.private_data import PrivateBlock, PrivateStore, PrivateWrites
from hlf_emulator.ledger.rwset import sha256
from hlf_emulator.ledger.simulator import Simulator
from hlf_emulator.ledger.state import Space, State, Version
from hlf_emulator.ledger.validation import Code, Invalid, chaincode_policy
from hlf_emulator.lifecycle.packages import PackageStore
from hlf_emulator.lifecycle.state import NAMESPACES, PARAMETERS, SOURCES, field_key, mismatches
from hlf_emulator.membership.bundle import Bundle, OrdererEndpoint
from hlf_emulator.membership.msp import MspError, parse_identity
from hlf_emulator.membership.policies import Policy, PolicyError

Siblings = Callable[[], Iterable["Channel"]]
"""The same channel at the other running peers of the process."""


class Ledger:
    """Blocks up to the peer's own height, and its private data."""

    def __init__(self, shared: SharedLedger, private: PrivateStore) -> None:
        self.shared = shared
        self.private = private
        self._waiting: set[asyncio.Future[None]] = set()
        self._height_hold: int | None = shared.state.hold(private.height)

    @property
    def height(self) -> int:
        """The number of blocks this peer has committed."""
        # After a crash of the machine the private data may be ahead of the blocks, which are taken again.
        return min(self.private.height, self.shared.height)

    @property
    def state(self) -> State:
        return self.shared.state

    def block(self, number: int) -> common_pb2.Block:
        """A committed block. Raises IndexError outside `0 <= number < height`."""
        if not 0 <= number < self.height:
            raise IndexError(f"no block {number}")
        return self.shared.block(number)

    def transaction(
        self, transaction_id: str
    ) -> tuple[transaction_pb2.ProcessedTransaction, int, int] | None:
        """(transaction, block number, validation code) of the first commit of that id, or None."""
        place = self.shared.place(transaction_id)
        if place is None or place.block >= self.height:
            return None
        return self.shared.processed(place), place.block, place.code

    def has_transaction(self, transaction_id: str) -> bool:
        place = self.shared.place(transaction_id)
        return place is not None and place.block < self.height

    async def wait_height(self, height: int) -> None:
        """Return when this peer has at least `height` blocks."""
        while self.height < height:
            # One future for each who waits: a condition's lock would let them go on only one after the other.
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)

    def private_data(self, number: int) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """Private writes this peer holds for a block, by the transaction's place in it."""
        return self.private.block(number)

    async def advance(self, block: PrivateBlock) -> None:
        """Store a block's private data and wake those who wait for the height. Raises DiskError."""
        if block.writes:
            # Should the block be taken again, its private data is found where it was when it was endorsed.
            await self.private.sync()
        self.private.commit(block)
        # The state as of this peer's height stays readable while it lags behind others.
        held, self._height_hold = self._height_hold, self.shared.state.hold(self.height)
        if held is not None:
            self.shared.state.release(held)
        self.notify()

    def notify(self) -> None:
        """Wake those who wait for the height."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def rest(self) -> None:
        """Stop keeping the state of this peer's height readable, until it advances again."""
        if self._height_hold is not None:
            self.shared.state.release(self._height_hold)
            self._height_hold = None

    def close(self) -> None:
        self.rest()
        self.private.close()


class Channel:
    """One peer's side of one channel."""

    def __init__(
        self,
        shared: SharedLedger,
        folder: Path,
        identity: bytes,
        packages: PackageStore,
        siblings: Siblings,
        disk: Disk | None = None,
    ) -> None:
        """`identity` is the peer's serialized identity; `folder` holds this peer's private data."""
        self.name = shared.channel
        self.ledger = Ledger(shared, PrivateStore(folder / "private.db", disk))
        self._shared = shared
        self._identity = identity
        self._msp_id = parse_identity(identity).mspid
        self._packages = packages
        # Collection -> (configuration, whether this peer is a member).
        self._memberships: dict[str, tuple[CollectionDefinition, bool]] = {}
        self._siblings = siblings
        self._lock = asyncio.Lock()
        # Chaincode -> (height at which it was looked up, package id).
        self._approvals: dict[str, tuple[int, str | None]] = {}

    @property
    def bundle(self) -> Bundle:
        """The channel's newest configuration."""
        return self._shared.bundle

    @property
    def orderers(self) -> tuple[OrdererEndpoint, ...]:
        """The orderers of the newest configuration that named any."""
        return self._shared.orderers

    @property
    def definitions(self) -> Mapping[str, ChaincodeDefinition]:
        """Committed chaincode definitions by name."""
        return self._shared.definitions

    def approved_package(self, chaincode: str) -> str | None:
        """The package id this peer's organization approved with the committed definition.

        Empty when it approved without a package, None when it has not approved this definition.
        """
        height = self.ledger.height
        known = self._approvals.get(chaincode)
        if known is None or known[0] != height:
            known = height, self._approved(chaincode)
            self._approvals[chaincode] = known
        return known[1]

    def _approved(self, chaincode: str) -> str | None:
        definition = self.definitions.get(chaincode)
        if definition is None:
            return None
        space = Space(LIFECYCLE, IMPLICIT_PREFIX + self._msp_id)
        name = f"{chaincode}#{definition.sequence}"

        def get(key: str) -> bytes:
            entry = self.ledger.private.state.get(space, key)
            return entry.value if entry else b""

        if mismatches(lambda key: sha256(get(key)), NAMESPACES, name, PARAMETERS, definition.parameters()):
            return None
        source = get(field_key(SOURCES, name, "PackageID"))
        return db_pb2.StateData.FromString(source).String

    def ready_chaincodes(self) -> dict[str, str]:
        """Name -> version of chaincodes defined here that this peer has installed and its org approved."""
        return {
            name: definition.version
            for name, definition in self.definitions.items()
            if self.approved_package(name) in self._packages.packages
        }

    def endorsement_policy(self, chaincode: str) -> Policy:
        """The policy that guards a chaincode's public state. Raises KeyError when it is not defined."""
        try:
            return chaincode_policy(chaincode, self.bundle, self.definitions)
        except Invalid as refusal:
            raise KeyError(chaincode) from refusal

    def collection(self, chaincode: str, name: str) -> CollectionDefinition | None:
        """A collection (explicit or implicit) of a defined chaincode, as this peer's height knows it."""
        return self._shared.collection(chaincode, name, below=self.ledger.height)

    def collection_below(self, chaincode: str, name: str, block: int) -> CollectionDefinition | None:
        """A collection as it was defined before `block`."""
        return self._shared.collection(chaincode, name, below=block)

    def is_member(self, collection: CollectionDefinition) -> bool:
        """Whether this peer may hold the collection's data."""
        known = self._memberships.get(collection.name)
        if known is None or known[0] is not collection:
            known = collection, self._satisfies(collection.members, self._identity)
            self._memberships[collection.name] = known
        return known[1]

    def admits(self, collection: CollectionDefinition, creator: bytes) -> bool:
        """Whether a serialized identity belongs to the collection's members."""
        return self._satisfies(collection.members, creator)

    def _satisfies(self, policy: Policy, identity: bytes) -> bool:
        try:
            policy.evaluate([self.bundle.msps.deserialize(identity)])
        except (MspError, PolicyError):
            return False
        return True

    def simulator(self, transaction_id: str) -> Simulator:
        """A simulation on the state as of this peer's height; the caller closes it."""
        ledger = self.ledger
        return Simulator(transaction_id, ledger.state, ledger.private.state, ledger.height, self.collection)

    async def commit(self, block: common_pb2.Block) -> None:
        """Take the next block from the ordering service; returns when it is durable and applied.

        Raises ConfigError when the block does not follow the last one, DiskError when it cannot be written:
        the call can then be repeated. A block below the height is ignored.
        """
        async with self._lock:
            effects = await self._shared.commit(block)
            if block.header.number < self.ledger.height:
                self.ledger.notify()
                return
            await self._follow(effects)

    async def catch_up(self) -> None:
        """Take the blocks that other peers have brought, or that this one lost the private data of."""
        async with self._lock:
            while self.ledger.height < self._shared.height:
                await self._follow(self._shared.effects(self.ledger.height))
            self._reconcile()

    async def reconcile(self) -> None:
        """Look again for private data that no member had at hand when its block was committed."""
        async with self._lock:
            self._reconcile()

    async def _follow(self, effects: Effects) -> None:
        block = PrivateBlock(effects.number, purges=effects.updates.purges, expired=effects.expired)
        for transaction in effects.transactions:
            if transaction.transaction_id:
                block.transaction_ids.append(transaction.transaction_id)
            version = Version(effects.number, transaction.index)
            for space, digest in private_writes(transaction.sets):
                collection = self.collection_below(space.namespace, space.collection, effects.number)
                if collection is None or not self.is_member(collection):
                    continue
                rwset = self._find(transaction.transaction_id, version, space, digest)
                writes = PrivateWrites(version, transaction.transaction_id, space, digest, rwset)
                if transaction.code == Code.VALID:
                    block.writes.append(writes)
                elif rwset is not None:
                    block.kept.append(writes)
        await self.ledger.advance(block)
        for chaincode in defined_by(effects.updates):
            self._look_back(chaincode, effects.number)

    def _look_back(self, chaincode: str, number: int) -> None:
        """Of collections that block `number` made this peer a member of, miss what was written before."""
        before = self._shared.definition_below(chaincode, number)
        joined = {
            name
            for name in (before.collection_configs() if before else ())
            if not self._held(chaincode, name, number) and self._held(chaincode, name, number + 1)
        }
        if not joined:
            return
        for earlier in range(number):
            for transaction in self._shared.effects(earlier).transactions:
                if transaction.code != Code.VALID:
                    continue
                version = Version(earlier, transaction.index)
                for space, digest in private_writes(transaction.sets):
                    if digest and space.namespace == chaincode and space.collection in joined:
                        self.ledger.private.miss(version, space, digest)
        self._reconcile()

    def _held(self, chaincode: str, name: str, below: int) -> bool:
        collection = self.collection_below(chaincode, name, below)
        return collection is not None and self.is_member(collection)

    def _find(self, transaction_id: str, version: Version, space: Space, digest: bytes) -> bytes | None:
        """The private write set with that hash: endorsed here, or held by another member."""
        if not digest:
            return None
        own = self.ledger.private.find_transient(transaction_id, space, digest)
        if own is not None:
            return own
        for other in self._siblings():
            store = other.ledger.private
            found = store.find_transient(transaction_id, space, digest)
            found = found or store.find_written(version, space, digest)
            if found is not None:
                return found
        return None

    def _reconcile(self) -> None:
        for version, space, digest in self.ledger.private.missing():
            found = self._find("", version, space, digest)
            if found is not None:
                current = [
                    (key, entry.version)
                    for where, key, entry in self.ledger.state.entries()
                    if where == space and isinstance(key, bytes)
                ]
                self.ledger.private.reconcile(version, space, found, current)

    def close(self) -> None:
        self.ledger.close()
