"""The consortium with the whole demonstration behind it, once a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from hlf_network import Consortium
from lending.demo.run import main

ROOT = Path(__file__).parents[2]


@dataclass
class DemoRun:
    """A demonstration that has been told: its network, still up, what it said and what it wrote."""

    network: Consortium
    build: Path
    said: list[str] = field(default_factory=list)

    @property
    def report_path(self) -> Path:
        """The report as JSON."""
        return self.build / "demo-report.json"

    @property
    def page_path(self) -> Path:
        """The report as a page."""
        return self.build / "demo-report.html"

    @cached_property
    def report(self) -> dict[str, Any]:
        """The report, read."""
        loaded: dict[str, Any] = json.loads(self.report_path.read_text(encoding="utf-8"))
        return loaded


@pytest.fixture(scope="session")
def demo_run(fabric: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """Run the demonstration on the runtime under test, in folders of its own."""
    state = tmp_path_factory.mktemp("demo")
    run = DemoRun(
        Consortium(ROOT / "network" / "topology.yaml", state, runtime=fabric),
        tmp_path_factory.mktemp("build"),
    )
    try:
        assert main(fabric, state, build=run.build, say=run.said.append) == 0
        yield run
    finally:
        run.network.down()
