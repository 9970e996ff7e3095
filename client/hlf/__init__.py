"""Work with Hyperledger Fabric from Python.

Begin with a connection profile and an identity from a wallet::

    from hlf import Gateway, Wallet

    identity = Wallet("wallet").get("alice")
    with Gateway.from_profile("connection.yaml", identity) as gateway:
        contract = gateway.network("mychannel").contract("basic")
        print(contract.evaluate("ReadAsset", "asset1"))
        outcome = contract.execute("TransferAsset", "asset1", "Bob")
        print(outcome.result, "in block", outcome.block_number)

From there:

- ``AsyncGateway`` is the same for asyncio, with calls to await.
- ``contract.submit`` endorses, submits and waits for the commit; ``contract.propose(...).endorse().submit()
  .status()`` are its steps. Each has ``bytes()`` and ``digest()``, and ``gateway.proposal(...)``,
  ``transaction(...)``, ``commit(...)`` rebuild it elsewhere: so keys can stay where they are.
- ``transient={...}`` keeps data out of blocks, ``endorsing_organizations=[...]`` names who endorses.
- ``network.chaincode_events``, ``blocks``, ``filtered_blocks`` and ``private_blocks`` are streams to iterate
  over.
- ``commits="stream"`` on either gateway learns of commits from one stream instead of a call for each.
- ``observers`` are told of calls, RPCs and streams: `hlf.metrics` for Prometheus, `hlf.tracing` for
  OpenTelemetry. Loggers are called ``hlf.…`` and never write arguments, results or peers' texts.
- Errors form one tree, in `hlf.errors`. ``CommitStatusError`` means *unknown*; ``gateway.resume`` settles it.
- `hlf.flows` composes several calls into one operation that both gateways run.
- `hlf.admin` builds channels, joins nodes, deploys chaincode and asks peers what they know.
- `hlf.wire` turns values into Fabric's protocol messages and back, without any I/O.
- `hlf.fabric_sdk_py` reads what fabric-sdk-py left: network.json, users, enrollments.

A tutorial and guides are in the repository: docs/tutorial.md, docs/guides/.
"""

import logging

from hlf.aio import AsyncGateway
from hlf.checkpoint import Checkpoint, FileCheckpoint
from hlf.drivers import AsyncDriver, SyncDriver
from hlf.effects import Flow, Session, Timeouts
from hlf.endpoint import Endpoint
from hlf.errors import (
    CertificateAuthorityError,
    CommitError,
    CommitStatusError,
    ConfigurationError,
    EndorseError,
    EvaluateError,
    EventError,
    FabricError,
    GatewayError,
    IdentityError,
    PeerDetail,
    SubmitError,
)
from hlf.events import ChaincodeEvent
from hlf.flows import CallOptions, ContractFlows, Retry
from hlf.gateway import Commit, Contract, Gateway, Network, Proposal, Transaction
from hlf.identity import Identity, SigningIdentity
from hlf.profile import Profile, load_profile
from hlf.steps import CommitStatus, Outcome
from hlf.wallet import MemoryWallet, Wallet

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AsyncDriver",
    "AsyncGateway",
    "CallOptions",
    "CertificateAuthorityError",
    "ChaincodeEvent",
    "Checkpoint",
    "Commit",
    "CommitError",
    "CommitStatus",
    "CommitStatusError",
    "ConfigurationError",
    "Contract",
    "ContractFlows",
    "EndorseError",
    "Endpoint",
    "EvaluateError",
    "EventError",
    "FabricError",
    "FileCheckpoint",
    "Flow",
    "Gateway",
    "GatewayError",
    "Identity",
    "IdentityError",
    "MemoryWallet",
    "Network",
    "Outcome",
    "PeerDetail",
    "Profile",
    "Proposal",
    "Retry",
    "Session",
    "SigningIdentity",
    "SubmitError",
    "SyncDriver",
    "Timeouts",
    "Transaction",
    "Wallet",
    "load_profile",
]
