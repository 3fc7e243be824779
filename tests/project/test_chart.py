"""The chart of the benchmarks is drawn from their raw figures."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")


@pytest.fixture
def chart(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that draws, imported as a script imports it."""
    monkeypatch.syspath_prepend(os.fspath(BENCHMARKS))
    yield importlib.import_module("chart")
    for name in [name for name in sys.modules if name.partition(".")[0] in {"harness", "chart"}]:
        del sys.modules[name]


def row(job: str, name: str, seconds: float, number: int = 0) -> dict[str, Any]:
    """A result as `run.py --json` writes it."""
    measured = dict.fromkeys(("wall", "cpu", "whole_wall", "whole_cpu"), seconds)
    missing = dict.fromkeys(("idle", "stall", "stall99"))
    race = {"job": job, "title": "5 files <& more>", "rounds": 2, "scale": 0.1}
    return {**race, "name": name, "round": number, "peak": 1.0, **measured, **missing, "facts": {}}


RAW = [
    row("small-files", "curl -Z", 1.0),
    row("small-files", "runs.download", 1.5),
    row("small-files", "httpx", 24.0),
    row("small-files", "SHA-256 alone", 0.1),
    row("small-files", "curl -Z", 2.0, 1),
    row("small-files", "runs.download", 3.5, 1),
    row("product-records", "json.load", 2.0),
    row("product-records", "runs.records", 0.5),
    row("poll", "runs.list", 1.0),
]


def drawn(chart: ModuleType, folder: Path, raw: list[dict[str, Any]] = RAW) -> dict[str, ET.Element]:
    """Both charts, by name."""
    (folder / "raw.json").write_text(json.dumps(raw), "utf-8")
    return {path.name: ET.parse(path).getroot() for path in chart.write(folder / "raw.json", folder / "new/chart.svg")}


def texts(root: ET.Element) -> list[str]:
    """All text that is shown."""
    return [text.strip() for element in root.iter(f"{SVG}text") for text in element.itertext() if text.strip()]


def bars(root: ET.Element) -> list[tuple[float, str]]:
    """Lengths and colours of the bars."""
    return [(float(bar.attrib["width"]), bar.attrib["fill"]) for bar in root.iter(f"{SVG}rect") if "x" in bar.attrib]


def test_a_light_and_a_dark_chart_are_made(chart: ModuleType, tmp_path: Path) -> None:
    """Both are SVG with the same text, and their grounds differ."""
    light, dark = drawn(chart, tmp_path).values()

    assert [path.name for path in (tmp_path / "new").iterdir()] != []
    assert sorted(drawn(chart, tmp_path)) == ["chart-dark.svg", "chart-light.svg"]
    assert (light.tag, texts(light)) == (f"{SVG}svg", texts(dark))
    assert light.find(f"{SVG}rect").attrib["fill"] != dark.find(f"{SVG}rect").attrib["fill"]


def test_bars_are_ratios_within_rounds(chart: ModuleType, tmp_path: Path) -> None:
    """The text of a bar is the median of its ratios, the shortest is first, and what is no rival is left out."""
    shown = texts(drawn(chart, tmp_path)["chart-light.svg"])
    order = [name for name in shown if name in {"curl -Z", "runs.download", "httpx", "SHA-256 alone"}]

    assert order == ["curl -Z", "runs.download", "httpx"]
    assert shown[shown.index("runs.download") + 1 :][:2] == ["1.62 ×", "2.50 s"]  # noqa: RUF001 -- as it is shown
    assert shown[shown.index("runs.records") + 1] == "0.25 ×"  # noqa: RUF001 -- as it is shown


def test_our_bars_are_highlighted_and_long_ones_cut(chart: ModuleType, tmp_path: Path) -> None:
    """The bars of this library have a colour of their own; a bar that is far longer than others has a gap."""
    root = drawn(chart, tmp_path)["chart-light.svg"]
    (base, gray), (ours, blue), (longest, _) = bars(root)[:3]

    assert gray != blue
    assert ours / base == pytest.approx(1.625, rel=0.01)
    assert longest / base < 24
    assert len(root.findall(f"{SVG}polygon")) == 1


def test_the_command_is_in_the_caption(chart: ModuleType, tmp_path: Path) -> None:
    """Below the chart are the commands that make the figures and the chart, with the jobs that were drawn."""
    root = drawn(chart, tmp_path)["chart-dark.svg"]

    assert texts(root)[-2:] == [
        "python benchmarks/run.py small-files product-records --rounds 2 --scale 0.1 --json raw.json",
        f"python benchmarks/chart.py raw.json {tmp_path}/new/chart.svg",
    ]
    assert "5 files <& more>. The dashed line is curl -Z." in texts(root)


def test_the_same_figures_give_the_same_bytes(chart: ModuleType) -> None:
    """Nothing but the figures decides the chart."""
    groups = chart.read(RAW)

    assert chart.draw(chart.read(RAW), chart.THEMES[0], ["make"]) == chart.draw(groups, chart.THEMES[0], ["make"])


def test_figures_of_other_jobs_alone_are_an_error(chart: ModuleType) -> None:
    """Without any figure to draw, the error names the jobs."""
    with pytest.raises(ValueError, match=r"^no figures of the jobs small-files, big-file-https, product-records$"):
        chart.read([row("poll", "runs.list", 1.0)])
