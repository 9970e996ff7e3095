"""The official clients and chaincode runtimes, fetched from their registries and built under `build/`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build"
SECONDS = 170
_NPM_INSTALL = (
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--maxsockets=1",
)
_NPM_ENVIRONMENT = {"npm_config_fetch_retries": "1"}
# npm now and then answers success and leaves packages half installed: what was fetched has to load.
_LOAD_ALL = (
    "for (const name of Object.keys(require('./package.json').dependencies))"
    " import(name).catch(problem => { console.error(String(problem)); process.exit(1) })"
)
_TRIES = 3


@dataclass(frozen=True)
class Toolkit:
    """One language's programs: the commands, to which the file with the way in is appended."""

    folder: Path
    client: Sequence[str]
    chaincode: Sequence[str] = ()


def node() -> Toolkit:
    """The client and the chaincode runtime for Node, from the npm registry."""
    program, npm = _program("node"), _program("npm")
    folder = _prepare("node", [[npm, *_NPM_INSTALL], [program, "-e", _LOAD_ALL]], _NPM_ENVIRONMENT)
    return Toolkit(folder, [program, "client.mjs"], [program, "chaincode.cjs"])


def node_ca() -> Toolkit:
    """The Fabric CA client for Node, from the npm registry."""
    program, npm = _program("node"), _program("npm")
    folder = _prepare("node-ca", [[npm, *_NPM_INSTALL], [program, "-e", _LOAD_ALL]], _NPM_ENVIRONMENT)
    return Toolkit(folder, [program, "client.cjs"])


def pyright() -> Path:
    """The type checker's program, from the npm registry."""
    program, npm = _program("node"), _program("npm")
    checker = Path("node_modules") / "pyright" / "index.js"
    commands = [[npm, *_NPM_INSTALL], [program, str(checker), "--version"]]
    return _prepare("pyright", commands, _NPM_ENVIRONMENT) / checker


def python_packages(name: str) -> Path:
    """The folder of packages of tests/official/NAME/requirements.txt, from the Python package index."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return _prepare(name, [[*install, "--target", "packages", "-r", "requirements.txt"]], {}) / "packages"


def go() -> Toolkit:
    """The client, the chaincode runtime and a reader of metadata for Go, from the module proxy."""
    program = _program("go")
    builds = [
        [program, "build", "-o", f"bin/{name}", f"./{name}"] for name in ("client", "chaincode", "metadata")
    ]
    folder = _prepare("go", builds, {"GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"})
    return Toolkit(folder, [str(folder / "bin" / "client")], [str(folder / "bin" / "chaincode")])


def java() -> Toolkit:
    """The client for Java, from Maven's central repository."""
    program, maven = _program("java"), _program("mvn")
    folder = _prepare(
        "java", [[maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]], {}
    )
    return Toolkit(folder, [program, "-cp", "lib/*", "Client.java"])


def python() -> Toolkit:
    """The chaincode runtime for Python, from the Python index, in an environment of its own."""
    pip = ["venv/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    commands = [[sys.executable, "-m", "venv", "venv"], [*pip, "-r", "requirements.txt"]]
    folder = _prepare("python", commands, {})
    return Toolkit(folder, [], [str(folder / "venv" / "bin" / "python"), "chaincode.py"])


def ours() -> Toolkit:
    """This repository's own server."""
    return Toolkit(BUILD.parent, [], [sys.executable, "-m", "hlf_chaincode.server", "--config"])


TOOLKITS: Mapping[str, Callable[[], Toolkit]] = {"node": node, "go": go, "java": java, "python": python}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def _prepare(language: str, commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Path:
    """Copy our sources beside what the commands fetch, once for each state of the sources."""
    folder, sources = BUILD / f"official-{language}", HERE / language
    wanted = "".join(path.read_text(encoding="utf-8") for path in sorted(sources.rglob("*.*")))
    stamp = folder / "prepared"
    said = ""
    BUILD.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        # One at a time: another worker's try must not empty the folder under this one's.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return folder
        for _ in range(_TRIES):
            # Each try begins empty: what a failed one has left must not be taken for installed.
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(sources, folder)
            said = _failure(commands, folder, environment)
            if not said:
                stamp.write_text(wanted, encoding="utf-8")
                return folder
    pytest.skip(f"the official {language} packages cannot be had here: {said}")


def _failure(commands: Sequence[Sequence[str]], folder: Path, environment: Mapping[str, str]) -> str:
    """What the first command that fails says; empty when none does."""
    for command in commands:
        done = _run(command, folder, environment)
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            return "; ".join(lines[:3]) or f"{command[0]} answered {done.returncode}"
    return ""


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
