"""docs/reference/features.md: what hlf does, the test that says so, and what Go, Node and Java do about it.

`python -m tests.scenarios.features` writes it from the tests marked `@pytest.mark.feature("A7", "sync")` and
from features.yaml; with `--check` nothing is written, and a page that differs, a row without a test, or
without a test of one of its two faces fails.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TESTS = HERE.parent
PAGE = TESTS.parent / "docs" / "reference" / "features.md"
FACES = ("sync", "async")
_OTHERS = ("go", "node", "java")


@dataclass(frozen=True, order=True)
class Mark:
    """A test that proves a row, in some faces or in none."""

    row: str
    place: str
    faces: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row of features.yaml."""

    name: str
    text: str
    others: tuple[str, ...]
    faces: tuple[str, ...]


def rows() -> dict[str, list[Row]]:
    """The rows by section, in order."""
    return {
        section["title"]: [
            Row(
                name, row["text"], tuple(row[one] for one in _OTHERS), FACES if row.get("faces", True) else ()
            )
            for name, row in section["rows"].items()
        ]
        for section in _data()["sections"]
    }


def marks() -> list[Mark]:
    """Every mark in the tests, read without running them."""
    return sorted(
        mark
        for path in TESTS.rglob("*.py")
        if "mark.feature(" in (text := path.read_text(encoding="utf-8"))
        for mark in _marks_of(path, ast.parse(text))
    )


def failings(found: list[Mark]) -> Iterator[str]:
    """What the tests leave unproven, and marks that name nothing."""
    known = {row.name: row for section in rows().values() for row in section}
    proven: dict[str, set[str]] = defaultdict(set)
    for mark in found:
        if mark.row not in known or not set(mark.faces) <= set(FACES):
            yield f"{mark.place}: no row {mark.row} with faces {', '.join(mark.faces) or 'none'}"
        proven[mark.row].update(mark.faces or ("none",))
    for name, row in known.items():
        if name not in proven:
            yield f"{name} ({row.text}) has no test"
        for face in row.faces:
            if name in proven and face not in proven[name]:
                yield f"{name} ({row.text}) has no {face} test"


def page(found: list[Mark]) -> str:
    """The page."""
    lines = [
        "# Features",
        "",
        "Each row is proven by tests of this repository, named below; this page is made of them by "
        "`python -m tests.scenarios.features`.",
        "",
        _data()["looked_at"].strip(),
    ]
    for title, section in rows().items():
        lines += ["", f"## {title}", "", "| | | hlf | Go | Node | Java |", "|---|---|---|---|---|---|"]
        for row in section:
            ours = [mark for mark in found if mark.row == row.name]
            faces = [face for face in FACES if any(face in mark.faces for mark in ours)] if row.faces else []
            said = ", ".join(faces) or ("yes" if ours else "no")
            count = f"{len(ours)} test{'' if len(ours) == 1 else 's'}"
            cells = (row.name, row.text, f"{said}: [{count}](#{row.name.lower()})", *row.others)
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Tests"]
    for section in rows().values():
        for row in section:
            lines += ["", f"### {row.name}", ""]
            lines += [f"- `{mark.place}`" for mark in found if mark.row == row.name]
    return "\n".join(lines) + "\n"


def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((HERE / "features.yaml").read_text(encoding="utf-8"))
    return data


def _marks_of(path: Path, module: ast.Module) -> Iterator[Mark]:
    place = path.relative_to(TESTS.parent).as_posix()
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            calls = [one for one in ast.walk(node.value) if isinstance(one, ast.Call)]
            yield from _marks_in(calls, place)
    for scope, function in _functions(module):
        name = f"{place}::{'::'.join((*scope, function.name))}"
        yield from _marks_in(function.decorator_list, name)


def _functions(
    node: ast.Module | ast.ClassDef, scope: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef | ast.AsyncFunctionDef]]:
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield scope, one
        elif isinstance(one, ast.ClassDef):
            yield from _functions(one, (*scope, one.name))


def _marks_in(nodes: list[Any], place: str) -> Iterator[Mark]:
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.feature"):
            row, *faces = (str(ast.literal_eval(argument)) for argument in node.args)
            yield Mark(row, place, tuple(faces))


def main() -> int:
    parser = argparse.ArgumentParser(description="the features page")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is amiss")
    check = parser.parse_args().check
    found = marks()
    wrong = list(failings(found))
    text = page(found)
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        wrong.append("docs/reference/features.md differs: run python -m tests.scenarios.features")
    for line in wrong:
        sys.stdout.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
