import hashlib
import json
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import msp_principal_pb2

from hlf.wire import blocks
from hlf.wire.configtx import config_of
from hlf.wire.policy import format_policy, parse_policy
from hlf.wire.records import (
    VALIDATION_PARAMETER,
    DecodedTransaction,
    MetadataWrite,
    NamespaceSet,
    Version,
)
from hlf.wire.verify import ChainVerifier, Consenters, valid_signers

RECORDED = Path(__file__).parents[2] / "data" / "blocks"
KEY_HASH = hashlib.sha256(b"r1").digest()


def recorded(number: int) -> common_pb2.Block:
    return common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes())


def only_transaction(number: int) -> DecodedTransaction:
    (transaction,) = blocks.decode_block(recorded(number)).transactions
    return transaction


def test_the_recorded_chain_is_believed() -> None:
    verifier = ChainVerifier(recorded(0))
    assert verifier.signers.quorum == 3
    assert [verifier.problem(recorded(number)) for number in range(1, 10)] == [""] * 9
    assert (verifier.channel, verifier.height) == ("referral", 10)


def test_the_last_config_is_the_newest_config_block() -> None:
    assert [blocks.last_config_index(recorded(number)) for number in range(10)] == [*[0] * 8, 8, 9]


def test_signers_are_counted_once_and_only_when_valid() -> None:
    consenters = Consenters.of(config_of(recorded(0)))
    block = recorded(1)
    signers = valid_signers(block, consenters)
    assert len(signers) == 3
    metadata = blocks.signatures_metadata(block)
    metadata.signatures.append(metadata.signatures[0])
    broken = bytearray(metadata.signatures[1].signature)
    broken[-1] ^= 1
    metadata.signatures[1].signature = bytes(broken)
    block.metadata.metadata[common_pb2.SIGNATURES] = metadata.SerializeToString()
    assert valid_signers(block, consenters) == (signers[0], signers[2])
    verifier = ChainVerifier(recorded(0))
    assert verifier.problem(block) == "block 1: 2 valid signatures, 3 are needed"
    assert verifier.height == 1


def test_a_changed_transaction_breaks_the_data_hash() -> None:
    block = recorded(1)
    block.data.data[0] += b"\x00"
    assert "data hash" in ChainVerifier(recorded(0)).problem(block)
    block.header.data_hash = blocks.data_hash(block.data)
    assert "0 valid signatures" in ChainVerifier(recorded(0)).problem(block)


def test_a_missing_block_is_noticed() -> None:
    assert ChainVerifier(recorded(0)).problem(recorded(2)) == "block 2: expected number 1"
    assert "previous hash" in blocks.chain_problem(
        recorded(1), common_pb2.Block(header=common_pb2.BlockHeader(number=2, data_hash=blocks.data_hash(
            common_pb2.BlockData())))
    )  # fmt: skip


def test_codes_and_functions() -> None:
    decoded = [only_transaction(number) for number in range(8)]
    assert [each.validation_code for each in decoded] == [
        *["VALID"] * 6,
        "ENDORSEMENT_POLICY_FAILURE",
        "VALID",
    ]
    assert [each.type for each in decoded] == ["CONFIG", *["ENDORSER_TRANSACTION"] * 7]
    assert [each.chaincode for each in decoded[1:]] == [*["_lifecycle"] * 3, *["demo"] * 4]
    assert [each.args[0].decode() for each in decoded[3:]] == [
        "CommitChaincodeDefinition",
        "create",
        "list",
        "create",
        "purge",
    ]
    assert not any(each.problem for each in decoded)


def test_a_creation_with_private_data_and_key_level_policies() -> None:
    transaction = only_transaction(4)
    assert transaction.channel == "referral"
    assert transaction.creator is not None
    assert transaction.creator.msp_id == "semas"
    assert transaction.creator.certificate.startswith(b"-----BEGIN CERTIFICATE-----")
    assert transaction.endorsers == ("semas", "foundation-seoul")
    assert transaction.response is not None
    assert (transaction.response.status, transaction.response.payload) == (200, b"ok:create")
    assert transaction.event is not None
    assert (transaction.event.name, transaction.event.payload) == ("created", b'{"id":"r1"}')
    lifecycle, demo = transaction.rwset
    assert [read.key for read in lifecycle.reads][-1] == "namespaces/metadata/demo"
    assert (demo.reads[0].key, demo.reads[0].version) == ("r1", None)
    assert (demo.writes[0].key, demo.writes[0].value) == ("r1", b'{"state":"new"}')
    policy = demo.metadata_writes[0].policy
    assert policy is not None
    assert format_policy(policy) == "AND('semas.peer','foundation-seoul.peer')"
    (collection,) = demo.collections
    assert collection.name == "semas_foundation-seoul"
    assert collection.writes[0].key_hash == KEY_HASH
    assert collection.writes[0].value_hash == hashlib.sha256(b"x").digest()
    assert collection.metadata_writes[0].key == KEY_HASH.hex()


def test_ranges_private_hashes_deletes_and_purges() -> None:
    demo = only_transaction(5).rwset[1]
    (found,) = demo.range_reads
    assert (found.start, found.end, found.exhausted) == ("a", "z", True)
    assert [(read.key, read.version) for read in found.reads] == [("r1", Version(4, 0))]
    assert [(write.key, write.is_delete) for write in demo.writes] == [("count", False), ("gone", True)]
    assert demo.collections[0].reads[0].key_hash == KEY_HASH
    purge = only_transaction(7).rwset[1].collections[0].writes[0]
    assert (purge.key_hash, purge.is_purge) == (KEY_HASH, True)


def test_json_is_plain_and_shows_the_rule() -> None:
    document = json.loads(json.dumps(blocks.decode_block(recorded(4)).to_json()))
    (transaction,) = document["transactions"]
    assert document["hash"] == blocks.header_hash(recorded(4).header).hex()
    assert transaction["timestamp"].endswith("+00:00")
    assert transaction["args"] == ["create", "r1"]
    demo = transaction["rwset"][1]
    assert demo["metadata_writes"][0]["policy"] == "AND('semas.peer','foundation-seoul.peer')"
    assert "base64" in demo["metadata_writes"][0]["entries"]["VALIDATION_PARAMETER"]


def test_json_of_whatever_a_client_or_chaincode_wrote() -> None:
    assert DecodedTransaction(timestamp_ns=10**30).to_json()["timestamp"] is None
    principal = msp_principal_pb2.MSPRole(msp_identifier="A")
    principal.role = 9
    for written, policy in ((principal.SerializeToString(), "OR('A.9')"), (b"\xff", None)):
        envelope = parse_policy("OR('A.peer')")
        envelope.identities[0].principal = written
        change = MetadataWrite("k", ((VALIDATION_PARAMETER, envelope.SerializeToString()),))
        sets = NamespaceSet("cc", (), (), (), (change,), ())
        (document,) = DecodedTransaction(rwset=(sets,)).to_json()["rwset"]
        assert document["metadata_writes"][0].get("policy") == policy


def test_what_cannot_be_read_stays_in_its_place() -> None:
    block = common_pb2.Block(
        header=common_pb2.BlockHeader(number=9),
        data=common_pb2.BlockData(data=[b"\xff\xff", b""]),
        metadata=common_pb2.BlockMetadata(metadata=[b"", b"", bytes((2, 99))]),
    )
    first, second = blocks.decode_block(block).transactions
    assert first.problem.startswith("unreadable")
    assert (first.index, first.validation_code, second.validation_code) == (0, "BAD_PAYLOAD", "99")


def test_a_block_of_an_orderer_has_no_codes() -> None:
    block = recorded(4)
    block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER] = b""
    assert blocks.decode_block(block).transactions[0].validation_code == "NOT_VALIDATED"


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (2**63, "0209008000000000000000")],
)
def test_block_numbers_are_der_integers(number: int, encoded: str) -> None:
    assert blocks.header_bytes(common_pb2.BlockHeader(number=number))[2:].hex().startswith(encoded)


def test_private_data_in_clear() -> None:
    written = kv_rwset_pb2.KVRWSet(
        writes=[
            kv_rwset_pb2.KVWrite(key="r1", value=b"secret"),
            kv_rwset_pb2.KVWrite(key="r0", is_delete=True),
        ]
    )
    message = rwset_pb2.TxPvtReadWriteSet()
    namespace = message.ns_pvt_rwset.add(namespace="demo")
    namespace.collection_pvt_rwset.add(collection_name="pair", rwset=written.SerializeToString())
    (found,) = blocks.decode_private_rwset(message)
    assert (found.namespace, found.collection) == ("demo", "pair")
    assert [(write.key, write.value, write.is_delete) for write in found.writes] == [
        ("r1", b"secret", False),
        ("r0", b"", True),
    ]
