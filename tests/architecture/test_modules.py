"""The rules of the house that a machine can check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for top in ("client", "chaincode", "network")
    for path in (ROOT / top).rglob("*.py")
    if "state" not in path.parts
)


def test_there_are_sources_to_check() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_stays_readable(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 500, f"{path.relative_to(ROOT)} has {len(lines)} lines: split it by purpose"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text().lstrip()
    assert not text or text.startswith(('"""', 'r"""')), f"{path.relative_to(ROOT)} has no module docstring"


def test_import_hlf_is_light() -> None:
    """A bare install has no extras, so `import hlf` may need none of them."""
    extras = {"pydantic", "jsonschema", "docker", "aiohttp", "click", "jinja2", "reportlab"}
    program = f"import hlf, sys; print(*sorted({extras!r} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []
