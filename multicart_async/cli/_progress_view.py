"""Show progress on stderr while a command works: live on a terminal, elsewhere as a line every half minute."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self, TextIO, cast

import anyio
import attrs
from anyio.abc import TaskGroup

from multicart_async._core.clock import Clock
from multicart_async._core.text import printable
from multicart_async.cli._options import Color
from multicart_async.cli._progress import Progress
from multicart_async.cli._progress_text import sentence

if TYPE_CHECKING:  # it imports rich, which takes time
    from multicart_async.cli._progress_live import LiveDisplay

__all__ = ["Mode", "ProgressView", "progress_shown"]

Mode = Literal["auto", "off"]

_REFRESH: Final = 0.25  # seconds
_LINE: Final = 30.0  # seconds
_NO = frozenset({"", "0", "false", "no"})


def progress_shown(
    progress: Progress,
    stream: TextIO | None = None,
    *,
    mode: Mode = "auto",
    color: Color = "auto",
    title: str = "",
    clock: Clock = Clock(),
    environ: Mapping[str, str] = os.environ,
) -> ProgressView:
    """Return a context manager that shows *progress* on *stream*, stderr by default, until it is left.

    On a terminal there are lines that are drawn again four times a second and are gone at the end. Elsewhere, with
    ``TERM=dumb`` or where ``CI`` is set, there is a line every 30 seconds and one at the end. ``NO_COLOR`` takes the
    colours away, unless *color* is ``"always"``. With *mode* ``"off"`` nothing is shown. A stream that is closed, or that
    nothing reads any more, is no error: the rest is not shown.
    """
    file = _Output(sys.stderr if stream is None else stream)
    if mode == "off":
        return ProgressView(file, _NoDisplay(), clock=clock)
    if _is_live(file, environ):
        from multicart_async.cli._progress_live import LiveDisplay  # noqa: PLC0415 -- imports rich

        live = LiveDisplay(
            progress,
            cast("TextIO", file),
            title=title,
            no_color=color == "never" or (color == "auto" and bool(environ.get("NO_COLOR"))),
            redirect_stderr=stream is None or stream is sys.stderr,  # for warnings of other libraries
            environ=environ,
        )
        return ProgressView(file, _Terminal(live), clock=clock)
    return ProgressView(file, _Lines(progress, file, title), clock=clock)


def _is_live(file: _Output, environ: Mapping[str, str]) -> bool:
    in_ci = environ.get("CI", "").lower() not in _NO
    return file.isatty() and environ.get("TERM", "").lower() not in {"dumb", "unknown"} and not in_ci


class ProgressView:
    """What `progress_shown` returns. Use it as ``async with``; log lines and failures go through `print_line`."""

    def __init__(self, file: _Output, display: _Display, *, clock: Clock) -> None:
        self._file = file
        self._display = display
        self._clock = clock
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._display.start()
        self._group = group = anyio.create_task_group()
        await group.__aenter__()
        group.start_soon(self._refresh)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        assert group is not None  # entered
        try:
            group.cancel_scope.cancel()
            await group.__aexit__(None, None, None)  # an error of the block is not put into a group
        except anyio.get_cancelled_exc_class():
            if error is None:  # else that of the block goes on, whose notes name what was charged
                raise
        finally:
            self._display.stop()

    async def _refresh(self) -> None:
        while not self._file.broken:
            await self._clock.sleep(self._display.interval)
            self._display.refresh()

    def print_line(self, text: str) -> None:
        """Print *text* above the display; what a terminal would interpret is escaped, but for line ends."""
        for line in text.split("\n"):
            self._display.print_line(self._file, printable(line))

    def write(self, stream: TextIO, text: str) -> None:
        """Write data to *stream* as it is; if that may be the same terminal, the display is taken away meanwhile.

        An error of *stream* is raised.
        """
        if self._group is None or not stream.isatty():
            stream.write(text)
            return
        self._display.hide()
        try:
            stream.write(text)
            stream.flush()
        finally:
            self._display.start()


class _Output:
    """A stream to which writing never fails: what can no longer be shown is dropped."""

    def __init__(self, stream: TextIO | None) -> None:
        self.broken = stream is None  # as `sys.stderr` of a process that was started without one
        self._stream = cast("TextIO", stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # encoding, fileno

    def write(self, text: str) -> int:
        """Write *text*, with what the encoding lacks escaped."""
        if not self.broken:
            try:
                self._stream.write(_encodable(text, self._stream))
            except (OSError, ValueError):  # closed, or its reader is gone
                self.broken = True
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        if not self.broken:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return not self.broken and self._stream.isatty()
        except (OSError, ValueError):
            return False


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class _Display(Protocol):
    """What a view needs of the way in which progress is shown."""

    interval: float

    def start(self) -> None: ...
    def hide(self) -> None: ...
    def stop(self) -> None: ...
    def refresh(self) -> None: ...
    def print_line(self, file: _Output, text: str) -> None: ...


class _NoDisplay:
    """Nothing is shown."""

    interval = 3600.0

    def start(self) -> None:
        """Show nothing."""

    hide = stop = refresh = start

    def print_line(self, file: _Output, text: str) -> None:
        """Write a line."""
        file.write(f"{text}\n")
        file.flush()


class _Lines(_NoDisplay):
    """A line now and then, and at the end."""

    interval = _LINE

    def __init__(self, progress: Progress, file: _Output, title: str) -> None:
        self._progress = progress
        self._file = file
        self._title = title

    def refresh(self) -> None:
        """Write the current state."""
        self.print_line(self._file, sentence(self._progress.snapshot(), self._title))

    def stop(self) -> None:
        """Write the last state, unless nothing has happened; a pause or a retry is over by then."""
        snapshot = attrs.evolve(self._progress.snapshot(), message=None)
        if not snapshot.is_empty:
            self.print_line(self._file, sentence(snapshot, self._title))


class _Terminal:
    """Lines that are drawn again and again."""

    interval = _REFRESH

    def __init__(self, live: LiveDisplay) -> None:
        self._live = live
        self.start = live.start
        self.hide = self.stop = live.stop
        self.refresh = live.refresh

    def print_line(self, file: _Output, text: str) -> None:
        """Print a line above the others."""
        del file
        self._live.print_line(text)
