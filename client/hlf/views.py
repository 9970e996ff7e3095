"""What the synchronous and the asynchronous nouns have in common: everything that needs no waiting."""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from hlf.effects import Session, Timeouts
from hlf.endpoint import Endpoint
from hlf.events import Blocks, ChaincodeEvents, FilteredBlocks, PrivateBlocks
from hlf.flows import ContractFlows
from hlf.identity import Identity, SigningIdentity
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
    ) -> None:
        if session is None:
            self.session = Session(identity, timeouts or Timeouts())
        else:
            self.session = replace(session, identity=identity, timeouts=timeouts or session.timeouts)
        if isinstance(target, Endpoint):
            tls_certificate_hash = target.tls_certificate_hash
        self.tls_certificate_hash = tls_certificate_hash

    @classmethod
    def from_profile(
        cls,
        profile: Profile | str | Path,
        identity: SigningIdentity | Identity,
        *,
        peer: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> Self:
        """Connect to a peer of a connection profile, the first one of its own organization by default."""
        loaded = profile if isinstance(profile, Profile) else load_profile(profile)
        return cls(loaded.peer(peer).endpoint, identity, timeouts=timeouts)

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
    def accepted(self) -> bool:
        """Whether Submit was answered OK; if not, ``status()`` finds out what became of the transaction."""
        return self.step.accepted
