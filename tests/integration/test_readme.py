"""What the README shows is run as it stands there, but for where the network is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import DemoRun

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]


def test_the_client_in_twenty_lines(demo_run: DemoRun) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(program.splitlines()) <= 20
    here = program.replace(
        "connection-profiles", str(demo_run.network.profile_path("bank-a").parent)
    ).replace("network/state/wallets", str(demo_run.network.state_dir / "wallets"))
    assert here != program
    command = [sys.executable, "-c", here]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    charter, event = run.stdout.strip().splitlines()
    assert charter == "members: applicants, bank-a, bank-b"
    assert "vote_charter" in event


def test_the_two_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^\$ make ([a-z-]+)", README, re.M)
    assert commands == ["demo", "test"]
    assert all(re.search(rf"^{name}:", makefile, re.M) for name in commands)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+?)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
