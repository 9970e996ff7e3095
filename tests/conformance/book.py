"""The recordings of real Fabric's answers, and the cases they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CASES: list[tuple[str, dict[str, Any]]] = [
    (path.stem, case)
    for path in sorted((HERE / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]


class Book:
    """The recordings of one version of Fabric, one file for each file of cases."""

    def __init__(self, version: str) -> None:
        self.folder = HERE / "recordings" / version
        self.files: dict[str, dict[str, Any]] = {}

    def page(self, name: str) -> dict[str, Any]:
        """What is recorded for one file of cases: case -> answer."""
        if name not in self.files:
            path = self.folder / f"{name}.json"
            self.files[name] = json.loads(path.read_text()) if path.exists() else {}
        return self.files[name]

    def write(self) -> None:
        """Write every page that was opened, in the order of its cases where a file of cases gives one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, page in self.files.items():
            order = [case["case"] for file, case in CASES if file == name] or list(page)
            kept = {case: page[case] for case in order if case in page}
            text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
            (self.folder / f"{name}.json").write_text(text)
