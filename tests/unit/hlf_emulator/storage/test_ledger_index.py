"""What a ledger remembers of every transaction, write and block."""

from __future__ import annotations

import hashlib

import pytest

from hlf_emulator.ledger.ledger_index import LedgerIndex, TransactionPlace
from hlf_emulator.ledger.state import Version

_ID = hashlib.sha256(b"one").hexdigest()


@pytest.mark.parametrize("name", [_ID, _ID.upper(), f" {_ID}", _ID[:-2], "x", "한글", "00" * 33, ""])
def test_the_first_place_of_an_id_counts_whatever_the_id(name: str) -> None:
    index = LedgerIndex()
    others = [other for other in (_ID, _ID.upper(), f" {_ID}", "y") if other != name]
    for other in others:
        index.add_transaction(other, TransactionPlace(9, 9, 9))
    assert index.place(name) is None
    assert name not in index
    first = TransactionPlace(2**31, 2**31, 255)
    index.add_transaction(name, first)
    index.add_transaction(name, TransactionPlace(7, 0, 0))
    assert index.place(name) == first
    assert name in index


def test_many_ids_are_told_apart() -> None:
    index = LedgerIndex()
    names = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(20_000)]
    for number, name in enumerate(names[::2]):
        index.add_transaction(name, TransactionPlace(number, number % 500, number % 256))
    for number, name in enumerate(names[::2]):
        assert index.place(name) == TransactionPlace(number, number % 500, number % 256)
    assert not any(name in index for name in names[1::2])


def test_an_id_inside_two_others_is_none_of_them() -> None:
    index = LedgerIndex()
    # The place of the first is followed by the second's id: together they hold bytes of a third.
    first, second = "aa" * 32, "aa" + "ab" * 31
    index.add_transaction(first, TransactionPlace(0xAAAAAAAA, 0xAAAAAAAA, 0xAA))
    index.add_transaction(second, TransactionPlace(1, 2, 3))
    inside = "aa" * 15 + "aa" + "00" * 16
    index.add_transaction(inside, TransactionPlace(7, 7, 7))
    assert index.place(first) == TransactionPlace(0xAAAAAAAA, 0xAAAAAAAA, 0xAA)
    assert index.place(second) == TransactionPlace(1, 2, 3)
    assert "aa" * 10 + "ab" * 22 not in index


def test_writes_are_kept_oldest_first() -> None:
    index = LedgerIndex()
    versions = [Version(1, 0), Version(1, 499), Version(2**31, 2**31)]
    for version in versions:
        index.add_write("chaincode", "key", version)
    assert index.writes("chaincode", "key") == versions
    assert index.writes("chaincode", "other") == []


def test_blocks_are_found_by_the_beginning_of_a_hash() -> None:
    index = LedgerIndex()
    hashes = [hashlib.sha256(bytes([number])).digest() for number in range(3)]
    for each in hashes:
        index.add_block(each)
    assert index.blocks(hashes[1]) == [1]
    assert index.blocks(b"") == []
