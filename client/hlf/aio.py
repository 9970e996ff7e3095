"""The asyncio client: AsyncGateway, and the same nouns as in `hlf.gateway` with calls to await.

What the calls do stands in `hlf.flows`, once for both.
"""

# ruff: noqa: ASYNC109 - a timeout here is the deadline of RPCs, which the peer is told too

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
from fabric_protos.common.common_pb2 import Block
from fabric_protos.peer.events_pb2 import BlockAndPrivateData, FilteredBlock

from hlf import flows
from hlf.checkpoint import Checkpoint
from hlf.drivers import AsyncDriver
from hlf.effects import Commits, Flow, Session, Timeouts
from hlf.endpoint import Channel, Endpoint
from hlf.errors import ConfigurationError
from hlf.events import Blocks, ChaincodeEvent, FilteredBlocks, PrivateBlocks, Subscription
from hlf.flows import CallOptions, ProposalOptions
from hlf.identity import Identity, SigningIdentity
from hlf.observer import Observer
from hlf.steps import CommitStatus, CommitStep, Outcome, ProposalStep, TransactionStep
from hlf.streams import AsyncEventStream
from hlf.views import (
    CommitView,
    ContractView,
    GatewayView,
    NetworkView,
    ProposalView,
    TransactionView,
)
from hlf.wire.deliver import ENDLESS, Position

T = TypeVar("T")
E = TypeVar("E")


class AsyncGateway(GatewayView):
    """A connection to a peer's Gateway service on behalf of one identity, for one event loop.

    ``target`` is the peer's endpoint, or a grpc.aio.Channel that several gateways share: such a channel is
    never closed here, and ``tls_certificate_hash`` says which client certificate it uses, if any. An
    `Identity` without a key makes a gateway for offline signing.

    ``commits="stream"`` learns of commits from one stream for each channel instead of a call for each
    transaction: less to do at high rates, with the same guarantees. ``event_peers`` are further peers of the
    organization, to which event streams turn that reconnect. ``observers`` are told of calls, RPCs and
    streams (`hlf.metrics`, `hlf.tracing`).
    """

    def __init__(
        self,
        target: Endpoint | Channel,
        identity: SigningIdentity | Identity,
        *,
        timeouts: Timeouts | None = None,
        session: Session | None = None,
        tls_certificate_hash: bytes = b"",
        commits: Commits | None = None,
        event_peers: Sequence[Endpoint] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        super().__init__(
            target,
            identity,
            timeouts=timeouts,
            session=session,
            tls_certificate_hash=tls_certificate_hash,
            commits=commits,
            event_peers=event_peers,
            observers=observers,
        )
        if isinstance(target, grpc.Channel):
            raise ConfigurationError(
                "is a channel that blocks", hint="Gateway, or Endpoint.connect_async()", field="target"
            )
        self._target = target
        self._driver: AsyncDriver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _connect(self) -> AsyncDriver:
        # Not before the first call: a grpc.aio channel belongs to the event loop it is made in.
        if self._driver is None:
            target = self._target
            channel = target.connect_async() if isinstance(target, Endpoint) else target
            peer = target.address if isinstance(target, Endpoint) else ""
            self._driver = AsyncDriver(channel, alternates=self.event_peers, peer=peer)
            self._loop = asyncio.get_running_loop()
        return self._driver

    def network(self, channel: str) -> Network:
        """Return a channel that the peer has joined; no I/O."""
        return Network(self, channel)

    def proposal(self, data: bytes, signature: bytes = b"") -> Proposal:
        """Rebuild a proposal from its ``bytes()``, with the signature made elsewhere."""
        return Proposal(self, ProposalStep.from_bytes(data, signature, self.session.hash))

    def transaction(self, data: bytes, signature: bytes = b"") -> Transaction:
        """Rebuild a transaction from its ``bytes()``, with the signature made elsewhere."""
        return Transaction(self, TransactionStep.from_bytes(data, signature, self.session.hash))

    def commit(self, data: bytes, signature: bytes = b"") -> Commit:
        """Rebuild a commit from its ``bytes()``, with the signature made elsewhere."""
        return Commit(self, CommitStep.from_bytes(data, signature, self.session.hash))

    async def resume(self, transaction: bytes, timeout: float | None = None) -> CommitStatus:
        """Bring a transaction whose outcome is unknown to its end, in any process, without doubling it.

        ``transaction`` is ``error.transaction`` of a CommitStatusError or SubmitError. CommitStatusError:
        still unknown, even if this sending was refused.
        """
        step = TransactionStep.from_bytes(transaction, hash=self.session.hash)
        return await self.run(flows.complete(self.session, step, timeout))

    def events(
        self, request: Subscription[E], *, reconnect: bool = False, timeout: float | None = None
    ) -> AsyncEventStream[E]:
        """Open an event stream from a request, such as one signed elsewhere."""
        limit = self.session.timeouts.events if timeout is None else timeout
        return AsyncEventStream(self._connect(), request, reconnect=reconnect, timeout=limit)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow, one of `hlf.flows` or one's own, and return its result."""
        driver = self._connect()
        if self._loop is not asyncio.get_running_loop():
            flow.close()
            raise ConfigurationError(
                "this gateway was first used in another event loop", hint="make one in each loop that calls"
            )
        return await driver.run(flow)

    async def close(self) -> None:
        """End its event streams and close the connection, unless that was given as a channel."""
        driver = self._connect()
        await driver.close()
        if isinstance(self._target, Endpoint):
            await driver.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Network(NetworkView[AsyncGateway]):
    """A channel, as the gateway's peer knows it."""

    def contract(self, chaincode: str, name: str | None = None) -> Contract:
        """Return a chaincode of the channel; ``name`` picks one contract where it holds several."""
        return Contract(self, self._flows(chaincode, name))

    def chaincode_events(
        self,
        chaincode: str,
        *,
        start_block: int | None = None,
        after_transaction_id: str | None = None,
        checkpoint: Checkpoint | None = None,
        reconnect: bool = False,
        timeout: float | None = None,
    ) -> AsyncEventStream[ChaincodeEvent]:
        """Listen to a chaincode's events, from the next block on or from ``start_block``.

        To go on where a program stopped, give a checkpoint, or block and transaction of the last event that
        it dealt with. A checkpoint in which something was recorded takes precedence.
        """
        if checkpoint is not None and checkpoint.block_number is not None:
            start_block, after_transaction_id = checkpoint.block_number, checkpoint.transaction_id
        request = self.chaincode_events_request(
            chaincode, start_block=start_block, after_transaction_id=after_transaction_id
        )
        return self.gateway.events(request, reconnect=reconnect, timeout=timeout)

    def blocks(
        self,
        *,
        start: Position = "next",
        stop: Position = ENDLESS,
        checkpoint: Checkpoint | None = None,
        reconnect: bool = False,
        timeout: float | None = None,
    ) -> AsyncEventStream[Block]:
        """Stream whole blocks; ``hlf.wire.blocks.decode_block`` reads them."""
        request = self._from(Blocks, start, stop, checkpoint)
        return self.gateway.events(request, reconnect=reconnect, timeout=timeout)

    def filtered_blocks(
        self,
        *,
        start: Position = "next",
        stop: Position = ENDLESS,
        checkpoint: Checkpoint | None = None,
        reconnect: bool = False,
        timeout: float | None = None,
    ) -> AsyncEventStream[FilteredBlock]:
        """Stream transaction ids, validation codes and event names, invalid transactions included."""
        request = self._from(FilteredBlocks, start, stop, checkpoint)
        return self.gateway.events(request, reconnect=reconnect, timeout=timeout)

    def private_blocks(
        self,
        *,
        start: Position = "next",
        stop: Position = ENDLESS,
        checkpoint: Checkpoint | None = None,
        reconnect: bool = False,
        timeout: float | None = None,
    ) -> AsyncEventStream[BlockAndPrivateData]:
        """Stream blocks with the private data that the client's organization may see."""
        request = self._from(PrivateBlocks, start, stop, checkpoint)
        return self.gateway.events(request, reconnect=reconnect, timeout=timeout)


class Contract(ContractView[Network]):
    """A chaincode, or one contract of it: query it, or submit transactions to it."""

    async def evaluate(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> bytes:
        """Query: run ``function`` on one peer and return its result; nothing is written. EvaluateError."""
        return await self._run(self.flows.evaluate(function, *args, **options))

    async def submit(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> bytes:
        """Run ``function`` as a transaction and return its result once that is committed as valid.

        EndorseError, SubmitError: nothing happened. CommitError: committed as invalid, without effect.
        CommitStatusError: the outcome is unknown; see Gateway.resume.
        """
        return await self._run(self.flows.submit(function, *args, **options))

    async def execute(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> Outcome:
        """Like `submit`, returning block, transaction id and endorsers with the result."""
        return await self._run(self.flows.execute(function, *args, **options))

    async def submit_async(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> Commit:
        """Run ``function`` as a transaction and return once orderers have been sent it.

        The commit has the ``result`` and, on ``status()``, the outcome. EndorseError, SubmitError.
        """
        step = await self._run(self.flows.submit_async(function, *args, **options))
        return Commit(self.network.gateway, step)

    def propose(self, function: str, *args: str | bytes, **options: Unpack[ProposalOptions]) -> Proposal:
        """Build a proposal to take through its steps one by one, each with its own timeout; no I/O."""
        return Proposal(self.network.gateway, self.flows.proposal(function, *args, **options))

    def _run(self, flow: Flow[T]) -> Coroutine[Any, Any, T]:
        return self.network.gateway.run(flow)


class Proposal(ProposalView[AsyncGateway]):
    """A function to run, under a transaction id of its own."""

    async def endorse(self, timeout: float | None = None) -> Transaction:
        """Collect the endorsements that the policies ask for. EndorseError."""
        flow = flows.endorse(self._gateway.session, self.step, timeout)
        return Transaction(self._gateway, await self._gateway.run(flow))

    async def evaluate(self, timeout: float | None = None) -> bytes:
        """Run it on one peer as a query. EvaluateError."""
        return await self._gateway.run(flows.evaluate(self._gateway.session, self.step, timeout))


class Transaction(TransactionView[AsyncGateway]):
    """An endorsed transaction: its result is known, the ledger is unchanged."""

    async def submit(self, timeout: float | None = None) -> Commit:
        """Send it to the orderers. SubmitError only if none took it; else the commit tells the outcome."""
        flow = flows.submit(self._gateway.session, self.step, timeout)
        return Commit(self._gateway, await self._gateway.run(flow))


class Commit(CommitView[AsyncGateway]):
    """A submitted transaction."""

    async def status(self, timeout: float | None = None) -> CommitStatus:
        """Wait for the commit and say how it ended, valid or not. CommitStatusError: unknown in time."""
        return await self._gateway.run(flows.commit_status(self._gateway.session, self.step, timeout))
