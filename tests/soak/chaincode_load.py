"""Many transactions at a chaincode process, by a peer that counts every answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio
from fabric_protos.peer import proposal_response_pb2

from hlf_chaincode import Context, Contract, transaction
from tests.unit.hlf_chaincode.fake_peer import Message
from tests.unit.hlf_chaincode.fake_peer import transaction as proposed

_ROOT = Path(__file__).resolve().parents[2]


class Load(Contract):
    """Reads and writes a key."""

    name = "load"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        ctx.state.put(key, (ctx.state.get(key) or b"") + value.encode())
        return key


@dataclass
class ChaincodeProcess:
    """A process that serves ``Load``."""

    pid: int
    address: str

    def memory(self) -> int:
        """Bytes resident (Linux)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")


@contextmanager
def chaincode_process(*arguments: str) -> Iterator[ChaincodeProcess]:
    """Started, and ended in order."""
    command = [sys.executable, "-m", "hlf_chaincode.server", f"{__name__}:Load", *arguments]
    environment = {**os.environ, "CHAINCODE_ID": "load:1", "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, address = process.stdout.readline().split()
        yield ChaincodeProcess(process.pid, address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@dataclass
class Answers:
    """What came back: how often each transaction was answered, wrong answers, and how long each took."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, part: float) -> float:
        """Seconds within which this part of the transactions was answered."""
        return sorted(self.seconds)[int(part * (len(self.seconds) - 1))]


async def load(address: str, count: int, in_flight: int, first: int = 0) -> Answers:
    """Transactions ``first`` to ``first + count``, ``in_flight`` at a time on one stream."""
    answers = Answers()
    begun: dict[str, float] = {}
    numbers = iter(range(first, first + count))
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )()
        await stream.read()
        await stream.write(Message(type=Message.REGISTERED))
        await stream.write(Message(type=Message.READY))

        async def begin() -> None:
            if (number := next(numbers, None)) is not None:
                txid = f"tx{number}"
                message = proposed(txid, b"put", b"key-of-" + txid.encode(), b"x" * 200)
                begun[txid] = time.perf_counter()
                await stream.write(message)

        for _ in range(in_flight):
            await begin()
        while len(answers.seconds) < count:
            message = await stream.read()
            if message.type == Message.COMPLETED:
                answers.seconds.append(time.perf_counter() - begun[message.txid])
                answers.counts[message.txid] += 1
                response = proposal_response_pb2.Response.FromString(message.payload)
                if response.status != 200 or response.payload != f"key-of-{message.txid}".encode():
                    answers.wrong.append(f"{message.txid}: {response.status} {response.message}")
                await begin()
            else:
                await stream.write(
                    Message(type=Message.RESPONSE, txid=message.txid, channel_id=message.channel_id)
                )
        # Whatever else is on its way comes before the end of the stream.
        await stream.done_writing()
        while (message := await stream.read()) is not grpc.aio.EOF:
            answers.counts[message.txid] += 1
    return answers
