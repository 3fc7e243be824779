"""The live display of a terminal: a line for everything, and lines for files. It imports rich, so it is imported late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TextIO

import attrs
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from multicart_async._core.text import as_line, printable
from multicart_async.cli._progress import ActiveFile, Progress, Snapshot
from multicart_async.cli._progress_text import duration, size

__all__ = ["LiveDisplay"]

_MIN_BAR: Final = 8
_MAX_BAR: Final = 40
_MIN_NAME: Final = 16
_MAX_NAME: Final = 60
_GAP: Final = "  "
_NUMBERS: Final = len(_GAP + "999 MB of 999 MB" + _GAP + "100%")
_MAX_WIDTH: Final = 160  # further apart, the parts of a line cannot be read together

# in the colours of the terminal's theme that can be read on a light and on a dark background
_TOTAL: Final = "bold"
_BAR: Final = "green"
_FAILED: Final = "bold red"
_PLAIN: Final = ""
_WARNING: Final = "magenta"


class LiveDisplay:
    """The lines at the bottom of a terminal. `refresh` draws them; nothing is drawn in between."""

    def __init__(
        self,
        progress: Progress,
        file: TextIO,
        *,
        title: str,
        no_color: bool,
        redirect_stderr: bool,
        environ: Mapping[str, str],
    ) -> None:
        self._lines = _Lines(progress, printable(title))
        self._redirect_stderr = redirect_stderr
        self._console = Console(
            file=file,
            force_terminal=True,
            force_jupyter=False,
            no_color=no_color,
            highlight=False,
            emoji=False,
            _environ=environ,
        )
        self._live = self._new()

    def _new(self) -> Live:
        return Live(
            self._lines,
            console=self._console,
            auto_refresh=False,  # by a thread
            transient=True,
            redirect_stdout=False,
            redirect_stderr=self._redirect_stderr,
            vertical_overflow="crop",
        )

    def start(self) -> None:
        """Begin to draw."""
        self._live = self._new()  # one that was stopped would move the cursor over what was written since
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Remove the lines; what was printed above them stays."""
        self._live.stop()

    def refresh(self) -> None:
        """Draw the current state."""
        self._live.refresh()

    def print_line(self, text: str) -> None:
        """Print a line above the display, as it is."""
        self._console.print(Text(text), soft_wrap=True)


class _Lines:
    """Render the progress at the width of the terminal. What has once been given room keeps it, so that nothing jumps."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._files = 0  # lines
        self._name = 0  # cells of the longest name so far
        self._message = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        snapshot = self._progress.snapshot()
        width = min(max(options.max_width - 1, 1), _MAX_WIDTH)  # some terminals wrap in the last column
        signs = _ASCII if options.ascii_only else _UNICODE
        names = [printable(file.name, _MAX_NAME) for file in snapshot.active]
        self._files = max(self._files, len(names))
        self._name = max(self._name, *map(cell_len, names), 0)
        lines = [_total(snapshot, self._title, width, signs)]
        for name, file in zip(names, snapshot.active, strict=True):
            lines.append(_file(file, name, self._name, width, signs))
        lines += [Text()] * (self._files - len(names))
        self._message = self._message or snapshot.message is not None
        if self._message:
            lines.append(Text(_cut(as_line(snapshot.message or ""), width, signs.cut), _WARNING))
        yield Text("\n").join(lines)


@attrs.frozen
class _Signs:
    done: str
    left: str
    cut: str
    about: str


_UNICODE: Final = _Signs("━", "─", "…", "≈")
_ASCII: Final = _Signs("#", "-", "~", "~")


@attrs.frozen
class _Part:
    """A part of the total line. Where the terminal is narrow, those with the lowest rank are left out."""

    rank: int
    text: str
    style: str = _TOTAL


def _total(snapshot: Snapshot, title: str, width: int, signs: _Signs) -> Text:
    parts = [part for part in _parts(snapshot, title, signs) if part.text]
    while len(parts) > 1 and _length(parts) > width:
        parts.remove(min(parts, key=lambda part: part.rank))
    line = Text(no_wrap=True)
    spare = min(width - _length(parts) - len(_GAP), _MAX_BAR)
    for number, part in enumerate(parts):
        line.append(_GAP if number else "").append(part.text, part.style)
        if part.rank == _PERCENT and spare >= _MIN_BAR:
            line.append(_GAP).append(_bar(snapshot.fraction or 0.0, spare, signs))
    line.truncate(width)
    return line


def _length(parts: list[_Part]) -> int:
    return sum(cell_len(part.text) for part in parts) + len(_GAP) * (len(parts) - 1)


_PERCENT: Final = 9


def _parts(snapshot: Snapshot, title: str, signs: _Signs) -> Iterator[_Part]:
    """Yield the parts, each at the width that it needs until the end as far as that is known."""
    of = snapshot.of_collections
    digits = 1 if of is None else len(f"{of:,}")
    yield _Part(0, title)
    if snapshot.fraction is not None:
        yield _Part(_PERCENT, f"{_percent(snapshot.fraction):>3}%")
        yield _Part(10, f"{snapshot.collections:>{digits},}/{_counted(of or 0, 'collection')}")
    elif snapshot.collections:
        yield _Part(10, _counted(snapshot.collections, "collection"))
    is_sync = snapshot.of_files is not None
    if is_sync or snapshot.runs:
        yield _Part(2, _counted(snapshot.runs, "run", digits))
    yield _Part(1, f"{snapshot.skipped:>{digits},} skipped" if snapshot.skipped else "", _PLAIN)
    yield _Part(8, f"{snapshot.failed:,} failed" if snapshot.failed else "", _FAILED)
    if is_sync or snapshot.of_bytes:
        yield _Part(3, _counted(snapshot.files, "file", 5))
        yield _Part(7, f"{size(snapshot.bytes):>6}")
        yield _Part(5, f"{'' if snapshot.rate is None else size(snapshot.rate) + '/s':>8}")
    yield _Part(6, f"{signs.about + duration(snapshot.eta) if snapshot.eta else '':<7}")


def _counted(number: int, noun: str, width: int = 1) -> str:
    return f"{number:>{width},} {noun if number == 1 else noun + 's':<{len(noun) + 1}}"


def _percent(fraction: float) -> int:
    """Return whole percents, 100 only for all of it."""
    return int(fraction * 100)


def _file(file: ActiveFile, name: str, longest: int, width: int, signs: _Signs) -> Text:
    flexible = max(width - _NUMBERS - len(_GAP), _MIN_NAME)
    room = min(longest, max(flexible // 2, _MIN_NAME))
    bar = min(flexible - room, _MAX_BAR)
    line = Text(set_cell_size(_cut(name, room, signs.cut), room), no_wrap=True)
    known = file.expected or 0
    fraction = min(file.received / known, 1.0) if known else 0.0
    if bar >= _MIN_BAR:
        line.append(_GAP).append(_bar(fraction, bar, signs) if known else " " * bar)
    line.append(f"{_GAP}{size(file.received):>6}")
    if known:
        line.append(f" of {size(known):>6}{_GAP}{_percent(fraction):>3}%")
    line.truncate(width)
    return line


def _bar(fraction: float, width: int, signs: _Signs) -> Text:
    done = int(fraction * width)
    return Text(signs.done * done + signs.left * (width - done), _BAR)  # thick and thin, so no colour is needed


def _cut(text: str, width: int, mark: str) -> str:
    """Return *text* in at most *width* cells, without its middle if it is longer."""
    if cell_len(text) <= width:
        return text
    room = max(width - cell_len(mark), 0)
    head = set_cell_size(text, room // 2)
    tail = text[-(room - room // 2) :] if room else ""
    while cell_len(tail) > room - room // 2:  # some letters take two cells
        tail = tail[1:]
    return f"{head}{mark}{tail}"
