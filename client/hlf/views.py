"""What the synchronous and the asynchronous nouns have in common: everything that needs no waiting."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, get_args

from hlf.checkpoint import Checkpoint
from hlf.effects import Commits, Session, Timeouts
from hlf.endpoint import Endpoint
from hlf.errors import ConfigurationError
from hlf.events import Blocks, ChaincodeEvents, FilteredBlocks, PrivateBlocks
from hlf.flows import ContractFlows
from hlf.identity import Identity, SigningIdentity
from hlf.observer import Observer
from hlf.profile import Profile, load_profile
from hlf.steps import CommitStep, ProposalStep, TransactionStep
from hlf.wire.deliver import ENDLESS, Position

G = TypeVar("G", bound="GatewayView")
N = TypeVar("N", bound="NetworkView[Any]")
B = TypeVar("B", Blocks, FilteredBlocks, PrivateBlocks)


class GatewayView:
    """A gateway's session, and requests rebuilt from bytes."""

    def __init__(
        self,
        target: Endpoint | Any,
        identity: SigningIdentity | Identity,
        *,
        timeouts: Timeouts | None = None,
        session: Session | None = None,
        tls_certificate_hash: bytes = b"",
        commits: Commits | None = None,
        event_peers: Sequence[Endpoint] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        if not isinstance(target, Endpoint) and not hasattr(target, "unary_unary"):
            raise ConfigurationError(
                f"{type(target).__name__} is neither an Endpoint nor a grpc channel",
                hint="Endpoint(address, tls_root_pem), or from_profile",
                field="target",
            )
        if not isinstance(identity, Identity | SigningIdentity):
            raise ConfigurationError(
                f"{type(identity).__name__} is no identity",
                hint="SigningIdentity.from_msp_folder, .from_pem, or Wallet(...).get",
                field="identity",
            )
        given = Session(identity) if session is None else session
        if isinstance(target, Endpoint):
            tls_certificate_hash = target.tls_certificate_hash
        self.session = replace(
            given,
            identity=identity,
            timeouts=timeouts or given.timeouts,
            commits=commits or given.commits,
            tls_certificate_hash=tls_certificate_hash or given.tls_certificate_hash,
            observers=(*given.observers, *observers),
        )
        if self.session.commits not in get_args(Commits):
            raise ConfigurationError("is status or stream", field="commits")
        if self.session.commits == "stream" and not isinstance(identity, SigningIdentity):
            raise ConfigurationError("a commit stream takes an identity that signs", field="commits")
        self.event_peers = tuple(event_peers)

    @property
    def tls_certificate_hash(self) -> bytes:
        """SHA-256 of the client's TLS certificate, which deliver requests carry; empty without one."""
        return self.session.tls_certificate_hash

    @classmethod
    def from_profile(
        cls,
        profile: Profile | str | Path,
        identity: SigningIdentity | Identity,
        *,
        peer: str | None = None,
        timeouts: Timeouts | None = None,
        commits: Commits | None = None,
        observers: Sequence[Observer] = (),
    ) -> Self:
        """Connect to a peer of a connection profile, the first one of its own organization by default.

        Event streams that reconnect turn to that organization's other peers too.
        """
        loaded = profile if isinstance(profile, Profile) else load_profile(profile)
        chosen = loaded.peer(peer)
        siblings = [
            loaded.peer(name).endpoint
            for name in loaded.organizations[loaded.organization].peers
            if name != chosen.name and name in loaded.peers
        ]
        return cls(
            chosen.endpoint,
            identity,
            timeouts=timeouts,
            commits=commits,
            event_peers=siblings,
            observers=observers,
        )

    @property
    def identity(self) -> SigningIdentity | Identity:
        """Who this gateway acts for."""
        return self.session.identity

    def chaincode_events_request(self, data: bytes, signature: bytes = b"") -> ChaincodeEvents:
        """Rebuild a chaincode events request from its ``bytes()``, with the signature made elsewhere."""
        return ChaincodeEvents.from_bytes(self.session, data, signature)

    def blocks_request(self, kind: type[B], data: bytes, signature: bytes = b"") -> B:
        """Rebuild a block request of a kind (hlf.events.Blocks, FilteredBlocks, PrivateBlocks)."""
        return kind.from_bytes(self.session, data, signature)


class NetworkView(Generic[G]):
    """A channel of a gateway."""

    def __init__(self, gateway: G, name: str) -> None:
        self.gateway = gateway
        self.name = name

    def _flows(self, chaincode: str, name: str | None) -> ContractFlows:
        return ContractFlows(self.gateway.session, self.name, chaincode, name)

    def chaincode_events_request(
        self, chaincode: str, *, start_block: int | None = None, after_transaction_id: str | None = None
    ) -> ChaincodeEvents:
        """Build a request to listen to a chaincode, to be signed elsewhere or for ``gateway.events``."""
        return ChaincodeEvents(
            self.gateway.session,
            self.name,
            chaincode,
            start_block=start_block,
            after_transaction_id=after_transaction_id,
        )

    def _from(self, kind: type[B], start: Position, stop: Position, checkpoint: Checkpoint | None) -> B:
        if checkpoint is not None and checkpoint.block_number is not None:
            start = checkpoint.start
        return self.blocks_request(kind, start, stop)

    def blocks_request(self, kind: type[B], start: Position = "next", stop: Position = ENDLESS) -> B:
        """Build a block request of a kind (hlf.events.Blocks, FilteredBlocks, PrivateBlocks)."""
        return kind(
            self.gateway.session,
            self.name,
            start=start,
            stop=stop,
            tls_cert_hash=self.gateway.tls_certificate_hash,
        )


class ContractView(Generic[N]):
    """A chaincode of a channel. ``flows`` has its calls for programs that write flows of their own."""

    def __init__(self, network: N, contract_flows: ContractFlows) -> None:
        self.network = network
        self.flows = contract_flows

    @property
    def chaincode(self) -> str:
        """The chaincode's name on the channel."""
        return self.flows.chaincode

    @property
    def name(self) -> str | None:
        """The contract's name within the chaincode, if one was given."""
        return self.flows.name


class _StepView(Generic[G]):
    step: ProposalStep | TransactionStep | CommitStep

    @property
    def transaction_id(self) -> str:
        """The transaction's id, the same in every step."""
        return self.step.transaction_id

    def bytes(self) -> builtins.bytes:
        """Return the step, serialized: to be signed, stored or continued elsewhere."""
        return self.step.bytes()

    def digest(self) -> builtins.bytes:
        """Return the hash that an offline signer signs."""
        return self.step.digest()


class ProposalView(_StepView[G]):
    """A proposal of a gateway."""

    step: ProposalStep

    def __init__(self, gateway: G, step: ProposalStep) -> None:
        self._gateway = gateway
        self.step = step


class TransactionView(_StepView[G]):
    """A transaction of a gateway."""

    step: TransactionStep

    def __init__(self, gateway: G, step: TransactionStep) -> None:
        self._gateway = gateway
        self.step = step

    @property
    def result(self) -> builtins.bytes:
        """What the chaincode returned."""
        return self.step.facts.result

    @property
    def endorsers(self) -> tuple[str, ...]:
        """MSP ids of the organizations that endorsed."""
        return self.step.facts.endorsers


class CommitView(_StepView[G]):
    """A commit of a gateway."""

    step: CommitStep

    def __init__(self, gateway: G, step: CommitStep) -> None:
        self._gateway = gateway
        self.step = step

    @property
    def result(self) -> builtins.bytes:
        """What the chaincode returned when it endorsed; ConfigurationError for a commit made from bytes."""
        if self.step.transaction is None:
            raise ConfigurationError("a commit made from bytes knows no result")
        return self.step.transaction.facts.result

    @property
    def accepted(self) -> bool:
        """Whether Submit was answered OK; if not, ``status()`` finds out what became of the transaction."""
        return self.step.accepted
