"""docs/guides/from-other-chaincode-apis.md: its snippets run, its names exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hlf_chaincode
from hlf_chaincode import Context, State

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "from-other-chaincode-apis.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_snippets_run(pytester: pytest.Pytester) -> None:
    snippets = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(snippets) == 3
    pytester.makepyfile("\n\n".join(snippets))
    result = pytester.runpytest_subprocess("-p", "hlf_pytest", "-p", "no:xdist", "-W", "error")
    result.assert_outcomes(passed=1)


def test_every_name_of_ours_is_there() -> None:
    rows = [line.strip("|").split(" | ")[-1] for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    for row in rows:
        for state, name in re.findall(r"`(?:for .* in )?ctx\.(state\.)?(\w+)", row):
            assert hasattr(State if state else Context, name), row
        for name in re.findall(r"`@?(key_policy|requires|to_json|transaction|query|ContractError)\b", row):
            assert hasattr(hlf_chaincode, name), row


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert len(links) >= 2
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
