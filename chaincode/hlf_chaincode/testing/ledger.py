"""MemoryLedger: a channel in memory, for unit tests of contracts."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp

from ..abilities import Abilities
from ..codec import to_json
from ..contract import Contract, Registry, decode_result, encode_argument
from ..identity import ClientIdentity
from ..policy import VALIDATION_PARAMETER
from ..session import Begin, Call, Session
from ..stub import Message
from .callers import Caller, Certificates
from .peer import PeerSide, Refused, Simulation
from .policies import OutOf, Policy, SignedBy, parse_policy
from .validation import VALID, BlockPolicies, check_versions
from .world import CollectionSpec, Definition, ReadWriteSet, World, Write, key_hash

MISMATCH = "ENDORSEMENT_MISMATCH"
ContractName = type[Contract] | str


class TransactionFailed(Exception):  # noqa: N818 - the field's word
    """A transaction that was not committed as valid. ``code`` is the validation code, or
    ENDORSEMENT_MISMATCH when two endorsers came to different results."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


@dataclass(frozen=True)
class ChaincodeSpec:
    """A chaincode: its contracts, endorsement policy (None: a majority of peers) and collections."""

    name: str
    contracts: Sequence[type[Contract] | Contract]
    policy: str | None = None
    collections: Sequence[CollectionSpec] = ()


@dataclass(frozen=True)
class Event:
    """The event of a committed transaction."""

    block_number: int
    transaction_id: str
    chaincode: str
    name: str
    payload: bytes


@dataclass
class Transaction:
    """An endorsed transaction. ``code`` and ``block_number`` are set by ``commit``."""

    transaction_id: str
    chaincode: str
    function: str
    caller: Caller
    endorsers: tuple[str, ...]
    result: bytes
    rwset: ReadWriteSet
    event: chaincode_event_pb2.ChaincodeEvent | None
    timestamp: datetime.datetime
    code: str = ""
    block_number: int = 0


@dataclass(frozen=True)
class _Chaincode:
    registry: Registry
    session: Session


@dataclass
class _Execution:
    response: proposal_response_pb2.Response
    rwset: ReadWriteSet
    event: chaincode_event_pb2.ChaincodeEvent | None
    failure: Exception | None = field(default=None)


class MemoryLedger:
    """One channel with one peer an organization.

    A transaction is executed once at each endorser, on that peer's private data; the results must agree. It
    is then validated as Fabric does: chaincode, collection and key-level endorsement policies, MVCC, phantom
    reads. ``submit`` makes a block of one transaction; ``endorse`` and ``commit`` make blocks of several.

    ``contracts`` gives each contract a chaincode of its own, named like it, all under ``policy`` and
    ``collections``; ``chaincodes`` says it in full. ``time`` is the client's clock, an aware datetime.
    ``batching`` is whether the peers take write batches and multi-key reads (Fabric 3.1) or not (2.5).
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
    ) -> None:
        self.channel = channel
        self.organizations = tuple(organizations)
        self.time = time
        self.events: list[Event] = []
        self.transactions: list[Transaction] = []
        self._world = World(channel, organizations)
        self._certificates = Certificates()
        self._chaincodes: dict[str, _Chaincode] = {}
        self._nonce = 0
        self._batching = batching
        self._channels: dict[str, MemoryLedger] = {channel: self}
        specs = [
            ChaincodeSpec(contract.name or _class(contract).__name__, [contract], policy, collections)
            for contract in contracts
        ]
        for spec in (*specs, *chaincodes):
            self._deploy(spec)

    # running

    def submit(
        self,
        contract: ContractName,
        function: str | Callable[..., Any],
        *args: Any,
        transient: Mapping[str, Any] = MappingProxyType({}),
        caller: Caller | None = None,
        endorsers: Sequence[str] | None = None,
    ) -> Any:
        """Endorse (at all organizations unless named) and commit; the result by its annotation.

        Raises the contract's ContractError, PeerError for a peer's own refusal, or TransactionFailed.
        """
        transaction = self.endorse(
            contract, function, *args, transient=transient, caller=caller, endorsers=endorsers
        )
        code = self.commit(transaction)[0]
        if code != VALID:
            raise TransactionFailed(code, f"{transaction.chaincode}.{transaction.function}")
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
        return self._result(self._name(contract), _function_name(function), data)

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
        who = caller or Caller(self.organizations[0])
        at = peer or (who.msp_id if who.msp_id in self.organizations else self.organizations[0])
        name = self._name(contract)
        call = _function_name(function)
        transaction_id, proposal = self._proposal(name, call, args, transient, who)
        done = self._execute(name, transaction_id, proposal, who, at)
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
    ) -> Transaction:
        """Execute at each endorser and compare; TransactionFailed ENDORSEMENT_MISMATCH when they differ."""
        who = caller or Caller(self.organizations[0])
        where = tuple(endorsers if endorsers is not None else self.organizations)
        unknown = [name for name in where if name not in self.organizations]
        if unknown or not where:
            raise ValueError(f"no peer of {unknown}" if unknown else "at least one organization endorses")
        name = self._name(contract)
        call = _function_name(function)
        transaction_id, proposal = self._proposal(name, call, args, transient, who)
        results = {at: self._execute(name, transaction_id, proposal, who, at) for at in where}
        for done in results.values():
            if done.failure is not None:
                raise done.failure
        first, *others = where
        for other in others:
            self._compare(first, results[first], other, results[other])
        chosen = results[first]
        return Transaction(
            transaction_id=transaction_id,
            chaincode=name,
            function=call,
            caller=who,
            endorsers=where,
            result=chosen.response.payload,
            rwset=chosen.rwset,
            event=chosen.event,
            timestamp=self.time,
        )

    def commit(self, *transactions: Transaction) -> list[str]:
        """Put transactions into one block, in this order; their validation codes."""
        policies = BlockPolicies(self._world)
        number = self._world.height
        codes = [policies.check(t.chaincode, t.rwset, t.endorsers) for t in transactions]
        for position, (transaction, code) in enumerate(zip(transactions, codes, strict=True)):
            transaction.code = code if code != VALID else check_versions(self._world, transaction.rwset)
            transaction.block_number = number
            self.transactions.append(transaction)
            if transaction.code != VALID:
                continue
            stamp = _stamp(transaction.timestamp)
            write = Write(transaction.transaction_id, None, stamp.seconds, stamp.nanos)
            self._world.apply(transaction.rwset, (number, position), write)
            if transaction.event is not None:
                event = transaction.event
                self.events.append(
                    Event(
                        number,
                        transaction.transaction_id,
                        transaction.chaincode,
                        event.event_name,
                        event.payload,
                    )
                )
        self._world.height += 1
        self._world.expire()
        return [transaction.code for transaction in transactions]

    def connect(self, other: MemoryLedger) -> None:
        """Let chaincodes of this channel read another one by ``ctx.invoke(…, channel=…)``."""
        self._channels[other.channel] = other

    # looking

    @property
    def height(self) -> int:
        """The number of the next block; block 0 is the channel's configuration."""
        return self._world.height

    @property
    def state(self) -> dict[str, bytes]:
        """Public state of the only (or first) chaincode."""
        return self.state_of(next(iter(self._chaincodes)))

    def state_of(self, chaincode: ContractName) -> dict[str, bytes]:
        """Public state of a chaincode."""
        store = self._world.public.get(self._name(chaincode), {})
        return {key: entry.value for key, entry in store.items()}

    def private(
        self, organization: str, collection: str, chaincode: ContractName | None = None
    ) -> dict[str, bytes]:
        """What one organization's peer holds of a collection (of the first chaincode unless named)."""
        name = self._name(chaincode) if chaincode is not None else next(iter(self._chaincodes))
        store = self._world.private[organization].get((name, collection), {})
        return {key: entry.value for key, entry in store.items()}

    def policy_of(
        self, key: str, *, collection: str = "", chaincode: ContractName | None = None
    ) -> bytes | None:
        """The committed key-level policy of a key."""
        name = self._name(chaincode) if chaincode is not None else next(iter(self._chaincodes))
        if collection:
            entry = self._world.hashed_entry(name, collection, key_hash(key))
        else:
            entry = self._world.entry(name, key)
        return entry.metadata.get(VALIDATION_PARAMETER) if entry else None

    def certificate(self, caller: Caller) -> bytes:
        """The certificate (PEM) that a caller presents."""
        return ClientIdentity(self._certificates.serialized(caller)).certificate_pem

    def lose_private(
        self, organization: str, collection: str, key: str, chaincode: ContractName | None = None
    ) -> None:
        """Make one peer lack a private value, as a lagging one does."""
        name = self._name(chaincode) if chaincode is not None else next(iter(self._chaincodes))
        del self._world.private[organization][name, collection][key]

    # inside

    def _deploy(self, spec: ChaincodeSpec) -> None:
        if spec.name in self._chaincodes:
            raise ValueError(f"two chaincodes are named {spec.name!r}")
        registry = Registry(spec.contracts)
        session = Session(f"{spec.name}:memory", registry)
        session.open()
        session.receive(Message(type=Message.REGISTERED))
        offer = Abilities(1000, 1000) if self._batching else Abilities()
        session.receive(Message(type=Message.READY, payload=offer.to_payload()))
        self._chaincodes[spec.name] = _Chaincode(registry, session)
        policy = parse_policy(spec.policy) if spec.policy else self._majority()
        implicit = [_implicit_collection(organization) for organization in self.organizations]
        collections = {collection.name: collection for collection in (*implicit, *spec.collections)}
        self._world.definitions[spec.name] = Definition(spec.name, policy, collections)

    def _majority(self) -> Policy:
        peers = tuple(SignedBy(organization, "peer") for organization in self.organizations)
        return OutOf(len(peers) // 2 + 1, peers)

    def _name(self, contract: ContractName) -> str:
        name = contract if isinstance(contract, str) else contract.name or contract.__name__
        if name in self._chaincodes:
            return name
        for chaincode, deployed in self._chaincodes.items():
            if not isinstance(contract, str) and any(
                isinstance(c, contract) for c in deployed.registry.contracts
            ):
                return chaincode
        raise ValueError(f"no chaincode {name!r} on this ledger")

    def _proposal(
        self, chaincode: str, function: str, args: Iterable[Any], transient: Mapping[str, Any], caller: Caller
    ) -> tuple[str, proposal_pb2.Proposal]:
        self._nonce += 1
        nonce = f"{self.channel}/{self._nonce}".encode()
        creator = self._certificates.serialized(caller)
        transaction_id = hashlib.sha256(nonce + creator).hexdigest()
        channel_header = common_pb2.ChannelHeader(
            type=common_pb2.ENDORSER_TRANSACTION,
            channel_id=self.channel,
            tx_id=transaction_id,
            timestamp=_stamp(self.time),
        )
        header = common_pb2.Header(
            channel_header=channel_header.SerializeToString(),
            signature_header=common_pb2.SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
        )
        inputs = chaincode_pb2.ChaincodeInput(args=[function.encode(), *map(encode_argument, args)])
        spec = chaincode_pb2.ChaincodeInvocationSpec(
            chaincode_spec=chaincode_pb2.ChaincodeSpec(
                chaincode_id=chaincode_pb2.ChaincodeID(name=chaincode), input=inputs
            )
        )
        values = {
            name: bytes(value) if isinstance(value, (bytes, bytearray)) else to_json(value)
            for name, value in transient.items()
        }
        payload = proposal_pb2.ChaincodeProposalPayload(input=spec.SerializeToString(), TransientMap=values)
        return transaction_id, proposal_pb2.Proposal(
            header=header.SerializeToString(), payload=payload.SerializeToString()
        )

    def _execute(
        self,
        chaincode: str,
        transaction_id: str,
        proposal: proposal_pb2.Proposal,
        caller: Caller,
        organization: str,
    ) -> _Execution:
        role = ClientIdentity(self._certificates.serialized(caller)).role
        simulation = Simulation(self._world, organization, (caller.msp_id, role), transaction_id)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input)
        signed = proposal_pb2.SignedProposal(proposal_bytes=proposal.SerializeToString())
        args = list(spec.chaincode_spec.input.args)
        call, answer = self._run(chaincode, args, signed, simulation, ())
        response = proposal_response_pb2.Response.FromString(answer.payload)
        event = answer.chaincode_event if answer.HasField("chaincode_event") else None
        return _Execution(response, simulation.rwset, event, call.failure)

    def _run(
        self,
        chaincode: str,
        args: list[bytes],
        signed: proposal_pb2.SignedProposal,
        simulation: Simulation,
        callers: tuple[str, ...],
    ) -> tuple[Call, Message]:
        message = Message(
            type=Message.TRANSACTION,
            txid=simulation.transaction_id,
            channel_id=self.channel,
            payload=chaincode_pb2.ChaincodeInput(args=args).SerializeToString(),
            proposal=signed,
        )

        def invoke(name: str, channel: str, arguments: list[bytes], outer: Simulation) -> Message:
            return self._invoke(name, channel, arguments, outer, signed, (*callers, chaincode))

        (begin,) = self._chaincodes[chaincode].session.receive(message)
        if not isinstance(begin, Begin):
            raise TypeError("a TRANSACTION begins a call")
        side = PeerSide(simulation, chaincode, invoke)
        answer = begin.call.run(side.exchange)
        side.finish()
        return begin.call, answer

    def _invoke(
        self,
        name: str,
        channel: str,
        args: list[bytes],
        outer: Simulation,
        signed: proposal_pb2.SignedProposal,
        callers: tuple[str, ...],
    ) -> Message:
        other = self._channels.get(channel)
        if other is None:
            raise Refused(f"Failed to get policy manager for channel [{channel}]")
        if other is self and name in callers:
            raise Refused(f"execute failed: txid: {outer.transaction_id}({channel}) exists")
        if name not in other._chaincodes:
            raise Refused(
                f"execute failed: invalid invocation: [channel {channel}] failed to get chaincode container "
                f"info for {name}: chaincode {name} not found"
            )
        simulation = outer
        if other is not self:
            organization = outer.organization
            if organization not in other.organizations:
                raise Refused(f"Failed to get policy manager for channel [{channel}]")
            # What the called chaincode writes on another channel is dropped with its simulation.
            simulation = Simulation(other._world, organization, outer.caller, outer.transaction_id)
        return other._run(name, args, signed, simulation, callers if other is self else ())[1]

    def _compare(self, first: str, left: _Execution, other: str, right: _Execution) -> None:
        one, two = left.rwset.public_part(), right.rwset.public_part()
        differing = [name for name, value in one.items() if value != two[name]]
        if left.response != right.response:
            differing.insert(0, "response")
        if left.event != right.event:
            differing.insert(0, "event")
        if differing:
            raise TransactionFailed(
                MISMATCH,
                f"ProposalResponsePayloads do not match: {first}, {other}: {', '.join(differing)}",
            )

    def _result(self, chaincode: str, function: str, payload: bytes) -> Any:
        found = self._chaincodes[chaincode].registry.find(function)
        return decode_result(payload, found.returns)


def _function_name(function: str | Callable[..., Any]) -> str:
    return function if isinstance(function, str) else function.__name__


def _class(contract: type[Contract] | Contract) -> type[Contract]:
    return contract if isinstance(contract, type) else type(contract)


def _stamp(moment: datetime.datetime) -> Timestamp:
    if moment.tzinfo is None:
        raise ValueError("the ledger's time is an aware datetime")
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _implicit_collection(organization: str) -> CollectionSpec:
    """What every chaincode has without asking: open to all callers (lifecycle/deployedcc_infoprovider.go)."""
    return CollectionSpec(
        f"_implicit_org_{organization}",
        [organization],
        member_only_read=False,
        member_only_write=False,
        endorsement_policy=f"OR('{organization}.peer')",
    )
