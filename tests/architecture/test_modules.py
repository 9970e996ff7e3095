"""The rules of the house that a machine can check."""

from __future__ import annotations

import subprocess
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
    """A bare install has no pydantic, and neither `import hlf` nor its start may need the extras."""
    import sys

    heavy = "pydantic jsonschema docker aiohttp click jinja2 reportlab".split()
    program = f"import hlf, sys; sys.exit(repr([m for m in {heavy!r} if m in sys.modules]) if any(m in sys.modules for m in {heavy!r}) else 0)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
