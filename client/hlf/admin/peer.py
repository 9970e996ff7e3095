"""Administration of one peer, straight to its Endorser service: channels and installed chaincodes.

Needs an identity that is an administrator of the peer's organization. Source: system chaincodes cscc,
_lifecycle and qscc of Fabric 3.1.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import grpc
from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.peer import peer_pb2_grpc, proposal_response_pb2, query_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin.package import package_id
from hlf.endpoint import Endpoint
from hlf.errors import GatewayError, PeerDetail
from hlf.identity import SigningIdentity
from hlf.wire.proposal import build_proposal, sign_proposal

_TIMEOUT = 30.0
# Peers build a chaincode while they install it; external builders have 300 s by default.
_INSTALL_TIMEOUT = 300.0


@dataclass(frozen=True)
class InstalledChaincode:
    """A package on a peer; `references` maps a channel to the (chaincode, version) pairs that use it."""

    package_id: str
    label: str
    references: Mapping[str, tuple[tuple[str, str], ...]]


def rpc_error(error: grpc.RpcError, address: str, msp_id: str = "", transaction_id: str = "") -> GatewayError:
    """A failed call to a node as an error of this package."""
    call: Any = error
    code = call.code().name if hasattr(call, "code") else "UNKNOWN"
    message = call.details() if hasattr(call, "details") else str(error)
    hint = "is the node up, and its address right?" if code == "UNAVAILABLE" else ""
    return GatewayError(
        "the call failed",
        code=code,
        transaction_id=transaction_id,
        details=(PeerDetail(address, msp_id, message),),
        hint=hint,
    )


class PeerAdmin:
    """One peer's administrator. Close it, or use it as a context manager."""

    def __init__(self, endpoint: Endpoint, identity: SigningIdentity, *, timeout: float = _TIMEOUT) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self.timeout = timeout
        # grpc's synchronous half carries no annotations.
        self._channel: Any = endpoint.connect()
        self._endorser = peer_pb2_grpc.EndorserStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def invoke(
        self, channel: str, chaincode: str, args: Sequence[bytes], *, timeout: float | None = None
    ) -> bytes:
        """Run a chaincode function on this peer only and return its payload; nothing is ordered.

        Raises GatewayError with the chaincode's own message when it refuses.
        """
        parts = build_proposal(
            self.identity, channel, chaincode, args, {}, secrets.token_bytes(24), time.time_ns()
        )
        try:
            answer: proposal_response_pb2.ProposalResponse = self._endorser.ProcessProposal(
                sign_proposal(parts, self.identity), timeout=timeout or self.timeout
            )
        except grpc.RpcError as error:
            raise rpc_error(
                error, self.endpoint.address, self.identity.msp_id, parts.transaction_id
            ) from error
        if not 200 <= answer.response.status < 400:
            text = f"chaincode response {answer.response.status}, {answer.response.message}"
            raise GatewayError(
                f"{chaincode} refused",
                code="UNKNOWN",
                transaction_id=parts.transaction_id,
                details=(PeerDetail(self.endpoint.address, self.identity.msp_id, text),),
            )
        return answer.response.payload

    def join_channel(self, block: common_pb2.Block | bytes) -> None:
        """Join the channel of a genesis block. Joining twice is refused; ask `channels` first."""
        genesis = block if isinstance(block, bytes) else block.SerializeToString(deterministic=True)
        self.invoke("", "cscc", [b"JoinChain", genesis])

    def channels(self) -> tuple[str, ...]:
        """The channels this peer has joined."""
        answer = query_pb2.ChannelQueryResponse.FromString(self.invoke("", "cscc", [b"GetChannels"]))
        return tuple(each.channel_id for each in answer.channels)

    def config_block(self, channel: str) -> common_pb2.Block:
        """The channel's configuration block in force."""
        return common_pb2.Block.FromString(
            self.invoke(channel, "cscc", [b"GetConfigBlock", channel.encode()])
        )

    def height(self, channel: str) -> int:
        """How many blocks of the channel this peer has committed."""
        payload = self.invoke(channel, "qscc", [b"GetChainInfo", channel.encode()])
        return ledger_pb2.BlockchainInfo.FromString(payload).height

    def install(self, package: bytes) -> str:
        """Install a chaincode package and return its id; one that is installed already is left as it is."""
        identifier = package_id(package)
        arguments = lifecycle_pb2.InstallChaincodeArgs(chaincode_install_package=package)
        try:
            payload = self._lifecycle("InstallChaincode", arguments.SerializeToString(), _INSTALL_TIMEOUT)
        except GatewayError as error:
            if "already successfully installed" in error.chaincode_message:
                return identifier
            raise
        return lifecycle_pb2.InstallChaincodeResult.FromString(payload).package_id

    def installed(self) -> tuple[InstalledChaincode, ...]:
        """The chaincode packages on this peer."""
        payload = self._lifecycle("QueryInstalledChaincodes", b"")
        answer = lifecycle_pb2.QueryInstalledChaincodesResult.FromString(payload)
        return tuple(
            InstalledChaincode(
                each.package_id,
                each.label,
                {
                    channel: tuple((chaincode.name, chaincode.version) for chaincode in references.chaincodes)
                    for channel, references in each.references.items()
                },
            )
            for each in answer.installed_chaincodes
        )

    def installed_package(self, package_id: str) -> bytes:
        """The bytes of an installed package."""
        arguments = lifecycle_pb2.GetInstalledChaincodePackageArgs(package_id=package_id)
        payload = self._lifecycle("GetInstalledChaincodePackage", arguments.SerializeToString())
        answer = lifecycle_pb2.GetInstalledChaincodePackageResult.FromString(payload)
        return answer.chaincode_install_package

    def _lifecycle(self, function: str, arguments: bytes, timeout: float | None = None) -> bytes:
        return self.invoke("", "_lifecycle", [function.encode(), arguments], timeout=timeout)
