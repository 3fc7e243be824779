"""Keep a mirror up to date: one pass after another, with pauses that grow while nothing changes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Final

import attrs

from multicart_async._core.failures import ends_all
from multicart_async._core.log import error_info, log_warning
from multicart_async._core.tasks import to_async_iter
from multicart_async._core.validation import check_bool, check_id, check_iterable
from multicart_async._sync.options import SyncOptions
from multicart_async.config import PollPolicy
from multicart_async.errors import ArgumentError, AuthenticationError, DiskError, MultiCartError
from multicart_async.events import Emit, SyncCompleted
from multicart_async.models import SyncReport
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import Interval, PollFailures

__all__ = ["Pass", "check_follow", "follow_mirror", "mirror_once"]

_CHECK_ALL: Final = 10  # every tenth pass lists the runs of all collections

Pass = Callable[[SyncOptions, "Iterable[int] | AsyncIterable[int] | None"], Awaitable[SyncReport]]
"""One call of `Synchronizer.run` with options of its own."""


def check_follow(follow: object, options: SyncOptions) -> None:
    """Check the argument *follow* of ``client.sync``.

    Raises:
        ArgumentError: It is not a boolean, or was combined with ``dry_run``.
    """
    check_bool("follow", follow)
    if follow is True and options.dry_run:
        raise ArgumentError(
            "follow", "expected no dry_run, which fetches nothing that could be followed; omit one of them"
        )


async def mirror_once(
    run: Pass, options: SyncOptions, collections: Iterable[int] | AsyncIterable[int] | None, emit: Emit
) -> SyncReport:
    """Make one pass, and report it by event."""
    report = await run(options, collections)
    emit(SyncCompleted(report=report))
    return report


async def follow_mirror(
    run: Pass,
    options: SyncOptions,
    collections: Iterable[int] | AsyncIterable[int] | None,
    context: ClientContext,
) -> SyncReport:
    """Make one pass after another until one of them shows that no other can succeed; return its report.

    Raises:
        MultiCartError: The list of collections is rejected, or *dest* cannot be written to at all.
    """
    ids = None if collections is None else await _remembered(collections)
    interval, failures, count = Interval(PollPolicy()), PollFailures(), 0
    while True:
        count += 1
        chosen = options if count % _CHECK_ALL else attrs.evolve(options, check="all")
        try:
            report = await mirror_once(run, chosen, ids, context.emit)
        except MultiCartError as error:
            if ends_all(error) or failures.is_final(error):
                raise
            log_warning("mirror: a pass failed, another one follows: %s", error, extra=error_info(error))
        else:
            failures.succeeded()
            if _is_hopeless(report):
                return report
            if report.files or report.removed:
                interval.reset()
        await context.clock.sleep(max(interval.next(), failures.pause))


async def _remembered(collections: Iterable[int] | AsyncIterable[int]) -> list[int]:
    """Return the ids, because a generator can be read only once."""
    check_iterable("collections", collections)
    return list(dict.fromkeys([check_id("collections", number) async for number in to_async_iter(collections)]))


def _is_hopeless(report: SyncReport) -> bool:
    """Return whether the pass was stopped by something that a later pass would meet again."""
    if not report.stopped:
        return False
    error = report.failures[-1].error
    return isinstance(error, AuthenticationError | DiskError)
