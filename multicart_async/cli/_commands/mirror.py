"""``multicart sync`` and ``multicart verify``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import click

from multicart_async._core.short_repr import short_repr
from multicart_async.cli._call import Call
from multicart_async.cli._client import connected
from multicart_async.cli._command import command
from multicart_async.cli._flag_option import option
from multicart_async.cli._numbers import whole_number
from multicart_async.cli._parameters import FILES
from multicart_async.cli._rows import row_of
from multicart_async.cli._view import View
from multicart_async.events import Event
from multicart_async.models import SyncReport, VerifyReport

__all__ = ["sync", "verify"]

_SYNC = View(("ok", "collections", "runs", "skipped", "failed", "files", "bytes"), None, "", streamed=True)
_VERIFY = View(("ok", "runs", "files", "bytes", "failed"), None, "")
_DESTINATION = click.argument("dest", metavar="DEST")


def _shard(text: str) -> tuple[int, int]:
    """Return the two numbers of ``I/N``: the part I of N, from 0."""
    first, _, second = text.partition("/")
    part, parts = whole_number(first), whole_number(second)
    if part is not None and parts is not None and part < parts:
        return part, parts
    raise click.UsageError(f"--shard: expected I/N with 0 <= I < N, such as 0/4, got {short_repr(text)}")


@command(None, "sync", example="multicart sync mirror --runs all --keep 30", view=_SYNC, progress=True)
@_DESTINATION
@option("--runs", type=click.Choice(["latest", "all"]), default="latest", show_default=True, help="Which runs.")
@FILES
@option("--shard", metavar="I/N", help="Only the part I of N of the collections, from 0.")
@option(
    "--check",
    type=click.Choice(["changed", "all"]),
    default="changed",
    show_default=True,
    help="Ask for the runs of collections that have changed, or of all.",
)
@option("--strict", is_flag=True, help="A run whose records do not add up to its totals has failed.")
@option("--prune", is_flag=True, help="Delete what the service no longer has.")
@option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N runs of each collection.")
@option("--follow", is_flag=True, help="Go on until ^C, and print a report for each pass.")
async def sync(
    call: Call,
    *,
    dest: str,
    runs: Any,
    files: Any,
    shard: str | None,
    check: Any,
    strict: bool,
    prune: bool,
    keep: int | None,
    follow: bool,
) -> SyncReport | None:
    """Mirror the results of all collections into a folder or a bucket.

    DEST is a folder, or a URL such as s3://bucket/prefix, gs://bucket or az://container. The files of finished
    runs come to DEST/COLLECTION/RUN; only what is missing is fetched. One failure does not
    stop the rest, and a second call goes on where the first one ended. With --dry-run nothing is written: `files`
    says how many would be fetched, and `removed` what --prune or --keep would delete.
    """
    mirror = partial(
        call.client.sync,
        dest,
        runs=runs,
        files=files,
        shard=None if shard is None else _shard(shard),
        check=check,
        strict=strict,
        prune=prune,
        keep=keep,
        dry_run=call.options.dry_run,
    )
    if follow:
        await _follow(mirror, call)
        return None
    async with call.progress_shown():
        report = await mirror()
    explain_sync(report, call)
    return report


async def _follow(mirror: Callable[..., Awaitable[SyncReport]], call: Call) -> None:
    """Print the report of each pass, until the command is ended."""
    call.listener = lambda event: _print_pass(event, call)
    call.output.begin()
    try:
        async with call.progress_shown():
            await mirror(follow=True)
    finally:
        call.output.end()


def _print_pass(event: Event, call: Call) -> None:
    """Print the report of each pass of ``--follow``."""
    from multicart_async.events import SyncCompleted  # noqa: PLC0415

    if isinstance(event, SyncCompleted):
        call.failures.clear()  # the last pass decides
        explain_sync(event.report, call)
        call.output.add(row_of(event.report))


def explain_sync(report: SyncReport, call: Call) -> None:
    """Say what failed, what differs, what is gone and what was removed."""
    for failure in report.failures:
        call.fail(failure.error, "/".join(str(one) for one in (failure.collection, failure.run, failure.file) if one))
    for line in report.differences:
        call.messages.warn(line)
    if report.stopped:
        call.messages.error("stopped, because everything else would have failed in the same way")
    if report.gone:
        call.messages.note(f"no longer at the service: {', '.join(report.gone)}")
    for path in report.removed:
        call.messages.note(f"{'would be removed' if report.dry_run else 'removed'}: {path}")


@command(None, "verify", example="multicart verify mirror --repair", view=_VERIFY, offline=True)
@_DESTINATION
@option("--repair", is_flag=True, help="Fetch missing and changed files again.")
async def verify(call: Call, *, dest: str, repair: bool) -> dict[str, Any]:
    """Read a mirror again, and compare it with its manifests.

    Every file is read, and its size and SHA-256 are compared. Nothing is sent, unless --repair is given.
    """
    if call.options.dry_run and repair:
        raise click.UsageError("--repair and --dry-run exclude each other: without --repair nothing is written")
    async with connected(call, required=repair) as client, call.progress_shown():
        report = await client.verify(dest, repair=repair)
    return explain_verify(report, call)


def explain_verify(report: VerifyReport, call: Call) -> dict[str, Any]:
    """Say what does not match, and return the row of the report."""
    for failure in report.failures:
        call.messages.error(str(failure))
    call.not_ok = not report.ok
    return {**report.to_dict(), "failed": len(report.failures)}
