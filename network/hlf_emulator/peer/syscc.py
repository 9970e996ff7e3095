"""The query and configuration system chaincodes, `qscc` and `cscc`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fabric_protos.common import common_pb2, configtx_pb2, ledger_pb2
from fabric_protos.peer import proposal_response_pb2, query_pb2
from google.protobuf.message import DecodeError

from hlf.wire.blocks import header_hash
from hlf_emulator.go.text import INVALID_WIRE_FORMAT, Undecodable, go_quote, header_type_name, unmarshal
from hlf_emulator.membership.bundle import ConfigError, check_without_channel
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.peer.channel import Channel, Ledger

_DIGITS = re.compile(rb"[0-9]+")
_NEWEST = 2**64 - 1
"""The number by which the newest block is had (common/ledger/blkstorage/blockfile_mgr.go)."""
LocalCheck = Callable[[str, SignedData], None]
"""(role `Admins` or `Members` of the peer's organization, signature) -> raises PolicyError."""


@dataclass(frozen=True)
class SystemCall:
    """One invocation of a system chaincode on a peer."""

    channels: dict[str, Channel]
    signed: SignedData
    local: LocalCheck
    join: Callable[[common_pb2.Block], Awaitable[object]]


def success(payload: bytes) -> proposal_response_pb2.Response:
    return proposal_response_pb2.Response(status=200, payload=payload)


def failure(message: str, status: int = 500) -> proposal_response_pb2.Response:
    return proposal_response_pb2.Response(status=status, message=message)


def query(call: SystemCall, args: Sequence[bytes]) -> proposal_response_pb2.Response:
    """`qscc` (core/scc/qscc/query.go): args are function, channel and what to look for."""
    if len(args) < 2:
        return failure(f"Incorrect number of arguments, {len(args)}")
    function, name = args[0].decode(errors="replace"), args[1].decode(errors="replace")
    if function != "GetChainInfo" and len(args) < 3:
        return failure(f"missing 3rd argument for {function}")
    channel = call.channels.get(name)
    if channel is None:
        return failure(f"Invalid chain ID, {name}")
    try:
        channel.bundle.check_acl(f"qscc/{function}", [call.signed])
    except PolicyError as refusal:
        return failure(f"access denied for [{function}][{name}]: [{refusal}]")
    if function == "GetChainInfo":
        return success(_info(channel.ledger).SerializeToString())
    handler = _QUERIES.get(function)
    if handler is None:
        return failure(f"Requested function {function} not found.")
    return handler(channel.ledger, args[2])


def _info(ledger: Ledger) -> ledger_pb2.BlockchainInfo:
    newest = ledger.block(ledger.height - 1)
    return ledger_pb2.BlockchainInfo(
        height=ledger.height,
        currentBlockHash=header_hash(newest.header),
        previousBlockHash=newest.header.previous_hash,
    )


def _block_by_number(ledger: Ledger, argument: bytes) -> proposal_response_pb2.Response:
    fault = "" if _DIGITS.fullmatch(argument) else "invalid syntax"
    if not fault and int(argument) > _NEWEST:
        fault = "value out of range"
    if fault:
        shown = go_quote(argument)
        return failure(f"Failed to parse block number with error strconv.ParseUint: parsing {shown}: {fault}")
    number = int(argument)
    if number == _NEWEST:
        number = ledger.height - 1
    if number >= ledger.height:
        return failure(f"Failed to get block number {number}, error no such block number [{number}] in index")
    return success(ledger.block(number).SerializeToString())


def _block_by_hash(ledger: Ledger, argument: bytes) -> proposal_response_pb2.Response:
    number = ledger.shared.block_by_hash(argument)
    if number is None or number >= ledger.height:
        shown = argument.decode(errors="replace")
        return failure(
            f"Failed to get block hash {shown}, error no such block hash [{argument.hex()}] in index"
        )
    return success(ledger.block(number).SerializeToString())


def _transaction(ledger: Ledger, argument: bytes) -> proposal_response_pb2.Response:
    txid = argument.decode(errors="replace")
    found = ledger.transaction(txid)
    if found is None:
        return failure(
            f"Failed to get transaction with id {txid}, error no such transaction ID [{txid}] in index"
        )
    return success(found[0].SerializeToString())


def _block_by_transaction(ledger: Ledger, argument: bytes) -> proposal_response_pb2.Response:
    txid = argument.decode(errors="replace")
    found = ledger.transaction(txid)
    if found is None:
        return failure(f"Failed to get block for txID {txid}, error no such transaction ID [{txid}] in index")
    return success(ledger.block(found[1]).SerializeToString())


_QUERIES: dict[str, Callable[[Ledger, bytes], proposal_response_pb2.Response]] = {
    "GetBlockByNumber": _block_by_number,
    "GetBlockByHash": _block_by_hash,
    "GetTransactionByID": _transaction,
    "GetBlockByTxID": _block_by_transaction,
}


async def configure(call: SystemCall, args: Sequence[bytes]) -> proposal_response_pb2.Response:
    """`cscc` (core/scc/cscc/configure.go): args are function and block or channel."""
    if not args:
        return failure("Incorrect number of arguments, 0")
    function = args[0].decode(errors="replace")
    if function not in ("GetChannels", "JoinBySnapshotStatus") and len(args) < 2:
        return failure(f"Incorrect number of arguments, {len(args)}")
    if function == "JoinChain":
        return await _join(call, args[1])
    if function == "GetChannels":
        return _channels(call)
    if function == "JoinChainBySnapshot":
        return _join_by_snapshot(call, args[1])
    if function == "JoinBySnapshotStatus":
        return _snapshot_status(call)
    if function in ("GetConfigBlock", "GetChannelConfig"):
        return _configuration(call, function, args[1].decode(errors="replace"))
    return failure(f"Requested function {function} not found.")


def channel_of_block(block: common_pb2.Block) -> str:
    """The channel of a block's first transaction (protoutil.GetChannelIDFromBlock). Raises ConfigError."""
    if not block.data.data:
        raise ConfigError("failed to retrieve channel id - block is empty")
    try:
        payload = unmarshal(common_pb2.Payload, unmarshal(common_pb2.Envelope, block.data.data[0]).payload)
        if not payload.HasField("header"):
            raise ConfigError("failed to retrieve channel id - payload header is empty")
        return unmarshal(common_pb2.ChannelHeader, payload.header.channel_header).channel_id
    except Undecodable as fault:
        raise ConfigError(str(fault)) from fault


def _not_a_first_block(block: common_pb2.Block) -> str:
    """Why no channel can begin with a block that names it (configure.go, validateConfigBlock), or nothing."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[0]).payload)
    kind = common_pb2.ChannelHeader.FromString(payload.header.channel_header).type
    if kind != common_pb2.CONFIG:
        return f"Bad configuration envelope: invalid type {header_type_name(kind)}, expected CONFIG"
    try:
        envelope = unmarshal(configtx_pb2.ConfigEnvelope, payload.data)
    except Undecodable as fault:
        return f"Bad configuration envelope: {fault}"
    if not envelope.HasField("config"):
        return "Nil config envelope Config"
    if not envelope.config.HasField("channel_group"):
        return "Nil channel group"
    if not envelope.config.channel_group.groups:
        return "No channel configuration groups are available"
    if "Application" not in envelope.config.channel_group.groups:
        return "Invalid configuration block, missing Application configuration group"
    return ""


async def _join(call: SystemCall, encoded: bytes) -> proposal_response_pb2.Response:
    try:
        block = common_pb2.Block.FromString(encoded)
    except DecodeError:
        return failure(
            f"Failed to reconstruct the genesis block, error unmarshalling Block: {INVALID_WIRE_FORMAT}"
        )
    try:
        name = channel_of_block(block)
    except ConfigError as fault:
        return failure(f'"JoinChain" request failed to extract channel id from the block due to [{fault}]')
    if spoilt := _not_a_first_block(block):
        return failure(
            f'"JoinChain" for channelID = {name} failed because of validation of configuration block, '
            f"because of {spoilt}"
        )
    try:
        call.local("Admins", call.signed)
    except PolicyError as refusal:
        return failure(f"access denied for [JoinChain][{name}]: [{refusal}]")
    if name in call.channels:
        return failure(
            f"cannot create ledger from genesis block: ledger [{name}] already exists with state [ACTIVE]"
        )
    try:
        await call.join(block)
    except ConfigError as fault:
        return failure(f"cannot create ledger from genesis block: {fault}")
    return success(b"")


def _join_by_snapshot(call: SystemCall, folder: bytes) -> proposal_response_pb2.Response:
    """Refused in every case: this peer keeps no snapshots, and none is where one is said to be."""
    if not folder:
        return failure("Cannot join the channel, no snapshot directory provided")
    try:
        call.local("Admins", call.signed)
    except PolicyError as refusal:
        return failure(f"access denied for [JoinChainBySnapshot]: [{refusal}]")
    name = folder.decode(errors="replace")
    return failure(
        f"cannot create ledger from snapshot {name}: error opening dir [{name}]: open {name}: "
        "no such file or directory"
    )


def _snapshot_status(call: SystemCall) -> proposal_response_pb2.Response:
    """Whether a snapshot is being joined by, which it never is: the empty message."""
    try:
        call.local("Admins", call.signed)
    except PolicyError as refusal:
        return failure(f"access denied for [JoinBySnapshotStatus]: {refusal}")
    return success(query_pb2.JoinBySnapshotStatus().SerializeToString())


def _channels(call: SystemCall) -> proposal_response_pb2.Response:
    try:
        call.local("Members", call.signed)
    except PolicyError as refusal:
        return failure(f"access denied for [GetChannels]: {refusal}")
    answer = query_pb2.ChannelQueryResponse(
        channels=[query_pb2.ChannelInfo(channel_id=name) for name in call.channels]
    )
    return success(answer.SerializeToString())


def _configuration(call: SystemCall, function: str, name: str) -> proposal_response_pb2.Response:
    channel = call.channels.get(name)
    if function == "GetChannelConfig" and not name:
        return failure("empty channel name provided")
    try:
        if not name:
            check_without_channel(f"cscc/{function}")
        if channel is None:
            raise PolicyError(f"Failed to get policy manager for channel [{name}]")
        channel.bundle.check_acl(f"cscc/{function}", [call.signed])
    except PolicyError as refusal:
        return failure(f"access denied for [{function}][{name}]: {refusal}")
    if function == "GetChannelConfig":
        return success(channel.bundle.config.SerializeToString())
    return success(channel.ledger.block(channel.bundle.block_number).SerializeToString())
