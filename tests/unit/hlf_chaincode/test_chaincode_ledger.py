"""MemoryLedger: what a contract may and may not count on."""

from __future__ import annotations

import datetime
import hashlib
import json

import pytest

from hlf_chaincode import Context, Contract, ContractError, PeerError, Private, key_policy, query, transaction
from hlf_chaincode.testing import (
    MISMATCH,
    Caller,
    ChaincodeSpec,
    CollectionSpec,
    MemoryLedger,
    TransactionFailed,
)

BOTH = "AND('A.peer','B.peer')"


class Store(Contract):
    name = "store"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> None:
        ctx.state.put(key, value.encode())

    @transaction
    def delete(self, ctx: Context, key: str) -> None:
        ctx.state.delete(key)

    @transaction
    def put_and_read(self, ctx: Context, key: str, value: str) -> str:
        ctx.state.put(key, value.encode())
        return (ctx.state.get(key) or b"absent").decode()

    @transaction
    def append(self, ctx: Context, key: str, value: str) -> None:
        ctx.state.put(key, (ctx.state.get(key) or b"") + value.encode())

    @transaction
    def count_all(self, ctx: Context, start: str, end: str) -> None:
        count = len(list(ctx.state.range(start, end)))
        ctx.state.put("~count", str(count).encode())

    @transaction
    def first_only(self, ctx: Context) -> None:
        found = ctx.state.range()
        ctx.state.put("~first", next(found).value)

    @transaction
    def put_composite(self, ctx: Context, kind: str, parts: list[str]) -> None:
        ctx.state.put(ctx.composite_key(kind, parts), b"composite")

    @query
    def keys(self, ctx: Context, start: str, end: str) -> list[str]:
        return [key for key, _ in ctx.state.range(start, end)]

    @query
    def by_parts(self, ctx: Context, kind: str, parts: list[str]) -> list[list[str]]:
        return [ctx.split_composite_key(key)[1] for key, _ in ctx.state.by_partial_key(kind, parts)]

    @query
    def page(self, ctx: Context, size: int, bookmark: str) -> list[str]:
        page = ctx.state.range_page("", "", size, bookmark)
        return [*(item.key for item in page.items), page.bookmark]

    @transaction
    def page_then_write(self, ctx: Context) -> None:
        ctx.state.range_page("", "", 1)
        ctx.state.put("k", b"v")

    @query
    def many(self, ctx: Context, keys: list[str]) -> list[str]:
        return [(value or b"absent").decode() for value in ctx.state.get_many(keys)]

    @query
    def history(self, ctx: Context, key: str) -> list[list[str]]:
        return [
            [m.timestamp.isoformat(), (m.value or b"").decode(), str(m.deleted)]
            for m in ctx.state.history(key)
        ]

    @query
    def rich(self, ctx: Context) -> int:
        return len(list(ctx.state.query("{}")))

    @transaction
    def lock(self, ctx: Context, key: str, organizations: list[str]) -> None:
        ctx.state.set_policy(key, key_policy(organizations))

    @query
    def policy(self, ctx: Context, key: str) -> bytes:
        return ctx.state.get_policy(key) or b""

    @transaction
    def emit(self, ctx: Context, name: str, payload: bytes) -> None:
        ctx.state.put("e", b"e")
        ctx.emit(name, payload)

    @transaction
    def emit_twice(self, ctx: Context) -> None:
        ctx.emit("one", b"")
        ctx.emit("two", b"")

    @query
    def emit_in_query(self, ctx: Context) -> None:
        ctx.emit("one", b"")

    @query
    def write_in_query(self, ctx: Context, what: str) -> None:
        {
            "put": lambda: ctx.state.put("k", b"v"),
            "delete": lambda: ctx.state.delete("k"),
            "policy": lambda: ctx.state.set_policy("k", b""),
            "private": lambda: ctx.private("A_B").put("k", b"v"),
            "purge": lambda: ctx.private("A_B").purge("k"),
        }[what]()

    @query
    def who(self, ctx: Context) -> dict[str, str]:
        return {
            "msp": ctx.client.msp_id,
            "role": ctx.client.role,
            "holder": ctx.client.attribute("holder") or "",
            "time": ctx.timestamp.isoformat(),
            "channel": ctx.channel,
            "transient": ",".join(sorted(ctx.transient)),
        }

    @transaction
    def empty(self, ctx: Context) -> None:
        ctx.state.put("k", b"")

    @transaction
    def spill(self, ctx: Context) -> None:
        self.leak = ctx.state
        ctx.state.put("k", b"v")

    @query
    def use_spilt(self, ctx: Context) -> bytes:
        return self.leak.get("k") or b""


class Vault(Contract):
    name = "vault"

    @transaction
    def put(self, ctx: Context, key: str, value: Private[bytes]) -> None:
        ctx.private("A_B").put(key, value)

    @transaction
    def set_own(self, ctx: Context, key: str, value: Private[bytes]) -> None:
        ctx.private("own").put(key, value)

    @transaction
    def drop(self, ctx: Context, key: str) -> None:
        ctx.private("A_B").delete(key)

    @transaction
    def purge(self, ctx: Context, key: str) -> None:
        ctx.private("A_B").purge(key)

    @transaction
    def purge_public(self, ctx: Context, key: str) -> None:
        ctx.private("").purge(key)

    @query
    def get(self, ctx: Context, key: str) -> bytes:
        return ctx.private("A_B").get(key) or b"absent"

    @query
    def hash(self, ctx: Context, key: str) -> bytes:
        return ctx.private("A_B").hash(key) or b"absent"

    @query
    def keys(self, ctx: Context) -> list[str]:
        return [key for key, _ in ctx.private("A_B").range()]

    @transaction
    def read_modify(self, ctx: Context, key: str) -> None:
        ctx.private("A_B").put(key, (ctx.private("A_B").get(key) or b"") + b"+")

    @transaction
    def checked_modify(self, ctx: Context, key: str, current: Private[bytes]) -> None:
        if ctx.private("A_B").hash(key) != hashlib.sha256(current).digest():
            raise ContractError("STALE", "the current value is another one")
        ctx.private("A_B").put(key, current + b"+")

    @transaction
    def scan_then_write(self, ctx: Context) -> None:
        list(ctx.private("A_B").range())
        ctx.state.put("k", b"v")

    @transaction
    def lock(self, ctx: Context, key: str, organizations: list[str]) -> None:
        ctx.private("A_B").set_policy(key, key_policy(organizations))

    @query
    def nowhere(self, ctx: Context) -> bytes:
        return ctx.private("nowhere").get("k") or b""


def pair(**options) -> CollectionSpec:
    return CollectionSpec("A_B", ["A", "B"], **options)


@pytest.fixture(params=[True, False], ids=["fabric3", "fabric2.5"])
def ledger(request) -> MemoryLedger:
    collections = [pair(endorsement_policy=BOTH), CollectionSpec("own", "OR('A.member')")]
    return MemoryLedger(
        organizations=["A", "B", "C"],
        policy=BOTH,
        collections=collections,
        contracts=[Store, Vault],
        batching=request.param,
    )


def failure(code: str):
    return pytest.raises(TransactionFailed, match=code)


# public state


def test_a_transaction_does_not_see_its_own_writes(ledger):
    assert ledger.submit(Store, "put_and_read", "k", "v") == "absent"
    assert ledger.submit(Store, "put_and_read", "k", "w") == "v"


def test_conflicting_transactions_of_one_block(ledger):
    first, second = (ledger.endorse(Store, "append", "k", text) for text in "ab")
    assert ledger.commit(first, second) == ["VALID", "MVCC_READ_CONFLICT"]
    assert ledger.state == {"k": b"a"}
    assert (first.block_number, second.code) == (1, "MVCC_READ_CONFLICT")


def test_blind_writes_do_not_conflict(ledger):
    first, second = (ledger.endorse(Store, "put", "k", text) for text in "ab")
    assert ledger.commit(first, second) == ["VALID", "VALID"]
    assert ledger.state == {"k": b"b"}


def test_a_stale_endorsement_conflicts_in_a_later_block(ledger):
    stale = ledger.endorse(Store, "append", "k", "a")
    ledger.submit(Store, "append", "k", "b")
    assert ledger.commit(stale) == ["MVCC_READ_CONFLICT"]


def test_a_key_that_appears_in_a_range_is_a_phantom(ledger):
    ledger.submit(Store, "put", "a", "1")
    counted = ledger.endorse(Store, "count_all", "a", "m")
    ledger.submit(Store, "put", "b", "2")
    assert ledger.commit(counted) == ["PHANTOM_READ_CONFLICT"]
    counted = ledger.endorse(Store, "count_all", "a", "m")
    ledger.submit(Store, "put", "z", "outside")
    assert ledger.commit(counted) == ["VALID"]


def test_a_range_left_early_guards_what_was_read(ledger):
    ledger.submit(Store, "put", "b", "1")
    ledger.submit(Store, "put", "c", "1")
    early = ledger.endorse(Store, "first_only")
    ledger.submit(Store, "put", "a", "0")
    assert ledger.commit(early) == ["PHANTOM_READ_CONFLICT"]


def test_an_open_range_leaves_composite_keys_out(ledger):
    """Defect: an open range returns composite keys."""
    ledger.submit(Store, "put", "k", "v")
    ledger.submit(Store, "put_composite", "loan", ["a", "1"])
    assert ledger.evaluate(Store, "keys", "", "") == ["k"]


def test_partial_composite_keys(ledger):
    for parts in (["a", "1"], ["a", "2"], ["ab", "1"]):
        ledger.submit(Store, "put_composite", "loan", parts)
    assert ledger.evaluate(Store, "by_parts", "loan", ["a"]) == [["a", "1"], ["a", "2"]]
    assert len(ledger.evaluate(Store, "by_parts", "loan", [])) == 3
    assert ledger.evaluate(Store, "by_parts", "lo", []) == []


def test_ranges_longer_than_a_batch_come_whole_and_ordered(ledger):
    ledger.commit(*(ledger.endorse(Store, "put", f"k{n:03}", "v") for n in range(250)))
    assert ledger.evaluate(Store, "keys", "", "") == [f"k{n:03}" for n in range(250)]
    assert ledger.evaluate(Store, "keys", "k010", "k012") == ["k010", "k011"]


def test_pages_continue_at_the_bookmark(ledger):
    """Defect: bookmarks lost."""
    for key in "abcde":
        ledger.submit(Store, "put", key, "v")
    assert ledger.evaluate(Store, "page", 2, "") == ["a", "b", "c"]
    assert ledger.evaluate(Store, "page", 2, "c") == ["c", "d", "e"]
    assert ledger.evaluate(Store, "page", 2, "e") == ["e", ""]


def test_a_page_and_a_write_do_not_go_together(ledger):
    with pytest.raises(PeerError, match=r"already performed a paginated query. Writes are not allowed"):
        ledger.submit(Store, "page_then_write")


def test_several_keys_at_once(ledger):
    ledger.submit(Store, "put", "a", "1")
    assert ledger.evaluate(Store, "many", ["a", "b", "a"]) == ["1", "absent", "1"]


def test_history_newest_first(ledger):
    start = ledger.time
    for text in ("one", "two"):
        ledger.submit(Store, "put", "k", text)
        ledger.time += datetime.timedelta(days=1)
    ledger.submit(Store, "delete", "k")
    times = [(start + datetime.timedelta(days=n)).isoformat() for n in range(3)]
    assert ledger.evaluate(Store, "history", "k") == [
        [times[2], "", "True"],
        [times[1], "two", "False"],
        [times[0], "one", "False"],
    ]
    assert ledger.state == {}


def test_rich_queries_need_couchdb(ledger):
    with pytest.raises(PeerError, match="ExecuteQuery not supported for leveldb"):
        ledger.evaluate(Store, "rich")


def test_empty_values_are_refused(ledger):
    with pytest.raises(ValueError, match="empty value"):
        ledger.submit(Store, "empty")


def test_the_ledger_closes_with_the_call(ledger):
    ledger.submit(Store, "spill", endorsers=["A", "B"])
    with pytest.raises(Exception, match="until the function returns"):
        ledger.evaluate(Store, "use_spilt")


# caller, events


def test_context(ledger):
    caller = Caller("C", {"holder": "h-1"})
    assert ledger.evaluate(Store, "who", caller=caller, transient={"salt": b"s"}) == {
        "msp": "C",
        "role": "client",
        "holder": "h-1",
        "time": "2026-01-02T03:04:05+00:00",
        "channel": "channel",
        "transient": "salt",
    }


def test_events_of_valid_transactions(ledger):
    ledger.submit(Store, "emit", "Done", b"\x00payload")
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Store, "emit", "Lost", b"", endorsers=["A"])
    (event,) = ledger.events
    assert (event.name, event.payload, event.chaincode, event.block_number) == (
        "Done",
        b"\x00payload",
        "store",
        1,
    )
    with pytest.raises(ContractError, match="SECOND_EVENT"):
        ledger.submit(Store, "emit_twice")


@pytest.mark.parametrize("what", ["put", "delete", "policy", "private", "purge"])
def test_query_functions_cannot_write_even_when_submitted(ledger, what):
    with pytest.raises(ContractError, match="READ_ONLY"):
        ledger.submit(Store, "write_in_query", what)
    with pytest.raises(ContractError, match="READ_ONLY"):
        ledger.submit(Store, "emit_in_query")


# endorsement


def test_chaincode_policy(ledger):
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Store, "put", "k", "v", endorsers=["A", "C"])
    assert ledger.state == {}
    ledger.submit(Store, "put", "k", "v", endorsers=["B", "A"])
    assert ledger.state == {"k": b"v"}


def test_key_policy_replaces_the_chaincode_policy(ledger):
    """Defect: key-level endorsement silently None."""
    ledger.submit(Store, "put", "k", "v")
    ledger.submit(Store, "lock", "k", ["C"])
    assert ledger.policy_of("k") == key_policy(["C"])
    assert ledger.evaluate(Store, "policy", "k") == key_policy(["C"])
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Store, "put", "k", "w", endorsers=["A", "B"])
    ledger.submit(Store, "put", "k", "w", endorsers=["C"])
    ledger.submit(Store, "put", "other", "w", endorsers=["A", "B"])
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Store, "lock", "k", ["A"], endorsers=["A", "B"])


def test_a_policy_changed_in_the_block_stops_later_writes(ledger):
    ledger.submit(Store, "put", "k", "v")
    lock = ledger.endorse(Store, "lock", "k", ["A", "B"])
    write = ledger.endorse(Store, "put", "k", "w")
    assert ledger.commit(lock, write) == ["VALID", "ENDORSEMENT_POLICY_FAILURE"]


def test_a_lock_on_a_key_that_never_was_is_nothing(ledger):
    ledger.submit(Store, "lock", "k", ["C"])
    assert ledger.policy_of("k") is None


def test_the_collection_policy_judges_private_writes(ledger):
    majority = MemoryLedger(
        organizations=["A", "B", "C"],
        policy="OR('A.peer','B.peer','C.peer')",
        collections=[pair(endorsement_policy=BOTH), CollectionSpec("own", ["A"])],
        contracts=[Vault],
    )
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        majority.submit(Vault, "put", "k", transient={"value": b"v"}, endorsers=["A"])
    majority.submit(Vault, "put", "k", transient={"value": b"v"}, endorsers=["A", "B"])
    # A collection without a policy of its own is judged by the chaincode's.
    majority.submit(Vault, "set_own", "k", transient={"value": b"v"}, endorsers=["C"])
    assert majority.private("A", "own") == {"k": b"v"}


def test_key_policy_on_a_private_key(ledger):
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    ledger.submit(Vault, "lock", "k", ["A"])
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Vault, "drop", "k", endorsers=["B"])
    ledger.submit(Vault, "read_modify", "k", endorsers=["A"])
    assert ledger.private("B", "A_B", "vault") == {"k": b"v+"}


# private data


def test_private_values_reach_members_only(ledger):
    """Defect: transient and private data silently None."""
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    assert ledger.private("A", "A_B", Vault) == {"k": b"v"}
    assert ledger.private("B", "A_B", Vault) == {"k": b"v"}
    assert ledger.private("C", "A_B", Vault) == {}
    assert ledger.evaluate(Vault, "get", "k", caller=Caller("B")) == b"v"
    digest = hashlib.sha256(b"v").digest()
    assert ledger.evaluate(Vault, "hash", "k", caller=Caller("C")) == digest


def test_a_peer_without_the_data_says_so(ledger):
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    text = (
        "private data matching public hash version is not available. "
        r"Public hash version = \{BlockNum: 1, TxNum: 0\}, Private data version = <nil>"
    )
    with pytest.raises(PeerError, match=text):
        ledger.evaluate(Vault, "get", "k", peer="C")
    assert ledger.evaluate(Vault, "get", "other", peer="C") == b"absent"


def test_member_only_flags(ledger):
    stranger = Caller("C")
    with pytest.raises(
        PeerError, match=r"does not have read access .* chaincodeName:vault collectionName: A_B"
    ):
        ledger.evaluate(Vault, "get", "k", caller=stranger)
    with pytest.raises(PeerError, match="does not have write access permission on privatedata"):
        ledger.submit(Vault, "put", "k", transient={"value": b"v"}, caller=stranger)
    open_to_write = MemoryLedger(
        organizations=["A", "B"], policy=BOTH, collections=[pair(member_only_write=False)], contracts=[Vault]
    )
    open_to_write.submit(Vault, "put", "k", transient={"value": b"v"}, caller=stranger)
    assert open_to_write.private("A", "A_B") == {"k": b"v"}
    with pytest.raises(PeerError, match="read access"):
        open_to_write.evaluate(Vault, "get", "k", caller=stranger)


def test_unknown_collection(ledger):
    with pytest.raises(PeerError, match="collection channel/vault/nowhere could not be found"):
        ledger.evaluate(Vault, "nowhere")


def test_private_reads_conflict_too(ledger):
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    both = [ledger.endorse(Vault, "read_modify", "k", endorsers=["A", "B"]) for _ in range(2)]
    assert ledger.commit(*both) == ["VALID", "MVCC_READ_CONFLICT"]
    stale = ledger.endorse(Vault, "checked_modify", "k", transient={"current": b"v+"})
    ledger.submit(Vault, "put", "k", transient={"value": b"w"})
    assert ledger.commit(stale) == ["MVCC_READ_CONFLICT"]


def test_two_endorsers_that_read_a_collection_differ_when_one_lags(ledger):
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    ledger.lose_private("B", "A_B", "k", Vault)
    with pytest.raises(PeerError, match="not available"):
        ledger.submit(Vault, "read_modify", "k", endorsers=["A", "B"])
    ledger.submit(Vault, "checked_modify", "k", transient={"current": b"v"}, endorsers=["A", "B"])
    assert ledger.private("B", "A_B", Vault) == {"k": b"v+"}


def test_delete_and_purge(ledger):
    for function in ("drop", "purge"):
        ledger.submit(Vault, "put", "k", transient={"value": b"v"})
        ledger.submit(Vault, function, "k")
        assert ledger.private("A", "A_B", Vault) == {}
        assert ledger.evaluate(Vault, "hash", "k") == b"absent"
        assert ledger.evaluate(Vault, "get", "k") == b"absent"
    with pytest.raises(ValueError, match="collection has a name"):
        ledger.submit(Vault, "purge_public", "k")


def test_private_ranges_are_for_reading(ledger):
    for key in "ba":
        ledger.submit(Vault, "put", key, transient={"value": b"v"})
    assert ledger.evaluate(Vault, "keys") == ["a", "b"]
    with pytest.raises(PeerError, match=r"already performed queries on pvt data. Writes are not allowed"):
        ledger.submit(Vault, "scan_then_write")


def test_block_to_live():
    ledger = MemoryLedger(
        organizations=["A", "B"], collections=[pair(block_to_live=2)], contracts=[Vault, Store]
    )
    ledger.submit(Vault, "put", "k", transient={"value": b"v"})
    for number in range(3):
        assert ledger.private("A", "A_B") == {"k": b"v"}
        ledger.submit(Store, "put", f"{number}", "v")
    assert ledger.private("A", "A_B") == {}
    assert ledger.evaluate(Vault, "hash", "k") == b"absent"


# endorsers that differ


class Unsteady(Contract):
    name = "unsteady"
    runs = 0

    @transaction
    def differ(self, ctx: Context, what: str) -> int:
        Unsteady.runs += 1
        if what == "write":
            ctx.state.put("k", str(Unsteady.runs).encode())
        if what == "event":
            ctx.emit("e", str(Unsteady.runs).encode())
        return Unsteady.runs if what == "result" else 0


@pytest.mark.parametrize(("what", "part"), [("write", "writes"), ("event", "event"), ("result", "response")])
def test_results_that_differ_between_endorsers_are_found(what, part):
    ledger = MemoryLedger(organizations=["A", "B"], contracts=[Unsteady])
    with pytest.raises(
        TransactionFailed, match=f"ProposalResponsePayloads do not match: A, B: {part}"
    ) as failed:
        ledger.submit(Unsteady, "differ", what)
    assert failed.value.code == MISMATCH
    ledger.submit(Unsteady, "differ", "nothing")


# other chaincodes


class Front(Contract):
    name = "front"

    @query
    def look(self, ctx: Context, chaincode: str, channel: str, args: list[str]) -> str:
        return ctx.invoke(chaincode, list(args), channel).decode()

    @transaction
    def forward(self, ctx: Context, chaincode: str, channel: str, args: list[str]) -> str:
        ctx.state.put("forwarded", chaincode.encode())
        return ctx.invoke(chaincode, list(args), channel).decode()


@pytest.fixture
def two_chaincodes() -> MemoryLedger:
    return MemoryLedger(
        channel="one",
        organizations=["A", "B"],
        chaincodes=[
            ChaincodeSpec("front-cc", [Front], policy="OR('A.peer','B.peer')"),
            ChaincodeSpec("store", [Store], policy=BOTH),
        ],
    )


def test_a_called_chaincode_writes_in_its_own_namespace_under_its_own_policy(two_chaincodes):
    """Defect: invoke_chaincode parsed wrongly."""
    ledger = two_chaincodes
    assert ledger.submit(Front, "forward", "store", "", ["put_and_read", "k", "v"]) == "absent"
    assert ledger.state_of(Store) == {"k": b"v"}
    assert ledger.state == {"forwarded": b"store"}
    with failure("ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Front, "forward", "store", "", ["put", "k", "w"], endorsers=["A"])


def test_a_called_chaincodes_refusal_comes_through(two_chaincodes):
    with pytest.raises(ContractError, match="UNKNOWN_FUNCTION"):
        two_chaincodes.submit(Front, "forward", "store", "", ["nothing"])
    with pytest.raises(PeerError, match="chaincode nobody not found"):
        two_chaincodes.submit(Front, "forward", "nobody", "", ["x"])
    with pytest.raises(PeerError, match=r"txid: .*\(one\) exists"):
        two_chaincodes.submit(Front, "forward", "front-cc", "", ["x"])


def test_another_channel_is_read_only(two_chaincodes):
    other = MemoryLedger(channel="two", organizations=["A", "B"], contracts=[Store])
    other.submit(Store, "put", "k", "there")
    with pytest.raises(PeerError, match=r"Failed to get policy manager for channel \[two\]"):
        two_chaincodes.submit(Front, "forward", "store", "two", ["put_and_read", "k", "v"])
    two_chaincodes.connect(other)
    assert two_chaincodes.submit(Front, "forward", "store", "two", ["put_and_read", "k", "v"]) == "there"
    assert other.state == {"k": b"there"}


def test_query_functions_call_no_chaincode_that_might_write(two_chaincodes):
    other = MemoryLedger(channel="two", organizations=["A", "B"], contracts=[Store])
    other.submit(Store, "put", "k", "there")
    two_chaincodes.connect(other)
    with pytest.raises(ContractError, match="READ_ONLY"):
        two_chaincodes.evaluate(Front, "look", "store", "", ["many", '["k"]'])
    assert two_chaincodes.evaluate(Front, "look", "store", "two", ["many", '["k"]']) == '["there"]'


def test_member_policies_are_met_by_roles_too():
    ledger = MemoryLedger(
        organizations=["A", "B"],
        collections=[CollectionSpec("A_B", "OR('A.admin','B.peer')")],
        contracts=[Vault],
    )
    ledger.submit(Vault, "put", "k", transient={"value": b"v"}, caller=Caller("A", role="admin"))
    with pytest.raises(PeerError, match="write access"):
        ledger.submit(Vault, "put", "k", transient={"value": b"v"}, caller=Caller("A"))


def test_metadata_is_served(ledger):
    call = ledger.endorse(Store, "org.hyperledger.fabric:GetMetadata")
    assert "put" in [entry["name"] for entry in json.loads(call.result)["contracts"]["store"]["transactions"]]


class Opening(Contract):
    """A chaincode that has to be initialized."""

    name = "opening"

    @transaction(init=True)
    def begin(self, ctx: Context, limit: int) -> None:
        ctx.state.put("limit", str(limit).encode())

    @query(name="Limit")
    def limit(self, ctx: Context) -> int:
        return int(ctx.state.get("limit") or b"0")

    @transaction
    def ask(self, ctx: Context) -> str:
        return ctx.invoke("opening", ["Limit"]).decode()


def test_a_chaincode_that_requires_it_is_initialized_once_and_first():
    ledger = MemoryLedger(
        organizations=["A", "B"],
        chaincodes=[
            ChaincodeSpec("opening", [Opening], init_required=True),
            ChaincodeSpec("asking", [Opening]),
        ],
    )
    wrong = "failed to execute transaction [0-9a-f]{64}: invalid invocation: chaincode '"
    with pytest.raises(PeerError, match=f"{wrong}opening' has not been initialized for this version, must"):
        ledger.evaluate("opening", Opening.limit)
    with pytest.raises(PeerError, match=r"INVOKE_CHAINCODE failed: .*: execute failed: invalid invocation"):
        ledger.submit("asking", Opening.ask)
    with pytest.raises(PeerError, match=f"{wrong}asking' does not require initialization but called as init"):
        ledger.submit("asking", Opening.begin, 1, init=True)
    ledger.submit("opening", Opening.begin, 7, init=True)
    assert ledger.evaluate("opening", Opening.limit) == 7
    assert ledger.submit("asking", Opening.ask) == "7"
    with pytest.raises(PeerError, match=f"{wrong}opening' is already initialized but called as init"):
        ledger.submit("opening", Opening.begin, 7, init=True)
    with pytest.raises(ContractError, match="NOT_INIT"):
        ledger.submit("opening", Opening.begin, 7)


def test_two_initializations_in_one_block_conflict():
    ledger = MemoryLedger(
        organizations=["A"], chaincodes=[ChaincodeSpec("opening", [Opening], init_required=True)]
    )
    both = [ledger.endorse("opening", Opening.begin, limit, init=True) for limit in (1, 2)]
    assert ledger.commit(*both) == ["VALID", "MVCC_READ_CONFLICT"]
    assert ledger.evaluate("opening", Opening.limit) == 1


def test_options_that_would_count_for_nothing_are_refused():
    with pytest.raises(ValueError, match="a ChaincodeSpec has its own"):
        MemoryLedger(organizations=["A"], policy=BOTH, chaincodes=[ChaincodeSpec("store", [Store])])
    with pytest.raises(ValueError, match="at least one contract"):
        MemoryLedger(organizations=["A"])
