"""What a network shows to whom: the blocks of its channels, and the private store of each peer."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fabric_protos.common.common_pb2 import Block

from hlf import Gateway, Network
from hlf.admin.qscc import Ledger
from hlf.wire.blocks import decode_block, decode_private_rwset
from hlf.wire.records import DecodedTransaction
from hlf_network import Consortium

_HEX_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass
class Exposure:
    """`blocks`: raw, by channel. `values`: private values by organization, as its own peer hands them out.

    `stores`: by organization, everything that its peer has beyond the blocks; on Docker that is what the peer
    hands out, since its databases are compressed. `files`: what a runtime keeps on disk that belongs to no
    peer's private store. `digests`: every hash that stands in any block.
    """

    blocks: dict[str, set[bytes]] = field(default_factory=dict)
    values: dict[str, list[bytes]] = field(default_factory=dict)
    stores: dict[str, list[bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    digests: set[bytes] = field(default_factory=set)


def expose(network: Consortium) -> Exposure:
    """Read everything: each channel's blocks and each peer's private data, as that peer's administrator."""
    found = Exposure()
    for channel in network.layout.channels.values():
        for organization in channel.peer_organizations:
            identity = network.wallet(organization).get("admin")
            with Gateway.from_profile(network.profile_path(organization), identity) as gateway:
                _read(found, organization, gateway.network(channel.name))
    if network.running_on == "emulator":
        _disk(found, network)
    return found


def _read(found: Exposure, organization: str, network: Network) -> None:
    last = Ledger(network).info().height - 1
    raw = []
    values = found.values.setdefault(organization, [])
    with network.private_blocks(start=0, stop=last) as stream:
        for each in stream:
            raw.append(each.block.SerializeToString())
            found.digests.update(_digests(each.block))
            for message in each.private_data_map.values():
                for private in decode_private_rwset(message):
                    for write in private.writes:
                        values += (
                            [write.key.encode()] if write.is_delete else [write.key.encode(), write.value]
                        )
    if len(raw) != last + 1:
        raise AssertionError(f"{organization} handed out {len(raw)} blocks of {last + 1}")
    found.stores.setdefault(organization, []).extend(values)

    found.blocks.setdefault(network.name, set()).update(raw)


def _digests(block: Block) -> Iterator[bytes]:
    for transaction in decode_block(block).transactions:
        for namespace in transaction.rwset:
            for collection in namespace.collections:
                yield collection.private_hash
                for read in collection.reads:
                    yield read.key_hash
                for write in collection.writes:
                    yield write.key_hash
                    yield write.value_hash
        for text in _texts(transaction):
            yield from written_digests(text)


def written_digests(text: bytes) -> Iterator[bytes]:
    """Every SHA-256 that stands in a text in hexadecimal: commitments, index entries, digests."""
    for digest in _HEX_DIGEST.findall(text):
        yield bytes.fromhex(digest.decode())


def _texts(transaction: DecodedTransaction) -> Iterable[bytes]:
    yield from transaction.args
    if transaction.response is not None:
        yield transaction.response.payload
    if transaction.event is not None:
        yield transaction.event.payload
    for namespace in transaction.rwset:
        for write in namespace.writes:
            yield write.key.encode()
            yield write.value


def _disk(found: Exposure, network: Consortium) -> None:
    peers = network.state_dir / "data" / "ledgers" / "peers"
    owners = {node.name: node.organization for node in network.layout.peers()}
    for folder in sorted(peers.iterdir()):
        store = found.stores[owners[folder.name]]
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                store.append(path.read_bytes())
            if path.suffix == ".db":
                # A value that is longer than a page stands in pieces in the file itself.
                store.extend(_rows(path))
    for name in ("data", "run"):
        for path in sorted((network.state_dir / name).rglob("*")):
            if path.is_file() and peers not in path.parents:
                found.files[str(path.relative_to(network.state_dir))] = path.read_bytes()


def _rows(path: Path) -> Iterator[bytes]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    yield cell if isinstance(cell, bytes) else str(cell).encode()
    finally:
        database.close()
