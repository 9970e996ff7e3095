"""Running chaincodes on one peer: which, whether they may run, and where.

Source: core/chaincode/chaincode_support.go and core/chaincode/lifecycle/endorsement_info.go.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2, proposal_response_pb2

from hlf_emulator.ledger.definitions import LEGACY_LIFECYCLE, LIFECYCLE, SYSTEM_CHAINCODES
from hlf_emulator.ledger.simulator import SimulationError, Simulator
from hlf_emulator.lifecycle.packages import PackageError, PackageStore
from hlf_emulator.lifecycle.rules import LifecycleError
from hlf_emulator.lifecycle.state import PublicAccess, read_sequence
from hlf_emulator.membership.bundle import check_without_channel
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.peer.chaincode_stream import ChaincodeStream, ExecutionError, LaunchError, Message
from hlf_emulator.peer.channel import Channel
from hlf_emulator.peer.ledger_calls import CallContext, CallError
from hlf_emulator.peer.lifecycle_calls import ADMIN_FUNCTIONS, LifecycleCall, invoke
from hlf_emulator.peer.syscc import LocalCheck, SystemCall, configure, failure, query, success
from hlf_emulator.version import Version

SYSTEM_VERSION = "syscc"
BUILT_IN_PLUGIN = "escc"
INITIALIZED_KEY = "\x00" + "\U0010ffff" + "initialized"
EXECUTE_TIMEOUT = 30.0
"""Seconds; chaincode.executetimeout of core.yaml."""
START_TIMEOUT = 300.0
"""Seconds; chaincode.startuptimeout of core.yaml."""


class InvocationError(Exception):
    """An invocation that ends without an answer of the chaincode; the text is Fabric's."""


@dataclass
class TransactionParams:
    """One proposal in execution; channel and simulator are None when it names no channel.

    `chaincode` is the one that the proposal names, whichever runs at the moment.
    """

    transaction_id: str
    chaincode: str
    signed: proposal_pb2.SignedProposal
    creator: bytes
    channel: Channel | None
    simulator: Simulator | None

    @property
    def signed_data(self) -> SignedData:
        return SignedData(self.signed.proposal_bytes, self.creator, self.signed.signature)


class EndorsementInfo(NamedTuple):
    """What a peer needs to run and endorse a chaincode."""

    version: str
    init_required: bool
    package_id: str
    endorsement_plugin: str = BUILT_IN_PLUGIN


class Host(Protocol):
    """The peer, as far as chaincodes on it are concerned."""

    msp_id: str
    channels: dict[str, Channel]
    packages: PackageStore
    version: Version

    @property
    def check_local(self) -> LocalCheck: ...

    async def join(self, genesis: common_pb2.Block) -> Channel: ...


@dataclass
class ChaincodeSupport:
    """All chaincodes of one peer, and the streams to those that are running."""

    host: Host
    execute_timeout: float = EXECUTE_TIMEOUT
    _streams: dict[str, ChaincodeStream] = field(default_factory=dict)
    _launching: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def close(self) -> None:
        """Drop all streams."""
        streams, self._streams = list(self._streams.values()), {}
        await asyncio.gather(*(stream.close() for stream in streams))

    def endorsement_info(self, name: str, params: TransactionParams) -> EndorsementInfo:
        """Raises InvocationError when this peer cannot run the chaincode on the channel."""
        if name in SYSTEM_CHAINCODES:
            return EndorsementInfo(SYSTEM_VERSION, False, name)
        if params.channel is None or params.simulator is None:
            raise InvocationError("could not get channel config for channel ''")
        channel = params.channel
        sequence = read_sequence(name, PublicAccess(params.simulator).get)
        definition = channel.definitions.get(name)
        if sequence == 0 or definition is None:
            # Fabric asks the lifecycle of 1.4 next, which no channel has any more: a read of nothing.
            params.simulator.get_state(LEGACY_LIFECYCLE, name)
            raise InvocationError(f"chaincode {name} not found")
        if definition.sequence != sequence:
            raise InvocationError(
                f"chaincode cache at sequence {definition.sequence} but current sequence is {sequence}, "
                f"chaincode definition for '{name}' changed during invoke"
            )
        package_id = channel.approved_package(name)
        if package_id is None:
            raise InvocationError(
                f"chaincode definition for '{name}' at sequence {sequence} on channel '{channel.name}' has "
                "not yet been approved by this org"
            )
        if package_id not in self.host.packages.packages:
            raise InvocationError(f"chaincode definition for '{name}' exists, but chaincode is not installed")
        return EndorsementInfo(
            definition.version, definition.init_required, package_id, definition.endorsement_plugin
        )

    async def execute(
        self,
        name: str,
        spec_input: chaincode_pb2.ChaincodeInput,
        params: TransactionParams,
        info: EndorsementInfo | None = None,
    ) -> Message:
        """Run a chaincode; its COMPLETED or ERROR message. Raises InvocationError.

        `info` where `endorsement_info` has just been asked.
        """
        try:
            info = info or self.endorsement_info(name, params)
        except InvocationError as refusal:
            channel = params.channel.name if params.channel else ""
            raise InvocationError(
                f"invalid invocation: [channel {channel}] failed to get chaincode container info for {name}: "
                f"{refusal}"
            ) from refusal
        try:
            kind = self._kind(name, info, spec_input, params)
        except (InvocationError, SimulationError) as refusal:
            raise InvocationError(f"invalid invocation: {refusal}") from refusal
        if name in SYSTEM_CHAINCODES:
            response = await self._system(name, list(spec_input.args), params)
            return Message(type=Message.COMPLETED, payload=response.SerializeToString())
        stream = await self._launch(info.package_id)
        context = CallContext(
            transaction_id=params.transaction_id,
            namespace=name,
            invoked=params.chaincode,
            signed=params.signed,
            creator=params.creator,
            channel=params.channel,
            simulator=params.simulator,
            is_init=kind == Message.INIT,
        )
        channel_id = params.channel.name if params.channel else ""
        try:
            return await stream.execute(
                kind, context, spec_input.SerializeToString(), channel_id, self.execute_timeout
            )
        except ExecutionError as fault:
            raise InvocationError(f"error sending: {fault}") from fault

    def _kind(
        self,
        name: str,
        info: EndorsementInfo,
        spec_input: chaincode_pb2.ChaincodeInput,
        params: TransactionParams,
    ) -> chaincode_shim_pb2.ChaincodeMessage.Type.ValueType:
        uninitialized = False
        if info.init_required and params.simulator is not None:
            value = params.simulator.get_state(name, INITIALIZED_KEY)
            uninitialized = value != info.version.encode()
        if spec_input.is_init:
            if not info.init_required:
                raise InvocationError(
                    f"chaincode '{name}' does not require initialization but called as init"
                )
            if not uninitialized or params.simulator is None:
                raise InvocationError(f"chaincode '{name}' is already initialized but called as init")
            params.simulator.set_state(name, INITIALIZED_KEY, info.version.encode())
            return Message.INIT
        if uninitialized:
            raise InvocationError(
                f"chaincode '{name}' has not been initialized for this version, must call as init first"
            )
        return Message.TRANSACTION

    async def _launch(self, package_id: str) -> ChaincodeStream:
        async with self._launching.setdefault(package_id, asyncio.Lock()):
            stream = self._streams.get(package_id)
            if stream is not None and stream.open:
                return stream
            if stream is not None:
                del self._streams[package_id]
                await stream.close()
            try:
                connection = self.host.packages.packages[package_id].connection()
                stream = ChaincodeStream(package_id, connection, self._invoke, self.host.version)
                await stream.start(START_TIMEOUT)
            except PackageError as fault:
                raise InvocationError(
                    f"could not launch chaincode {package_id}: error building chaincode: {fault}"
                ) from fault
            except LaunchError as fault:
                raise InvocationError(f"could not launch chaincode {package_id}: {fault}") from fault
            self._streams[package_id] = stream
            return stream

    async def _invoke(self, context: CallContext, spec: chaincode_pb2.ChaincodeSpec) -> bytes:
        """One chaincode calls another; on another channel its writes are discarded."""
        name, _, wanted = spec.chaincode_id.name.partition("/")
        name = name.partition(":")[0]
        own = context.channel
        if own is None:
            raise CallError("no ledger context")
        target_name = wanted or own.name
        target = self.host.channels.get(target_name)
        params = TransactionParams(
            context.transaction_id, context.invoked, context.signed, context.creator, own, context.simulator
        )
        if name not in SYSTEM_CHAINCODES:
            self._check_call(target, target_name, params)
        if target is None:
            raise CallError(f"failed to find ledger for channel: {target_name}")
        simulator: Simulator | None = None
        if target is not own:
            simulator = target.simulator(context.transaction_id)
            params.channel, params.simulator = target, simulator
        try:
            answer = await self.execute(name, spec.input, params)
        except InvocationError as fault:
            raise CallError(f"execute failed: {fault}") from fault
        finally:
            if simulator is not None:
                simulator.close()
        return answer.SerializeToString()

    @staticmethod
    def _check_call(target: Channel | None, target_name: str, params: TransactionParams) -> None:
        try:
            if target is None:
                raise PolicyError(f"Failed to get policy manager for channel [{target_name}]")
            target.bundle.check_acl("peer/ChaincodeToChaincode", [params.signed_data])
        except PolicyError as refusal:
            raise CallError(str(refusal)) from refusal

    # System chaincodes run in the peer itself

    async def _system(
        self, name: str, args: list[bytes], params: TransactionParams
    ) -> proposal_response_pb2.Response:
        if name == LIFECYCLE:
            return self._lifecycle(args, params)
        if params.chaincode != name:
            because = " because of potential for deadlocks" if name == "qscc" else ""
            return failure(
                f"Rejecting invoke of {name.upper()} from another chaincode{because}, original invocation "
                f"for '{params.chaincode}'"
            )
        call = SystemCall(self.host.channels, params.signed_data, self.host.check_local, self.host.join)
        return query(call, args) if name == "qscc" else await configure(call, args)

    def _lifecycle(self, args: list[bytes], params: TransactionParams) -> proposal_response_pb2.Response:
        if len(args) != 2:
            if not args:
                return failure("lifecycle scc must be invoked with arguments")
            return failure(f"lifecycle scc operations require exactly two arguments but received {len(args)}")
        function = args[0].decode(errors="replace")
        try:
            if function == "QueryApprovedChaincodeDefinitions" and not self.host.version.approval_listing:
                raise PolicyError(f"Unmapped policy for {LIFECYCLE}/{function}")
            if function in ADMIN_FUNCTIONS:
                self.host.check_local("Admins", params.signed_data)
            elif params.channel is None:
                check_without_channel(f"{LIFECYCLE}/{function}")
            else:
                params.channel.bundle.check_acl(f"{LIFECYCLE}/{function}", [params.signed_data])
        except PolicyError as refusal:
            return failure(f"Failed to authorize invocation due to failed ACL check: {refusal}")
        call = LifecycleCall(
            params.transaction_id,
            self.host.msp_id,
            self.host.packages,
            self._references,
            params.channel,
            params.simulator,
            self.host.version,
        )
        try:
            return success(invoke(call, function, args[1]))
        except LifecycleError as refusal:
            return failure(str(refusal), refusal.status)

    def _references(self, package_id: str) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for name, channel in self.host.channels.items():
            for chaincode, definition in channel.definitions.items():
                if channel.approved_package(chaincode) == package_id:
                    found.setdefault(name, []).append((chaincode, definition.version))
        return found
