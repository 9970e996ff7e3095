"""What AsyncGateway costs against a bare grpc.aio loop of the three calls, in one run.

CPU of the client's process per submitted transaction, and transactions a second with 50 in flight. All talk
to the same scripted service in another process. ``python -m tests.bench client`` prints the records.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

from fabric_protos.gateway import gateway_pb2_grpc

from hlf import AsyncGateway, Endpoint, SigningIdentity
from tests.bench.bare import ARGUMENT, bare_transaction
from tests.bench.record import Record
from tests.bench.scripted import service

GOAL, STREAM_GOAL, THROUGHPUT_GOAL = 1.25, 0.9, 0.95
_IN_FLIGHT = 50

Act = Callable[[], Awaitable[object]]


def measure(identity: SigningIdentity, *, count: int = 1000, rounds: int = 5) -> Iterator[Record]:
    """Four records: CPU in ms per transaction and throughput, by CommitStatus and by the commit stream."""
    with service(identity.certificate) as address:
        cpu, rate = asyncio.run(_compare(address, identity, count, rounds))
    for commits, goal in (("status", GOAL), ("stream", STREAM_GOAL)):
        yield Record.of(
            f"client CPU per submitted transaction, commits by {commits}",
            cpu[commits],
            "ms",
            baseline=cpu["bare"],
            goal=goal,
            judge="ratio at most",
        )
    ratio = rate["status"] / rate["bare"]
    yield Record(
        f"client throughput, {_IN_FLIGHT} in flight",
        round(rate["status"], 1),
        "tx/s",
        round(rate["bare"], 1),
        round(ratio, 3),
        THROUGHPUT_GOAL,
        ratio >= THROUGHPUT_GOAL,
        bound=f"ratio at least {THROUGHPUT_GOAL}",
    )


async def _compare(
    address: str, identity: SigningIdentity, count: int, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    endpoint = Endpoint(address)
    async with (
        endpoint.connect_async() as channel,
        AsyncGateway(endpoint, identity) as by_status,
        AsyncGateway(endpoint, identity, commits="stream") as by_stream,
    ):
        stub = gateway_pb2_grpc.GatewayStub(channel)
        contracts = {
            "status": by_status.network("ch").contract("basic"),
            "stream": by_stream.network("ch").contract("basic"),
        }
        acts: dict[str, Act] = {"bare": lambda: bare_transaction(stub, identity)}
        acts |= {name: _submits(contract) for name, contract in contracts.items()}
        cpu: dict[str, list[float]] = {name: [] for name in acts}
        rate: dict[str, list[float]] = {name: [] for name in acts}
        for _ in range(rounds):
            for name, act in acts.items():
                spent, seconds = await _run(act, count)
                cpu[name].append(spent * 1000 / count)
                rate[name].append(count / seconds)
    return {name: min(all_) for name, all_ in cpu.items()}, {name: max(all_) for name, all_ in rate.items()}


def _submits(contract: object) -> Act:
    submit: Callable[..., Awaitable[object]] = contract.submit  # type: ignore[attr-defined]
    return lambda: submit("Write", ARGUMENT)


async def _run(act: Act, count: int) -> tuple[float, float]:
    """CPU seconds of this process, and seconds, for ``count`` transactions."""

    async def worker(number: int) -> None:
        for _ in range(number):
            await act()

    await worker(2)
    cpu, clock = time.process_time(), time.monotonic()
    await asyncio.gather(*(worker(count // _IN_FLIGHT) for _ in range(_IN_FLIGHT)))
    return time.process_time() - cpu, time.monotonic() - clock
