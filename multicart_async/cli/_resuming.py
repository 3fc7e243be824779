"""The commands that go on where another one has ended. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from multicart_async.errors import APIError, OutcomeUnknownError, WaitTimeoutError
from multicart_async.models import StartedCategory, StartedRun

__all__ = ["cancellation_advice", "resuming_advice", "started_advice"]

_NAMED = 10  # runs in one command


def resuming_advice(error: BaseException, resume: str | None = None) -> list[str]:
    """Return what to type after *error*; *resume* continues a wait that has started nothing."""
    commands = [*_commands([getattr(error, "started", None)])]
    if isinstance(error, OutcomeUnknownError | APIError):
        return [f"it may have been charged; wait for it instead of starting it again: {line}" for line in commands]
    if isinstance(error, WaitTimeoutError):
        return [f"it continues; wait for it again: {line}" for line in commands or [*filter(None, [resume])]]
    return []


def cancellation_advice(error: BaseException) -> list[str]:
    """Return what was started and charged before a command was ended, as the commands that wait for it."""
    return started_advice(getattr(error, "unfinished", ())) or [str(note) for note in getattr(error, "__notes__", ())]


def started_advice(started: Iterable[object]) -> list[str]:
    """Return the commands that wait for what was started."""
    return [f"started and charged, or possibly so; wait for it: {line}" for line in _commands(started)]


def _commands(started: Iterable[object]) -> Iterator[str]:
    found = [*started]
    runs = [f"{one.collection_id}:{one.after_run_id}" for one in found if isinstance(one, StartedRun)]
    for first in range(0, len(runs), _NAMED):
        yield f"multicart runs wait {' '.join(runs[first : first + _NAMED])}"
    yield from (f"multicart category wait {one.collection_id}" for one in found if isinstance(one, StartedCategory))
