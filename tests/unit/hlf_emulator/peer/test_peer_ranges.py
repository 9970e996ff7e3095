"""Range queries in read sets, and phantoms against them."""

import hashlib

import pytest
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from hlf_emulator.ledger.mvcc import MVCC_READ_CONFLICT, PHANTOM_READ_CONFLICT, VALID, BlockWriter
from hlf_emulator.ledger.range_hashes import summarize
from hlf_emulator.ledger.rwset import parse_rwset
from hlf_emulator.ledger.simulator import Simulator
from hlf_emulator.ledger.state import Batch, Entry, Space, State, Version

SPACE = Space("store")


def state(count: int) -> State:
    public = State()
    batch = Batch(0)
    for number in range(count):
        batch.writes[SPACE, f"k{number:05}"] = Entry(b"v", Version(0, number))
    public.apply(batch)
    return public


def simulate(public: State, *, limit: int | None = None) -> bytes:
    simulator = Simulator("tx", public, State(), public.height, lambda _chaincode, _collection: None)
    scan = simulator.range("store", "k", "l")
    taken = 0
    while limit is None or taken < limit:
        if next(scan, None) is None:
            break
        taken += 1
    simulator.finish()
    simulator.close()
    return simulator.rwset.public()


def judge(public: State, encoded: bytes, **changes: bytes) -> int:
    """The code of a transaction after an earlier one of the same block wrote `changes`."""
    writer = BlockWriter(public, public.height, lambda _chaincode, _collection: 0)
    for key, value in changes.items():
        entry = Entry(value, Version(public.height, 0)) if value else None
        writer.updates.batch.writes[SPACE, key] = entry
    return writer.judge(1, parse_rwset(encoded))


@pytest.mark.parametrize("count", [0, 1, 50, 51, 102, 3000])
def test_a_range_that_stays_is_valid_and_a_new_key_in_it_is_a_phantom(count: int) -> None:
    public = state(count)
    encoded = simulate(public)
    (part,) = parse_rwset(encoded)
    (info,) = part.public.range_queries_info
    assert info.itr_exhausted
    assert info.end_key == "l"
    expected = "reads_merkle_hashes" if count > 50 else "raw_reads" if count else None
    assert info.WhichOneof("reads_info") == expected
    assert judge(public, encoded) == VALID
    assert judge(public, encoded, k00000x=b"new") == PHANTOM_READ_CONFLICT
    if count:
        assert judge(public, encoded, k00000=b"changed") == PHANTOM_READ_CONFLICT
        assert judge(public, encoded, k00000=b"") == PHANTOM_READ_CONFLICT


def test_a_scan_that_stopped_early_covers_what_it_saw() -> None:
    public = state(10)
    encoded = simulate(public, limit=3)
    (part,) = parse_rwset(encoded)
    (info,) = part.public.range_queries_info
    assert (info.end_key, info.itr_exhausted) == ("k00002", False)
    assert judge(public, encoded, k00005=b"changed") == VALID
    assert judge(public, encoded, k00002=b"changed") == PHANTOM_READ_CONFLICT


def test_a_summary_has_one_leaf_for_each_51_reads() -> None:
    reads = [kv_rwset_pb2.KVRead(key=f"k{number}") for number in range(60)]
    summary = summarize(reads)
    assert summary is not None
    leaves = [kv_rwset_pb2.QueryReads(kv_reads=part).SerializeToString() for part in (reads[:51], reads[51:])]
    assert list(summary.max_level_hashes) == [hashlib.sha256(leaf).digest() for leaf in leaves]
    assert (summary.max_level, summary.max_degree) == (1, 50)
    small = summarize(reads[:7], 2)
    # Three leaves of 3, 3 and 1 reads are one more than the degree: they become one node above.
    assert small is not None
    assert (small.max_level, len(small.max_level_hashes)) == (2, 1)


def test_a_stale_read_conflicts() -> None:
    public = state(1)
    simulator = Simulator("tx", public, State(), public.height, lambda _chaincode, _collection: None)
    assert simulator.get_state("store", "k00000") == b"v"
    assert simulator.get_state("store", "none") == b""
    encoded = simulator.rwset.public()
    assert judge(public, encoded) == VALID
    assert judge(public, encoded, none=b"there") == MVCC_READ_CONFLICT
    batch = Batch(1)
    batch.writes[SPACE, "k00000"] = None
    public.apply(batch)
    assert simulator.get_state("store", "k00000") == b"v"
    simulator.close()
    assert judge(public, encoded) == MVCC_READ_CONFLICT


def test_snapshots_keep_ranges_as_they_were() -> None:
    public = state(3)
    snapshot = public.hold()
    batch = Batch(1)
    batch.writes[SPACE, "k00001"] = None
    batch.writes[SPACE, "k00001x"] = Entry(b"new", Version(1, 0))
    public.apply(batch)
    assert [key for key, _ in public.range(SPACE, "", "", snapshot)] == ["k00000", "k00001", "k00002"]
    assert [key for key, _ in public.range(SPACE, "", "")] == ["k00000", "k00001x", "k00002"]
    public.release(snapshot)
    assert not public._undo
