"""Serve contracts that are being written: ``python -m hlf_chaincode.dev module:Class …``.

Takes the arguments and the environment of ``hlf_chaincode.server``. A call runs what the files say when it
arrives: no redeployment, no new package id, and the peer's stream stays. The determinism guard is always on.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from .context import Context
from .contract import Function, Registry
from .errors import ContractError
from .serving.command import Named, run
from .serving.config import find_contract

__all__ = ["Reloading", "main"]


class Reloading:
    """The functions of the contracts ``names`` (``module:Class``), loaded anew by the first call after a
    change.

    Looked at are the loaded modules that lie beside the contracts' own, or below: the project's, not what is
    installed. Code that cannot be loaded answers every call 500 RELOAD with file and line, until mended.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """ConfigurationError, or what the code raises, where the contracts cannot be loaded to begin with."""
        self._names = tuple(names)
        self._lock = threading.Lock()
        self._registry = self._load()
        self._broken = ""
        self._roots = {_root(sys.modules[name.partition(":")[0]]) for name in names}
        self._seen = self._stamps()

    def find(self, name: str) -> Function:
        """The function as it was loaded last."""
        return self._registry.find(name)

    def call(self, ctx: Context, allow_writes: Callable[[bool], None]) -> bytes:
        """Run the function as its file has it now."""
        return self._current().call(ctx, allow_writes)

    def _current(self) -> Registry:
        with self._lock:
            if self._broken or self._stamps() != self._seen:
                self._reload()
            if self._broken:
                raise ContractError("RELOAD", self._broken)
            return self._registry

    def _reload(self) -> None:
        for module, file in self._modules():
            del sys.modules[module.__name__]
            # It is told from the source by time in seconds and size: too coarse for two edits in a row.
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
        importlib.invalidate_caches()
        try:
            self._registry = self._load()
            self._broken = ""
        except Exception as error:  # noqa: BLE001 - whatever broken code raises is the caller's answer
            self._broken = self._reason(error)
        self._seen = self._stamps()

    def _load(self) -> Registry:
        return Registry([find_contract(name, "contract") for name in self._names], guard=True)

    def _modules(self) -> list[tuple[ModuleType, Path]]:
        own = __name__.partition(".")[0]
        found = []
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and name != "__main__" and name.partition(".")[0] != own and self._mine(Path(file)):
                found.append((module, Path(file)))
        return found

    def _mine(self, file: Path) -> bool:
        return "site-packages" not in file.parts and any(file.is_relative_to(root) for root in self._roots)

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        stamps = {}
        for _, file in self._modules():
            try:
                found = file.stat()
            except OSError:
                # Removed, or being replaced: a change like any other.
                stamps[file] = (0, 0)
            else:
                stamps[file] = (found.st_mtime_ns, found.st_size)
        return stamps

    def _reason(self, error: BaseException) -> str:
        cause = error.__cause__ or error
        if isinstance(cause, SyntaxError):
            return f"{cause.filename}:{cause.lineno}: {cause.msg}"
        frames = traceback.extract_tb(cause.__traceback__)
        mine = [frame for frame in frames if self._mine(Path(frame.filename))]
        where = f"{mine[-1].filename}:{mine[-1].lineno}: " if mine else ""
        return f"{where}{type(cause).__name__}: {cause}"


def _root(module: ModuleType) -> Path:
    """The folder from which a module's package is imported."""
    file = Path(str(module.__file__))
    depth = module.__name__.count(".") + (file.name == "__init__.py")
    return file.parents[depth]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; as ``hlf_chaincode.server``, with contracts that are read anew."""
    given = sys.argv[1:] if arguments is None else arguments
    return run("python -m hlf_chaincode.dev", given, lambda names: Named(Reloading(names)))


if __name__ == "__main__":
    sys.exit(main())
