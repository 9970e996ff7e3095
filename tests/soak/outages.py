"""Nodes that die under a client's hands, and what the client must have noticed of it: nothing.

`soak_events` and `soak_orderers` do it for long, tests/integration/test_outages.py for a moment.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import yaml

import hlf
from hlf import AsyncGateway, Gateway, Retry
from hlf.effects import Commits, Timeouts
from hlf.profile import load_profile
from hlf.streams import EventStream
from hlf_network import Consortium
from hlf_network.access import Access
from hlf_network.errors import NetworkError
from hlf_network.waiting import wait_until
from tests.networks import KINDS
from tests.soak.emulated import CHAINCODE, CHANNEL, VALID, Chain

WAIT = 240.0
STANDS = 60.0
_PATIENT = Retry(attempts=40, pause=0.1)


@contextmanager
def network_of_its_own(kind: str, name: str, folder: Path, runtime: str) -> Iterator[Consortium]:
    """A network of a kind of tests/networks.py, for the length of the block."""
    data = yaml.safe_load(KINDS[kind].topology(folder).read_text(encoding="utf-8"))
    data["network"] = name
    topology = folder / "topology.yaml"
    topology.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    network = Consortium(topology, folder / "state", runtime=runtime)
    try:
        network.up()
        yield network
    finally:
        network.down()


@dataclass
class Heard:
    """Keys whose events a listener was handed, in order, and what broke it."""

    keys: list[str] = field(default_factory=list)
    error: BaseException | None = None
    stream: EventStream[hlf.ChaincodeEvent] | None = None


class Listeners:
    """Three listeners at one organization: in a thread, as a task, and one that starts again and again."""

    def __init__(self, network: Consortium, organization: str, folder: Path, last: str) -> None:
        self.heard = {name: Heard() for name in ("thread", "task", "restarted")}
        self._profile = load_profile(network.profile_path(organization))
        self._identity = network.wallet(organization).get("user")
        self._checkpoint = folder / "checkpoint.json"
        self._last = last
        self._threads = [
            threading.Thread(target=self._guarded, args=(name, listen), name=name)
            for name, listen in (
                ("thread", self._thread),
                ("task", lambda heard: asyncio.run(self._task(heard))),
                ("restarted", self._restarted),
            )
        ]

    @property
    def peer(self) -> str:
        """The address of the peer that the thread listens to, "" between two."""
        stream = self.heard["thread"].stream
        return stream.status.peer if stream is not None and stream.status.state == "open" else ""

    def start(self) -> None:
        """Begin to listen, with block 0."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until each has been handed the last event."""
        for thread in self._threads:
            thread.join(WAIT)
            assert not thread.is_alive(), f"{thread.name} has {len(self.heard[thread.name].keys)} events"
        for name, heard in self.heard.items():
            assert heard.error is None, f"{name}: {heard.error!r}"

    def _guarded(self, name: str, listen: Callable[[Heard], None]) -> None:
        heard = self.heard[name]
        try:
            listen(heard)
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's to raise
            heard.error = error

    def _thread(self, heard: Heard) -> None:
        with (
            Gateway.from_profile(self._profile, self._identity) as gateway,
            gateway.network(CHANNEL).chaincode_events(CHAINCODE, start_block=0, reconnect=True) as stream,
        ):
            heard.stream = stream
            for event in stream:
                heard.keys.append(event.payload.decode())
                if heard.keys[-1] == self._last:
                    return

    async def _task(self, heard: Heard) -> None:
        async with (
            AsyncGateway.from_profile(self._profile, self._identity) as gateway,
            gateway.network(CHANNEL).chaincode_events(CHAINCODE, start_block=0, reconnect=True) as stream,
        ):
            async for event in stream:
                heard.keys.append(event.payload.decode())
                if heard.keys[-1] == self._last:
                    return

    def _restarted(self, heard: Heard) -> None:
        while not heard.keys or heard.keys[-1] != self._last:
            with (
                hlf.FileCheckpoint(self._checkpoint) as checkpoint,
                Gateway.from_profile(self._profile, self._identity) as gateway,
                gateway.network(CHANNEL).chaincode_events(
                    CHAINCODE, start_block=0, checkpoint=checkpoint, reconnect=True
                ) as stream,
            ):
                for number, event in enumerate(stream, 1):
                    heard.keys.append(event.payload.decode())
                    checkpoint.record(event)
                    if number == 17 or heard.keys[-1] == self._last:
                        break


def kill_peers_under_listeners(network: Consortium, folder: Path, kills: int, events: int) -> list[str]:
    """Submit ``events`` transactions while org-a's peer that is listened to dies, ``kills`` times.

    AssertionError: an event was lost or doubled. Returns the keys in the order of their commits.
    """
    access = Access(network.layout)
    nodes = {
        access.endpoint(network.layout.node(name)).address.rpartition(":")[2]: name
        for name in ("peer0.org-a", "peer1.org-a")
    }
    written: list[str] = []
    listeners = Listeners(network, "org-a", folder, "the last")
    listeners.start()
    profile = load_profile(network.profile_path("org-b"))
    with Gateway.from_profile(profile, network.wallet("org-b").get("user")) as gateway:
        contract = gateway.network(CHANNEL).contract(CHAINCODE)

        def write(key: str) -> None:
            contract.submit("put", key, "v", timeout=WAIT, retry=_PATIENT)
            written.append(key)

        for kill in range(kills):
            wait_until(lambda: bool(listeners.peer), WAIT, lambda: "the listener found no peer")
            name = nodes[listeners.peer.rpartition(":")[2]]
            network.stop_node(name)
            share = range(kill * events // kills, (kill + 1) * events // kills)
            for number in share[: len(share) // 2]:
                write(f"event-{number}")
            network.start_node(name)
            for number in share[len(share) // 2 :]:
                write(f"event-{number}")
        write("the last")
    listeners.join()
    for name, heard in listeners.heard.items():
        assert Counter(heard.keys) == Counter(written), f"{name} lost or doubled events"
    return written


@dataclass
class Tally:
    """What clients were told, by transaction id."""

    valid: set[str] = field(default_factory=set)
    unknown: dict[str, bytes] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    unendorsed: int = 0


class Load:
    """Workers that submit, half of them with commits from the stream, until they are told to stop."""

    def __init__(self, network: Consortium, workers: int, timeout: float, name: str = "load") -> None:
        self.tally = Tally()
        self._name = name
        self._network = network
        self._workers = workers
        self._timeout = timeout
        self._stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Begin; returns once transactions commit."""
        self._thread.start()
        self.wait_for(10)
        return self

    def __exit__(self, *raised: object) -> None:
        """End; every call has its answer then."""
        self._stop.set()
        self._thread.join(WAIT)

    def wait_for(self, more: int, remedy: Callable[[], None] | None = None) -> None:
        """Return when ``more`` further transactions have committed; ``remedy`` if the channel stands."""
        goal = len(self.tally.valid) + more
        if remedy is not None:
            try:
                return self._until(lambda: len(self.tally.valid), goal, STANDS)
            except NetworkError:
                remedy()
        return self._until(lambda: len(self.tally.valid), goal)

    def wait_for_unknown(self, more: int) -> None:
        """Return when the outcome of ``more`` further transactions is unknown to their clients."""
        self._until(lambda: len(self.tally.unknown), len(self.tally.unknown) + more)

    def _until(self, count: Callable[[], int], goal: int, seconds: float = WAIT) -> None:
        def reached() -> bool:
            assert self._thread.is_alive(), f"the load ended: {self.error!r}"
            return count() >= goal

        wait_until(reached, seconds, lambda: f"{count()} of {goal} transactions")

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's to raise
            self.error = error

    async def _all(self) -> None:
        kinds: tuple[Commits, ...] = ("status", "stream")
        async with asyncio.TaskGroup() as group:
            for commits in kinds:
                group.create_task(self._gateway(commits))

    async def _gateway(self, commits: Commits) -> None:
        profile = load_profile(self._network.profile_path("org-a"))
        identity = self._network.wallet("org-a").get("user")
        timeouts = Timeouts(endorse=self._timeout, submit=5.0)
        async with AsyncGateway.from_profile(
            profile, identity, timeouts=timeouts, commits=commits
        ) as gateway:
            contract = gateway.network(CHANNEL).contract(CHAINCODE)
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._worker(contract, f"{self._name}-{commits}-{number}"))

    async def _worker(self, contract: hlf.aio.Contract, name: str) -> None:
        turn, tally = 0, self.tally
        while not self._stop.is_set():
            turn += 1
            began = time.monotonic()
            try:
                outcome = await contract.execute("put", f"{name}-{turn}", "v", timeout=self._timeout)
                tally.valid.add(outcome.transaction_id)
            except hlf.EndorseError:
                tally.unendorsed += 1
            except hlf.CommitStatusError as error:
                tally.unknown[error.transaction_id] = error.transaction
            except (hlf.SubmitError, hlf.CommitError) as error:
                tally.failed[error.transaction_id] = str(error)
            # The last RPC may be told of its deadline a moment after it has passed.
            if time.monotonic() - began > self._timeout + 5:
                tally.late.append(f"{name}-{turn}")


class Orderers:
    """The orderers of a network under load: stopped, started, and all anew where Fabric's come to stand.

    Real SmartBFT can do so after a kill under load: what clients send is then ordered by nobody, until those
    that run are started anew. The emulator has no such excuse.
    """

    def __init__(self, network: Consortium, names: Sequence[str]) -> None:
        self._network = network
        self._names = names
        self._away: set[str] = set()

    def stop(self, *names: str) -> None:
        """Stop some."""
        for name in names:
            self._network.stop_node(name)
            self._away.add(name)

    def start(self, *names: str) -> None:
        """Start some again."""
        for name in names:
            self._network.start_node(name)
            self._away.discard(name)

    @property
    def remedy(self) -> Callable[[], None] | None:
        """What `Load.wait_for` does when nothing commits: nothing on the emulator."""
        return self._start_anew if self._network.runtime == "docker" else None

    def _start_anew(self) -> None:
        assert not self._orders(), "the channel goes on, and the load's clients do not notice"
        sys.stdout.write("the channel stands: its orderers are started anew\n")
        there = [name for name in self._names if name not in self._away]
        self.stop(*there)
        self.start(*there)

    def _orders(self) -> bool:
        """Whether a client that has seen nothing of all this gets a transaction through."""
        profile = load_profile(self._network.profile_path("org-a"))
        with Gateway.from_profile(profile, self._network.wallet("org-a").get("user")) as gateway:
            try:
                gateway.network(CHANNEL).contract(CHAINCODE).submit("put", "probe", "v", timeout=20)
            except hlf.GatewayError:
                return False
        return True


def check_tally(network: Consortium, load: Load) -> None:
    """Hold what a load's clients were told against the chain; AssertionError where it differs."""
    assert load.error is None, load.error
    tally = load.tally
    profile = load_profile(network.profile_path("org-a"))
    chain = Chain()
    with Gateway.from_profile(profile, network.wallet("org-a").get("user")) as gateway:
        for transaction in tally.unknown.values():
            # Whatever happened to it: sent again, it has an outcome now, and not two.
            gateway.resume(transaction, timeout=WAIT)
        chain.follow(gateway)
    assert not tally.late, f"unanswered past their deadline: {tally.late}"
    assert not chain.repeated, f"committed twice: {chain.repeated}"
    lost = {one for one in tally.valid if chain.codes.get(one) != VALID}
    assert not lost, f"said to be valid, and are not: {lost}"
    wronged = {one: why for one, why in tally.failed.items() if chain.codes.get(one) == VALID}
    assert not wronged, f"said to have failed, and are valid: {wronged}"
    assert all(one in chain.codes for one in tally.unknown)
