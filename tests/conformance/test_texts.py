"""Every text that the emulator can answer was answered by real Fabric, or is listed as unproven.

The texts are read from the emulator's source: string literals of three words and more, the parts between
an f-string's holes one by one. Each must occur in some recording or in an entry of unproven.yaml.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import hlf_emulator
from tests.conformance.table import recorded, unproven

ROOT = Path(hlf_emulator.__file__).parent
SOURCES = {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
# What these say is not Fabric's to say: the program's own settings, its control API, its storage.
OWN = {
    *("__main__", "config", "faults", "version", "membership/msp_folder", "ca/store", "ca/issuing"),
    *("ledger/blockfile", "ledger/ledger", "ordering/block_log", "peer/block_feed", "peer/peer"),
    "ports/open_streams",
}
# Reasons that Fabric writes to its log; clients get a code, or one of the recorded refusals, and no more.
LOGGED = {"membership/msp", "membership/policies", "ledger/validation", "directory"}
# Calls whose texts no client hears: logs, patterns, and errors that the emulator's start-up ends with.
_UNHEARD = {"debug", "info", "warning", "error", "exception", "compile", "RuntimeError", "FileNotFoundError"}
_SQL = re.compile(r"(CREATE|DELETE|INSERT|PRAGMA|SELECT|UPDATE) ")
_WORD = re.compile(r"[A-Za-z]{2,}")


@pytest.mark.parametrize("module", sorted(SOURCES.keys() - OWN - LOGGED))
def test_texts_are_recorded_or_listed(module: str) -> None:
    said_here = texts(SOURCES[module])
    unheard = [f"line {line}: {text}" for line, text in said_here if text not in said()]
    assert not unheard, "\n".join(["texts that no recording has and unproven.yaml does not list:", *unheard])


def texts(source: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every literal that could be an answer."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    silent = {id(part) for node in ast.walk(tree) if _is_silent(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            text = _plain(node.value)
            if " " in text and not _SQL.match(text) and len(_WORD.findall(text)) >= 3:
                yield node.lineno, text


def _is_silent(node: ast.AST) -> bool:
    """Whether nothing inside is an answer: a docstring, or a call that nobody outside hears."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in _UNHEARD
    return False


@cache
def said() -> str:
    """Everything that recordings show, and what is listed as unproven."""
    found: list[str] = []
    for *_, answer in recorded():
        _collect(answer, found)
    found += [f"{each['outcome']} {each['why']}" for each in unproven()]
    return _plain("\n".join(found))


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _collect(item, found)


def _plain(text: str) -> str:
    return re.sub(r"[ \u00a0]+", " ", text).strip()
