"""From results to figures: ratios within a round, medians over the rounds, a table, and whether targets are met."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

import attrs

from harness.race import Result

MIB = 2**20
Round = Mapping[str, Result]
"""The results of one round, by contender."""


@attrs.frozen
class Figures:
    """All results of one race."""

    results: Sequence[Result]

    def names(self) -> list[str]:
        """The contenders, in the order of the first round."""
        return list(dict.fromkeys(result.name for result in self.results))

    def rounds(self) -> list[Round]:
        """The results by round."""
        numbers = sorted({result.round for result in self.results})
        return [{each.name: each for each in self.results if each.round == number} for number in numbers]

    def per_round(self, value: Callable[[Round], float | None]) -> float | None:
        """The median of *value* over the rounds that have all that it asks for; ``None`` without any."""
        found: list[float] = []
        for results in self.rounds():
            try:
                figure = value(results)
            except KeyError:
                continue
            if figure is not None:
                found.append(figure)
        return statistics.median(found) if found else None

    def median(self, name: str, field: str) -> float | None:
        """The median of a field of a contender."""
        return self.per_round(lambda results: getattr(results[name], field))

    def ratio(self, name: str, base: str, field: str) -> float | None:
        """The median of its ratio to that of *base* in the same round."""
        return self.per_round(lambda results: getattr(results[name], field) / getattr(results[base], field))

    def most(self, name: str, field: str) -> float | None:
        """The worst of all rounds."""
        found = [getattr(each, field) for each in self.results if each.name == name]
        return max((figure for figure in found if figure is not None), default=None)


@attrs.frozen
class Target:
    """A figure that ought not to be above ``most``."""

    text: str
    value: Callable[[Figures], float | None]
    most: float

    def verdict(self, figures: Figures) -> str:
        """One line."""
        return verdict(self.text, self.value(figures), self.most)


def verdict(text: str, value: float | None, most: float) -> str:
    """The line of a target."""
    if value is None:
        return f"target  {text}: not measured"
    return f"target  {text}: {value:,.2f}, {'met' if value <= most else 'MISSED'}"


def at_most(text: str, most: float, name: str, base: str, field: str) -> Target:
    """A target for a ratio: *name* to *base*."""
    return Target(f"{text} ≤ {most:g} × {base}", lambda figures: figures.ratio(name, base, field), most)


def cpu_at_most(most: float, name: str, bases: Sequence[str], *, without: Sequence[str] = ()) -> Target:
    """A target for the CPU of *name*, less that of those *without*, compared with the sum of *bases*."""

    def ratio(results: Round) -> float:
        own = results[name].cpu - sum(results[each].cpu for each in without)
        return own / sum(results[each].cpu for each in bases)

    less = "".join(f" without {each}" for each in without)
    base = " + ".join(bases)
    text = f"CPU{less} ≤ {most:g} × {f'({base})' if len(bases) > 1 else base}"
    return Target(text, lambda figures: figures.per_round(ratio), most)


def peak_at_most(mib: float, name: str) -> Target:
    """A target for the peak of the memory."""
    return Target(f"peak RSS ≤ {mib:g} MiB", lambda figures: _scaled(figures.most(name, "peak"), 1 / MIB), mib)


def growth_at_most(mib: float, name: str) -> Target:
    """A target for the peak above what there was before the work."""

    def growth(figures: Figures) -> float | None:
        return _scaled(figures.per_round(lambda results: results[name].peak - (results[name].idle or 0)), 1 / MIB)

    return Target(f"peak RSS ≤ {mib:g} MiB above idle", growth, mib)


def stall_at_most(milliseconds: float, name: str) -> Target:
    """A target for the worst time that the event loop was held; the median of the rounds' worst."""
    return Target(
        f"worst stall ≤ {milliseconds:g} ms", lambda figures: _scaled(figures.median(name, "stall"), 1e3), milliseconds
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def table(figures: Figures, base: str) -> str:
    """A line for each contender: medians, and medians of ratios to *base*."""
    head = f"{'':<34}{'wall s':>8}{'CPU s':>8}{'wall ÷':>8}{'CPU ÷':>8}{'RSS MiB':>9}{'above idle':>11}{'stall ms':>10}{'p99':>7}"
    lines = [head]
    for name in sorted(figures.names(), key=lambda each: figures.median(each, "wall") or 0):
        cells = [
            _cell(figures.median(name, "wall"), 8, 2),
            _cell(figures.median(name, "cpu"), 8, 2),
            _cell(figures.ratio(name, base, "wall"), 8, 2),
            _cell(figures.ratio(name, base, "cpu"), 8, 2),
            _cell(_scaled(figures.median(name, "peak"), 1 / MIB), 9, 1),
            _cell(_growth(figures, name), 11, 1),
            _cell(_scaled(figures.median(name, "stall"), 1e3), 10, 1),
            _cell(_scaled(figures.median(name, "stall99"), 1e3), 7, 1),
        ]
        lines.append(f"{name:<34}" + "".join(cells))
    return "\n".join(lines)


def _growth(figures: Figures, name: str) -> float | None:
    def growth(results: Round) -> float | None:
        idle = results[name].idle
        return None if idle is None else results[name].peak - idle

    return _scaled(figures.per_round(growth), 1 / MIB)


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'–':>{width}}" if value is None else f"{value:>{width},.{digits}f}"
