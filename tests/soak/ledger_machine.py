"""Random transactions on the emulator's ledger and on the model, side by side; see `model`."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from fabric_protos.common import common_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2
from google.protobuf.message import Message
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hlf.wire.transaction import assemble_transaction
from hlf_chaincode import key_policy
from hlf_emulator.ledger.rwset import key_hash, sha256
from hlf_emulator.ledger.state import VALIDATION_PARAMETER
from hlf_emulator.peer.execution import ChaincodeSupport, EndorsementInfo, InvocationError, TransactionParams
from hlf_emulator.peer.ledger_calls import CallContext, CallError, answer
from tests.soak.model import MEMBERS, PUBLIC, Effect, Model, Op, Proposed, Refused
from tests.unit.hlf_emulator.peer.peer_world import CHANNEL, ORGANIZATIONS, Code, Keys, World, make_keys

_CHAINCODE = "store"
_Shim = chaincode_shim_pb2.ChaincodeMessage
_KEYS = ("a", "b", "c")
_READS = ("get", "hash", "range")

keys = st.sampled_from(_KEYS)
bounds = st.tuples(st.sampled_from(("", *_KEYS)), st.sampled_from(("", *_KEYS)))
collections = st.sampled_from(sorted(MEMBERS))
owners = st.sampled_from(("alpha", "beta"))
endorsers = st.lists(st.sampled_from(ORGANIZATIONS), unique=True, min_size=1).map(frozenset)
usual = st.just(frozenset({"alpha", "beta"}))


@st.composite
def calls(draw: st.DrawFn) -> list[Op]:
    """What one transaction does: reads before writes, each private key written once."""
    if draw(st.booleans()):
        # What most contracts do, and what most conflicts come of.
        collection, key = draw(st.one_of(st.just(PUBLIC), collections)), draw(keys)
        first = Op("range", PUBLIC, *draw(bounds)) if draw(st.booleans()) else Op("get", collection, key)
        return [first, Op(draw(st.sampled_from(("put", "put", "delete"))), collection, key)]
    ops: list[Op] = []
    written: set[tuple[str, str]] = set()
    for _ in range(draw(st.integers(1, 4))):
        collection = draw(st.one_of(st.just(PUBLIC), collections))
        key = draw(keys)
        if collection == PUBLIC:
            kind = draw(st.sampled_from(("get", "put", "put", "delete", "own", "range")))
        else:
            kind = draw(st.sampled_from(("get", "put", "put", "delete", "own", "hash", "purge")))
        value = ""
        if kind == "own":
            # A key of alpha's own collection stays with alpha: nobody else is sure to have its value.
            value = "alpha" if collection == "alpha" else draw(owners)
        if kind == "range":
            key, value = draw(bounds)
        if collection and kind not in _READS:
            if (collection, key) in written:
                continue
            written.add((collection, key))
        ops.append(Op(kind, collection, key, value))
    return sorted(ops, key=lambda op: op.kind not in _READS)


proposals = st.tuples(
    calls(), st.one_of(usual, usual, usual, endorsers), st.sampled_from((False,) * 15 + (True,))
)


class Chaincode(ChaincodeSupport):
    """Runs the calls that a proposal names on the peer's simulation, without a stream."""

    async def execute(
        self,
        name: str,
        spec_input: chaincode_pb2.ChaincodeInput,
        params: TransactionParams,
        info: EndorsementInfo | None = None,
    ) -> _Shim:
        if name != _CHAINCODE:
            return await super().execute(name, spec_input, params, info)
        context = CallContext(
            transaction_id=params.transaction_id,
            namespace=name,
            invoked=name,
            signed=params.signed,
            creator=params.creator,
            channel=params.channel,
            simulator=params.simulator,
        )
        try:
            answers = [_call(context, Op(*fields)) for fields in json.loads(spec_input.args[0])]
        except CallError as refusal:
            raise InvocationError(str(refusal)) from refusal
        response = proposal_response_pb2.Response(status=200, payload=json.dumps(answers).encode())
        return _Shim(type=_Shim.COMPLETED, payload=response.SerializeToString())


def _call(context: CallContext, op: Op) -> object:
    where = {"key": op.key, "collection": op.collection}

    def ask(kind: int, message: Message) -> bytes:
        return answer(context, kind, message.SerializeToString())

    if op.kind == "get":
        return ask(_Shim.GET_STATE, chaincode_shim_pb2.GetState(**where)).decode()
    if op.kind == "hash":
        return bool(ask(_Shim.GET_PRIVATE_DATA_HASH, chaincode_shim_pb2.GetState(**where)))
    if op.kind == "range":
        asked = chaincode_shim_pb2.GetStateByRange(startKey=op.key, endKey=op.value)
        found = chaincode_shim_pb2.QueryResponse.FromString(ask(_Shim.GET_STATE_BY_RANGE, asked))
        return [kv_query_result_pb2.KV.FromString(item.resultBytes).key for item in found.results]
    if op.kind == "put":
        ask(_Shim.PUT_STATE, chaincode_shim_pb2.PutState(value=op.value.encode(), **where))
    elif op.kind == "delete":
        ask(_Shim.DEL_STATE, chaincode_shim_pb2.DelState(**where))
    elif op.kind == "purge":
        ask(_Shim.PURGE_PRIVATE_DATA, chaincode_shim_pb2.DelState(**where))
    else:
        policy = chaincode_shim_pb2.StateMetadata(metakey=VALIDATION_PARAMETER, value=key_policy([op.value]))
        put = chaincode_shim_pb2.PutStateMetadata(metadata=policy, **where)
        ask(_Shim.PUT_STATE_METADATA, put)
    return None


class Template:
    """A channel with the chaincode deployed, made once and copied for every run."""

    def __init__(self) -> None:
        self.keys: Keys = make_keys()
        self._folder = tempfile.TemporaryDirectory(prefix="ledger-")
        self.path = Path(self._folder.name)
        asyncio.run(self._make())

    async def _make(self) -> None:
        world = World(self.keys, self.path)
        await world.start()
        for peer in world.peers.values():
            await peer.join(self.keys.genesis)
        await world.deploy(_CHAINCODE, ORGANIZATIONS)
        await world.stop()

    def close(self) -> None:
        self._folder.cleanup()


@contextmanager
def template() -> Iterator[None]:
    """Makes the channel that machines start from, for the length of the block."""
    LedgerMachine.template = Template()
    try:
        yield
    finally:
        LedgerMachine.template.close()


class LedgerMachine(RuleBasedStateMachine):
    """Endorses, orders, lags, catches up and restarts; compares after every step."""

    template: Template

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="ledger-")
        self._state = Path(self._folder.name) / "state"
        self._pending: list[tuple[Proposed, bytes]] = []
        self._done: list[tuple[Proposed, bytes]] = []
        self._values = 0

    def _run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    @initialize()
    def begin(self) -> None:
        shutil.copytree(self.template.path, self._state)
        self._run(self._open())
        self.model = Model(self.world.shared.ledger(CHANNEL).height)

    async def _open(self) -> None:
        self.world = World(self.template.keys, self._state)
        await self.world.start()
        for peer in self.world.peers.values():
            peer.chaincodes = Chaincode(peer)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._run(self.world.stop())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()

    def _height(self, organization: str) -> int:
        return self.world.channel(organization).ledger.height

    @rule(several=st.lists(proposals, min_size=1, max_size=4))
    def endorse(self, several: list[tuple[list[Op], frozenset[str], bool]]) -> None:
        for ops, by, spoilt in several:
            self._endorse(ops, by, spoilt)

    def _endorse(self, ops: list[Op], by: frozenset[str], spoilt: bool) -> None:
        ops = [self._numbered(op) for op in ops]
        expected = [self._expected(organization, ops) for organization in sorted(by)]
        parts = self.world.propose(json.dumps(ops), chaincode=_CHAINCODE)
        signed = self.world.sign(parts)
        answers = []
        for organization, effect in zip(sorted(by), expected, strict=True):
            response = self._run(self.world.peers[organization].process_proposal(signed))
            if effect is None:
                assert response.response.status == 500, f"{organization} endorses {ops}"
                assert "is not available" in response.response.message
                return
            assert response.response.status == 200, response.response.message
            assert json.loads(response.response.payload) == effect.answers
            answers.append(response)
        effects = cast(list[Effect], expected)
        if any(effect != effects[0] for effect in effects):
            assert len({response.payload for response in answers}) > 1
            return
        envelope = assemble_transaction(parts.proposal, answers)
        envelope.signature = self.template.keys.identities["alpha/client"].sign(envelope.payload)
        if spoilt:
            envelope.signature = self.template.keys.identities["alpha/client"].sign(b"another message")
        proposed = Proposed(parts.transaction_id, effects[0], by, spoilt)
        self._pending.append((proposed, envelope.SerializeToString()))

    def _numbered(self, op: Op) -> Op:
        """Every value is written once, so that a purged one can be looked for."""
        if op.kind != "put":
            return op
        self._values += 1
        return op._replace(value=f"value-{self._values:06}")

    def _expected(self, organization: str, ops: Sequence[Op]) -> Effect | None:
        try:
            return self.model.simulate(organization, self._height(organization), ops)
        except Refused:
            return None

    @precondition(lambda self: self._pending)
    @rule(
        data=st.data(),
        to=st.one_of(st.just(frozenset(ORGANIZATIONS)), endorsers),
        again=st.integers(0, 4),
    )
    def order(self, data: st.DataObject, to: frozenset[str], again: int) -> None:
        chosen = data.draw(st.permutations(self._pending))[: data.draw(st.integers(1, 5))]
        self._pending = [item for item in self._pending if item not in chosen]
        if again == 0:
            chosen.append(chosen[0])
        elif again == 1 and self._done:
            chosen.insert(0, self._done[-1])
        self._done += chosen
        self._run(self._commit([envelope for _, envelope in chosen], to))
        codes = self.model.commit([proposed for proposed, _ in chosen])
        block = self.world.shared.ledger(CHANNEL).block(self.model.height - 1)
        found = [Code.Name(code) for code in block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER]]
        assert found == codes

    async def _commit(self, envelopes: Sequence[bytes], to: frozenset[str]) -> None:
        block = self.world.cut(*envelopes)
        for organization in sorted(to):
            await self._catch_up(organization)
            await self.world.channel(organization).commit(block)

    async def _catch_up(self, organization: str) -> None:
        ledger = self.world.shared.ledger(CHANNEL)
        channel = self.world.channel(organization)
        while channel.ledger.height < ledger.height:
            await channel.commit(ledger.block(channel.ledger.height))

    @rule(organization=st.sampled_from(ORGANIZATIONS))
    def catch_up(self, organization: str) -> None:
        self._run(self._catch_up(organization))

    @rule()
    def restart(self) -> None:
        self._run(self.world.stop())
        self._run(self._open())
        assert {self._height(organization) for organization in ORGANIZATIONS} == {self.model.height}

    @invariant()
    def public_state_is_the_models(self) -> None:
        if not hasattr(self, "model"):
            return
        found: dict[Any, Any] = {}
        for space, key, entry in self.world.shared.ledger(CHANNEL).state.entries():
            if space.namespace == _CHAINCODE:
                found[space.collection, key] = (entry.value, entry.version, entry.validation_parameter)
        wanted: dict[Any, Any] = {}
        for (collection, key), entry in self.model.state(self.model.height).items():
            policy = key_policy([entry.owner]) if entry.owner else None
            if collection:
                wanted[collection, key_hash(key)] = sha256(entry.value.encode()), entry.version, policy
            else:
                wanted[collection, key] = entry.value.encode(), entry.version, policy
        assert found == wanted
        history = {key: self.world.shared.ledger(CHANNEL).history(_CHAINCODE, key) for key in _KEYS}
        assert {key: list(map(tuple, found)) for key, found in history.items() if found} == self.model.history

    @invariant()
    def members_and_nobody_else_hold_private_values(self) -> None:
        if not hasattr(self, "model"):
            return
        for organization in ORGANIZATIONS:
            ledger = self.world.channel(organization).ledger
            found = {
                (space.collection, key): (entry.value.decode(), entry.version)
                for space, key, entry in ledger.private.entries()
                if space.namespace == _CHAINCODE
            }
            held = self.model.held(organization, ledger.height)
            assert found == {place: (entry.value, entry.version) for place, entry in held.items()}
            assert not ledger.private.missing()

    @invariant()
    def nothing_purged_is_left(self) -> None:
        if not hasattr(self, "model") or not self.model.purged:
            return
        for organization in ORGANIZATIONS:
            ledger = self.world.channel(organization).ledger
            if ledger.height < self.model.height:
                continue
            for number in range(self.model.first, ledger.height):
                for written in ledger.private_data(number).values():
                    content = written.SerializeToString()
                    assert not any(value.encode() in content for value in self.model.purged)

    @invariant()
    def transactions_are_found_with_their_codes(self) -> None:
        if not hasattr(self, "model"):
            return
        ledger = self.world.shared.ledger(CHANNEL)
        for name, code in self.model.codes.items():
            place = ledger.place(name)
            assert place is not None
            assert Code.Name(place.code) == code
