"""The determinism guard: a contract whose result would differ between endorsers is caught, with the line.

Endorsers run a contract each by itself and have to come to the same bytes. While a guarded call runs, the
interpreter tells the guard of every function that the call's thread enters (``sys.setprofile``), so it does
not matter by which name or from where a contract imported what it calls. Nothing is patched; other threads,
and calls without a guard, run as ever. A guarded call is slower by a small factor: for tests, and for servers
before they carry load.

Caught: the clock and the local time zone, chance, the environment, files, the network, processes and
threads, ``hash()`` and ``id()``, floats given to ``json``; and, by reading the source of the functions that
ran, the order of sets (see ``set_order``). A float in a result is refused with or without a guard.

Not seen: what C code calls by itself (``map(time.time, …)``, a ``default_factory``), floats and sets that
become bytes in other ways, what a thread started by the contract does, state that a contract keeps between
calls, and what pydantic, cryptography, protobuf and grpc do.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..errors import Finding, NotDeterministic
from .set_order import set_orders

_CLOCK, _CHANCE, _ENVIRONMENT = "reads the clock", "takes a chance", "reads the environment"
_FILES, _NETWORK, _THREADS = "uses a file", "uses the network", "starts a process or a thread"

# By module and name of a C function.
_FUNCTIONS = {
    "time": {
        _CLOCK: "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time "
        "process_time_ns "
        "thread_time thread_time_ns clock_gettime clock_gettime_ns localtime gmtime ctime sleep"
    },
    "posix": {
        _CHANCE: "urandom getrandom",
        _ENVIRONMENT: "getpid getppid getlogin getuid getgid getcwd uname cpu_count times",
        _FILES: "open stat lstat access listdir scandir mkdir remove unlink rename replace rmdir readlink",
        _THREADS: "fork system posix_spawn execv execve",
    },
    "io": {_FILES: "open open_code"},
    "_uuid": {_CHANCE: "generate_time_safe"},
    "_thread": {_THREADS: "start_new_thread start_joinable_thread"},
    "_posixsubprocess": {_THREADS: "fork_exec"},
}
_BY_MODULE = {
    (module, name): what
    for module, kinds in _FUNCTIONS.items()
    for what, names in kinds.items()
    for name in names.split()
}
_DATETIMES = frozenset({"now", "utcnow", "today"})
_RANDOMS = frozenset({"random", "getrandbits", "seed"})
_SOCKET_MODULES = frozenset({"_socket", "_ssl", "select"})
_OF_A_PROCESS = frozenset({"hash", "id"})

_STANDARD = str(Path(sysconfig.get_path("stdlib"))) + os.sep
_RUNTIME = str(Path(__file__).parents[1]) + os.sep
# Of the standard library: what reads files and clocks without a consequence for the result.
_HARMLESS = ("importlib", "logging", "warnings", "linecache", "traceback", "inspect", "tokenize")
# Of installed packages: what does so too, and what runs between a test's own calls.
_LIBRARIES = frozenset(
    {"pydantic", "pydantic_core", "cryptography", "google", "grpc", "fabric_protos"}
    | {"_pytest", "pluggy", "hypothesis", "coverage"}
)


class Guard:
    """Watches contract calls, each on its own thread; safe to share between threads.

    ``packages`` are the contracts' own, by their first name: what else is installed is not judged by itself,
    but for the contract's line that called it.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages
        # Of each file met: a contract's, one that stands between, or one that is not looked at.
        self._kinds: dict[str, str] = {}
        self._python = _python_functions()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread; NotDeterministic at the end, also in place of an exception of the contract."""
        watch = _Watch(self._kind_of, self._python)
        failure: Exception | None = None
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            failure = error
        finally:
            sys.setprofile(before)
        if watch.findings:
            raise NotDeterministic(tuple(watch.findings)) from failure
        if failure is not None:
            raise failure

    def _kind_of(self, filename: str) -> str:
        kind = self._kinds.get(filename)
        if kind is None:
            kind = self._kinds[filename] = _kind_of(filename, self._packages)
        return kind


class _Watch:
    """The profile function of one call."""

    def __init__(
        self, kind_of: Callable[[str], str], python: dict[CodeType, Callable[[FrameType], str]]
    ) -> None:
        self.findings: dict[Finding, None] = {}
        self._kind = kind_of
        self._python = python
        self._entered: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            if what := _c_function(frame, arg):
                self._blame(frame, f"{what}: {arg.__name__}()")
        elif event == "call":
            code = frame.f_code
            if code in self._python:
                if (what := self._python[code](frame)) and frame.f_back is not None:
                    self._blame(frame.f_back, what)
            elif code not in self._entered:
                self._entered.add(code)
                if self._kind(code.co_filename) == "contract":
                    for place in set_orders(code):
                        self._add(f"{place.text}, in the order of this process: sort it", code, place.line)

    def _blame(self, frame: FrameType | None, text: str) -> None:
        """Note it for the contract's line that led here, unless something harmless stands between."""
        first = frame
        while frame is not None:
            kind = self._kind(frame.f_code.co_filename)
            if kind == "harmless":
                return
            if kind == "contract":
                if text.startswith(_PROCESS) and frame is not first:
                    return
                self._add(text, frame.f_code, frame.f_lineno)
                return
            frame = frame.f_back

    def _add(self, text: str, code: CodeType, line: int) -> None:
        self.findings[Finding(text, code.co_qualname, code.co_filename, line)] = None


_PROCESS = "differs from process to process"


def _kind_of(filename: str, packages: frozenset[str]) -> str:
    if filename.startswith("<"):
        return "harmless" if "importlib" in filename else "between"
    if filename.startswith(_RUNTIME):
        return "harmless"
    for site in ("site-packages", "dist-packages"):
        _, found, rest = filename.partition(f"{os.sep}{site}{os.sep}")
        if found:
            top = rest.partition(os.sep)[0].removesuffix(".py")
            return "harmless" if top in _LIBRARIES else "contract" if top in packages else "between"
    if filename.startswith(_STANDARD):
        top = filename.removeprefix(_STANDARD).partition(os.sep)[0].removesuffix(".py")
        return "harmless" if top in _HARMLESS else "between"
    return "contract"


def _c_function(frame: FrameType, function: Any) -> str:
    """What is wrong with the call of a C function; empty for most."""
    name = function.__name__
    module = getattr(function, "__module__", None)
    if module is not None:
        if module == "builtins" and name in _OF_A_PROCESS and frame.f_code.co_name != "__hash__":
            return _PROCESS
        return _NETWORK if module in _SOCKET_MODULES else _BY_MODULE.get((module, name), "")
    owner = getattr(function, "__self__", None)
    if name in _DATETIMES and isinstance(owner, type) and issubclass(owner, datetime.date):
        return _CLOCK
    if name in _RANDOMS and owner is random._inst:
        return _CHANCE
    return _NETWORK if type(owner).__module__ in _SOCKET_MODULES or _is_socket(owner) else ""


def _is_socket(owner: Any) -> bool:
    return any(base.__module__ == "_socket" for base in type(owner).__mro__)


def _python_functions() -> dict[CodeType, Callable[[FrameType], str]]:
    """Functions of the standard library that are looked at as they are entered."""
    environment = type(os.environ)
    found: dict[CodeType, Callable[[FrameType], str]] = {
        getattr(environment, name).__code__: lambda _frame: f"{_ENVIRONMENT}: os.environ"
        for name in ("__getitem__", "__setitem__", "__delitem__", "__iter__", "__len__")
    }
    found[random.Random.seed.__code__] = _seeding
    found[json.JSONEncoder.iterencode.__code__] = _encoding
    return found


def _seeding(frame: FrameType) -> str:
    return f"{_CHANCE}: Random() without a seed" if frame.f_locals.get("a") is None else ""


def _encoding(frame: FrameType) -> str:
    return "writes a float as JSON: use Decimal or to_json" if _holds_float(frame.f_locals.get("o")) else ""


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_float, value.keys())) or any(map(_holds_float, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_float, value))
    return isinstance(value, float)
