"""State against a model that keeps a copy of everything after every block."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hlf_emulator.ledger.private_data import PrivateBlock, PrivateStore, PrivateWrites
from hlf_emulator.ledger.rwset import RwSetBuilder, key_hash, sha256
from hlf_emulator.ledger.state import Batch, Entry, Space, State, Version

SPACES = (Space("a"), Space("a", "c"), Space("b"))
KEYS = st.sampled_from(["", "a", "a\x00", "b", "가", "\U0010ffff"])
WRITES = st.dictionaries(
    st.tuples(st.sampled_from(SPACES), KEYS), st.one_of(st.none(), st.binary(min_size=1, max_size=3))
)


@settings(deadline=None)
@given(st.lists(st.tuples(WRITES, st.booleans(), st.booleans()), max_size=8), KEYS, KEYS)
def test_snapshots_read_as_of_their_block(
    blocks: list[tuple[dict[tuple[Space, str], bytes | None], bool, bool]], start: str, end: str
) -> None:
    state, model = State(), [dict[tuple[Space, str], Entry]()]
    held: list[int] = []
    for number, (writes, hold, release) in enumerate(blocks):
        if hold:
            held.append(state.hold())
        batch = Batch(number)
        newest = dict(model[-1])
        for place, value in writes.items():
            entry = None if value is None else Entry(value, Version(number, 0))
            batch.writes[place] = entry
            if entry is None:
                newest.pop(place, None)
            else:
                newest[place] = entry
        state.apply(batch)
        model.append(newest)
        for snapshot in [*held, state.height]:
            expected = model[snapshot]
            for space in SPACES:
                inside = {
                    key: entry
                    for (where, key), entry in expected.items()
                    if where == space and key >= start and (not end or key < end)
                }
                assert dict(state.range(space, start, end, snapshot)) == inside
                assert [key for key, _ in state.range(space, start, end, snapshot)] == sorted(inside)
                assert state.get(space, start, snapshot) == expected.get((space, start))
        if release and held:
            state.release(held.pop())
    for snapshot in held:
        state.release(snapshot)
    assert not state._undo


def rwset(key: str, value: bytes) -> bytes:
    builder = RwSetBuilder()
    builder.write_private("a", "c", key, value)
    written = builder.private()
    assert written is not None
    return written.ns_pvt_rwset[0].collection_pvt_rwset[0].rwset


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["k", "\x00l", "가"]), st.binary(max_size=2)), max_size=6))
def test_a_private_store_is_the_same_after_opening_it_again(
    tmp_path_factory: object, writes: list[tuple[str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "private.db"  # type: ignore[attr-defined]
    store, space = PrivateStore(path), SPACES[1]
    for number, (key, value) in enumerate(writes):
        encoded = rwset(key, value)
        store.keep_transient(f"tx{number}", number, [(space, encoded)])
        assert store.find_transient(f"tx{number}", space, sha256(encoded)) == encoded
        version = Version(number, 0)
        written = PrivateWrites(version, f"tx{number}", space, sha256(encoded), encoded)
        store.commit(PrivateBlock(number, [written], transaction_ids=[f"tx{number}"]))
        assert store.find_transient(f"tx{number}", space, sha256(encoded)) is None
    before = list(store.entries())
    store.close()
    again = PrivateStore(path)
    assert again.height == len(writes)
    assert sorted(again.entries()) == sorted(before)
    last = {key: value for key, value in writes}
    live = {key: value for key, value in last.items() if value}
    assert {key: entry.value for _, key, entry in again.entries()} == live
    purge = PrivateBlock(len(writes))
    purge.purges = {(space, key_hash(key)): Version(len(writes), 0) for key in last}
    again.commit(purge)
    assert not list(again.entries())
    for number in range(len(writes)):
        for left in again.block(number).values():
            assert left.ns_pvt_rwset[0].collection_pvt_rwset[0].rwset == b""
    again.close()
