"""Which transactions of a channel are waited for, and what a stream of its filtered blocks says of them.

No I/O: `hlf.commits` feeds a log and `hlf.drivers` waits on its watches. A log states one thing only, that a
transaction stands in a block as VALID. Whatever else it sees leaves the question to CommitStatus: nobody but
its creator can make a VALID transaction of that id, but anyone may have put an invalid one of the same id
into a block (BAD_PROPOSAL_TXID), and one that was sent twice is DUPLICATE_TXID the second time.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from fabric_protos.peer.events_pb2 import FilteredBlock
from fabric_protos.peer.transaction_pb2 import TxValidationCode

_VALID = TxValidationCode.VALID


class Watch:
    """One transaction that is waited for: ``done`` when the log will say no more about it.

    ``block`` is the number of the block that holds it as VALID; None leaves the question open.
    """

    __slots__ = ("__weakref__", "_log", "_wake", "block", "done")

    def __init__(self, log: CommitLog) -> None:
        self._log = log
        self._wake: Callable[[], None] | None = None
        self.block: int | None = None
        self.done = False

    def on_done(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called once, at once if the watch is done; it must not block."""
        self._log.when(self, wake)

    def settle(self, block: int | None) -> Callable[[], None] | None:
        """Set the answer and return what to call about it; for the log, under its lock."""
        self.block, self.done = block, True
        return self._wake

    def call_when_done(self, wake: Callable[[], None]) -> None:
        """Set what `settle` returns; for the log, under its lock."""
        self._wake = wake

    def told(self, block: int) -> None:
        """Note that a CommitStatus named a block: a stream that has not come so far is not to be trusted."""
        self._log.told(block)


class CommitLog:
    """The watches of one channel. Threads may share it.

    Not trusted before the first block and after an interruption, until the next block: meanwhile nothing is
    watched. A watch that nobody holds any more is forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: weakref.WeakValueDictionary[str, Watch] = weakref.WeakValueDictionary()
        self._deciding: list[Callable[[], None]] = []
        self._trusted = False
        self._decided = False
        self._last = -1
        self._told = -1

    def __len__(self) -> int:
        """How many transactions are waited for."""
        return len(self._watches)

    @property
    def decided(self) -> bool:
        """Whether the stream has been answered once, with a block or with a failure."""
        return self._decided

    @property
    def trusted(self) -> bool:
        """Whether every block from now on will be seen here."""
        return self._trusted

    def on_decided(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the stream is first answered, at once if it was."""
        with self._lock:
            if not self._decided:
                self._deciding.append(wake)
                return
        wake()

    def watch(self, transaction_id: str) -> Watch | None:
        """Wait for a transaction that has not been submitted yet; None while the stream is in doubt."""
        with self._lock:
            if not self._trusted:
                return None
            watch = self._watches[transaction_id] = Watch(self)
            return watch

    def when(self, watch: Watch, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when ``watch`` is done."""
        with self._lock:
            if not watch.done:
                watch.call_when_done(wake)
                return
        wake()

    def told(self, block: int) -> None:
        """Distrust the stream until it has come to ``block``."""
        with self._lock:
            self._told = max(self._told, block)
            self._trusted = self._trusted and block <= self._last

    def block(self, block: FilteredBlock) -> None:
        """Take the next block; the same one again does no harm."""
        wakes: list[Callable[[], None] | None] = []
        with self._lock:
            self._last = block.number
            self._trusted = block.number >= self._told
            wakes += self._decide()
            if self._watches:
                for transaction in block.filtered_transactions:
                    watch = self._watches.pop(transaction.txid, None)
                    if watch is not None:
                        valid = transaction.tx_validation_code == _VALID
                        wakes.append(watch.settle(block.number if valid else None))
        _call(wakes)

    def doubt(self) -> None:
        """Leave all open questions to CommitStatus: the stream was interrupted, or never came up."""
        with self._lock:
            self._trusted = False
            wakes: list[Callable[[], None] | None] = [*self._decide()]
            wakes += [watch.settle(None) for watch in self._watches.values()]
            self._watches.clear()
        _call(wakes)

    def _decide(self) -> list[Callable[[], None]]:
        self._decided = True
        waiting, self._deciding = self._deciding, []
        return waiting


def _call(wakes: list[Callable[[], None] | None]) -> None:
    for wake in wakes:
        if wake is not None:
            wake()
