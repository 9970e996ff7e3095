"""MemoryLedger: a channel in memory, for unit tests of contracts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..contract import Contract, decode_result
from ..policy import VALIDATION_PARAMETER
from .callers import Caller
from .execution import ContractName, Endorsers, Proposed, check_agreement, stamp
from .transactions import ChaincodeSpec, Codes, Event, Transaction, TransactionFailed
from .validation import VALID, BlockPolicies, check_versions
from .world import CollectionSpec, Version, World, Write, key_hash


class MemoryLedger:
    """One channel with one peer an organization.

    A transaction is executed once at each endorser, on that peer's private data; the results must agree. It
    is then validated as Fabric does: chaincode, collection and key-level endorsement policies, MVCC, phantom
    reads. ``submit`` makes a block of one transaction; ``endorse`` and ``commit`` make blocks of several.

    ``contracts`` gives each contract a chaincode of its own, named like it, all under ``policy`` and
    ``collections``; ``chaincodes`` says it in full. ``time`` is the client's clock, an aware datetime.
    ``batching`` is whether the peers take write batches and multi-key reads (Fabric 3.1) or not (2.5). With
    ``guard`` a contract that reads the clock, chance, the environment, files or the network, or lets the
    order of a set or a float out, is refused as NotDeterministic, with the line.
    """

    def __init__(
        self,
        *,
        channel: str = "channel",
        organizations: Sequence[str],
        policy: str | None = None,
        collections: Sequence[CollectionSpec] = (),
        contracts: Sequence[type[Contract] | Contract] = (),
        chaincodes: Sequence[ChaincodeSpec] = (),
        time: datetime.datetime = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        batching: bool = True,
        guard: bool = True,
    ) -> None:
        if not contracts and (policy or collections):
            raise ValueError("policy and collections are those of contracts; a ChaincodeSpec has its own")
        if not contracts and not chaincodes:
            raise ValueError("a ledger runs at least one contract")
        self.channel = channel
        self.organizations = tuple(organizations)
        self.time = time
        self.events: list[Event] = []
        self.transactions: list[Transaction] = []
        self._world = World(channel, organizations)
        self._peers = Endorsers(self._world, organizations, batching=batching, guard=guard)
        specs = [
            ChaincodeSpec(contract.name or _class(contract).__name__, [contract], policy, collections)
            for contract in contracts
        ]
        for spec in (*specs, *chaincodes):
            self._peers.deploy(spec)

    # running

    def submit(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        *args: Any,
        transient: Mapping[str, Any] = MappingProxyType({}),
        caller: Caller | None = None,
        endorsers: Sequence[str] | None = None,
        init: bool = False,
    ) -> Any:
        """Endorse (at all organizations unless named) and commit; the result by its annotation.

        ``init`` calls as ``peer chaincode invoke --isInit`` does.

        Raises the contract's ContractError, PeerError for a peer's own refusal, or TransactionFailed.
        """
        transaction = self.endorse(
            contract, function, *args, transient=transient, caller=caller, endorsers=endorsers, init=init
        )
        if self.commit(transaction) != [VALID]:
            what = f"{transaction.chaincode}.{transaction.function}: {transaction.reason}"
            failed = TransactionFailed(transaction.code, what)
            failed.add_note(transaction.describe())
            raise failed
        return self._result(transaction.chaincode, transaction.function, transaction.result)

    def evaluate(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        *args: Any,
        transient: Mapping[str, Any] = MappingProxyType({}),
        caller: Caller | None = None,
        peer: str | None = None,
    ) -> Any:
        """Run at one peer (the caller's organization's, else the first) and commit nothing."""
        data = self.evaluate_bytes(contract, function, *args, transient=transient, caller=caller, peer=peer)
        return self._result(self._peers.name_of(contract), _wire_name(function), data)

    def evaluate_bytes(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        *args: Any,
        transient: Mapping[str, Any] = MappingProxyType({}),
        caller: Caller | None = None,
        peer: str | None = None,
    ) -> bytes:
        """``evaluate``, with the result as it goes over the wire."""
        proposed = self._proposed(contract, function, args, transient, caller)
        home = proposed.caller.msp_id
        done = self._peers.execute(
            proposed, peer or (home if home in self.organizations else self.organizations[0])
        )
        if done.failure is not None:
            raise done.failure
        return done.response.payload

    def endorse(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        *args: Any,
        transient: Mapping[str, Any] = MappingProxyType({}),
        caller: Caller | None = None,
        endorsers: Sequence[str] | None = None,
        init: bool = False,
    ) -> Transaction:
        """Execute at each endorser and compare; TransactionFailed ENDORSEMENT_MISMATCH when they differ."""
        where = tuple(endorsers if endorsers is not None else self.organizations)
        unknown = [name for name in where if name not in self.organizations]
        if unknown or not where:
            raise ValueError(f"no peer of {unknown}" if unknown else "at least one organization endorses")
        proposed = self._proposed(contract, function, args, transient, caller, init=init)
        results = {at: self._peers.execute(proposed, at) for at in where}
        for done in results.values():
            if done.failure is not None:
                raise done.failure
        check_agreement(results)
        chosen = results[where[0]]
        return Transaction(
            transaction_id=proposed.transaction_id,
            chaincode=proposed.chaincode,
            function=proposed.function,
            caller=proposed.caller,
            endorsers=where,
            result=chosen.response.payload,
            rwset=chosen.rwset,
            event=chosen.event,
            timestamp=self.time,
        )

    def commit(self, *transactions: Transaction) -> Codes:
        """Put transactions into one block, in this order; their validation codes."""
        policies = BlockPolicies(self._world)
        number = self._world.height
        verdicts = [policies.check(t.chaincode, t.rwset, t.endorsers) for t in transactions]
        for position, (transaction, verdict) in enumerate(zip(transactions, verdicts, strict=True)):
            passed = verdict.code == VALID
            transaction.code, transaction.reason = (
                check_versions(self._world, transaction.rwset) if passed else verdict
            )
            transaction.block_number = number
            self.transactions.append(transaction)
            if transaction.code == VALID:
                self._apply(transaction, (number, position))
        self._world.height += 1
        self._world.expire()
        return Codes(transactions)

    def connect(self, other: MemoryLedger) -> None:
        """Let chaincodes of this channel read another one by ``ctx.invoke(…, channel=…)``."""
        self._peers.channels[other.channel] = other._peers

    # looking

    @property
    def height(self) -> int:
        """The number of the next block; block 0 is the channel's configuration."""
        return self._world.height

    @property
    def state(self) -> dict[str, bytes]:
        """Public state of the only (or first) chaincode."""
        return self.state_of(self._peers.name_of(None))

    def state_of(self, chaincode: ContractName) -> dict[str, bytes]:
        """Public state of a chaincode."""
        store = self._world.public.get(self._peers.name_of(chaincode), {})
        return {key: entry.value for key, entry in store.items()}

    def private(
        self, organization: str, collection: str, chaincode: ContractName | None = None
    ) -> dict[str, bytes]:
        """What one organization's peer holds of a collection (of the first chaincode unless named)."""
        name = self._peers.name_of(chaincode)
        store = self._world.private[organization].get((name, collection), {})
        return {key: entry.value for key, entry in store.items()}

    def policy_of(
        self, key: str, *, collection: str = "", chaincode: ContractName | None = None
    ) -> bytes | None:
        """The committed key-level policy of a key."""
        name = self._peers.name_of(chaincode)
        if collection:
            entry = self._world.hashed_entry(name, collection, key_hash(key))
        else:
            entry = self._world.entry(name, key)
        return entry.metadata.get(VALIDATION_PARAMETER) if entry else None

    def certificate(self, caller: Caller) -> bytes:
        """The certificate (PEM) that a caller presents."""
        return self._peers.certificate(caller)

    def lose_private(
        self, organization: str, collection: str, key: str, chaincode: ContractName | None = None
    ) -> None:
        """Make one peer lack a private value, as a lagging one does."""
        name = self._peers.name_of(chaincode)
        del self._world.private[organization][name, collection][key]

    # inside

    def _apply(self, transaction: Transaction, version: Version) -> None:
        moment = stamp(transaction.timestamp)
        write = Write(transaction.transaction_id, None, moment.seconds, moment.nanos)
        self._world.apply(transaction.rwset, version, write)
        event = transaction.event
        if event is not None:
            self.events.append(
                Event(
                    version[0],
                    transaction.transaction_id,
                    transaction.chaincode,
                    event.event_name,
                    event.payload,
                )
            )

    def _proposed(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        args: Sequence[Any],
        transient: Mapping[str, Any],
        caller: Caller | None,
        *,
        init: bool = False,
    ) -> Proposed:
        who = caller or Caller(self.organizations[0])
        chaincode, name = self._peers.name_of(contract), _wire_name(function)
        return self._peers.propose(chaincode, name, args, transient, who, self.time, init=init)

    def _result(self, chaincode: str, function: str, payload: bytes) -> Any:
        found = self._peers.registry_of(chaincode).find(function)
        return decode_result(payload, found.returns)


def _wire_name(function: str | Callable[..., Any]) -> str:
    """A function's name as clients call it."""
    if isinstance(function, str):
        return function
    name: str = getattr(getattr(function, "_hlf_mark", None), "name", "") or function.__name__
    return name


def _class(contract: type[Contract] | Contract) -> type[Contract]:
    return contract if isinstance(contract, type) else type(contract)
