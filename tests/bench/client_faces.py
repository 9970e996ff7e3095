"""CPU per transaction of gRPC's three faces for Python: what ADR 7 weighs.

The same three calls, made bare: awaited on grpc.aio; blocking in 50 threads; and as futures of the
synchronous face whose callbacks wake an event loop. ``python -m tests.bench.client_faces`` prints them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2_grpc

from hlf import Endpoint, SigningIdentity
from tests.bench.bare import bare_transaction, blocking_transaction
from tests.bench.record import Record, table
from tests.bench.scripted import service
from tests.unit.hlf.fake_gateway import make_identity

_IN_FLIGHT = 50


def measure(count: int = 500, rounds: int = 7) -> Iterator[Record]:
    """A record for each face, with grpc.aio's figure as the baseline; ratios are medians over rounds."""
    identity = make_identity()
    with service(identity.certificate) as address:
        faces: dict[str, Callable[[], float]] = {
            "aio": lambda: asyncio.run(_awaited(address, identity, count, futures=False)),
            "futures": lambda: asyncio.run(_awaited(address, identity, count, futures=True)),
            "threads": lambda: _threads(address, identity, count),
        }
        figures: dict[str, list[float]] = {name: [] for name in faces}
        for _ in range(rounds):
            for name, run in faces.items():
                figures[name].append(run())
    for name, values in figures.items():
        yield Record(
            f"bare gRPC, {name}: CPU per transaction",
            round(median(values), 3),
            "ms",
            round(median(figures["aio"]), 3),
            round(median(one / aio for one, aio in zip(values, figures["aio"], strict=True)), 3),
        )


async def _awaited(address: str, identity: SigningIdentity, count: int, *, futures: bool) -> float:
    if not futures:
        async with Endpoint(address).connect_async() as channel:
            return await _cpu(gateway_pb2_grpc.GatewayStub(channel), identity, count)
    with Endpoint(address).connect() as channel:
        return await _cpu(_Futures(gateway_pb2_grpc.GatewayStub(channel)), identity, count)


async def _cpu(stub: Any, identity: SigningIdentity, count: int) -> float:
    async def worker(number: int) -> None:
        for _ in range(number):
            await bare_transaction(stub, identity)

    await worker(20)
    start = time.process_time()
    await asyncio.gather(*(worker(count // _IN_FLIGHT) for _ in range(_IN_FLIGHT)))
    return (time.process_time() - start) * 1000 / count


def _threads(address: str, identity: SigningIdentity, count: int) -> float:
    with Endpoint(address).connect() as channel, ThreadPoolExecutor(_IN_FLIGHT) as pool:
        stub = gateway_pb2_grpc.GatewayStub(channel)

        def worker(number: int) -> None:
            for _ in range(number):
                blocking_transaction(stub, identity)

        list(pool.map(worker, [2] * _IN_FLIGHT))
        start = time.process_time()
        list(pool.map(worker, [count // _IN_FLIGHT] * _IN_FLIGHT))
        return (time.process_time() - start) * 1000 / count


class _Futures:
    """A stub whose calls are futures of the synchronous face, made awaitable."""

    def __init__(self, stub: gateway_pb2_grpc.GatewayStub) -> None:
        self._loop = asyncio.get_running_loop()
        self.Endorse = self._awaitable(stub.Endorse)
        self.Submit = self._awaitable(stub.Submit)
        self.CommitStatus = self._awaitable(stub.CommitStatus)

    def _awaitable(self, method: Any) -> Callable[..., Awaitable[Any]]:
        def call(request: Any, timeout: float) -> asyncio.Future[Any]:
            waiter: asyncio.Future[Any] = self._loop.create_future()

            def done(future: grpc.Future) -> None:
                self._loop.call_soon_threadsafe(waiter.set_result, future.result())

            method.future(request, timeout=timeout).add_done_callback(done)
            return waiter

        return call


if __name__ == "__main__":
    sys.stdout.write(table(measure()) + "\n")
