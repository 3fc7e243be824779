"""How progress is shown: live on a terminal, as lines elsewhere, or not at all."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
from support.eventually import until

from multicart_async._core.clock import Clock
from multicart_async.cli._progress import Progress
from multicart_async.cli._progress_view import progress_shown
from multicart_async.events import FileCompleted, FileProgress, FileStarted, RateLimited, SyncAdvanced

TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[1-7]m")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def taken(self) -> str:
        """What was written since the last call."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text

    def frame(self) -> list[str]:
        """The lines of what was written since, without what only moves and colours; the line ends are not counted."""
        return [
            line.rstrip() for line in CONTROL.sub("", self.taken().replace("\x1b[2K", "\n")).split("\n") if line.strip()
        ]


class TurnedClock:
    """A clock that stands still until it is turned; sleepers wait for it."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleepers: list[tuple[float, anyio.Event]] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self._sleep)

    def now(self) -> float:
        return self.time

    async def _sleep(self, seconds: float) -> None:
        event = anyio.Event()
        self._sleepers.append((self.time + seconds, event))
        await event.wait()

    async def turn(self, seconds: float) -> None:
        """Let time pass, and those who wake do their work."""
        await anyio.wait_all_tasks_blocked()  # those who have just begun go to sleep first
        self.time += seconds
        due = [event for at, event in self._sleepers if at <= self.time]
        self._sleepers = [(at, event) for at, event in self._sleepers if at > self.time]
        for event in due:
            event.set()
        await anyio.wait_all_tasks_blocked()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def progress(clock) -> Progress:
    return Progress(now=clock.now)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def advance(
    progress: Progress, collections: int = 112, of: int = 240, *, failed: int = 2, name: str | None = None
) -> None:
    """As far as that, with a file that is being received."""
    progress.on_event(
        SyncAdvanced(
            collections=collections, of_collections=of, runs=118, skipped=14, failed=failed, files=0, of_files=9
        )
    )
    if name is not None:
        progress.on_event(FileStarted(name=name, expected=2_000_000))
        progress.on_event(FileProgress(name=name, received=1_000_000, expected=2_000_000))


Shown = Callable[..., Any]


@pytest.fixture
def shown(progress, clock) -> Shown:
    """`progress_shown` with that clock, on a terminal unless the environment says otherwise."""

    def show(stream: Any, environ: dict[str, str] = TERMINAL, **options: Any) -> Any:
        return progress_shown(progress, stream, clock=clock.clock, environ=environ, **options)

    return show


async def test_a_terminal_shows_a_total_and_files(progress, clock, terminal, shown) -> None:
    """A line for everything, and one for each file, drawn again four times a second."""
    async with shown(terminal):
        advance(progress, name="101/88/page-0001.json")
        terminal.taken()
        await clock.turn(0.2)
        early = terminal.taken()
        await clock.turn(0.05)
        frame = terminal.frame()

    assert early == ""
    assert frame == [
        " 46%  112/240 collections  2 failed      0 files  1.0 MB",
        f"101/88/page-0001.json  {'━' * 16}{'─' * 16}  1.0 MB of 2.0 MB   50%",
    ]


async def test_nothing_of_it_stays(progress, terminal, shown) -> None:
    """At the end the lines are erased and the cursor is back."""
    async with shown(terminal):
        advance(progress)
        terminal.taken()

    written = terminal.taken()
    assert written.endswith("\r\x1b[1A\x1b[2K")
    assert "\x1b[?25h" in written


async def test_a_wide_terminal_shows_more(progress, clock, terminal, shown) -> None:
    """All numbers, a title and a bar, but not across a very wide screen."""
    async with shown(terminal, TERMINAL | {"COLUMNS": "200"}, title="sync"):
        advance(progress, name="x" * 20 + "\x1b[31m[red]")
        progress.on_event(FileStarted(name="y" * 200, expected=None))
        terminal.taken()
        await clock.turn(5)
        total, file, long = terminal.frame()

    assert total == (
        f"sync   46%  {'━' * 18}{'─' * 22}  112/240 collections  118 runs   14 skipped  2 failed      0 files  1.0 MB  "
        "200 kB/s  ≈6 s"
    )
    assert file.startswith("x" * 20 + "\\x1b[31m[red]  ")
    assert long.startswith("yyyy")
    assert "…" in long
    assert max(len(file), len(long)) < 160


async def test_what_does_not_fit_is_left_out(progress, clock, terminal, shown) -> None:
    """Down to a terminal that has room for nothing; no line is ever longer than it."""
    advance(progress, name="101/88/page-0001.json")
    progress.on_event(FileStarted(name="商品" * 30, expected=None))
    progress.on_event(RateLimited(path="/x/", seconds=60))
    for columns in (200, 120, 80, 60, 40, 30, 20, 10, 2, 1):
        async with shown(terminal, TERMINAL | {"COLUMNS": str(columns)}, title="sync"):
            terminal.taken()
            await clock.turn(0.25)
            frame = terminal.frame()
        assert max(map(len, frame)) <= max(columns - 1, 1)
        assert columns < 30 or frame[0].strip().startswith(("sync", "46%", "112/240"))


async def test_lines_keep_their_places(progress, clock, terminal, shown) -> None:
    """The room for files and for a message stays when there are fewer, so that nothing jumps."""
    names = ["101/88/page-0001.json", "101/88/page-0002.json"]
    async with shown(terminal):
        for name in names:
            advance(progress, name=name)
        progress.on_event(RateLimited(path="/x/", seconds=1.0))
        await clock.turn(0.25)
        terminal.taken()
        progress.on_event(FileCompleted(name=names[0], size=2_000_000))
        progress.on_event(FileCompleted(name=names[1], size=2_000_000))
        await clock.turn(2)
        second = terminal.taken()
        await clock.turn(2)
        third = terminal.taken()

    assert second.count("\x1b[1A") == third.count("\x1b[1A") == 3
    assert third.count("\n") == 3


async def test_a_file_of_unknown_size_has_no_bar(progress, clock, terminal, shown) -> None:
    """Only what has come."""
    async with shown(terminal):
        progress.on_event(FileStarted(name="page", expected=None))
        progress.on_event(FileProgress(name="page", received=700, expected=None))
        terminal.taken()
        await clock.turn(0.25)
        frame = terminal.frame()

    assert frame == ["    0 files   700 B", f"page  {' ' * 40}   700 B"]


async def test_outcomes_are_shown(clock, terminal) -> None:
    """For commands without files there is nothing about files."""
    known, unknown = Progress(of_collections=10, now=clock.now), Progress(now=clock.now)
    frames = []
    for progress in (known, unknown):
        async with progress_shown(progress, terminal, clock=clock.clock, environ=TERMINAL):
            progress.add_outcome(ok=True)
            terminal.taken()
            await clock.turn(0.25)
            frames.append(terminal.frame())

    assert frames == [[f" 10%  {'━' * 4}{'─' * 36}   1/10 collections"], ["1 collection"]]


@pytest.mark.parametrize(
    ("environ", "color", "coloured"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"NO_COLOR": "1"}, "always", True),
        ({}, "never", False),
        ({"CI": "false"}, "auto", True),
    ],
)
async def test_colours_can_be_had_or_not(progress, terminal, shown, environ, color, coloured) -> None:
    """An option counts more than the environment; without colours it is live all the same."""
    advance(progress, name="101/88/page-0001.json")
    async with shown(terminal, TERMINAL | environ, color=color):
        written = terminal.taken()

    assert "112/240 collections" in written
    assert bool(COLOUR.search(written)) == coloured


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}, {"TERM": "unknown", "CI": "0"}])
async def test_terminals_that_cannot_get_lines(progress, terminal, shown, environ) -> None:
    """And so do the logs of a build."""
    async with shown(terminal, environ):
        advance(progress)

    assert terminal.taken() == "112 of 240 collections, 118 runs (14 skipped, 2 failed)\n"


async def test_elsewhere_there_is_a_line_every_half_minute(progress, clock, shown) -> None:
    """And one at the end."""
    stream = io.StringIO()
    async with shown(stream, title="sync"):
        await clock.turn(29)
        assert stream.getvalue() == ""
        advance(progress, 10, failed=0)
        progress.on_event(RateLimited(path="/x/", seconds=60))
        await clock.turn(1)
        await clock.turn(20)
        advance(progress, 240)

    assert stream.getvalue().splitlines() == [
        "sync: 10 of 240 collections, 118 runs (14 skipped), 12 min left; rate limited: the service asked for a pause, 59 s left",
        "sync: 240 of 240 collections, 118 runs (14 skipped, 2 failed)",
    ]


async def test_where_nothing_happened_no_line_is_written(shown) -> None:
    """A command that ends with an error at once prints that error alone."""
    stream = io.StringIO()
    async with shown(stream):
        pass

    assert stream.getvalue() == ""


async def test_it_can_be_switched_off(progress, clock, terminal, shown) -> None:
    """Lines of the command are written all the same."""
    async with shown(terminal, mode="off") as view:
        advance(progress)
        await clock.turn(10_000)
        view.print_line("a failure")

    assert terminal.taken() == "a failure\n"


async def test_lines_are_printed_above_the_display(progress, clock, terminal, shown) -> None:
    """Escaped, without any markup, and the display is drawn again below them."""
    async with shown(terminal) as view:
        advance(progress)
        terminal.taken()
        view.print_line("[bold]no[/bold] \x1b[31mcolour\nand a second line, " + "long " * 20)
        frame = terminal.frame()

    assert frame == [
        "[bold]no[/bold] \\x1b[31mcolour",
        " 46%  112/240 collections  2 failed      0 files     0 B",
        ("and a second line, " + "long " * 20).rstrip(),
        " 46%  112/240 collections  2 failed      0 files     0 B",
    ]


async def test_lines_after_the_end_are_plain(progress, terminal, shown) -> None:
    """The result of a command comes when the display has gone."""
    async with shown(terminal) as view:
        advance(progress)
    terminal.taken()
    view.print_line("done")
    view.write(terminal, "42\n")

    assert terminal.taken() == "done\n42\n"


async def test_data_for_the_same_terminal_is_written_as_it_is(progress, clock, terminal, shown) -> None:
    """The display makes room for it."""
    async with shown(terminal) as view:
        advance(progress, name="101/88/page-0001.json")
        await clock.turn(0.25)
        terminal.taken()
        view.write(terminal, '{"a": "[b]"}\n')
        written = terminal.taken()

    erased, data, drawn = written.partition('\x1b[2K{"a": "[b]"}\n')
    assert data
    assert "112/240" in drawn
    assert "\x1b[1A" not in drawn
    assert "\x1b[1A" in erased


async def test_data_for_a_pipe_leaves_the_display_alone(progress, terminal, shown) -> None:
    """It is another stream."""
    pipe = io.StringIO()
    async with shown(terminal) as view:
        terminal.taken()
        view.write(pipe, "\x1b42\n")
        assert terminal.taken() == ""

    assert pipe.getvalue() == "\x1b42\n"


async def test_an_error_of_the_block_leaves_as_itself(terminal, shown) -> None:
    """Not in a group, and the terminal is in order."""
    with pytest.raises(LookupError):
        async with shown(terminal):
            raise LookupError

    assert "\x1b[?25h" in terminal.taken()


async def test_a_cancellation_leaves_as_itself(terminal, shown) -> None:
    """The terminal is in order before the command says that it was interrupted."""
    entered = asyncio.Event()

    async def command() -> None:
        async with shown(terminal):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(command())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert "\x1b[?25h" in terminal.taken()


async def test_a_cancellation_at_the_end_is_kept(terminal, shown) -> None:
    """The block has ended, its task has not."""

    async def work() -> None:
        async with shown(terminal):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    task = asyncio.ensure_future(work())
    await asyncio.wait([task])

    assert task.cancelled()


async def test_the_notes_of_a_cancellation_are_kept(terminal, shown) -> None:
    """They name what was charged."""

    async def work() -> None:
        async with shown(terminal):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError as error:
                error.add_note("started and charged")
                raise

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert caught.value.__notes__ == ["started and charged"]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
async def test_a_closed_stream_is_no_error(progress, clock, shown, kind) -> None:
    """Before or meanwhile: the rest is not shown, and the refresh ends."""
    stream, closed = kind(), kind()
    closed.close()
    for each in (stream, closed):
        async with shown(each) as view:
            stream.close()
            advance(progress)
            view.print_line("a failure")
            await clock.turn(30)
            await clock.turn(30)
            view.print_line("another")


async def test_no_stderr_is_no_error(progress, clock, shown, monkeypatch) -> None:
    """A process may be started without it."""
    monkeypatch.setattr(sys, "stderr", None)
    async with shown(None) as view:
        advance(progress)
        view.print_line("a failure")
        await clock.turn(30)


async def test_a_broken_pipe_is_no_error(progress, shown) -> None:
    """Nothing reads stderr any more."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    async with shown(stream) as view:
        advance(progress)
        view.print_line("a failure")
    with suppress(BrokenPipeError):
        stream.close()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_letters_that_the_stream_lacks_are_escaped(progress, clock, shown, encoding) -> None:
    """And the display is drawn with those that it has."""

    class Old(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    stream = Old(io.BytesIO(), encoding=encoding)
    async with shown(stream) as view:
        advance(progress, name="101/88/page-0001.json")
        view.print_line("商")
        await clock.turn(0.25)
        stream.flush()
        text = stream.buffer.getvalue().decode(encoding)

    assert "\\u5546" in text
    assert f"{'#' * 16}{'-' * 16}" in text


async def test_warnings_are_printed_above_the_display(progress, terminal, shown, monkeypatch) -> None:
    """What other libraries write to stderr goes there too, as long as there is a display."""
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: sys.stderr.write(f"{message}\n"))
    async with shown(None):
        advance(progress)
        terminal.taken()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", stacklevel=1)
        frame = terminal.frame()

    assert frame[0] == "careful"
    assert "112/240" in frame[1]
    assert sys.stderr is terminal


async def test_a_real_terminal_is_left_in_order(progress) -> None:
    """By its own file, with the clock of the machine."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    read = bytearray()
    asyncio.get_running_loop().add_reader(leader, lambda: read.extend(os.read(leader, 65536)))
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        async with progress_shown(progress, stream, environ={"TERM": "xterm", "COLUMNS": "80", "LINES": "20"}):
            advance(progress, name="101/88/page-0001.json")
            await until(lambda: b"101/88/page-0001.json" in read)
        await until(lambda: b"\x1b[?25h" in read)
        asyncio.get_running_loop().remove_reader(leader)
    os.close(leader)

    assert "112/240 collections" in read.decode()
    assert read.decode().endswith("\x1b[2K")


def test_rich_is_imported_for_a_live_display_alone() -> None:
    """A log or a pipe does not wait for it."""
    code = "import sys, multicart_async.cli._progress_view as view; print('rich' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert found.stdout == "False\n"
