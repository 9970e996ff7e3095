"""The tables that come with the package, `data/*.yaml`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

# libyaml's, where PyYAML was built with it: a contract's process reads a table before it is ready.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def table(name: str) -> Any:
    """What `data/<name>.yaml` says."""
    text = (files("lending_domain") / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe one either way
