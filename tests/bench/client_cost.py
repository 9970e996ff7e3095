"""What AsyncGateway costs against a bare grpc.aio loop of the three calls, in one run.

CPU of the client's process per submitted transaction, and transactions a second with 50 in flight. All talk
to the same scripted service in another process. ``python -m tests.bench client`` prints the records.

Where the service answers at once, a client's one thread bounds its throughput, whose ratio is then that of
CPU the other way round. What is judged is therefore throughput at a peer's pace: it falls behind the loop's
where a client waits in vain, keeps calls from each other or takes more than is left of its core.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from statistics import median

from fabric_protos.gateway import gateway_pb2_grpc

from hlf import AsyncGateway, Endpoint, SigningIdentity
from tests.bench.bare import ARGUMENT, bare_transaction
from tests.bench.record import Record
from tests.bench.scripted import Pace, service

GOAL, STREAM_GOAL, THROUGHPUT_GOAL = 1.25, 0.9, 0.95
_IN_FLIGHT = 50
# As peers of Fabric 3.1.5 answered with ten in flight, client and network on the same two cores. With 50 they
# took three times that, which would leave nothing to compare.
_PEERS_PACE = Pace(endorse=0.06, submit=0.02)

Act = Callable[[], Awaitable[object]]


def measure(identity: SigningIdentity, *, count: int = 300, rounds: int = 15) -> Iterator[Record]:
    """CPU in ms per transaction, by CommitStatus and by the commit stream, and throughput.

    Ratios are medians over rounds in which all take turns, so that what else runs here weighs on each alike.
    """
    with service(identity.certificate) as address:
        cpu, at_once = asyncio.run(_compare(address, identity, count, rounds))
    with service(identity.certificate, _PEERS_PACE) as address:
        _, paced = asyncio.run(_compare(address, identity, count, rounds))
    for commits, goal in (("status", GOAL), ("stream", STREAM_GOAL)):
        ratio = _ratio(cpu[commits], cpu["bare"])
        yield Record(
            f"client CPU per submitted transaction, commits by {commits}",
            round(median(cpu[commits]), 3),
            "ms",
            round(median(cpu["bare"]), 3),
            round(ratio, 3),
            goal,
            ratio <= goal,
            bound=f"ratio at most {goal}",
        )
    for commits in ("status", "stream"):
        name = f"client throughput, {_IN_FLIGHT} in flight, commits by {commits}"
        yield _throughput(name, paced, commits, THROUGHPUT_GOAL)
        yield _throughput(f"{name}, service without delay", at_once, commits, None)


def _throughput(name: str, rate: dict[str, list[float]], commits: str, goal: float | None) -> Record:
    ratio = _ratio(rate[commits], rate["bare"])
    return Record(
        name,
        round(median(rate[commits]), 1),
        "tx/s",
        round(median(rate["bare"]), 1),
        round(ratio, 3),
        goal,
        None if goal is None else ratio >= goal,
        bound="" if goal is None else f"ratio at least {goal}",
    )


def _ratio(ours: list[float], bare: list[float]) -> float:
    return median(one / other for one, other in zip(ours, bare, strict=True))


async def _compare(
    address: str, identity: SigningIdentity, count: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
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
    return cpu, rate


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
