"""docs/guides/chaincode.md, followed to the letter by somebody who has just installed the packages.

Commands run as they stand there, but for ports and for Docker, which a machine that runs tests may lack.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "chaincode.md"
BLOCK = re.compile(r"```(console|python|yaml)\n(.*?)```", re.S)
ENDED = 60.0


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Newcomer:
    """Somebody at a prompt, who types what the guide shows and compares what it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = free_address()
        self.typed: list[str] = []
        self.served: subprocess.Popen[str] | None = None
        commands = folder / "bin"
        commands.mkdir()
        programs = {"hlf": "-c 'import dure; dure.hlf()'", "python": ""}
        for name, arguments in programs.items():
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
            (commands / name).chmod(0o755)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        self.environment = {**clean, "PATH": f"{commands}:{os.environ['PATH']}"}

    def follow(self, block: str) -> None:
        """The commands of a block, each with what it is to print."""
        for line in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = line.partition("\n")
            self.type(command, shown)

    def type(self, command: str, shown: str) -> None:
        self.typed.append(command)
        if command.startswith("pip install"):
            return
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return
        if command == "hlf chaincode dev":
            self.serve(shown)
            return
        here = {
            "hlf chaincode test": f"{command} -p no:cacheprovider -p no:xdist",
            "hlf chaincode test --network": f"{command} -p no:cacheprovider -p no:xdist",
            "hlf emulator up --detach": f"{command} --free-ports",
        }.get(command, command.replace("--runtime docker", "--runtime emulator"))
        ended = subprocess.run(
            shlex.split(here),
            check=False,
            capture_output=True,
            text=True,
            timeout=ENDED,
            cwd=self.folder,
            env=self.environment,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        for line in shown.splitlines():
            assert line in ended.stdout, f"{command}\n{ended.stdout}"

    def serve(self, shown: str) -> None:
        """The server in a terminal of its own: wait until it has printed what it is to."""
        command = ["hlf", "chaincode", "dev", "--address", self.address]
        self.served = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=self.environment
        )
        assert self.served.stdout is not None
        for line in shown.replace("127.0.0.1:9999", self.address).splitlines():
            printed = self.served.stdout.readline()
            pattern = re.escape(line).replace("…", "[0-9a-f]{64}")
            assert re.fullmatch(pattern, printed.strip()), printed

    def leave(self) -> None:
        """Ctrl-C, and no network that goes on."""
        if self.served is not None:
            self.served.send_signal(signal.SIGINT)
            assert self.served.wait(ENDED) == 0
            assert self.served.stdout is not None
            self.served.stdout.close()
        for end in ("hlf emulator down", "hlf network --topology topology.yaml --state state down"):
            subprocess.run(
                shlex.split(end),
                check=False,
                capture_output=True,
                timeout=ENDED,
                cwd=self.folder,
                env=self.environment,
            )


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    made = Newcomer(tmp_path)
    try:
        yield made
    finally:
        made.leave()


def test_the_guide_from_its_first_line_to_its_last(newcomer: Newcomer) -> None:
    for kind, block in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if kind == "console":
            newcomer.follow(block)
        elif kind == "yaml":
            (newcomer.folder / "topology.yaml").write_text(block)
        elif block.startswith("    "):
            contract = newcomer.folder / "assets" / "contract.py"
            contract.write_text(f"{contract.read_text()}\n{block}")
        else:
            (newcomer.folder / "client.py").write_text(block)
    assert [command for command in newcomer.typed if command.startswith("hlf ")] == [
        "hlf chaincode new assets",
        "hlf chaincode test",
        "hlf chaincode test --network",
        "hlf emulator up --detach",
        "hlf chaincode dev",
        "hlf emulator down",
        "hlf network --topology topology.yaml --state state up --runtime docker",
        "hlf network --topology topology.yaml --state state down",
    ]


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", GUIDE.read_text(encoding="utf-8"))
    assert len(links) >= 4
    assert [link for link in links if not (GUIDE.parent / link).exists()] == []
