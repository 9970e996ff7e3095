"""What a channel's ledger is to be, in plain Python: no protobuf, no hash, nothing of the emulator.

Three organizations with a peer each. Public keys and three collections; the chaincode's policy asks for alpha
and beta, a key may have an owner of its own who alone endorses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

PUBLIC = ""
MEMBERS = {"alpha_beta": {"alpha", "beta"}, "alpha": {"alpha"}, "brief": {"alpha", "beta"}}
LIFETIMES = {"brief": 2}
DEFAULT_ENDORSERS = {"alpha", "beta"}

VALID, BAD_CREATOR_SIGNATURE, ENDORSEMENT_POLICY_FAILURE = (
    "VALID",
    "BAD_CREATOR_SIGNATURE",
    "ENDORSEMENT_POLICY_FAILURE",
)
MVCC_READ_CONFLICT, PHANTOM_READ_CONFLICT, DUPLICATE_TXID = (
    "MVCC_READ_CONFLICT",
    "PHANTOM_READ_CONFLICT",
    "DUPLICATE_TXID",
)

Place = tuple[str, str]
"""A collection (PUBLIC: none) and a key."""
Version = tuple[int, int]
"""Block and place in it."""


class Entry(NamedTuple):
    """What a key holds. owner: whose peer alone endorses its changes; empty: whom the chaincode asks for."""

    value: str
    version: Version
    owner: str = ""


class Op(NamedTuple):
    """One ledger call: get, put, delete, own (public, private), hash, purge (private), range (public)."""

    kind: str
    collection: str
    key: str
    value: str = ""


@dataclass
class Effect:
    """What simulating a transaction found and would write."""

    reads: dict[Place, Version | None] = field(default_factory=dict)
    ranges: list[tuple[str, str, list[tuple[str, Version]]]] = field(default_factory=list)
    values: dict[Place, str] = field(default_factory=dict)
    """Empty: the key is removed."""
    owners: dict[Place, str] = field(default_factory=dict)
    purged: set[Place] = field(default_factory=set)
    answers: list[object] = field(default_factory=list)
    """What each call was answered."""


@dataclass
class Proposed:
    """An endorsed transaction on its way."""

    name: str
    effect: Effect
    endorsers: frozenset[str]
    spoilt: bool = False
    """Whether the client's signature is wrong."""


class Refused(Exception):  # noqa: N818 - an answer of the ledger
    """A call that the peer does not answer."""


State = dict[Place, Entry]


class Model:
    """Blocks one after another, and the state after each of them."""

    def __init__(self, first: int) -> None:
        """`first`: the number of the first block that is told here."""
        self.first = first
        self.states: list[State] = [{}]
        self.history: dict[str, list[Version]] = {}
        self.codes: dict[str, str] = {}
        self.purged: set[str] = set()
        self._expiring: dict[int, list[tuple[Place, Version]]] = {}

    @property
    def height(self) -> int:
        return self.first + len(self.states) - 1

    def state(self, height: int) -> State:
        """The state after the blocks below `height`."""
        return self.states[height - self.first]

    def held(self, organization: str, height: int) -> dict[Place, Entry]:
        """The private values that a peer holds at its height."""
        return {
            place: entry
            for place, entry in self.state(height).items()
            if place[0] != PUBLIC and organization in MEMBERS[place[0]]
        }

    # Endorsing

    def simulate(self, organization: str, height: int, ops: Iterable[Op]) -> Effect:
        """Run the calls on a peer of that height. Raises Refused."""
        state, effect = self.state(height), Effect()
        for op in ops:
            place = op.collection, op.key
            entry = state.get(place)
            answer: object = None
            if op.kind == "get":
                if entry and op.collection and organization not in MEMBERS[op.collection]:
                    raise Refused(f"{organization} does not hold {op.collection}")
                effect.reads.setdefault(place, entry.version if entry else None)
                answer = entry.value if entry else ""
            elif op.kind == "hash":
                effect.reads.setdefault(place, entry.version if entry else None)
                answer = entry is not None
            elif op.kind == "range":
                found = self._range(state, op.key, op.value)
                effect.ranges.append((op.key, op.value, found))
                answer = [key for key, _ in found]
            elif op.kind == "own":
                effect.owners[place] = op.value
            else:
                effect.values[place] = op.value if op.kind == "put" else ""
                effect.purged.discard(place)
                if op.kind == "purge":
                    effect.purged.add(place)
            effect.answers.append(answer)
        return effect

    @staticmethod
    def _range(state: Mapping[Place, Entry], start: str, end: str) -> list[tuple[str, Version]]:
        return sorted(
            (key, entry.version)
            for (collection, key), entry in state.items()
            if collection == PUBLIC and key >= start and (not end or key < end)
        )

    # Committing

    def commit(self, block: Sequence[Proposed]) -> list[str]:
        """Take a block; the codes of its transactions."""
        number = self.height
        before = self.states[-1]
        codes = self._judge_alone(before, block)
        names: set[str] = set()
        for index, transaction in enumerate(block):
            if codes[index] == VALID and transaction.name in names:
                codes[index] = DUPLICATE_TXID
            if codes[index] == VALID:
                names.add(transaction.name)
        state = deepcopy(before)
        touched: set[Place] = set()
        for index, transaction in enumerate(block):
            if codes[index] == VALID:
                codes[index] = self._judge_reads(state, touched, transaction.effect)
            if codes[index] == VALID:
                self._write(state, touched, transaction.effect, (number, index))
            else:
                # A peer keeps what it has of an invalid transaction, and a purge ends with its own place in
                # the order (pvtdatastorage/store.go): ordered once more after it, the value is kept again.
                self.purged -= set(transaction.effect.values.values())
        for place, version in self._expiring.pop(number, []):
            entry = state.get(place)
            if entry and entry.version == version and place not in touched:
                del state[place]
        for code, transaction in zip(codes, block, strict=True):
            self.codes.setdefault(transaction.name, code)
        self.states.append(state)
        return codes

    def _judge_alone(self, before: State, block: Sequence[Proposed]) -> list[str]:
        codes: list[str] = []
        reowned: set[Place] = set()
        for transaction in block:
            if transaction.spoilt:
                codes.append(BAD_CREATOR_SIGNATURE)
            elif transaction.name in self.codes:
                codes.append(DUPLICATE_TXID)
            elif not self._endorsed(before, transaction, reowned):
                codes.append(ENDORSEMENT_POLICY_FAILURE)
            else:
                codes.append(VALID)
                reowned |= transaction.effect.owners.keys()
        return codes

    @staticmethod
    def _endorsed(before: State, transaction: Proposed, reowned: set[Place]) -> bool:
        written = transaction.effect.values.keys() | transaction.effect.owners.keys()
        if written & reowned:
            return False
        owners = {before[place].owner if place in before else "" for place in written} or {""}
        return all(({owner} if owner else DEFAULT_ENDORSERS) <= transaction.endorsers for owner in owners)

    def _judge_reads(self, state: State, touched: set[Place], effect: Effect) -> str:
        public = {place: version for place, version in effect.reads.items() if place[0] == PUBLIC}
        private = {place: version for place, version in effect.reads.items() if place[0] != PUBLIC}
        for reads in (public, private):
            for place, version in reads.items():
                entry = state.get(place)
                if place in touched or (entry.version if entry else None) != version:
                    return MVCC_READ_CONFLICT
            if reads is public:
                for start, end, found in effect.ranges:
                    if self._range(state, start, end) != found:
                        return PHANTOM_READ_CONFLICT
        return VALID

    def _write(self, state: State, touched: set[Place], effect: Effect, version: Version) -> None:
        for place, value in effect.values.items():
            owner = effect.owners.get(place, state[place].owner if place in state else "")
            if place in effect.purged:
                self.purged |= {old[place].value for old in [*self.states, state] if place in old}
            touched.add(place)
            if place[0] == PUBLIC:
                self.history.setdefault(place[1], []).append(version)
            if value:
                state[place] = Entry(value, version, owner)
                self._expire(place, version)
            else:
                state.pop(place, None)
        for place, owner in effect.owners.items():
            if place not in effect.values and place in state:
                touched.add(place)
                state[place] = Entry(state[place].value, version, owner)
                self._expire(place, version)

    def _expire(self, place: Place, version: Version) -> None:
        lifetime = LIFETIMES.get(place[0])
        if lifetime:
            self._expiring.setdefault(version[0] + lifetime + 1, []).append((place, version))
