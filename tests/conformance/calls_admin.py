"""A network's administration on the bare protocol: lifecycle, discovery, qscc, cscc, participation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2, ledger_pb2
from fabric_protos.discovery import protocol_pb2
from fabric_protos.gossip import message_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2
from fabric_protos.peer import (
    proposal_pb2,
    proposal_response_pb2,
    query_pb2,
    transaction_pb2,
)
from google.protobuf.json_format import ParseDict

from hlf.admin import participation
from tests.conformance import (
    calls_ca,
    calls_config,
    calls_crafted,
    calls_deliver,
    calls_gateway,
    calls_launch,
    calls_ledger,
    calls_lifecycle,
    calls_limits,
    calls_orderer,
    calls_peer,
    calls_private,
    calls_raft,
    calls_shim,
    calls_stream,
)
from tests.conformance.calls import (
    CALLS,
    Access,
    Answer,
    Case,
    guarded,
    node_of,
    unary,
)
from tests.conformance.calls_deliver import block_shape
from tests.conformance.calls_lifecycle import arrange, propose

__all__ = ["arrange", "perform"]


def perform(access: Access, case: Case) -> Answer:
    """Make a case's call and return the answer, not masked yet."""
    every = {
        **CALLS,
        **_ADMIN,
        **calls_gateway.CALLS,
        **calls_peer.CALLS,
        **calls_deliver.CALLS,
        **calls_limits.CALLS,
        **calls_ledger.CALLS,
        **calls_orderer.CALLS,
        **calls_raft.CALLS,
        **calls_config.CALLS,
        **calls_ca.CALLS,
    }
    return every[case["rpc"]](access, case)


# -- discovery


def _discover(access: Access, case: Case) -> Answer:
    """One query: peers, local, config or endorsers (of `chaincodes`, each a ChaincodeCall's fields)."""
    signer = access.identity(case["as"])
    query = protocol_pb2.Query(channel=case.get("channel", "slice"))
    kind = case["query"]
    if kind == "peers":
        query.peer_query.SetInParent()
    elif kind == "local":
        query.channel = ""
        query.local_peers.SetInParent()
    elif kind == "config":
        query.config_query.SetInParent()
    elif kind == "endorsers":
        query.cc_query.SetInParent()
        interest = query.cc_query.interests.add()
        for each in case.get("chaincodes", []):
            ParseDict(each, interest.chaincodes.add())
    request = protocol_pb2.Request(queries=[query])
    tamper = case.get("tamper", "")
    if tamper != "no-authentication":
        request.authentication.client_identity = b"" if tamper == "no-identity" else signer.serialized()
        request.authentication.SetInParent()
    payload = request.SerializeToString()
    signed = protocol_pb2.SignedRequest(
        payload=b"\xff\xff" if tamper == "garbage" else payload,
        signature=signer.sign(b"another message" if tamper == "signature" else payload),
    )

    def make() -> Answer:
        answer = unary(
            access, node_of(access, case), "/discovery.Discovery/Discover", signed, protocol_pb2.Response
        )
        return {"code": "OK", "results": [_discovered(each) for each in answer.results]}

    return guarded(make)


def _discovered(result: protocol_pb2.QueryResult) -> Answer:
    kind = result.WhichOneof("result")
    if kind == "error":
        return {"error": result.error.content}
    if kind == "members":
        return {"peers": {msp: [_peer(each) for each in peers.peers] for msp, peers in _sorted_peers(result)}}
    if kind == "config_result":
        return {
            "msps": {name: _msp(config) for name, config in sorted(result.config_result.msps.items())},
            "orderers": {
                name: len(found.endpoint) for name, found in sorted(result.config_result.orderers.items())
            },
        }
    return {"descriptors": [_descriptor(each) for each in result.cc_query_res.content]}


def _sorted_peers(result: protocol_pb2.QueryResult) -> list[tuple[str, protocol_pb2.Peers]]:
    return sorted(result.members.peers_by_org.items())


def _peer(peer: protocol_pb2.Peer) -> Answer:
    alive = message_pb2.GossipMessage.FromString(peer.membership_info.payload).alive_msg
    shown: Answer = {
        "msp_id": identities_pb2.SerializedIdentity.FromString(peer.identity).mspid,
        "endpoint": alive.membership.endpoint,
    }
    if peer.HasField("state_info"):
        state = message_pb2.GossipMessage.FromString(peer.state_info.payload).state_info.properties
        shown["has_height"] = state.ledger_height > 0
        shown["chaincodes"] = sorted(
            f"{each.name} {each.version}"
            for each in state.chaincodes
            if each.name in {"records", "_lifecycle"}
        )
    return shown


def _msp(config: msp_config_pb2.FabricMSPConfig) -> Answer:
    units = config.fabric_node_ous
    return {
        "name": config.name,
        "root_certs": len(config.root_certs),
        "intermediate_certs": len(config.intermediate_certs),
        "tls_root_certs": len(config.tls_root_certs),
        "admins": len(config.admins),
        "node_ous": units.enable,
        "client_ou": units.client_ou_identifier.organizational_unit_identifier,
        "hash": config.crypto_config.signature_hash_family,
    }


def _descriptor(found: protocol_pb2.EndorsementDescriptor) -> Answer:
    """Groups are named by whose peers they hold: Fabric numbers them as chance has it."""
    names = {
        group: "+".join(sorted(str(_peer(each)["msp_id"]) for each in peers.peers))
        for group, peers in found.endorsers_by_groups.items()
    }
    layouts = [
        {names[group]: count for group, count in sorted(layout.quantities_by_group.items())}
        for layout in found.layouts
    ]
    return {
        "chaincode": found.chaincode,
        "groups": sorted(names.values()),
        "layouts": sorted((dict(sorted(each.items())) for each in layouts), key=str),
    }


# -- system chaincodes


def _system(access: Access, case: Case) -> Answer:
    """A function of qscc or cscc whose answer is known by its name, as a shape that runs share."""
    call = list(case["call"])
    if call[-1] in {"last-transaction", "last-block-hash"}:
        call[-1] = _last(access, call[-1])

    def make() -> Answer:
        response = propose(access, {**case, "call": call}).response
        shown: Answer = {"code": "OK", "status": response.status, "message": response.message}
        if response.status == 200:
            shown["result"] = _SHAPES[call[0]](response.payload)
        return shown

    return guarded(make)


def _last(access: Access, what: str) -> bytes:
    info_call = {"as": "org-a/admin", "chaincode": "qscc", "call": ["GetChainInfo", "slice"]}
    info = ledger_pb2.BlockchainInfo.FromString(propose(access, info_call).response.payload)
    if what == "last-block-hash":
        return info.currentBlockHash
    block_call = {**info_call, "call": ["GetBlockByNumber", "slice", info.height - 1]}
    block = common_pb2.Block.FromString(propose(access, block_call).response.payload)
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[0]).payload)
    return common_pb2.ChannelHeader.FromString(payload.header.channel_header).tx_id.encode()


def _block(payload: bytes) -> Answer:
    shape = block_shape(common_pb2.Block.FromString(payload))
    shape["number"] = 0 if shape["number"] == 0 else "later"
    return shape


def _chain_info(payload: bytes) -> Answer:
    info = ledger_pb2.BlockchainInfo.FromString(payload)
    return {
        "has_height": info.height > 0,
        "hashes": [len(info.currentBlockHash), len(info.previousBlockHash)],
        "snapshot": info.HasField("bootstrappingSnapshotInfo"),
    }


def _processed(payload: bytes) -> Answer:
    found = transaction_pb2.ProcessedTransaction.FromString(payload)
    return {
        "validation_code": transaction_pb2.TxValidationCode.Name(found.validationCode),
        "has_envelope": bool(found.transactionEnvelope.payload),
    }


def _config(payload: bytes) -> Answer:
    config = configtx_pb2.Config.FromString(payload)
    return {"sequence": config.sequence, "groups": sorted(config.channel_group.groups)}


_SHAPES: Mapping[str, Callable[[bytes], Any]] = {
    "GetChainInfo": _chain_info,
    "GetBlockByNumber": _block,
    "GetBlockByHash": _block,
    "GetBlockByTxID": _block,
    "GetTransactionByID": _processed,
    "GetConfigBlock": _block,
    "GetChannelConfig": _config,
    "GetChannels": lambda payload: [
        each.channel_id for each in query_pb2.ChannelQueryResponse.FromString(payload).channels
    ],
}


# -- simulation results


def _range_reads(access: Access, case: Case) -> Answer:
    """What a simulation recorded of its range queries: raw reads, or the summary's shape."""

    def make() -> Answer:
        answer = propose(access, case)
        body = proposal_response_pb2.ProposalResponsePayload.FromString(answer.payload)
        action = proposal_pb2.ChaincodeAction.FromString(body.extension)
        shown: list[Answer] = []
        for namespace in rwset_pb2.TxReadWriteSet.FromString(action.results).ns_rwset:
            for query in kv_rwset_pb2.KVRWSet.FromString(namespace.rwset).range_queries_info:
                shown.append(_range(query))
        return {"code": "OK", "status": answer.response.status, "ranges": shown}

    return guarded(make)


def _range(query: kv_rwset_pb2.RangeQueryInfo) -> Answer:
    shape: Answer = {
        "start": query.start_key,
        "end": query.end_key,
        "exhausted": query.itr_exhausted,
    }
    if query.WhichOneof("reads_info") == "raw_reads":
        shape["raw_reads"] = len(query.raw_reads.kv_reads)
    elif query.WhichOneof("reads_info") == "reads_merkle_hashes":
        summary = query.reads_merkle_hashes
        shape["summary"] = {
            "max_degree": summary.max_degree,
            "max_level": summary.max_level,
            "hashes": len(summary.max_level_hashes),
        }
    return shape


# -- participation


def _participation(access: Access, case: Case) -> Answer:
    url, tls = access.admin(case["at"])
    request, channel = case["request"], case.get("channel", "")
    try:
        if request == "list":
            return {"channels": sorted(participation.channels(url, tls))}
        if request == "channel":
            found = participation.channel(url, channel, tls)
            if found is None:
                return {"found": False}
            return {"found": True, "relation": found.relation, "status": found.status}
        if request == "block":
            return {"status": 200, "block": _block(participation.block(url, channel, case["which"], tls))}
        if request == "remove":
            participation.remove(url, channel, tls)
            return {"status": 204}
        block = b"not a block"
        if request == "join-again":
            block = participation.block(url, channel, case.get("which", 0), tls)
        elif request == "join-emptied":
            emptied = common_pb2.Block.FromString(participation.block(url, channel, 0, tls))
            emptied.data.ClearField("data")
            block = emptied.SerializeToString()
        return {"relation": participation.join(url, block, tls).relation}
    except participation.ParticipationError as error:
        return {"status": error.status, "message": error.message}


_ADMIN: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Discover": _discover,
    "DiscoverMany": lambda access, case: calls_peer.ask_discovery(access, case, _discovered),
    "System": _system,
    "RangeReads": _range_reads,
    "Participation": _participation,
    **calls_lifecycle.CALLS,
    **calls_stream.CALLS,
    **calls_shim.CALLS,
    **calls_launch.CALLS,
    **calls_crafted.CALLS,
    **calls_private.CALLS,
}
