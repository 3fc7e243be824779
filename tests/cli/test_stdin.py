"""Lines from stdin, of each kind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from multicart_async.cli._stdin import stdin_lines, stdin_words


async def lines() -> list[str]:
    return [line async for line in stdin_lines()]


def test_lines_of_a_pipe_arrive_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they come in pieces; the last one may lack its end."""
    reader, writer = os.pipe()

    async def both() -> list[str]:
        found: list[str] = []
        async for line in stdin_lines():
            found.append(line)
            if line == "first":
                os.write(writer, b"ond\r\nlast \xff")
                os.close(writer)
        return found

    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        os.write(writer, b"first\nsec")
        assert asyncio.run(both()) == ["first", "second", "last \ufffd"]


def test_a_regular_file_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It never blocks, and cannot be waited for."""
    path = tmp_path / "ids"
    path.write_text("1 2\n3\n")
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert asyncio.run(stdin_words()) == ["1", "2", "3"]


def test_an_empty_input_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as /dev/null."""
    with Path(os.devnull).open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert asyncio.run(lines()) == []


def test_waiting_for_a_line_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """^C ends a command that waits for its input."""
    reader, writer = os.pipe()

    async def cancelled() -> bool:
        task = asyncio.ensure_future(lines())
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task])
        return done.pop().cancelled()

    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert asyncio.run(cancelled()) is True
    os.close(writer)
