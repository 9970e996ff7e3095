"""The files of a new chaincode project, from the templates beside this module."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import resources
from pathlib import Path
from string import Template

from .settings import check_name

_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "Dockerfile": "Dockerfile.txt",
    ".dockerignore": "dockerignore.txt",
    ".gitignore": "gitignore.txt",
    "{package}/__init__.py": "init.py.txt",
    "{package}/contract.py": "contract.py.txt",
    "tests/test_contract.py": "test_contract.py.txt",
    "tests/test_network.py": "test_network.py.txt",
}
_TAKEN = frozenset({"tests", "hlf", "hlf_chaincode", "hlf_network", "hlf_emulator", "dure", "pytest"})


def write_project(name: str, folder: Path) -> list[Path]:
    """Write the project of a new chaincode; the files written.

    ValueError for a name that no peer takes, FileExistsError for a folder that holds something already.
    """
    words = {
        "name": check_name(name),
        "project": re.sub("[-_]+", "-", name).lower(),
        "package": package_name(name),
        "contract": contract_name(name),
    }
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(str(folder))
    templates = resources.files(__package__) / "templates"
    written = []
    for target, source in _FILES.items():
        path = folder / target.format(**words)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (templates / source).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(path)
    return written


def package_name(name: str) -> str:
    """The Python package of a chaincode: no word of Python's own, and no module that is there already."""
    package = name.replace("-", "_").lower()
    free = not keyword.iskeyword(package) and package not in sys.stdlib_module_names | _TAKEN
    if package.isidentifier() and free:
        return package
    return f"{package}_contract" if package.isidentifier() else f"contract_{package}"


def contract_name(name: str) -> str:
    """The contract's class: the name's words together, each with a capital."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", name))
    return joined if joined.isidentifier() and not keyword.iskeyword(joined) else f"Contract{joined}"
