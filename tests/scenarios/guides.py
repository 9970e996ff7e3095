"""The programs in docs/tutorial.md and docs/guides, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(python|text|json|console)\n(.*?)^```$", re.M | re.S)
_INTO = re.compile(r"into `([\w.]+)`[^\n]*\n+$")


@dataclass(frozen=True)
class Page:
    """A page: `program` is its Python in order, `says` what it shows the program to print.

    `files` are the blocks of which the text before says `into NAME`; `commands` the console lines.
    """

    program: str
    says: str
    files: Mapping[str, str]
    commands: tuple[str, ...]
    json: tuple[str, ...]


def read(name: str) -> Page:
    """A page of docs, by its path."""
    text = (DOCS / name).read_text(encoding="utf-8")
    program, says, commands, documents = [], [], [], []
    files = {}
    for block in _BLOCK.finditer(text):
        kind, content = block.groups()
        into = _INTO.search(text, 0, block.start())
        if kind == "json":
            documents.append(content)
        elif into and kind == "python":
            files[into.group(1)] = content
        elif kind == "python":
            program.append(content)
        elif kind == "text":
            says.append(content)
        else:
            commands += [line[2:] for line in content.splitlines() if line.startswith("$ ")]
    return Page("\n".join(program), "".join(says), files, tuple(commands), tuple(documents))


def run(page: Page, folder: Path, path: tuple[Path, ...] = ()) -> None:
    """Run a page's program in a folder, with what it is shown to print for its output."""
    for name, content in page.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    # Given by -c: the processes that a program spawns must not run it as a file again.
    preface = "".join(f"import sys; sys.path.append({str(one)!r})\n" for one in path)
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", preface + page.program],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == page.says
