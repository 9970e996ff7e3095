"""Every case, asked of the network that --fabric names, and held against what real Fabric answered.

`--fabric=docker` writes the recordings; `--fabric=emulator` compares with them. A case that real Fabric was
never asked counts as unproven and is skipped with that reason. The first word of a test's name is the kind
of network it is asked of (tests/networks.py), the second its file of cases.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from tests.conformance.book import CASES, Book, Case, fill, kinds
from tests.conformance.calls_admin import arrange, perform
from tests.conformance.masks import mask
from tests.conformance.stops import settle
from tests.networks import KINDS, Networks

pytestmark = pytest.mark.fabric

ASKED = [
    pytest.param(kind, file, case, id=f"{kind} {file}: {case['case']}", marks=pytest.mark.xdist_group(kind))
    for kind in KINDS
    for file, case in CASES
    if kind in kinds(case)
]


def test_case_names_are_unique() -> None:
    names = [(file, case["case"]) for file, case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("kind", "file", "case"), ASKED)
def test_answer(
    kind: str,
    file: str,
    case: Case,
    networks: Networks,
    book_of: Callable[[str], Book],
    fabric: str,
) -> None:
    page = book_of(kind).page(file)
    if fabric == "emulator" and case["case"] not in page:
        pytest.skip("unproven: real Fabric has not been asked")
    access = networks.access(kind)
    key = f"k{secrets.token_hex(6)}"
    filled = fill(case, key)
    settle(access, filled.get("stopped", ()))
    for step in filled.get("arrange", []):
        arrange(access, step)
    answer = mask(perform(access, filled), {"key": key})
    if fabric == "docker":
        # What says that a node was gone is nobody's answer, and must not become a recording.
        assert "failed to connect to all addresses" not in str(answer)
        page[case["case"]] = answer
        return
    assert answer == page[case["case"]]
