"""What a chaincode should not ask: ledger calls broken in many ways are answered or refused, no more."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from fabric_protos.peer import chaincode_shim_pb2, proposal_pb2
from google.protobuf.message import Message

from hlf_chaincode import key_policy
from hlf_emulator.ledger.state import VALIDATION_PARAMETER
from hlf_emulator.peer.ledger_calls import CallContext, CallError, answer
from tests.soak.mutation import mutated
from tests.unit.hlf_emulator.peer.peer_world import ORGANIZATIONS, OWN, SHARED, World, make_keys, running

Shim = chaincode_shim_pb2
Type = Shim.ChaincodeMessage
_POLICY = Shim.StateMetadata(metakey=VALIDATION_PARAMETER, value=key_policy(["alpha"]))
_PAGE = Shim.QueryMetadata(pageSize=2, bookmark="b").SerializeToString()
_RECORDS = [
    Shim.WriteRecord(key="k", value=b"v", type=Shim.WriteRecord.PUT_STATE),
    Shim.WriteRecord(key="k", collection=SHARED, type=Shim.WriteRecord.DEL_STATE),
    Shim.WriteRecord(key="k", collection=OWN, type=Shim.WriteRecord.PURGE_PRIVATE_DATA),
    Shim.WriteRecord(key="k", metadata=_POLICY, type=Shim.WriteRecord.PUT_STATE_METADATA),
]
_CALLS: list[tuple[int, Message]] = [
    (Type.GET_STATE, Shim.GetState(key="k")),
    (Type.GET_STATE, Shim.GetState(key="k", collection=SHARED)),
    (Type.GET_STATE_MULTIPLE, Shim.GetStateMultiple(keys=["k", "l"], collection=SHARED)),
    (Type.GET_PRIVATE_DATA_HASH, Shim.GetState(key="k", collection=SHARED)),
    (Type.GET_STATE_METADATA, Shim.GetStateMetadata(key="k", collection=OWN)),
    (Type.GET_STATE_BY_RANGE, Shim.GetStateByRange(startKey="a", endKey="z", metadata=_PAGE)),
    (Type.GET_STATE_BY_RANGE, Shim.GetStateByRange(startKey="a", endKey="z", collection=SHARED)),
    (Type.GET_QUERY_RESULT, Shim.GetQueryResult(query="{}", metadata=_PAGE)),
    (Type.GET_HISTORY_FOR_KEY, Shim.GetHistoryForKey(key="k")),
    (Type.QUERY_STATE_NEXT, Shim.QueryStateNext(id="0")),
    (Type.QUERY_STATE_CLOSE, Shim.QueryStateClose(id="0")),
    (Type.PUT_STATE, Shim.PutState(key="k", value=b"v", collection=SHARED)),
    (Type.PUT_STATE_METADATA, Shim.PutStateMetadata(key="k", metadata=_POLICY)),
    (Type.DEL_STATE, Shim.DelState(key="k")),
    (Type.PURGE_PRIVATE_DATA, Shim.DelState(key="k", collection=SHARED)),
    (Type.WRITE_BATCH_STATE, Shim.WriteBatchState(rec=_RECORDS)),
]


def _context(world: World, number: int) -> CallContext:
    channel = world.channel("alpha")
    creator = world.keys.identities["alpha/client"].serialized()
    simulator = channel.simulator(f"tx-{number}")
    signed = proposal_pb2.SignedProposal()
    return CallContext(f"tx-{number}", "store", "store", signed, creator, channel, simulator)


def test_a_broken_call_is_answered_or_refused(tmp_path: Path) -> None:
    chance = random.Random(7)

    async def run() -> None:
        async with running(make_keys(), tmp_path) as world:
            await world.deploy("store", ORGANIZATIONS)
            answered = refused = 0
            for number in range(150):
                context = _context(world, number)
                for kind, call in _CALLS:
                    broken = mutated(call.SerializeToString(), chance)
                    try:
                        assert isinstance(answer(context, kind, broken), bytes)
                        answered += 1
                    except CallError:
                        refused += 1
                assert context.simulator is not None
                context.simulator.finish()
                # What was written can be encoded, whatever it is.
                context.simulator.rwset.public()
                context.simulator.rwset.private()
                context.simulator.close()
            assert answered > 100
            assert refused > 100

    asyncio.run(run())
