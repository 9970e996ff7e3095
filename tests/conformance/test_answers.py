"""Every case, asked of the network that --fabric names, and held against what real Fabric answered.

`--fabric=docker` writes the recordings; `--fabric=emulator` compares with them. A case that real Fabric was
never asked counts as unproven and is skipped with that reason.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.calls import Access, arrange, perform
from tests.conformance.masks import mask

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
CASES = [
    (path.stem, case)
    for path in sorted((HERE / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]
pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("slice")]


class Book:
    """The recordings of one version of Fabric, one file for each file of cases."""

    def __init__(self, version: str) -> None:
        self.folder = RECORDINGS / version
        self.files: dict[str, dict[str, Any]] = {}

    def page(self, name: str) -> dict[str, Any]:
        """What is recorded for one file of cases: case -> answer."""
        if name not in self.files:
            path = self.folder / f"{name}.json"
            self.files[name] = json.loads(path.read_text()) if path.exists() else {}
        return self.files[name]

    def write(self) -> None:
        """Write every page that was opened, in the order of the cases."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, page in self.files.items():
            order = [case["case"] for file, case in CASES if file == name]
            kept = {case: page[case] for case in order if case in page}
            text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
            (self.folder / f"{name}.json").write_text(text)


@pytest.fixture(scope="session")
def book(fabric: str) -> Iterator[Book]:
    recordings = Book("3.1.5")
    yield recordings
    if fabric == "docker":
        recordings.write()


def _fill(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _fill(item, key) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, key) for item in value]
    return value.replace("{key}", key) if isinstance(value, str) else value


def test_case_names_are_unique() -> None:
    names = [(file, case["case"]) for file, case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("file", "case"), CASES, ids=lambda value: value["case"] if isinstance(value, dict) else value
)
def test_answer(file: str, case: dict[str, Any], slice_access: Access, book: Book, fabric: str) -> None:
    key = f"k{secrets.token_hex(6)}"
    filled = _fill(case, key)
    for step in filled.get("arrange", []):
        arrange(slice_access, step)
    answer = mask(perform(slice_access, filled), {"key": key})
    page = book.page(file)
    if fabric == "docker":
        page[case["case"]] = answer
        return
    if case["case"] not in page:
        pytest.skip("unproven: real Fabric has not been asked")
    assert answer == page[case["case"]]
