"""The runs that ``runs wait`` waits for: from arguments, and from what ``runs start`` has printed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import click

from multicart_async._core.short_repr import short_repr
from multicart_async.cli._call import Call
from multicart_async.cli._parameters import STDIN, started_run
from multicart_async.cli._stdin import stdin_lines
from multicart_async.errors import APIError, ArgumentError, MultiCartError
from multicart_async.models import StartedRun

__all__ = ["read_started"]


def read_started(call: Call, words: Sequence[str]) -> AsyncGenerator[StartedRun, None]:
    """Yield the runs that *words* name, those on stdin as they arrive.

    A line of a start that failed counts as a failure of the command; its error was printed by `runs start`. A line that
    names no run is a failure, too: others may have been waited for already.

    Raises:
        click.UsageError: A word names no run.
    """
    known = [None if word == STDIN else started_run(word) for word in words]
    return _read(call, known)


async def _read(call: Call, known: Sequence[StartedRun | None]) -> AsyncGenerator[StartedRun, None]:
    for started in known:
        if started is not None:
            yield started
            continue
        async for line in stdin_lines():
            found = _of_line(line) if line.strip() else None
            if isinstance(found, StartedRun):
                yield found
            elif isinstance(found, ArgumentError):
                call.fail(found)
            elif found is not None:
                call.failures.append(found)


def _of_line(line: str) -> StartedRun | MultiCartError:
    """Return the run that a line names, or the error with which its start has failed.

    If it is not known whether a run was started, the line names what to wait for.
    """
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    collection, after, code = (fields.get(name) for name in ("collection_id", "after_run_id", "code"))
    if type(collection) is int and type(after) is int:
        return StartedRun(collection, after)
    if fields.get("ok") is False:
        return APIError.of("multicart", code if isinstance(code, int) else None, fields.get("error"))
    try:
        return started_run(line.strip())
    except click.UsageError:
        reason = 'expected lines such as {"collection_id": 101, "after_run_id": 88}, got '
        return ArgumentError("stdin", reason + short_repr(line))
