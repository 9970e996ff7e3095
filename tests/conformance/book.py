"""The recordings of real Fabric's answers, and the cases they belong to."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
Case = dict[str, Any]
CASES: list[tuple[str, Case]] = [
    (path.stem, case)
    for path in sorted((HERE / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text()) or ()
]


def kinds(case: Case) -> list[str]:
    """The kinds of network a case is asked of: its own, and Fabric 2.5 unless `versions` leaves that out."""
    own = [case.get("network", "slice")]
    if case["rpc"].startswith("CA "):
        return own  # Fabric CA's versions are not Fabric's.
    return [*own, "fabric-2.5"] if "2.5" in case.get("versions", ["3.1", "2.5"]) else own


def fill(value: Any, key: str) -> Any:
    """A case, or a part of one, with `key` for `{key}`."""
    if isinstance(value, dict):
        return {fill(name, key): fill(item, key) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, key) for item in value]
    return value.replace("{key}", key) if isinstance(value, str) else value


class Book:
    """The recordings of one version of Fabric: a page for each file of cases, and when each was recorded."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.folder = HERE / "recordings" / version
        self.files: dict[str, dict[str, Any]] = {}

    def page(self, name: str) -> dict[str, Any]:
        """What is recorded for one file of cases: case -> answer."""
        if name not in self.files:
            path = self.folder / f"{name}.json"
            self.files[name] = json.loads(path.read_text()) if path.exists() else {}
        return self.files[name]

    def write(self, today: date) -> None:
        """Write every page that was opened, in the order of its cases where a file of cases gives one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, page in self.files.items():
            order = [case["case"] for file, case in CASES if file == name] or list(page)
            kept = {case: page[case] for case in order if case in page}
            _write(self.folder / f"{name}.json", kept)
        dates = self.folder / "recorded.json"
        known = json.loads(dates.read_text()) if dates.exists() else {}
        known.update({name: today.isoformat() for name in self.files})
        _write(dates, dict(sorted(known.items())))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
