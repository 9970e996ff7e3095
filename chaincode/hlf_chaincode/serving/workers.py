"""The threads that run a chaincode's calls, counted and bounded, and their one way back to the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import StreamClosed


class Job(Protocol):
    """Work for one thread. ``abandoned`` belongs to ``Workers``."""

    abandoned: bool

    def run(self) -> Any:
        """In a thread; raises nothing."""

    def ended(self, result: Any) -> None:
        """On the event loop, with what ``run`` returned."""


_Inbox = queue.SimpleQueue[Job | None]


class Workers:
    """At most ``limit`` threads for as many jobs, and ``waiting`` jobs behind them.

    A thread cannot be stopped from outside. A job that has been given up keeps its thread, but another thread
    takes its place, until as many as ``limit`` threads are lost that way; from then on they count, and
    ``exhausted`` says so.

    All counting is done on the event loop, so nothing here is locked: a thread gets a job, runs it and hands
    its result back.
    """

    def __init__(self, limit: int, waiting: int) -> None:
        self._limit = limit
        self._most_waiting = waiting
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._threads = 0
        self._inboxes: set[_Inbox] = set()
        # The last to become idle is the first to get a job: what it needs is still in the caches.
        self._idle: list[_Inbox] = []
        self._abandoned = 0
        self._posted: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._woken = False

    @property
    def abandoned(self) -> int:
        """Threads that still run a job which was given up."""
        return self._abandoned

    @property
    def exhausted(self) -> bool:
        """Whether no further thread can be replaced."""
        return self._abandoned >= self._limit

    def submit(self, job: Job) -> bool:
        """Run a job as soon as a thread is free; False where too many wait already."""
        if self._idle or self._threads < self._limit:
            self._hand(job)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(job)
        else:
            return False
        return True

    def give_up(self, job: Job) -> None:
        """Nobody waits for this job any more: it is not begun, or its thread is replaced."""
        if job in self._waiting:
            self._waiting.remove(job)
        elif self._abandoned < self._limit:
            job.abandoned = True
            self._abandoned += 1
            self._threads -= 1
            if self._waiting:
                self._hand(self._waiting.popleft())

    def post(self, action: Callable[..., None], *arguments: Any) -> None:
        """From a thread: call something on the event loop, in the order of the posts.

        One wake-up of the loop carries whatever has been posted by the time it runs.
        """
        self._posted.append((action, arguments))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:
                # The loop has closed under a call that ran on: nobody is left who would hear.
                raise StreamClosed("the server has stopped") from None

    def close(self) -> None:
        """Let the threads end, each when its job does."""
        self._waiting.clear()
        for inbox in self._inboxes:
            inbox.put(None)

    def _hand(self, job: Job) -> None:
        if self._idle:
            inbox = self._idle.pop()
        else:
            inbox = queue.SimpleQueue()
            self._inboxes.add(inbox)
            self._threads += 1
            # A daemon: the process does not outlive its server for a function that never returns.
            threading.Thread(target=self._work, args=(inbox,), name="contract", daemon=True).start()
        inbox.put(job)

    def _work(self, inbox: _Inbox) -> None:
        while (job := inbox.get()) is not None:
            result = job.run()
            try:
                self.post(self._over, inbox, job, result)
            except StreamClosed:
                return
            # Not kept until the next job comes.
            del job, result

    def _take(self) -> None:
        # Lowered first: whoever posts from now on wakes the loop again.
        self._woken = False
        while self._posted:
            action, arguments = self._posted.popleft()
            action(*arguments)

    def _over(self, inbox: _Inbox, job: Job, result: Any) -> None:
        if job.abandoned:
            self._abandoned -= 1
            self._threads += 1
        if self._threads > self._limit:
            self._threads -= 1
            self._inboxes.discard(inbox)
            inbox.put(None)
        else:
            self._idle.append(inbox)
            if self._waiting:
                self._hand(self._waiting.popleft())
        job.ended(result)
