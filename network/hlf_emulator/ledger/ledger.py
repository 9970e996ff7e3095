"""A channel's public ledger, shared by the peers of one process: blocks, state, history, definitions.

A block is validated and applied once, whichever peer brings it first. Everything but the blocks is derived
from them and rebuilt when the ledger is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2
from google.protobuf.message import DecodeError

from hlf.wire.blocks import block_metadata, chain_problem, header_hash
from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.ledger.commit_hash import commit_hash
from hlf_emulator.ledger.definitions import (
    LIFECYCLE,
    ChaincodeDefinition,
    CollectionDefinition,
    read_definition,
    resolve_collection,
)
from hlf_emulator.ledger.disk import Disk
from hlf_emulator.ledger.ledger_index import LedgerIndex, TransactionPlace
from hlf_emulator.ledger.mvcc import BlockWriter, Lifetime, Updates
from hlf_emulator.ledger.rwset import NamespaceSet
from hlf_emulator.ledger.state import Space, State, Version
from hlf_emulator.ledger.validation import CheckedTransaction, Code, LedgerView, parse_valid, validate_block
from hlf_emulator.membership.bundle import (
    Bundle,
    ConfigError,
    OrdererEndpoint,
    config_envelope,
    is_config_block,
)
from hlf_emulator.membership.msp import Verifier

_METADATA_PREFIX = "namespaces/metadata/"
_FIELDS_PREFIX = "namespaces/fields/"
_SLOTS = 5
_RECENT = 8  # blocks whose effects are at hand for peers that follow a little later


@dataclass
class Effects:
    """What a committed block did: its valid transactions' sets, and what private stores must follow."""

    number: int
    transactions: list[CheckedTransaction]
    updates: Updates
    expired: list[tuple[Space, bytes, Version]] = field(default_factory=list)


class SharedLedger:
    """One channel's public ledger. Not for use from several threads."""

    def __init__(self, folder: Path, channel: str, verifier: Verifier, disk: Disk | None = None) -> None:
        self.channel = channel
        self._verifier = verifier
        self._file = BlockFile(folder / "blocks", disk)
        self._lock = asyncio.Lock()
        self.state = State()
        self.definitions: dict[str, ChaincodeDefinition] = {}
        # Chaincode -> (block that defined it, definition), oldest first.
        self._defined: dict[str, list[tuple[int, ChaincodeDefinition]]] = {}
        # (chaincode, its sequence, collection); forgotten whenever the configuration changes.
        self._collections: dict[tuple[str, int, str], CollectionDefinition | None] = {}
        self._bundle: Bundle | None = None
        self.orderers: tuple[OrdererEndpoint, ...] = ()
        """Those of the newest configuration that named any: a Gateway goes on with them."""
        self._index = LedgerIndex()
        self._expiring: dict[int, list[tuple[Space, bytes, Version]]] = {}
        self._effects: dict[int, Effects] = {}
        self._last: common_pb2.Block | None = None
        self._commit_hash = b""
        for number in range(self._file.height):
            self._replay(self._file.read(number))

    @property
    def height(self) -> int:
        """The number of blocks."""
        return self.state.height

    def _configure(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.orderers = bundle.endpoints or self.orderers

    @property
    def bundle(self) -> Bundle:
        """The newest configuration."""
        if self._bundle is None:
            raise ConfigError(f"channel {self.channel} has no configuration yet")
        return self._bundle

    def block(self, number: int) -> common_pb2.Block:
        """A block with the peers' metadata. Raises IndexError when there is none."""
        return self._file.read(number)

    def block_by_hash(self, digest: bytes) -> int | None:
        """The number of the block whose header has that hash."""
        candidates = self._index.blocks(digest)
        return next(
            (number for number in candidates if header_hash(self.block(number).header) == digest), None
        )

    def place(self, transaction_id: str) -> TransactionPlace | None:
        return self._index.place(transaction_id)

    def history(self, namespace: str, key: str) -> list[Version]:
        """Versions of all writes of a key, oldest first."""
        return self._index.writes(namespace, key)

    def definition_below(self, chaincode: str, block: int) -> ChaincodeDefinition | None:
        """The definition that held when `block` was judged: the newest one of earlier blocks."""
        versions = self._defined.get(chaincode, ())
        return next((found for number, found in reversed(versions) if number < block), None)

    def collection(self, chaincode: str, name: str, below: int | None = None) -> CollectionDefinition | None:
        """A collection of a defined chaincode (or of `_lifecycle`), implicit ones included.

        As it is now, or as the blocks below `below` define it.
        """
        if below is None:
            definition = self.definitions.get(chaincode)
        else:
            definition = self.definition_below(chaincode, below)
        if definition is None and chaincode != LIFECYCLE:
            return None
        key = (chaincode, definition.sequence if definition else 0, name)
        if key not in self._collections:
            self._collections[key] = resolve_collection(name, definition, self.bundle)
        return self._collections[key]

    def processed(self, place: TransactionPlace) -> transaction_pb2.ProcessedTransaction:
        """A committed transaction's envelope with its code."""
        envelope = self.block(place.block).data.data[place.index]
        return transaction_pb2.ProcessedTransaction(
            transactionEnvelope=common_pb2.Envelope.FromString(envelope), validationCode=place.code
        )

    def effects(self, number: int) -> Effects:
        """What a recent block did; an older one is read again from the file."""
        known = self._effects.get(number)
        return known if known is not None else self._reread(self.block(number))

    async def commit(self, block: common_pb2.Block) -> Effects:
        """Take block `height`, or answer again for an earlier one. Raises ConfigError if it does not fit."""
        async with self._lock:
            number = block.header.number
            if number < self.height:
                return self.effects(number)
            problem = chain_problem(self._last, block)
            if problem:
                raise ConfigError(problem)
            checked, writer = self._judge(block)
            stamped = self._stamp(block, checked, writer.updates)
            self._file.append(stamped)
            return self._apply(stamped, checked, writer)

    def close(self) -> None:
        """Make the blocks durable and let go of the file."""
        self._file.close()

    # One block

    def _judge(self, block: common_pb2.Block) -> tuple[list[CheckedTransaction], BlockWriter]:
        writer = self._writer(block.header.number)
        if is_config_block(block):
            channel, envelope = config_envelope(block)
            if channel != self.channel:
                raise ConfigError(f"configuration of channel {channel} in a block of {self.channel}")
            # Built here so that a configuration nobody can read stops the channel before it is stored.
            Bundle.from_config(channel, envelope.config, block.header.number, self._verifier)
            return [CheckedTransaction(0, common_pb2.CONFIG, "")], writer
        view = LedgerView(self.channel, self.bundle, self.state, self.definitions, self._index.__contains__)
        checked = validate_block(view, block)
        for transaction in checked:
            if transaction.code == Code.VALID:
                transaction.code = writer.judge(transaction.index, transaction.sets)
        return checked, writer

    def _stamp(
        self, block: common_pb2.Block, checked: list[CheckedTransaction], updates: Updates
    ) -> common_pb2.Block:
        stamped = common_pb2.Block()
        stamped.CopyFrom(block)
        slots = stamped.metadata.metadata
        while len(slots) < _SLOTS:
            slots.append(b"")
        codes = bytes(transaction.code for transaction in checked)
        slots[common_pb2.TRANSACTIONS_FILTER] = codes
        if block.header.number:
            digest = commit_hash(codes, updates.batch, updates.deletions, self._commit_hash)
            slots[common_pb2.COMMIT_HASH] = common_pb2.Metadata(value=digest).SerializeToString()
        return stamped

    def _apply(
        self, block: common_pb2.Block, checked: list[CheckedTransaction], writer: BlockWriter
    ) -> Effects:
        number = block.header.number
        expired = self._expiring.pop(number, [])
        for space, key, version in expired:
            writer.expire(space, key, version)
        updates = writer.updates
        self.state.apply(updates.batch)
        for namespace, name, version in updates.history:
            self._index.add_write(namespace, name, version)
        for end, space, key, version in updates.expiring:
            self._expiring.setdefault(end, []).append((space, key, version))
        for transaction in checked:
            if transaction.transaction_id:
                place = TransactionPlace(number, transaction.index, transaction.code)
                self._index.add_transaction(transaction.transaction_id, place)
        self._refresh_definitions(number, updates)
        if is_config_block(block):
            channel, envelope = config_envelope(block)
            self._configure(Bundle.from_config(channel, envelope.config, number, self._verifier))
            self._collections.clear()
        self._index.add_block(header_hash(block.header))
        self._last = block
        slot = block_metadata(block, common_pb2.COMMIT_HASH)
        self._commit_hash = common_pb2.Metadata.FromString(slot).value
        effects = Effects(number, checked, updates, expired)
        self._effects[number] = effects
        self._effects.pop(number - _RECENT, None)
        return effects

    def _writer(self, number: int) -> BlockWriter:
        return BlockWriter(self.state, number, self._lifetime(number))

    def _lifetime(self, number: int) -> Lifetime:
        def lifetime(chaincode: str, collection: str) -> int:
            found = self.collection(chaincode, collection, below=number)
            return found.block_to_live if found else 0

        return lifetime

    def _refresh_definitions(self, number: int, updates: Updates) -> None:
        for name in defined_by(updates):
            definition = read_definition(name, self.read_lifecycle())
            if definition is not None:
                self.definitions[name] = definition
                self._defined.setdefault(name, []).append((number, definition))

    def read_lifecycle(self) -> Callable[[str], bytes | None]:
        """A reader of the newest public state of `_lifecycle`."""

        def get(key: str) -> bytes | None:
            entry = self.state.get(Space(LIFECYCLE), key)
            return entry.value if entry else None

        return get

    # Blocks that were committed before

    def _replay(self, block: common_pb2.Block) -> None:
        if is_config_block(block) and self._bundle is None:
            channel, envelope = config_envelope(block)
            number = block.header.number
            self._configure(Bundle.from_config(channel, envelope.config, number, self._verifier))
        checked = _committed(block)
        writer = self._writer(block.header.number)
        for transaction in checked:
            if transaction.code == Code.VALID:
                writer.take(transaction.index, transaction.sets)
        self._apply(block, checked, writer)

    def _reread(self, block: common_pb2.Block) -> Effects:
        """The effects that private stores need; metadata kept on state is not looked up again."""
        number = block.header.number
        writer = BlockWriter(State(), number, self._lifetime(number))
        checked = _committed(block)
        for transaction in checked:
            if transaction.code == Code.VALID:
                writer.take(transaction.index, transaction.sets)
        return Effects(number, checked, writer.updates, self._expired_at(number))

    def _expired_at(self, number: int) -> list[tuple[Space, bytes, Version]]:
        """Writes whose time ended with a block long committed, found from the block that made them."""
        found: list[tuple[Space, bytes, Version]] = []
        lifetimes = {
            config.block_to_live
            for versions in self._defined.values()
            for _, definition in versions
            for config in definition.collection_configs().values()
            if config.block_to_live
        }
        for lifetime in lifetimes:
            source = number - lifetime - 1
            if source < 0:
                continue
            writer = BlockWriter(State(), source, self._lifetime(source))
            for transaction in _committed(self.block(source)):
                if transaction.code == Code.VALID:
                    writer.take(transaction.index, transaction.sets)
            found.extend(
                (space, key, version) for end, space, key, version in writer.updates.expiring if end == number
            )
        return found


def _committed(block: common_pb2.Block) -> list[CheckedTransaction]:
    codes = block_metadata(block, common_pb2.TRANSACTIONS_FILTER)
    checked = []
    for index, envelope in enumerate(block.data.data):
        code = codes[index] if index < len(codes) else int(Code.NOT_VALIDATED)
        if code == Code.VALID:
            transaction = parse_valid(envelope)
            transaction.index = index
        else:
            transaction = CheckedTransaction(index, -1, _transaction_id(envelope), code)
        checked.append(transaction)
    return checked


def _transaction_id(envelope: bytes) -> str:
    try:
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
        return common_pb2.ChannelHeader.FromString(payload.header.channel_header).tx_id
    except DecodeError:
        return ""


def defined_by(updates: Updates) -> set[str]:
    """The chaincodes that a block defined or defined anew."""
    return {
        key.removeprefix(prefix).split("/", 1)[0]
        for (space, key) in updates.batch.writes
        if space == Space(LIFECYCLE) and isinstance(key, str)
        for prefix in (_METADATA_PREFIX, _FIELDS_PREFIX)
        if key.startswith(prefix)
    }


def private_writes(sets: list[NamespaceSet]) -> list[tuple[Space, bytes]]:
    """The collections that a transaction wrote, with the SHA-256 of each private write set."""
    return [
        (Space(part.namespace, collection.name), collection.private_hash)
        for part in sets
        for collection in part.collections
        if collection.writes_anything
    ]
