"""`help(hlf)` leads somewhere, and every public name says what it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import hlf

_NAMES = [name for _, name, _ in pkgutil.walk_packages(hlf.__path__, "hlf.")]


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public classes and functions of a module, with their public methods."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        yield f"{module.__name__}.{name}", value
        described = inspect.isclass(value) and not getattr(value, "_is_protocol", False)
        for member, attribute in vars(value).items() if described else ():
            function = attribute.__func__ if isinstance(attribute, classmethod | staticmethod) else attribute
            named = isinstance(function, property) or (
                inspect.isfunction(function) and function.__name__ == member
            )
            if named and not member.startswith("_"):
                yield f"{module.__name__}.{name}.{member}", function


@pytest.mark.parametrize("name", _NAMES)
def test_every_public_name_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    silent = [place for place, value in public(module) if not inspect.getdoc(value)]
    assert silent == []


def test_help_of_hlf_names_the_way_to_everything() -> None:
    text = hlf.__doc__ or ""
    for word in ("from_profile", "AsyncGateway", "submit", "evaluate", "chaincode_events", "hlf.errors"):
        assert word in text
    for name in re.findall(r"`(hlf(?:\.\w+)+)`", text):
        assert pkgutil.resolve_name(name), name
    assert "docs/tutorial.md" in text
