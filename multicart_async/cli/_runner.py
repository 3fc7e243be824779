"""Run a command: the event loop, signals, errors as exit statuses, and the output of its result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AsyncExitStack, aclosing, nullcontext
from typing import Any, cast

import click

from multicart_async._core.text import as_line
from multicart_async.cli._call import Call, Confirmation
from multicart_async.cli._client import connected
from multicart_async.cli._color import is_terminal, uses_color
from multicart_async.cli._command import Leaf
from multicart_async.cli._exit_status import CALLED_WRONGLY, status_of
from multicart_async.cli._messages import Messages
from multicart_async.cli._options import CommonOptions
from multicart_async.cli._output import Output, mode_of
from multicart_async.cli._resuming import cancellation_advice, resuming_advice, started_advice
from multicart_async.cli._rows import row_of
from multicart_async.cli._signals import Signals
from multicart_async.errors import MultiCartError
from multicart_async.models.outcome import Failure, Outcome, Success

__all__ = ["run_command"]


def run_command(leaf: Leaf, options: CommonOptions, values: dict[str, Any], context: click.Context) -> int:
    """Run *leaf* with its parameters *values*, and return the exit status."""
    messages = Messages(options)
    mode = mode_of(options, leaf.view, terminal=is_terminal(sys.stdout))
    output = Output(leaf.view, mode, color=uses_color(sys.stdout, options.color))
    call = Call(options, messages, output, str(leaf.name))
    with messages.capturing():
        try:
            return asyncio.run(_run(leaf, call, values))
        except MultiCartError as error:
            return _explain(error, call)
        except click.UsageError as error:
            advice = "" if isinstance(error, Confirmation) else f"; see {context.command_path} --help"
            messages.error(f"{error.message}{advice}")
            return CALLED_WRONGLY


def _explain(error: MultiCartError, call: Call) -> int:
    """Say what went wrong and what can be done, and return the exit status."""
    call.messages.error(str(error))
    for note in getattr(error, "__notes__", ()):
        call.messages.advise(str(note))
    for line in resuming_advice(error, call.resume):
        call.messages.advise(line)
    return status_of(error)


async def _run(leaf: Leaf, call: Call, values: dict[str, Any]) -> int:
    task = cast("asyncio.Task[int]", asyncio.current_task())
    signals = Signals(task)
    with signals.handled():
        try:
            return await _with_client(leaf, call, values)
        except asyncio.CancelledError as error:
            if signals.received is None:
                raise
            for line in cancellation_advice(error):
                call.messages.advise(line)
            return 128 + signals.received


async def _with_client(leaf: Leaf, call: Call, values: dict[str, Any]) -> int:
    async with AsyncExitStack() as stack:
        if not leaf.is_offline(values):
            await stack.enter_async_context(connected(call))
        result = await leaf.work(call, **values)
        await _show(result, leaf, call)
    return call.status


async def _show(result: Any, leaf: Leaf, call: Call) -> None:
    """Write the result of a command: one object, many, a stream of them, or nothing."""
    output = call.output
    if result is None:
        return
    if isinstance(result, AsyncIterable):
        async with call.progress_shown() if leaf.progress else nullcontext():
            await _stream(cast("AsyncGenerator[Any]", result), call)
    elif isinstance(result, Sequence) and not isinstance(result, str):
        output.begin()
        for value in cast("Any", result):
            _add(value, call)
        output.end()
    else:
        output.single(row_of(result))
        return
    if not output.rows and leaf.view.noun:
        call.messages.note(f"no {leaf.view.noun}")


async def _stream(values: AsyncGenerator[Any], call: Call) -> None:
    call.output.begin()
    try:
        async with aclosing(values):
            async for value in values:
                _add(value, call)
    finally:
        call.output.end()


def _add(value: Any, call: Call) -> None:
    known: Any = value
    started: list[object] = []
    if isinstance(value, Success | Failure):
        outcome: Outcome[Any, Any] = known
        call.progress.add_outcome(ok=outcome.ok)
        if outcome.error is not None:
            _fail(outcome.key, outcome.error, call)
            if call.output.has_no_place_for_failures:
                return
        started.append(outcome.value)
    try:
        call.output.add(row_of(known))
    except OSError:
        for line in started_advice(started):
            call.messages.advise(line)
        raise


def _fail(key: object, error: Exception, call: Call) -> None:
    call.fail(error, _about(key))
    for line in resuming_advice(error):
        call.messages.advise(line)


def _about(key: object) -> str:
    number = getattr(key, "collection_id", key)
    return f"collection {number}" if isinstance(number, int) else as_line(str(getattr(key, "category_url", key)))
