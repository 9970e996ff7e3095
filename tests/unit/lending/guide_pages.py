"""A guide followed to the letter: files written, commands and programs run, output compared."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from lending.cli import main

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_INTO = re.compile(r"[Ii]nto `([\w.]+)`:\n\n\Z")


def follow(text: str, folder: Path) -> Counter[str]:
    """Do what a page shows in `folder`, the present one; how many blocks of each kind there were."""
    space: dict[str, Any] = {"__name__": "guide"}
    printed, kinds = "", Counter[str]()
    for block in _BLOCK.finditer(text):
        kind, content = block.groups()
        kinds[kind] += 1
        assert kind == "text" or not printed, "the page does not show what a program prints"
        match kind:
            case "csv" | "yaml":
                into = _INTO.search(text[: block.start()])
                assert into, content
                (folder / into[1]).write_text(content, encoding="utf-8")
            case "console":
                line, _, shown = content.partition("\n")
                assert CliRunner().invoke(main, shlex.split(line.removeprefix("$ dure "))).output == shown
            case "python":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(content, space)
                printed = out.getvalue()
            case "text":
                assert printed == content
                printed = ""
    assert printed == ""
    return kinds
