"""A peer that sends anything, in every state of the stream, to a Stream without a socket."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from hlf_chaincode import Context, Contract, query, transaction
from hlf_chaincode.abilities import Abilities
from hlf_chaincode.contract import Registry
from hlf_chaincode.serving.stream import Stream
from hlf_chaincode.serving.workers import Workers
from hlf_chaincode.session import Session
from tests.soak.mutation import mutated
from tests.unit.hlf_chaincode.fake_peer import Message
from tests.unit.hlf_chaincode.fake_peer import transaction as proposed

DEADLINE = 20.0
STATES = ("created", "established", "ready", "busy")
_WORKERS = 8


class Anything(Contract):
    """Asks the peer for everything that a contract can ask for."""

    name = "anything"

    @query
    def echo(self, ctx: Context, text: str) -> str:
        return text

    @transaction
    def everything(self, ctx: Context, key: str) -> int:
        private = ctx.private("c")
        ctx.state.put(key, ctx.state.get(key) or b"v")
        private.put(key, b"v")
        ctx.state.get_many([key, "other"])
        private.hash(key)
        ctx.state.set_policy(key, b"p")
        found = len(list(ctx.state.range())) + len(list(ctx.state.history(key)))
        ctx.state.get_policy(key)
        ctx.emit("Everything", key.encode())
        return found

    @query
    def reads(self, ctx: Context, key: str) -> int:
        next(ctx.state.range(), None)
        ctx.state.range_page("", "", 2)
        ctx.state.query("{}")
        ctx.invoke("other", ["f"], "elsewhere")
        return len(ctx.state.get(key) or b"")


class _Wire:
    """Messages in and out, and who reacts to those that go out."""

    end = None

    def __init__(self, react) -> None:
        self._in: asyncio.Queue[Message | None] = asyncio.Queue()
        self._react = react

    def give(self, message: Message | None) -> None:
        self._in.put_nowait(message)

    async def read(self) -> Message | None:
        return await self._in.get()

    async def write(self, message: Message) -> None:
        # As on a socket: others run before it is written, and what is sent is what was written.
        await asyncio.sleep(0)
        self._react(Message.FromString(message.SerializeToString()))

    async def close(self) -> None:
        pass


@dataclass
class Fuzz:
    """Streams of broken messages, one after the other, all on the same threads."""

    seed: int
    sent: int = 0
    streams: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._registry = Registry([Anything])

    async def run(self, messages: int) -> None:
        """AssertionError for a stream that crashes, hangs, or leaves something behind."""
        self._workers = Workers(_WORKERS, 50)
        try:
            tasks = len(asyncio.all_tasks())
            while self.sent < messages:
                for state in STATES:
                    await _Stream(self, state).run()
                await self._check_sound()
                assert len(asyncio.all_tasks()) <= tasks
        finally:
            self._workers.close()

    def stream(self, wire: _Wire) -> Stream:
        return Stream(Session("fuzz:1", self._registry), wire, self._workers, time_limit=0.5)

    async def _check_sound(self) -> None:
        """After all that, a sound peer is served."""
        answers: asyncio.Queue[Message] = asyncio.Queue()
        wire = _Wire(answers.put_nowait)
        serving = asyncio.create_task(self.stream(wire).run())
        async with asyncio.timeout(DEADLINE):
            for message in (
                Message(type=Message.REGISTERED),
                Message(type=Message.READY),
                proposed("sound", b"echo", b"sound"),
            ):
                wire.give(message)
            assert (await answers.get()).type == Message.REGISTER
            answer = await answers.get()
            assert proposal_response_pb2.Response.FromString(answer.payload).payload == b"sound"
            wire.give(None)
            await serving
            while self._workers.abandoned:  # noqa: ASYNC110 - threads end when they end
                await asyncio.sleep(0.001)


class _Stream:
    """One stream: brought to a state, then sent anything until it ends or has had enough."""

    def __init__(self, fuzz: Fuzz, state: str) -> None:
        self._fuzz = fuzz
        self._state = state
        self._chance = fuzz._chance
        self._begun: Counter[tuple[str, str]] = Counter()
        self._answered: Counter[tuple[str, str]] = Counter()
        self._wire = _Wire(self._react)
        self._stream = fuzz.stream(self._wire)
        self._last: list[Message] = []

    async def run(self) -> None:
        serving = asyncio.create_task(self._stream.run())
        self._fuzz.streams[self._state] += 1
        try:
            async with asyncio.timeout(DEADLINE):
                self._open()
                for _ in range(self._chance.randint(1, 60)):
                    if serving.done():
                        break
                    self._send(self._broken())
                    if self._chance.random() < 0.5:
                        await asyncio.sleep(0)
                ended = serving.done()
                self._wire.give(None)
                await serving
        except TimeoutError:
            raise AssertionError(f"a stream hangs, in {self._state}: seed {self._fuzz.seed}") from None
        self._fuzz.ends["by error" if ended else "by the peer"] += 1
        assert self._stream.in_flight == 0
        for key, answers in self._answered.items():
            assert answers <= self._begun[key], f"{key} is answered {answers} times"

    def _open(self) -> None:
        if self._state == "created":
            return
        self._wire.give(Message(type=Message.REGISTERED))
        if self._state == "established":
            return
        abilities = Abilities(100, 100) if self._chance.random() < 0.5 else Abilities()
        self._wire.give(Message(type=Message.READY, payload=abilities.to_payload()))
        if self._state == "busy":
            for number in range(self._chance.randint(1, 12)):
                function = self._chance.choice((b"everything", b"reads"))
                self._send(proposed(f"tx{number}", function, b"k"))

    def _send(self, message: Message) -> None:
        self._fuzz.sent += 1
        if message.type in (Message.TRANSACTION, Message.INIT):
            self._begun[message.channel_id, message.txid] += 1
        self._wire.give(message)

    def _broken(self) -> Message:
        chance = self._chance
        what = chance.random()
        if what < 0.1:
            # The type of any message, the rest by chance.
            return Message(
                type=chance.choice(Message.Type.values()),
                payload=chance.randbytes(chance.randrange(40)),
                txid=f"tx{chance.randrange(14)}",
                channel_id="ch",
            )
        sound = self._sound()
        if what < 0.3:
            return sound
        return _mutated(sound, chance)

    def _sound(self) -> Message:
        """A message that a peer may send, though not now."""
        chance = self._chance
        txid = f"tx{chance.randrange(14)}"
        kind = chance.choice(
            (
                Message.TRANSACTION,
                Message.TRANSACTION,
                Message.INIT,
                Message.RESPONSE,
                Message.RESPONSE,
                Message.ERROR,
                Message.KEEPALIVE,
                Message.READY,
                Message.REGISTERED,
            )
        )
        if kind in (Message.TRANSACTION, Message.INIT):
            function = chance.choice(
                (b"echo", b"everything", b"reads", b"org.hyperledger.fabric:GetMetadata")
            )
            message = proposed(txid, function, b"k", transient={"t": b"v"})
            message.type = kind
            return message
        if kind in (Message.READY, Message.REGISTERED) and chance.random() < 0.8:
            # They end a stream: seldom, so that streams get anywhere.
            kind = Message.KEEPALIVE
        return Message(type=kind, txid=txid, channel_id="ch", payload=_payload(chance))

    def _react(self, message: Message) -> None:
        """What the peer does about a message of the chaincode: answers it, rightly or not, or does not."""
        chance = self._chance
        if message.type == Message.COMPLETED:
            self._answered[message.channel_id, message.txid] += 1
            return
        if message.type in (Message.REGISTER, Message.KEEPALIVE, Message.ERROR):
            return
        what = chance.random()
        if what < 0.1:
            return
        answer = Message(
            type=Message.ERROR if what < 0.2 else Message.RESPONSE,
            txid=message.txid,
            channel_id=message.channel_id,
            payload=_payload(chance),
        )
        for _ in range(2 if what > 0.9 else 1):
            self._send(_mutated(answer, chance) if chance.random() < 0.3 else answer)


def _payload(chance: random.Random) -> bytes:
    """The payload of an answer to one or the other request."""
    item = kv_query_result_pb2.KV(namespace="n", key="k", value=b"v").SerializeToString()
    results = [chaincode_shim_pb2.QueryResultBytes(resultBytes=item)] * chance.randrange(3)
    completed = proposal_response_pb2.Response(status=200, payload=b"p").SerializeToString()
    return chance.choice(
        (
            b"",
            b"value",
            chaincode_shim_pb2.QueryResponse(
                results=results, has_more=chance.random() < 0.3, id="1"
            ).SerializeToString(),
            chaincode_shim_pb2.GetStateMultipleResult(values=[b"a", b"b"]).SerializeToString(),
            Message(type=Message.COMPLETED, payload=completed).SerializeToString(),
            Abilities(100, 100).to_payload(),
        )
    )


def _mutated(message: Message, chance: random.Random) -> Message:
    """A broken copy that can still be read: what cannot be read gRPC refuses before it is a message."""
    content = message.SerializeToString()
    while True:
        try:
            return Message.FromString(mutated(content, chance))
        except DecodeError:
            continue
