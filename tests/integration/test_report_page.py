"""The report's page in a real browser, at a phone's and at a desk's width."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import DemoRun

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# A frame has the width that it is given, where a window has a least one.
FRAME = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="page" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument, window = event.target.contentWindow;
  const root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 0.5)
    .map((each) => each.className || each.tagName);
  document.body.dataset.measured = [root.scrollWidth, window.innerWidth, root.scrollHeight, wide.length]
    .join("/");
  document.getElementById("page").remove();
}};
</script>
"""


def measure(page: str, width: int, folder: Path) -> tuple[int, int, int, int]:
    """Scroll width, inner width, height, and how many elements stick out, as the browser lays it out."""
    file = folder / "frame.html"
    file.write_text(FRAME.format(width=width, page=html.escape(page)), encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1400,1000",
            "--virtual-time-budget=10000",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'data-measured="(\d+)/(\d+)/(\d+)/(\d+)"', done.stdout)
    assert found, done.stderr[-2000:]
    scroll, inner, height, wide = (int(part) for part in found.groups())
    return scroll, inner, height, wide


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the page in")
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits(demo_run: DemoRun, tmp_path: Path, width: int) -> None:
    page = demo_run.page_path.read_text(encoding="utf-8")
    scroll, inner, height, wide = measure(page, width, tmp_path)
    assert inner == width
    assert scroll <= inner
    assert wide == 0
    assert height > 1000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the page in")
def test_control_a_page_that_is_too_wide_is_noticed(tmp_path: Path) -> None:
    page = "<!doctype html><body style='margin:0'><div style='width:500px'>wide</div>"
    scroll, inner, _height, wide = measure(page, 360, tmp_path)
    assert (scroll, inner, wide) == (500, 360, 1)


def test_the_page_needs_no_network(demo_run: DemoRun) -> None:
    page = demo_run.page_path.read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)\s*=|@import|url\(|https?://""", page)


def test_the_page_tells_the_whole_report(demo_run: DemoRun) -> None:
    page = demo_run.page_path.read_text(encoding="utf-8")
    text = html.unescape(page)
    for step in demo_run.report["steps"]:
        assert step["title"] in text
        assert step.get("transaction_id", "") in page
    assert all(refusal["attempt"] in text for refusal in demo_run.report["refused"])
    assert all(row["what"] in text for row in demo_run.report["final"]["visibility"])
    assert all(item["ko"] in text for item in demo_run.report["final"]["evaluation"]["items"])
    review = demo_run.report["final"]["review"]
    assert all(review["dates"][name] in text for name in ("received_on", "due_by", "answered_on"))
