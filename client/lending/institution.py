"""What every institution's client shares: one gateway, business verbs, and both faces.

A verb is written once, as a flow. Bound to a `Gateway` it is a plain method; bound to an `AsyncGateway`
the same call returns an awaitable::

    BankClient(gateway).execute_loan(...)
    await BankClient(async_gateway).execute_loan(...)
"""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from fabric_protos.gateway.gateway_pb2 import CommitStatusRequest

from hlf import AsyncGateway, Gateway
from hlf.flows import ContractFlows, Flow, Retry, commit_status
from hlf.steps import CommitStatus, CommitStep
from lending_domain.canonical import canonical

G = TypeVar("G", bound=Gateway | AsyncGateway)
C = TypeVar("C", bound="Institution[Any]")
P = ParamSpec("P")
T = TypeVar("T")

# Right after a commit another member's peer may be some milliseconds behind, and endorse another read set.
PATIENT = Retry(attempts=6, pause=0.1)


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction that stands in a block as VALID: where, who endorsed it, and what it answered."""

    organization: str
    channel: str
    chaincode: str
    function: str
    transaction_id: str
    block_number: int
    validation_code: str
    endorsers: tuple[str, ...]
    result: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The record's state after it."""
        return str(self.result.get("state", ""))


class verb(Generic[C, P, T]):  # noqa: N801 - a decorator
    """Mark a flow as a business verb of an institution's client."""

    def __init__(self, flow: Callable[Concatenate[C, P], Flow[T]]) -> None:
        self.flow = flow
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, client: None, owner: object) -> Self: ...
    @overload
    def __get__(self, client: Institution[Gateway], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Institution[AsyncGateway], owner: object) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        if client is None:
            return self

        @functools.wraps(self.flow)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.gateway.run(self.flow(client, *args, **kwargs))

        return call


class Institution(Generic[G]):
    """A member's staff, or an applicant, at one gateway. Raises hlf's errors; ids and salts are made here."""

    def __init__(self, gateway: G) -> None:
        self.gateway = gateway

    @property
    def organization(self) -> str:
        """The MSP id under which this client signs."""
        return self.gateway.session.identity.msp_id

    def execute(
        self,
        channel: str,
        chaincode: str,
        function: str,
        *args: object,
        private: Mapping[str, object] | None = None,
        endorsers: Sequence[str] = (),
    ) -> Flow[Committed]:
        """Submit a function and wait for its commit; ``private`` values travel in the transient field."""
        contract = ContractFlows(self.gateway.session, channel, chaincode)
        outcome = yield from contract.execute(
            function,
            *map(argument, args),
            transient={name: canonical(value) for name, value in (private or {}).items()},
            endorsing_organizations=endorsers,
            retry=PATIENT,
        )
        return Committed(
            self.organization,
            channel,
            chaincode,
            function,
            outcome.transaction_id,
            outcome.block_number,
            outcome.validation_code,
            outcome.endorsers,
            json.loads(outcome.result or b"{}"),
        )

    def wait_for(self, channel: str, transaction_id: str) -> Flow[CommitStatus]:
        """Wait until the peer behind this client's gateway has committed another member's transaction.

        A member is told of a transaction by its submitter, whose peer may be ahead of one's own.
        """
        request = CommitStatusRequest(
            transaction_id=transaction_id,
            channel_id=channel,
            identity=self.gateway.session.identity.serialized(),
        )
        step = CommitStep(
            transaction_id, channel, request.SerializeToString(), hash=self.gateway.session.hash
        )
        return (yield from commit_status(self.gateway.session, step))

    def ask(
        self,
        channel: str,
        chaincode: str,
        function: str,
        *args: object,
        private: Mapping[str, object] | None = None,
        peers_of: Sequence[str] = (),
    ) -> Flow[Any]:
        """Evaluate a query on a peer of ``peers_of`` (default: the gateway's choice); the answer as JSON."""
        contract = ContractFlows(self.gateway.session, channel, chaincode)
        answer = yield from contract.evaluate(
            function,
            *map(argument, args),
            transient={name: canonical(value) for name, value in (private or {}).items()},
            endorsing_organizations=peers_of,
            retry=PATIENT,
        )
        return json.loads(answer) if answer else None


def argument(value: object) -> str | bytes:
    """A chaincode argument: text as it is, everything else as canonical JSON."""
    return value if isinstance(value, str | bytes) else canonical(value)


def new_id() -> str:
    """A fresh record id: 128 random bits in hexadecimal, also the private key of the record."""
    return secrets.token_hex(16)


def new_salt() -> str:
    """A fresh salt of 128 random bits in hexadecimal; every private value carries its own."""
    return secrets.token_hex(16)
