"""MemoryLedger against a model: any order of endorsements and blocks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hlf_chaincode import Context, Contract, Private, query, transaction
from hlf_chaincode.testing import CollectionSpec, MemoryLedger, Transaction

KEYS = st.sampled_from(["a", "b", "c"])
TEXTS = st.text("xyz", min_size=1, max_size=2)


class Book(Contract):
    name = "book"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> None:
        ctx.state.put(key, value.encode())

    @transaction
    def append(self, ctx: Context, key: str, value: str) -> None:
        ctx.state.put(key, (ctx.state.get(key) or b"") + value.encode())

    @transaction
    def delete(self, ctx: Context, key: str) -> None:
        ctx.state.delete(key)

    @transaction
    def gather(self, ctx: Context, start: str, end: str) -> None:
        ctx.state.put("sum", b"".join(value for _, value in ctx.state.range(start, end)) or b"-")

    @transaction
    def put_private(self, ctx: Context, key: str, value: Private[str]) -> None:
        ctx.private("A_B").put(key, value.encode())

    @transaction
    def append_private(self, ctx: Context, key: str, value: Private[str]) -> None:
        ctx.private("A_B").put(key, (ctx.private("A_B").get(key) or b"") + value.encode())

    @query
    def history(self, ctx: Context, key: str) -> list[str | None]:
        return [m.value.decode() if m.value else None for m in ctx.state.history(key)]


@dataclass
class Pending:
    transaction: Transaction
    reads: dict[Any, int | None]
    scanned: tuple[str, str, list[tuple[str, int]]] | None
    writes: dict[Any, bytes | None]


class LedgerMachine(RuleBasedStateMachine):
    """Public keys are strings, private keys ``("A_B", key)``; every valid write gives a new version."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger(
            organizations=["A", "B"], collections=[CollectionSpec("A_B", ["A", "B"])], contracts=[Book]
        )
        self.values: dict[Any, bytes] = {}
        self.versions: dict[Any, int] = {}
        self.history: dict[str, list[bytes | None]] = {}
        self.pending: list[Pending] = []
        self.clock = itertools.count(1)

    def endorse(self, function: str, *args: str, reads=(), scanned=None, writes, **transient: str) -> None:
        endorsed = self.ledger.endorse(Book, function, *args, transient=transient)
        versions = {key: self.versions.get(key) for key in reads}
        self.pending.append(Pending(endorsed, versions, scanned, writes))

    def scan(self, start: str, end: str) -> list[tuple[str, int]]:
        keys = sorted(key for key in self.values if isinstance(key, str) and start <= key < end)
        return [(key, self.versions[key]) for key in keys]

    @rule(key=KEYS, text=TEXTS)
    def put(self, key, text):
        self.endorse("put", key, text, writes={key: text.encode()})

    @rule(key=KEYS, text=TEXTS)
    def append(self, key, text):
        self.endorse(
            "append", key, text, reads=[key], writes={key: self.values.get(key, b"") + text.encode()}
        )

    @rule(key=KEYS)
    def delete(self, key):
        self.endorse("delete", key, writes={key: None})

    @rule(start=KEYS, end=KEYS)
    def gather(self, start, end):
        found = self.scan(start, end)
        joined = b"".join(self.values[key] for key, _ in found) or b"-"
        self.endorse("gather", start, end, scanned=(start, end, found), writes={"sum": joined})

    @rule(key=KEYS, text=TEXTS)
    def put_private(self, key, text):
        self.endorse("put_private", key, value=text, writes={("A_B", key): text.encode()})

    @rule(key=KEYS, text=TEXTS)
    def append_private(self, key, text):
        place = ("A_B", key)
        value = self.values.get(place, b"") + text.encode()
        self.endorse("append_private", key, value=text, reads=[place], writes={place: value})

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def commit(self, data):
        size = data.draw(st.integers(1, len(self.pending)))
        block = data.draw(st.permutations(self.pending))[:size]
        self.pending = [each for each in self.pending if each not in block]
        codes = self.ledger.commit(*(each.transaction for each in block))
        assert codes == [self.validate(each) for each in block]

    def validate(self, pending: Pending) -> str:
        if any(self.versions.get(key) != version for key, version in pending.reads.items()):
            return "MVCC_READ_CONFLICT"
        if pending.scanned:
            start, end, found = pending.scanned
            if self.scan(start, end) != found:
                return "PHANTOM_READ_CONFLICT"
        for key, value in pending.writes.items():
            if isinstance(key, str):
                self.history.setdefault(key, []).append(value)
            if value is None:
                self.values.pop(key, None)
                self.versions.pop(key, None)
            else:
                self.values[key] = value
                self.versions[key] = next(self.clock)
        return "VALID"

    @invariant()
    def state_is_the_models(self):
        assert self.ledger.state == {k: v for k, v in self.values.items() if isinstance(k, str)}
        private = {key[1]: v for key, v in self.values.items() if not isinstance(key, str)}
        assert self.ledger.private("A", "A_B") == self.ledger.private("B", "A_B") == private

    def teardown(self):
        for key, values in self.history.items():
            expected = [value.decode() if value else None for value in reversed(values)]
            assert self.ledger.evaluate(Book, "history", key) == expected


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
