"""The peers of a channel: proposals made, executed at one of them, and compared."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from ..contract import Contract, Registry, encode_argument
from ..errors import ContractError, PeerError
from ..identity import ClientIdentity
from ..policy import majority_of, parse_policy
from ..session import Begin, Call, Session
from ..stub import Message
from ..values.codec import to_json
from .callers import Caller, Certificates
from .describe import effects, table
from .peer import PeerSide, Refused, Simulation
from .transactions import MISMATCH, ChaincodeSpec, TransactionFailed
from .world import CollectionSpec, Definition, ReadWriteSet, World

ContractName = type[Contract] | str

# A peer's own key in the chaincode's namespace.
_INITIALIZED = "\x00\U0010ffffinitialized"


@dataclass(frozen=True)
class Proposed:
    """A proposal on its way to endorsers."""

    chaincode: str
    function: str
    transaction_id: str
    caller: Caller
    proposal: proposal_pb2.Proposal
    init: bool = False


@dataclass
class Execution:
    """What one endorser made of a proposal; ``failure`` is the exception of the contract, if any."""

    response: proposal_response_pb2.Response
    rwset: ReadWriteSet
    event: chaincode_event_pb2.ChaincodeEvent | None
    failure: Exception | None


@dataclass(frozen=True)
class _Chaincode:
    registry: Registry
    session: Session


class Endorsers:
    """One peer an organization, each running every chaincode of the channel."""

    def __init__(self, world: World, organizations: Sequence[str], *, batching: bool, guard: bool) -> None:
        self.world = world
        self.organizations = tuple(organizations)
        self.channels: dict[str, Endorsers] = {world.channel: self}
        self._guard = guard
        self._offer = Abilities(1000, 1000) if batching else Abilities()
        self._certificates = Certificates()
        self._chaincodes: dict[str, _Chaincode] = {}
        self._nonce = 0

    def deploy(self, spec: ChaincodeSpec) -> None:
        """Define a chaincode and connect it; ValueError for a second one of a name."""
        if spec.name in self._chaincodes:
            raise ValueError(f"two chaincodes are named {spec.name!r}")
        registry = Registry(spec.contracts, guard=self._guard)
        session = Session(f"{spec.name}:memory", registry)
        session.open()
        session.receive(Message(type=Message.REGISTERED))
        session.receive(Message(type=Message.READY, payload=self._offer.to_payload()))
        self._chaincodes[spec.name] = _Chaincode(registry, session)
        policy = parse_policy(spec.policy) if spec.policy else majority_of(self.organizations)
        implicit = [_implicit_collection(organization) for organization in self.organizations]
        collections = {collection.name: collection for collection in (*implicit, *spec.collections)}
        self.world.definitions[spec.name] = Definition(
            spec.name, policy, collections, spec.init_required, spec.version
        )

    def name_of(self, contract: ContractName | None) -> str:
        """The chaincode that runs a contract (None: the first one); ValueError where none does."""
        if contract is None:
            return next(iter(self._chaincodes))
        name = contract if isinstance(contract, str) else contract.name or contract.__name__
        if name in self._chaincodes:
            return name
        for chaincode, deployed in self._chaincodes.items():
            if not isinstance(contract, str) and any(
                isinstance(c, contract) for c in deployed.registry.contracts
            ):
                return chaincode
        raise ValueError(f"no chaincode {name!r} on this ledger")

    def registry_of(self, chaincode: str) -> Registry:
        """The functions of a chaincode."""
        return self._chaincodes[chaincode].registry

    def certificate(self, caller: Caller) -> bytes:
        """The certificate (PEM) that a caller presents."""
        return ClientIdentity(self._certificates.serialized(caller)).certificate_pem

    def propose(
        self,
        chaincode: str,
        function: str,
        args: Iterable[Any],
        transient: Mapping[str, Any],
        caller: Caller,
        time: datetime.datetime,
        *,
        init: bool = False,
    ) -> Proposed:
        """What a client of ``caller`` would sign."""
        self._nonce += 1
        nonce = f"{self.world.channel}/{self._nonce}".encode()
        creator = self._certificates.serialized(caller)
        transaction_id = hashlib.sha256(nonce + creator).hexdigest()
        channel_header = common_pb2.ChannelHeader(
            type=common_pb2.ENDORSER_TRANSACTION,
            channel_id=self.world.channel,
            tx_id=transaction_id,
            timestamp=stamp(time),
        )
        header = common_pb2.Header(
            channel_header=channel_header.SerializeToString(),
            signature_header=common_pb2.SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
        )
        encoded = self._encoded(chaincode, function, args)
        inputs = chaincode_pb2.ChaincodeInput(args=[function.encode(), *encoded], is_init=init)
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
        proposal = proposal_pb2.Proposal(
            header=header.SerializeToString(), payload=payload.SerializeToString()
        )
        return Proposed(chaincode, function, transaction_id, caller, proposal, init)

    def execute(self, proposed: Proposed, organization: str) -> Execution:
        """Run a proposal at one organization's peer."""
        caller = proposed.caller
        role = ClientIdentity(self._certificates.serialized(caller)).role
        who = (caller.msp_id, role)
        simulation = Simulation(self.world, organization, who, proposed.transaction_id)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposed.proposal.payload)
        spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input)
        signed = proposal_pb2.SignedProposal(proposal_bytes=proposed.proposal.SerializeToString())
        args = list(spec.chaincode_spec.input.args)
        try:
            self._check_initialized(proposed.chaincode, simulation, init=proposed.init)
        except Refused as error:
            refusal = PeerError(f"failed to execute transaction {proposed.transaction_id}: {error}")
            response = proposal_response_pb2.Response(status=500, message=str(refusal))
            return Execution(response, simulation.rwset, None, refusal)
        call, answer = self._run(proposed.chaincode, args, signed, simulation, (), init=proposed.init)
        response = proposal_response_pb2.Response.FromString(answer.payload)
        event = answer.chaincode_event if answer.HasField("chaincode_event") else None
        return Execution(response, simulation.rwset, event, call.failure)

    # inside

    def _encoded(self, chaincode: str, function: str, args: Iterable[Any]) -> list[bytes]:
        try:
            return self.registry_of(chaincode).find(function).encode_arguments(args)
        except ContractError:
            # Nobody knows what they are to become: the contract will say so, or take them itself.
            return list(map(encode_argument, args))

    def _run(
        self,
        chaincode: str,
        args: list[bytes],
        signed: proposal_pb2.SignedProposal,
        simulation: Simulation,
        callers: tuple[str, ...],
        *,
        init: bool = False,
    ) -> tuple[Call, Message]:
        message = Message(
            type=Message.INIT if init else Message.TRANSACTION,
            txid=simulation.transaction_id,
            channel_id=self.world.channel,
            payload=chaincode_pb2.ChaincodeInput(args=args).SerializeToString(),
            proposal=signed,
        )

        def invoke(name: str, channel: str, arguments: list[bytes], outer: Simulation) -> Message:
            return self._invoke(name, channel, arguments, outer, signed, (*callers, chaincode))

        (begin,) = self._chaincodes[chaincode].session.receive(message)
        if not isinstance(begin, Begin):
            raise TypeError("a TRANSACTION begins a call")
        side = PeerSide(simulation, chaincode, invoke)
        begin.call.msp_id = simulation.organization
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
        other = self.channels.get(channel)
        if other is None:
            raise Refused(f"Failed to get policy manager for channel [{channel}]")
        if other is self and name in callers:
            raise Refused(f"execute failed: error sending: txid: {outer.transaction_id}({channel}) exists")
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
            simulation = Simulation(other.world, organization, outer.caller, outer.transaction_id)
        try:
            other._check_initialized(name, simulation, init=False)
        except Refused as error:
            raise Refused(f"execute failed: {error}") from None
        return other._run(name, args, signed, simulation, callers if other is self else ())[1]

    def _check_initialized(self, chaincode: str, simulation: Simulation, *, init: bool) -> None:
        """What a peer sees to before it calls (core/chaincode/chaincode_support.go, CheckInvocation)."""
        definition = self.world.definitions[chaincode]
        wrong = ""
        if not definition.init_required:
            wrong = "does not require initialization but called as init" if init else ""
        else:
            done = simulation.read(chaincode, _INITIALIZED)
            initialized = done is not None and done.value == definition.version.encode()
            if init and initialized:
                wrong = "is already initialized but called as init"
            elif init:
                simulation.rwset.writes[chaincode, _INITIALIZED] = definition.version.encode()
            elif not initialized:
                wrong = "has not been initialized for this version, must call as init first"
        if wrong:
            raise Refused(f"invalid invocation: chaincode '{chaincode}' {wrong}")


def check_agreement(results: Mapping[str, Execution]) -> None:
    """TransactionFailed ENDORSEMENT_MISMATCH where an endorser differs from the first."""
    (first, left), *others = results.items()
    for other, right in others:
        one, two = left.rwset.public_part(), right.rwset.public_part()
        differing = [name for name, value in one.items() if value != two[name]]
        if left.response != right.response:
            differing.insert(0, "response")
        if left.event != right.event:
            differing.insert(0, "event")
        if differing:
            failed = TransactionFailed(
                MISMATCH,
                f"ProposalResponsePayloads do not match: {first}, {other}: {', '.join(differing)}",
            )
            failed.add_note(table([_effects(left), _effects(right)], (first, other)))
            raise failed


def stamp(moment: datetime.datetime) -> Timestamp:
    """A time as a proposal carries it; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("the ledger's time is an aware datetime")
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def _effects(done: Execution) -> Mapping[str, str]:
    return effects(done.response.payload, done.event, done.rwset, done.response.message)


def _implicit_collection(organization: str) -> CollectionSpec:
    """What every chaincode has without asking: open to all callers (lifecycle/deployedcc_infoprovider.go)."""
    return CollectionSpec(
        f"_implicit_org_{organization}",
        [organization],
        member_only_read=False,
        member_only_write=False,
        endorsement_policy=f"OR('{organization}.peer')",
    )
