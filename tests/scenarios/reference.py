"""docs/reference/hlf.md: the public names of hlf as their docstrings describe them.

`python -m tests.scenarios.reference` writes it; with `--check` nothing is written and a difference fails.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import hlf
import hlf.fabric_sdk_py

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hlf.md"
_GROUPS = {
    "Connecting": ("Gateway", "AsyncGateway", "Network", "Endpoint", "Profile", "load_profile", "Timeouts"),
    "Transactions": (
        *("Contract", "CallOptions", "Retry", "Proposal", "Transaction", "Commit", "CommitStatus", "Outcome"),
    ),
    "Identities": ("Identity", "SigningIdentity", "Wallet", "MemoryWallet"),
    "Events": ("ChaincodeEvent", "Checkpoint", "FileCheckpoint"),
    "Errors": (
        *("FabricError", "ConfigurationError", "IdentityError", "GatewayError", "EvaluateError"),
        *("EndorseError", "SubmitError", "CommitStatusError", "CommitError", "EventError"),
        *("CertificateAuthorityError", "PeerDetail"),
    ),
}


def page() -> str:
    """The page."""
    lines = [
        "# hlf",
        "",
        "Made of the docstrings by `python -m tests.scenarios.reference`; `help(hlf.NAME)` says the same. "
        "The nouns of `AsyncGateway` (`hlf.aio`) have the same calls as those below, to be awaited.",
    ]
    grouped = {name for names in _GROUPS.values() for name in names}
    groups = {**_GROUPS, "For flows and drivers of one's own": tuple(sorted(set(hlf.__all__) - grouped))}
    for title, names in groups.items():
        lines += ["", f"## {title}"]
        for name in names:
            lines += _entry(name, getattr(hlf, name))
    lines += ["", "## hlf.fabric_sdk_py", "", *_text(hlf.fabric_sdk_py)]
    for name in ("load_network", "load_users", "load_enrollments"):
        lines += _entry(name, getattr(hlf.fabric_sdk_py, name))
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    if inspect.isfunction(value):
        yield from (f"`{name}{_signature(value)}`", "")
    elif inspect.isclass(value) and "__init__" in vars(value) and not issubclass(value, Exception):
        yield from (f"`{name}{_signature(value.__init__)}`", "")
    yield from _text(value)
    if not inspect.isclass(value):
        return
    yield ""
    for member, attribute in _members(value):
        summary = (inspect.getdoc(attribute) or "").split("\n\n")[0].replace("\n", " ")
        shape = "" if isinstance(attribute, property) else _signature(attribute)
        yield f"- `{member}{shape}`: {_code(summary)}"


def _members(kind: type) -> list[tuple[str, Any]]:
    """Public methods and properties, inherited ones of hlf too, by name."""
    found = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("hlf"):
            continue
        for name, value in vars(base).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not name.startswith("_") and (
                isinstance(function, property) or (inspect.isfunction(function) and function.__name__ == name)
            ):
                found[name] = function
    return sorted(found.items())


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [
        one.replace(annotation=one.empty)
        for one in signature.parameters.values()
        if one.name not in {"self", "cls"}
    ]
    text = str(signature.replace(parameters=parameters, return_annotation=signature.empty))
    return re.sub(r"<[^>]*>", "…", text)


def _text(value: type | ModuleType | Any) -> list[str]:
    text = (inspect.getdoc(value) if "__doc__" in vars(value) else "") or ""
    return _code(re.sub(r"::\n\n((?:    .*\n?|\n)+)", _block, text + "\n")).splitlines()


def _block(match: re.Match[str]) -> str:
    body = inspect.cleandoc(match.group(1))
    return f":\n\n```python\n{body}\n```\n\n"


def _code(text: str) -> str:
    return text.replace("``", "`") if "```" not in text else re.sub(r"(?<!`)``(?!`)", "`", text)


def main() -> int:
    parser = argparse.ArgumentParser(description="the reference of hlf")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page differs")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.stdout.write("docs/reference/hlf.md differs: run python -m tests.scenarios.reference\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
