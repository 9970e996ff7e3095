"""docs/guides/evaluation.md, followed to the letter in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from lending.credit import reason_codes
from tests.scenarios import guides

TEXT = (guides.DOCS / "guides" / "evaluation.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    (form,), (sheet,) = blocks("yaml"), blocks("csv")
    (tmp_path / "firm.yaml").write_text(form, encoding="utf-8")
    (tmp_path / "firms.csv").write_text(sheet, encoding="utf-8")
    guides.run(guides.read("guides/evaluation.md"), tmp_path)
    shown = "".join(blocks("console"))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for part in shown.split("$ dure ")[1:]:
        command, _, said = part.partition("\n")
        done = subprocess.run(
            ["sh", "-c", f"dure {command}"],
            cwd=tmp_path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.stdout == said, done.stderr
    assert (tmp_path / "explanation.pdf").read_bytes().startswith(b"%PDF-")


def test_the_guide_lists_every_reason_code() -> None:
    listed = re.findall(r"^\| `(R-[A-Z-]+)` \| (.+?) \| (.+?) \| (\w+) \|$", TEXT, re.M)
    assert listed == [(one.code, one.ko, one.en, one.change) for one in reason_codes().values()]
