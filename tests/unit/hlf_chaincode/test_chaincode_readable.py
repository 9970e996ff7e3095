"""What a failing test of a contract shows: what was read and written, and why it did not count."""

from __future__ import annotations

import hashlib

import pytest

from hlf_chaincode import Context, Contract, Private, key_policy, transaction
from hlf_chaincode.testing import Caller, CollectionSpec, MemoryLedger, TransactionFailed

BOTH = "AND('A.peer', 'B.peer')"


class Desk(Contract):
    """Everything that a read/write set can hold."""

    name = "desk"

    @transaction
    def put(self, ctx: Context, key: str, value: bytes) -> None:
        ctx.state.put(key, value)

    @transaction
    def lock(self, ctx: Context, key: str, owner: str) -> None:
        ctx.state.set_policy(key, key_policy([owner]))

    @transaction
    def everything(self, ctx: Context, secret: Private[bytes]) -> str:
        """Each kind of line once."""
        ctx.state.get("there")
        ctx.state.get("nowhere")
        next(ctx.state.range("a", "z"))
        ctx.state.put("text", "안녕".encode())
        ctx.state.put("binary", b"\xff\x00")
        ctx.state.put(ctx.composite_key("loan", ["a", "7"]), b"x" * 200)
        ctx.state.delete("there")
        ctx.state.set_policy("text", key_policy(["A", "B"]))
        ctx.private("A_B").get("none")
        ctx.private("A_B").put("private", secret)
        ctx.private("A_B").purge("gone")
        ctx.private("A_B").set_policy("private", key_policy(["A"]))
        ctx.emit("Done", b'{"id":7}')
        return "result"

    @transaction
    def append(self, ctx: Context, key: str) -> None:
        ctx.state.put(key, (ctx.state.get(key) or b"") + b"+")

    @transaction
    def count(self, ctx: Context) -> None:
        ctx.state.put("~", str(len(list(ctx.state.range("a", "z")))).encode())

    @transaction
    def keep(self, ctx: Context, key: str, secret: Private[bytes]) -> None:
        ctx.private("A_B").put(key, secret)

    @transaction
    def compare(self, ctx: Context, key: str) -> None:
        ctx.private("A_B").hash(key)
        ctx.state.put("compared", b"1")

    @transaction
    def differ(self, ctx: Context) -> str:
        ctx.state.put("same", b"1")
        RUNS.append(1)
        ctx.state.put("mine", str(len(RUNS)).encode())
        if len(RUNS) % 2:
            ctx.state.delete("once")
        return "result"


RUNS: list[int] = []


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(
        organizations=["A", "B", "C"],
        policy=BOTH,
        collections=[CollectionSpec("A_B", ["A", "B"], endorsement_policy=BOTH)],
        contracts=[Desk],
    )


def test_a_transaction_describes_all_it_did(ledger: MemoryLedger) -> None:
    ledger.submit(Desk, "put", "there", b"1")
    endorsed = ledger.endorse(Desk, "everything", transient={"secret": b"hidden"}, endorsers=["A", "B"])
    described = endorsed.describe()
    head, *lines = described.splitlines()
    assert head == (
        f"desk.everything {endorsed.transaction_id[:8]} as A, endorsed by A, B (endorsed, in no block)"
    )
    assert [" ".join(line.split()) for line in lines] == [
        "result 'result'",
        """event 'Done' '{"id":7}'""",
        "read desk 'nowhere' absent",
        "read desk 'there' at 1:0",
        "range desk 'a' to 'z' 'there' at 1:0",
        f"write desk loan['a', '7'] '{'x' * 119}… (200 bytes)",
        "write desk 'binary' 0xff00",
        "write desk 'text' '안녕'",
        "write desk 'there' deleted",
        "policy desk 'text' AND('A.peer', 'B.peer')",
        f"read desk/A_B #{hashlib.sha256(b'none').hexdigest()[:16]}… absent",
        "write desk/A_B 'gone' purged",
        f"write desk/A_B 'private' hash {hashlib.sha256(b'hidden').hexdigest()[:16]}…",
        "policy desk/A_B 'private' 'A.peer'",
        "private desk/A_B 'private' 'hidden'",
    ]
    ledger.commit(endorsed)
    assert "(block 2, VALID)" in endorsed.describe()


def test_one_party_alone_hears_whose_policy_it_did_not_meet(ledger: MemoryLedger) -> None:
    with pytest.raises(TransactionFailed) as alone:
        ledger.submit(Desk, "put", "k", b"v", endorsers=["A"], caller=Caller("A"))
    assert str(alone.value) == (
        "ENDORSEMENT_POLICY_FAILURE: desk.put: AND('A.peer', 'B.peer'), the policy of the chaincode desk, "
        "is not met by A"
    )
    (note,) = alone.value.__notes__
    assert "write desk 'k'  'v'" in note
    ledger.submit(Desk, "put", "k", b"v")
    ledger.submit(Desk, "lock", "k", "C")
    with pytest.raises(TransactionFailed, match=r"'C.peer', the policy of the key 'k', is not met by A, B"):
        ledger.submit(Desk, "put", "k", b"w", endorsers=["A", "B"])
    with pytest.raises(TransactionFailed, match=r"the policy of the collection A_B, is not met by A, C"):
        ledger.submit(Desk, "keep", "k", transient={"secret": b"s"}, endorsers=["A", "C"])


def test_conflicts_name_the_key_and_both_versions(ledger: MemoryLedger) -> None:
    first, second = ledger.endorse(Desk, "append", "k"), ledger.endorse(Desk, "append", "k")
    codes = ledger.commit(first, second)
    assert codes == ["VALID", "MVCC_READ_CONFLICT"]
    assert codes.transactions == (first, second)
    assert second.reason == "desk 'k' was read absent, and is at 1:0 now"
    counted = ledger.endorse(Desk, "count")
    ledger.submit(Desk, "put", "l", b"1")
    ledger.commit(counted)
    assert counted.reason == "desk 'a' to 'z' has other keys now"
    ledger.submit(Desk, "keep", "k", transient={"secret": b"s"})
    compared = ledger.endorse(Desk, "compare", "k")
    ledger.submit(Desk, "keep", "k", transient={"secret": b"t"})
    ledger.commit(compared)
    assert compared.reason == "a key of desk/A_B was read at 4:0, and is at 5:0 now"


def test_a_policy_changed_in_the_block_says_so(ledger: MemoryLedger) -> None:
    ledger.submit(Desk, "put", "k", b"v")
    lock, write = ledger.endorse(Desk, "lock", "k", "A"), ledger.endorse(Desk, "put", "k", b"w")
    ledger.commit(lock, write)
    assert write.reason == "an earlier transaction of the block changed the policy of a key of desk"


def test_endorsers_that_differ_are_shown_side_by_side(ledger: MemoryLedger) -> None:
    RUNS.clear()
    with pytest.raises(TransactionFailed) as differing:
        ledger.submit(Desk, "differ", endorsers=["A", "B"])
    (note,) = differing.value.__notes__
    rows = [line.split() for line in note.splitlines()]
    assert rows[0] == ["A", "B"]
    assert ["write", "desk", "'once'", "deleted", "-"] in rows
    assert ["write", "desk", "'same'", "(same)", "(same)"] in rows
    assert ["result", "(same)", "(same)"] in rows


def test_what_did_nothing_says_so(ledger: MemoryLedger) -> None:
    nothing = ledger.endorse(Desk, "lock", "k", "A")
    nothing.rwset.metadata.clear()
    nothing.result, nothing.event = b"", None
    assert nothing.describe().endswith("read and wrote nothing")
