"""Every case, asked of the network that --fabric names, and held against what real Fabric answered.

`--fabric=docker` writes the recordings; `--fabric=emulator` compares with them. A case that real Fabric was
never asked counts as unproven and is skipped with that reason.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.conformance.book import CASES, Book
from tests.conformance.calls import Access
from tests.conformance.calls_admin import arrange, perform
from tests.conformance.masks import mask

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("slice")]


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
