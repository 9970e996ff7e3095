"""The wheel as type checkers of its users see it: everything is typed, the protocol's messages too."""

from __future__ import annotations

import json
import re
import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

from tests.official.toolkits import pyright

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
pytestmark = pytest.mark.xdist_group("typing")
_BUILD = "import setuptools.build_meta as backend; backend.build_wheel('wheel')"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a user's project, with a virtual environment that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("user")
    sources = folder / "sources"
    for name in ("client", "chaincode", "network", "typings"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("state", "__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    subprocess.run([sys.executable, "-c", _BUILD], cwd=sources, check=True, capture_output=True, timeout=120)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    (wheel,) = (sources / "wheel").glob("*.whl")
    packages = next((folder / "env").glob("lib*/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    for name in ("right.py", "wrong.py"):
        shutil.copy(HERE / name, folder)
    return folder


def mypy(user: Path, name: str) -> str:
    """What mypy --strict says of a file of the user's."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    python = ["--python-executable", str(user / "env" / "bin" / "python")]
    done = subprocess.run(
        [*command, *python, "--cache-dir", str(user / "cache"), name],
        cwd=user,
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.feature("A18")
def test_right_uses_pass(user: Path) -> None:
    assert mypy(user, "right.py") == ""


@pytest.mark.feature("A18")
def test_wrong_uses_are_refused_and_nothing_else(user: Path) -> None:
    said = re.findall(r"^wrong\.py:(\d+): error: .*\[([a-z-]+)\]$", mypy(user, "wrong.py"), re.M)
    text = (HERE / "wrong.py").read_text(encoding="utf-8")
    wanted = [
        (str(number), code)
        for number, line in enumerate(text.splitlines(), 1)
        for code in re.findall(r"# E: ([a-z-]+)$", line)
    ]
    assert said == wanted


@pytest.mark.feature("A18")
def test_pyright_has_nothing_to_say_about_right_uses(user: Path) -> None:
    settings = {"venvPath": ".", "venv": "env", "typeCheckingMode": "strict", "include": ["right.py"]}
    (user / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["node", str(pyright()), "--outputjson"]
    done = subprocess.run(command, cwd=user, check=False, capture_output=True, text=True, timeout=170)
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] == 1
    assert [one["message"] for one in said["generalDiagnostics"]] == []


@pytest.mark.feature("F3")
def test_the_wheel_installs_on_this_python_without_compiling(user: Path) -> None:
    packages = next((user / "env").glob("lib*/python*/site-packages"))
    (information,) = packages.glob("dure-*.dist-info")
    described = message_from_string((information / "METADATA").read_text(encoding="utf-8"))
    wheel = message_from_string((information / "WHEEL").read_text(encoding="utf-8"))
    assert described["Requires-Python"] == "<3.14,>=3.11"
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
    assert (wheel["Root-Is-Purelib"], wheel["Tag"]) == ("true", "py3-none-any")


def test_every_stub_is_in_the_wheel(user: Path) -> None:
    packages = next((user / "env").glob("lib*/python*/site-packages"))
    shipped = {path.relative_to(packages / "fabric_protos-stubs") for path in packages.rglob("*.pyi")}
    source = ROOT / "typings" / "fabric_protos"
    assert shipped == {path.relative_to(source) for path in source.rglob("*.pyi")}
    assert (packages / "hlf" / "py.typed").exists()
