"""A report in a real browser, where Chromium is installed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.report_kit import demo_mirror, record, write_run

from multicart_async import tables
from multicart_async.tables._report.palette import DARK, LIGHT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*">\n')
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # for what the browser itself asks
)
OWN = re.compile(r"^(https?://)?[^/]*(google|googleapis|gstatic|gvt1)\.com\b")
PAGE = "http://report.test/"
SCHEMES = {"dark": 0, "light": 1}  # of blink::mojom::PreferredColorScheme
PROBE = """<script>addEventListener("load", () => {
const wide = [...document.querySelectorAll("body *")].filter(one =>
  !one.closest(".scroll, .hidden, svg") && one.getBoundingClientRect().right > innerWidth + 0.5);
const cut = [...document.querySelectorAll(".scroll")].filter(one =>
  one.scrollWidth > one.clientWidth && getComputedStyle(one).overflowX !== "auto");
const levels = [...document.querySelectorAll(".y")].filter(one =>
  one.getBoundingClientRect().right > one.parentNode.querySelector("svg").getBoundingClientRect().left);
parent.postMessage(JSON.stringify({
  width: innerWidth, scrolled: document.documentElement.scrollWidth, wide: wide.map(one => one.outerHTML.slice(0, 80)),
  cut: cut.length, levels: levels.length,
  dark: matchMedia("(prefers-color-scheme: dark)").matches, page: getComputedStyle(document.body).backgroundColor,
  text: getComputedStyle(document.body).color, sections: document.querySelectorAll("section").length,
  charts: [...document.querySelectorAll("svg.chart")].map(one => one.getBoundingClientRect().height),
}), "*"); });
</script>"""
FRAME = """<!doctype html><meta name="color-scheme" content="light dark"><script>
addEventListener("message", event => { document.documentElement.dataset.probe = event.data; });
</script><iframe src="%s" width="%d" height="900" style="border:0;color-scheme:light dark"></iframe>"""

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]


def opened(page: Path, *options: str, address: str | None = None) -> str:
    """What Chromium prints with these options."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={page.parent / 'profile'}", *options, address or page.as_uri()],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        env={**os.environ, "HOME": str(page.parent)},
    )
    return done.stdout


def probed(page: Path, *, width: int = 1200, scheme: str = "light") -> dict[str, Any] | None:
    """What a script in the page has found, or ``None`` if it did not run.

    The page is in a frame, because a window has at least 500 pixels.
    """
    frame = page.with_name("frame.html")
    frame.write_text(FRAME % (page.name, width), "utf-8")
    settings = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    shown = opened(frame, "--dump-dom", "--window-size=1400,1000", "--virtual-time-budget=5000", settings)
    found = re.search(r'data-probe="([^"]*)"', shown)
    return None if found is None else json.loads(unescape(found[1]))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything there can be, and with texts that are hard to lay out."""
    folder = tmp_path_factory.mktemp("report")
    demo_mirror(folder / "mirror", items=60)
    nasty = "<script>document.title=1</script>" + "W" * 3000
    for run, price in ((1, "$1,234,567,890.00"), (2, "$1,000,000,000.00")):
        stock = "In Stock" if run == 1 else nasty
        write_run(folder / "mirror", 105, run, [record("X" * 90, price, stock, nasty)], label="L" * 500)
    asyncio.run(tables.report(folder / "mirror", folder / "report.html"))
    return folder / "report.html"


def with_probe(report: Path, target: Path, *, policy: bool) -> Path:
    """A copy of the report with a script, which its policy would not let run."""
    page = report.read_text("utf-8").replace("</body>", f"{PROBE}</body>")
    target.write_text(page if policy else POLICY.sub("", page), "utf-8")
    return target


def color(value: str) -> str:
    """A colour as browsers write it."""
    return f"rgb({', '.join(str(int(value[place : place + 2], 16)) for place in (1, 3, 5))})"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [400, 1200])
def test_a_report_fits_into_the_window(report: Path, tmp_path: Path, width: int, scheme: str) -> None:
    """On a phone and on a desk, in both themes: only tables scroll sideways, each within itself."""
    page = with_probe(report, tmp_path / "probe.html", policy=False)
    palette = DARK if scheme == "dark" else LIGHT
    found = probed(page, width=width, scheme=scheme)

    assert found is not None
    assert (found["width"], found["scrolled"], found["wide"], found["cut"], found["levels"]) == (width, width, [], 0, 0)
    assert (found["dark"], found["page"], found["text"]) == (
        scheme == "dark",
        color(palette["page"]),
        color(palette["text"]),
    )
    assert found["sections"] == 8
    assert set(found["charts"]) == {144}


def test_the_policy_of_a_report_runs_no_script(report: Path, tmp_path: Path) -> None:
    """Even one that got into the page would not run."""
    assert probed(with_probe(report, tmp_path / "probe.html", policy=True)) is None
    assert probed(with_probe(report, tmp_path / "probe.html", policy=False)) is not None


@contextmanager
def proxy(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A proxy that has one page, and the addresses that it is asked for, without those of the browser itself."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if not OWN.search(self.path):
                asked.append(self.path)
            self.send_response(200 if self.path == PAGE else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content if self.path == PAGE else b"")

        do_GET = do_POST = do_HEAD = do_CONNECT = answer  # noqa: N815 -- of the base class

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("fetches", [False, True])
def test_a_report_fetches_nothing(report: Path, tmp_path: Path, *, fetches: bool) -> None:
    """Not even without its policy; a picture that is put into it would be seen."""
    page = POLICY.sub("", report.read_text("utf-8"))
    content = page.replace("<main>", '<main><img src="http://elsewhere.test/x.png">') if fetches else page
    with proxy(content.encode()) as (address, asked):
        shown = opened(report, "--dump-dom", f"--proxy-server={address}", address=PAGE)

    assert "What was mirrored" in shown
    assert set(asked) - {f"{PAGE}favicon.ico"} == {PAGE, *(["http://elsewhere.test/x.png"] if fetches else [])}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_report_can_be_drawn(report: Path, tmp_path: Path, scheme: str) -> None:
    """As a picture of the size of the window."""
    picture = tmp_path / "report.png"
    settings = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    opened(report, "--window-size=400,2000", settings, f"--screenshot={picture}")

    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (400, 2000)


def test_all_rows_are_printed(report: Path, tmp_path: Path) -> None:
    """Those that are shown on demand too: the print has more pages than without them."""
    folded = tmp_path / "folded.html"
    folded.write_text(re.sub(r"<details>.*?</details>", "", report.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    pages = []
    for page in (report, folded):
        printed = tmp_path / "printed.pdf"
        opened(page, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
        pages.append(len(re.findall(rb"/Type\s*/Page\b(?!s)", printed.read_bytes())))

    assert pages[0] > pages[1] > 1
