"""The story's voice: a line for each step as it happens, and the record of it for the report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lending.institution import Committed
from lending.report import Refusal, Step

T = TypeVar("T")
PATIENCE = 2.0


@dataclass
class Narrator:
    """Writes lines through `say`, and keeps steps, refusals, letters and records; threads may share it.

    `spread` returns when every party has heard of a transaction: who acts next may be anyone of them.
    """

    say: Callable[[str], None]
    spread: Callable[[Committed], None]
    steps: list[Step] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    records: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, title: str, record_id: str, act: Callable[[], Committed]) -> Committed:
        """Do a step that commits a transaction, and tell it; `record_id` is what it changes."""
        began = time.monotonic()
        with self.progress(title):
            done = act()
        seconds = round(time.monotonic() - began, 3)
        self.spread(done)
        with self._lock:
            step = Step(
                step=len(self.steps) + 1,
                title=title,
                organization=done.organization,
                seconds=seconds,
                channel=done.channel,
                chaincode=done.chaincode,
                function=done.function,
                transaction_id=done.transaction_id,
                block_number=done.block_number,
                validation_code=done.validation_code,
                endorsers=tuple(sorted(done.endorsers)),
            )
            self.steps.append(step)
            if "state" in done.result and done.result.get("id") == record_id:
                self.records[done.channel, done.chaincode, record_id] = {
                    "title": title,
                    "channel": done.channel,
                    "chaincode": done.chaincode,
                    "id": record_id,
                    "state": done.state,
                }
            self.say(
                f"{step.step:3d}  {done.organization:20} {done.channel:11} "
                f"{f'{done.chaincode}.{done.function}':38} {done.transaction_id[:8]} "
                f"block {done.block_number:<3d} {seconds:5.2f} s  {title}"
            )
        return done

    def aside(self, title: str, organization: str, act: Callable[[], T]) -> T:
        """Do a step off the ledger, and tell it."""
        began = time.monotonic()
        with self.progress(title):
            answer = act()
        seconds = round(time.monotonic() - began, 3)
        with self._lock:
            step = Step(step=len(self.steps) + 1, title=title, organization=organization, seconds=seconds)
            self.steps.append(step)
            self.say(f"{step.step:3d}  {organization:20} {'off the ledger':68} {seconds:5.2f} s  {title}")
        return answer

    def letter(self, kind: str, sender: str, to: str, from_channel: str, to_channel: str) -> None:
        """Note that a letter crosses after the newest step."""
        with self._lock:
            self.letters.append(
                {
                    "kind": kind,
                    "from": sender,
                    "to": to,
                    "from_channel": from_channel,
                    "to_channel": to_channel,
                    "step": len(self.steps),
                }
            )
            self.say(f"     {'':20} letter: {kind}, {sender} ({from_channel}) -> {to} ({to_channel})")

    def refused(self, attempt: str, where: str, code: str, message: str) -> None:
        """Note an attempt and the answer that it really got."""
        with self._lock:
            self.refusals.append(Refusal(attempt, where, code, message))
            self.say(f"  x  {attempt}\n       {code}, by {where}: {message}")

    @contextmanager
    def progress(self, title: str) -> Iterator[None]:
        """Say that a step still goes on when it takes longer than two seconds."""
        done = threading.Event()

        def remind() -> None:
            waited = PATIENCE
            while not done.wait(PATIENCE):
                self.say(f"     ... {title}: {waited:.0f} s so far")
                waited += PATIENCE

        watcher = threading.Thread(target=remind, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
