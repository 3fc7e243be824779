"""A chart from the raw figures of the suite: `python benchmarks/chart.py results.json docs/images/performance.svg`

Makes performance-light.svg and performance-dark.svg: small files, a large file and records, beside the rivals. The
figures are those of the jobs `small-files`, `big-file` and `product-records`, written by `run.py --json results.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.figures import Figures
from harness.race import Result

WIDTH, MARGIN, LABELS, VALUES, HEADING, ROW, BAR = 840, 24, 196, 132, 50, 26, 16
TRACK = WIDTH - 2 * MARGIN - LABELS - VALUES  # the longest bar
CUT = 6  # times the base, or times ours: a longer bar is cut, or it would make all others look alike
FONT = "-apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', Helvetica, Arial, sans-serif"


NOTES = (
    "Shorter is better; each bar has its ratio and its seconds. Blue is this library, whose downloads are verified, hashed",
    "and listed in a manifest; the others do none of that. Made by:",
)
LINE = 18


@attrs.frozen
class Panel:
    """One race, and which of its figures is drawn."""

    job: str
    title: str
    field: str
    base: str
    left_out: Sequence[str] = ()


PANELS = (
    Panel("small-files", "Many small files: CPU time", "cpu", "curl -Z", ("SHA-256 alone",)),
    Panel(
        *("big-file-https", "One large file: wall time", "wall", "curl"),
        ("SHA-256 alone", "sockets and write, nothing else"),
    ),
    Panel("product-records", "Reading records: CPU time", "cpu", "json.load"),
)


@attrs.frozen
class Theme:
    """Colours."""

    name: str
    ground: str
    text: str
    muted: str
    ours: str
    others: str


THEMES = (
    Theme("light", "#ffffff", "#1f2328", "#59636e", "#0969da", "#b5bec8"),
    Theme("dark", "#0d1117", "#f0f6fc", "#9198a1", "#4493f8", "#656e78"),
)


@attrs.frozen
class Bar:
    """One contender: its ratio to the base, and its seconds."""

    name: str
    ratio: float
    seconds: float
    ours: bool


@attrs.frozen
class Group:
    """A panel with its bars, the shortest first."""

    panel: Panel
    subtitle: str
    rounds: int
    scale: float
    bars: Sequence[Bar]

    @property
    def longest(self) -> float:
        """The ratio that the longest bar stands for."""
        ours = max((bar.ratio for bar in self.bars if bar.ours), default=1.0)
        return min(max(bar.ratio for bar in self.bars), CUT * max(1.0, ours))

    @property
    def height(self) -> int:
        """Pixels, with the space below."""
        return HEADING + ROW * len(self.bars) + 24


def read(raw: Sequence[Mapping[str, Any]]) -> list[Group]:
    """The groups that *raw* has figures for, which is what ``run.py --json`` writes.

    Raises:
        ValueError: It has none.
    """
    groups = [group for panel in PANELS if (group := _group(panel, raw)) is not None]
    if not groups:
        raise ValueError(f"no figures of the jobs {', '.join(panel.job for panel in PANELS)}")
    return groups


def _group(panel: Panel, raw: Sequence[Mapping[str, Any]]) -> Group | None:
    rows = [row for row in raw if row["job"] == panel.job]
    figures = Figures([Result(**{name: row[name] for name in attrs.fields_dict(Result)}) for row in rows])
    bars: list[Bar] = []
    for name in figures.names():
        ratio, seconds = figures.ratio(name, panel.base, panel.field), figures.median(name, panel.field)
        if ratio is not None and seconds is not None and name not in panel.left_out:
            bars.append(Bar(name, ratio, seconds, ours=name.startswith(("runs.", "client."))))
    bars.sort(key=lambda bar: (bar.ratio, bar.name))
    return Group(panel, rows[0]["title"], rows[0]["rounds"], rows[0]["scale"], bars) if bars else None


def draw(groups: Sequence[Group], theme: Theme, commands: Sequence[str]) -> str:
    """The chart as SVG, and below it the *commands* that make it."""
    foot = [*NOTES, *commands]
    height = MARGIN + sum(group.height for group in groups) + LINE * len(foot) + 8
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": f"{WIDTH}", "height": f"{height}"}
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img", "font-family": FONT})
    ET.SubElement(root, "title").text = "Performance of multicart_async beside other tools"
    ET.SubElement(root, "desc").text = "; ".join(_described(group) for group in groups)
    ET.SubElement(root, "rect", width="100%", height="100%", rx="8", fill=theme.ground)
    top = MARGIN
    for group in groups:
        _draw_group(root, theme, group, top)
        top += group.height
    for number, line in enumerate(foot):
        _text(root, MARGIN, top + 12 + LINE * number, line, theme.muted, 12)
    ET.indent(root)
    return ET.tostring(root, "unicode") + "\n"


def _draw_group(root: ET.Element, theme: Theme, group: Group, top: int) -> None:
    _text(root, MARGIN, top + 14, group.panel.title, theme.text, 16, weight="600")
    _text(root, MARGIN, top + 34, f"{group.subtitle}. The dashed line is {group.panel.base}.", theme.muted, 12)
    for number, bar in enumerate(group.bars):
        _bar(root, theme, bar, top + HEADING + ROW * number, group.longest)
    x, low = f"{MARGIN + LABELS + TRACK / group.longest:.1f}", top + HEADING + ROW * len(group.bars)
    place = {"x1": x, "x2": x, "y1": f"{top + HEADING - 2}", "y2": f"{low + 2}"}
    ET.SubElement(root, "line", {**place, "stroke": theme.text, "stroke-dasharray": "2 3", "stroke-opacity": "0.55"})


def _bar(root: ET.Element, theme: Theme, bar: Bar, top: int, longest: float) -> None:
    weight, fill = ("600", theme.ours) if bar.ours else ("400", theme.others)
    middle, left = top + ROW / 2, MARGIN + LABELS
    length = TRACK * min(bar.ratio, longest) / longest
    _text(root, left - 10, middle + 4.5, bar.name, theme.text, 13, weight=weight, anchor="end")
    size = {"x": f"{left}", "y": f"{middle - BAR / 2:g}", "height": f"{BAR}", "width": f"{max(length, 1):.1f}"}
    ET.SubElement(root, "rect", size, fill=fill, rx="2")
    if bar.ratio > longest:
        _gap(root, theme, left + length - 34, middle)
    line, x = TRACK / longest, length + 8
    if x - 4 < line < x + VALUES - 24:  # the text would be on the dashed line
        x = line + 8
    value = _text(root, left + x, middle + 4.5, f"{_rounded(bar.ratio)} ×", theme.text, 13, weight=weight)
    more = {"dx": "8", "fill": theme.muted, "font-size": "12", "font-weight": "400"}
    ET.SubElement(value, "tspan", more).text = f"{_rounded(bar.seconds)} s"


def _gap(root: ET.Element, theme: Theme, x: float, middle: float) -> None:
    """A slanted gap: the bar is longer than it is drawn."""
    low, high = middle + BAR / 2 + 2, middle - BAR / 2 - 2
    shape = f"{x:.1f},{low:g} {x + 7:.1f},{high:g} {x + 14:.1f},{high:g} {x + 7:.1f},{low:g}"
    ET.SubElement(root, "polygon", points=shape, fill=theme.ground)


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _text(
    root: ET.Element,
    x: float,
    y: float,
    text: str,
    fill: str,
    size: int,
    *,
    weight: str = "400",
    anchor: str = "start",
) -> ET.Element:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "fill": fill, "font-size": f"{size}"}
    element = ET.SubElement(root, "text", {**place, "font-weight": weight, "text-anchor": anchor})
    element.text = text
    return element


def _described(group: Group) -> str:
    bars = ", ".join(f"{bar.name} {bar.ratio:.2f} times {group.panel.base}" for bar in group.bars)
    return f"{group.panel.title}, {group.subtitle}: {bars}"


def _settings(groups: Sequence[Group]) -> str:
    """The jobs, rounds and scale of the figures, as the command line has them."""
    jobs = [group.panel.job.removesuffix("-https") for group in groups]
    rounds, scales = {group.rounds for group in groups}, {group.scale for group in groups}
    given = [f"--rounds {number}" for number in sorted(rounds)]
    return " ".join([*jobs, *given, *(f"--scale {scale:g}" for scale in sorted(scales - {1}))])


def write(source: Path, target: Path) -> list[Path]:
    """Make both charts beside *target*, with -light and -dark in their names, and return their paths."""
    groups = read(json.loads(source.read_text("utf-8")))
    commands = [
        f"python benchmarks/run.py {_settings(groups)} --json {source.name}",
        f"python benchmarks/chart.py {source.name} {target}",
    ]
    made = [target.with_name(f"{target.stem}-{theme.name}{target.suffix}") for theme in THEMES]
    target.parent.mkdir(parents=True, exist_ok=True)
    for place, theme in zip(made, THEMES, strict=True):
        place.write_text(draw(groups, theme, commands), "utf-8")
    return made


def main() -> None:
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("source", type=Path, metavar="results.json")
    line.add_argument("target", type=Path, metavar="chart.svg")
    asked = line.parse_args()
    for place in write(asked.source, asked.target):
        print(place)


if __name__ == "__main__":
    main()
