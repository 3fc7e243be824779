"""Signals, pipes, and how errors end a command."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_kit import BackgroundSandbox, Commands, background_sandbox

from multicart_async import AsyncMultiCart
from multicart_async.cli import _app
from multicart_async.cli._progress import Progress
from multicart_async.cli._signals import Signals, interruptible
from multicart_async.errors import BadRequestError
from multicart_async.events import FileStarted
from multicart_async.sandbox import faults


@pytest.fixture
def slow(plain: Commands) -> Iterator[BackgroundSandbox]:
    """A sandbox with two collections, whose first file stalls after 20,000 bytes."""
    with background_sandbox(2) as served:
        served.do(lambda sandbox: sandbox.faults.add(re.compile("/results/.*Page"), faults.Stall(20_000)))
        plain.at(served)
        yield served


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_sync_cleanly(
    plain: Commands, slow: BackgroundSandbox, tmp_path: Path, number: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No temporary file is left, and the next call fetches what is missing."""
    received: list[FileStarted] = []

    def interrupt(_: Progress, event: object) -> None:
        if isinstance(event, FileStarted) and not received:
            received.append(event)
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_event", interrupt)
        done = plain("sync", tmp_path / "mirror")

    assert (done.status, done.out, len(received)) == (status, "", 1)
    left = [path.name for path in (tmp_path / "mirror").rglob("*") if path.is_file()]
    known = {"manifest.json", "SHA256SUMS", "page-0001.json", "collection.json", "progress.json"}
    assert not [name for name in left if name not in known]
    again = plain("sync", tmp_path / "mirror", "--json").document
    assert (again["ok"], again["runs"]) == (True, 2)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    """Whatever still runs; a cursor that a display has hidden is shown again."""
    ended: list[int] = []
    written: list[bytes] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(os, "isatty", lambda _: terminal)
    monkeypatch.setattr(os, "write", lambda _, data: written.append(data))

    async def stubborn() -> int:
        task = asyncio.current_task()
        assert task is not None
        with Signals(task).handled():
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    continue
                break
        return 0

    async def within_time() -> None:
        task = asyncio.ensure_future(stubborn())
        while not ended:  # noqa: ASYNC110 -- a signal is not an event
            await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(within_time())

    assert (ended, written) == ([130], [b"\x1b[?25h"] if terminal else [])


def test_notes_of_a_cancellation_are_shown(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the runs that have been started."""

    async def started(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError as error:
            error.add_note("the run continues: StartedRun(101, 88)")
            raise

    monkeypatch.setattr(AsyncMultiCart, "request", started)

    done = multicart("request", "/x/")

    assert (done.status, done.err) == (143, "the run continues: StartedRun(101, 88)\n")


def test_a_cancellation_without_a_signal_is_raised(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a fault of this library, which must not be hidden."""

    async def cancelled(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(AsyncMultiCart, "request", cancelled)

    with pytest.raises(asyncio.CancelledError):
        multicart("request", "/x/")


def test_signals_are_not_handled_in_another_thread() -> None:
    """A program may call main in a thread; a prompt there is not interrupted either."""

    async def handled() -> int:
        task = asyncio.current_task()
        assert task is not None
        with Signals(task).handled():
            return 0

    def work() -> list[object]:
        with interruptible():
            return [asyncio.run(handled())]

    async def main() -> list[object]:
        return await asyncio.to_thread(work)

    assert asyncio.run(main()) == [0]


def test_a_prompt_can_be_terminated() -> None:
    """With the status of the signal."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    assert signal.getsignal(signal.SIGTERM) is before


def test_termination_at_a_prompt_is_a_status(plain: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an exception for a program that calls main."""

    def terminated(*_: object, **__: object) -> None:
        raise SystemExit(143)

    monkeypatch.setattr(_app.ROOT, "invoke", terminated)

    assert plain("credits").status == 143


def test_a_prompt_can_be_interrupted() -> None:
    """Afterwards the handler is the one from before."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()

    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_before_the_loop_runs_has_the_same_status(plain: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """During the imports, for instance."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_app.ROOT, "invoke", interrupted)

    done = plain("credits")

    assert (done.status, done.err) == (130, "\n")


class Broken(io.StringIO):
    """A stdout that cannot be written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (OSError(28, "No space left on device"), 1, "multicart: stdout: No space left on device\n"),
    ],
)
def test_an_unusable_stdout_ends_without_a_traceback(
    multicart: Commands, monkeypatch: pytest.MonkeyPatch, error: OSError, status: int, said: str
) -> None:
    """As of `| head`, or of a full disk."""
    monkeypatch.setattr(sys, "stdout", Broken(error))
    done = multicart("collections", "list")

    assert (done.status, done.err) == (status, said)


def test_what_is_buffered_for_a_broken_pipe_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the interpreter would complain at its end."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        stream.write("x")
        with pytest.raises(BrokenPipeError):
            stream.flush()
        _app._discard_output()
        stream.write("y")


def test_an_error_has_its_status_and_its_notes(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line each."""

    async def refused(*_: object, **__: object) -> Any:
        error = BadRequestError("/x/", 400, "no cookie\x1b[2J")
        error.add_note("make the postcode ready first")
        raise error

    monkeypatch.setattr(AsyncMultiCart, "request", refused)
    done = multicart("request", "/x/")

    assert done.status == 1
    assert done.err == "multicart: /x/: code 400: no cookie\\x1b[2J\nmake the postcode ready first\n"
