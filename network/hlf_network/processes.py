"""Processes on the host that outlive the command that started them.

Each leaves a record with its pid *and* its start time, so that a pid the system has given to somebody else
since is never signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hlf_network.errors import NetworkError, PortTakenError
from hlf_network.waiting import wait_until

# For this program, not for the contracts that the processes run.
_SECRET = frozenset({"HLF_WALLET_PASSWORD"})
# gRPC then polls its sockets in the one thread that waits for events, in place of a pool of threads that wake
# each other for every message: about 7 % less CPU for a transaction. Set in the environment, it goes before.
_POLLING = {"GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener"}

_TAKEN = "address already in use"


@dataclass(frozen=True)
class HostProcess:
    """One process by name, with its record, its log and its `ready` line under `folder`."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _output(self) -> Path:
        return self.folder / f"{self.name}.out"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def pid(self) -> int | None:
        """The pid, while the very process that was started lives."""
        try:
            record = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return None
        pid: int = record["pid"]
        _reap(pid)
        return pid if started_at(pid) == record["started"] else None

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: int | None = None
    ) -> None:
        """Start it in a session of its own, unless it runs already; `stdin` is its standard input."""
        if self.pid is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        pid = os.posix_spawn(
            arguments[0],
            list(arguments),
            _POLLING
            | {key: value for key, value in os.environ.items() if key not in _SECRET}
            | dict(environment),
            file_actions=[
                nothing if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._output), flags | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_OPEN, 2, str(self.log), flags | os.O_APPEND, 0o600),
            ],
            setsid=True,
        )
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": pid, "started": started_at(pid), "command": list(arguments)}))
        draft.rename(self._record)

    def wait_ready(self, seconds: float) -> None:
        """Wait for its `ready` line; NetworkError with the end of its log if it dies or says nothing.

        PortTakenError when it dies since somebody else has its port.
        """

        def ready() -> bool:
            text = self._output.read_text() if self._output.exists() else ""
            if any(line.startswith("ready") for line in text.splitlines()):
                return True
            if self.pid is None:
                log = self.tail()
                kind = PortTakenError if _TAKEN in log.lower() else NetworkError
                raise kind(f"{self.name} ended before it was ready:\n{log}")
            return False

        wait_until(ready, seconds, lambda: f"{self.name} was not ready (log: {self.log})", every=0.02)

    def stop(self, seconds: float = 5) -> bool:
        """End it (TERM, then KILL after `seconds`) and forget it; False if it did not run."""
        pid = self.pid
        if pid is None:
            self._record.unlink(missing_ok=True)
            return False
        _signal(pid, signal.SIGTERM)
        try:
            wait_until(lambda: self.pid is None, seconds, lambda: f"{self.name} did not end", every=0.02)
        except NetworkError:
            _signal(pid, signal.SIGKILL)
            wait_until(lambda: self.pid is None, 5, lambda: f"{self.name} (pid {pid}) cannot be killed")
        self._record.unlink(missing_ok=True)
        return True

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def recorded(folder: Path) -> list[HostProcess]:
    """Every process with a record in the folder."""
    return [HostProcess(folder, path.stem) for path in sorted(folder.glob("*.json"))]


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def started_at(pid: int) -> str | None:
    """When the process started, in the system's own terms; None if it is gone (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    except OSError:
        return None
    # The command's name stands in brackets and may hold anything: fields are counted from the last one.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _started_by_ps(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603  the arguments are a constant and a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap(pid: int) -> None:
    # A child of this very process would stay a zombie; any other pid is not ours to wait for.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
