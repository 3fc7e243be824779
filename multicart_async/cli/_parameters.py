"""Parameters that several commands have, and how their text is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from multicart_async._core.short_repr import short_repr
from multicart_async.cli._call import Call
from multicart_async.cli._flag_option import option
from multicart_async.cli._numbers import ID, whole_number
from multicart_async.cli._stdin import stdin_words
from multicart_async.config import PollPolicy
from multicart_async.models import StartedRun

__all__ = [
    "COLLECTION_ID",
    "DEST",
    "FILES",
    "STDIN",
    "collection_ids",
    "find_ids",
    "policy_of",
    "poll_options",
    "started_run",
]

F = TypeVar("F", bound=Callable[..., Any])

COLLECTION_ID: Final = click.argument("collection_id", type=ID)
DEST: Final = option(
    "--dest",
    type=click.Path(file_okay=False),
    metavar="DEST",
    help="Store the files below this folder, or below a URL such as s3://bucket/prefix.",
)
FILES: Final = option(
    "--files",
    type=click.Choice(["pages", "zip", "both"]),
    default="pages",
    show_default=True,
    help="Which files of a run.",
)
STDIN: Final = "-"


def collection_ids(*, everything: bool = True) -> Callable[[F], F]:
    """Return a decorator for a command over many collections: ids, ``-`` for those on stdin, and ``--all``."""

    def add(function: F) -> F:
        if everything:
            text = "All collections that are listed, but no category scrapes."
            function = option("--all", "everything", is_flag=True, help=text)(function)
        return click.argument("ids", nargs=-1, metavar="[ID]...")(function)

    return add


async def find_ids(call: Call, ids: Sequence[str], *, everything: bool) -> list[int]:
    """Return the ids that the user has named, each once; with *everything*, of all collections of items that are listed.

    Raises:
        click.UsageError: There is none, or one is no positive integer; nothing was sent.
    """
    if everything:
        if ids:
            raise click.UsageError("--all and ids exclude each other: choose one")
        listed = await call.client.collections.list()
        return [each.id for each in listed if not each.is_category]
    if not ids:
        raise click.UsageError("no collection is named: give ids, - to read them from stdin, or --all if there is one")
    words: list[str] = []
    for text in ids:
        words += await stdin_words() if text == STDIN else [text]
    return list(dict.fromkeys(map(_id, words)))


def _id(text: str) -> int:
    number = whole_number(text)
    if not number:
        raise click.UsageError(f"expected ids of collections, which are positive integers, got {short_repr(text)}")
    return number


def poll_options(function: F) -> F:
    """Add the options of a wait."""
    for add in (
        option(
            "--timeout",
            "wait_timeout",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            default=PollPolicy().wait_timeout,
            show_default=True,
            help="How long to wait for each.",
        ),
        option(
            "--poll-interval",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            default=PollPolicy().poll_interval,
            show_default=True,
            help="The shortest pause between two polls.",
        ),
    )[::-1]:
        function = add(function)
    return function


def policy_of(wait_timeout: float | None, poll_interval: float) -> PollPolicy:
    """Return the policy of a wait."""
    longest = max(PollPolicy().max_poll_interval, poll_interval)
    return PollPolicy(wait_timeout=wait_timeout, poll_interval=poll_interval, max_poll_interval=longest)


def started_run(text: str) -> StartedRun:
    """Return the run that ``COLLECTION:AFTER_RUN`` names, as ``runs start`` and a timed-out wait print it."""
    collection, _, after = text.replace("\t", ":").partition(":")
    started = whole_number(collection), whole_number(after)
    if started[0] and started[1] is not None:
        return StartedRun(started[0], started[1])
    raise click.UsageError(
        f"{short_repr(text)}: expected COLLECTION:AFTER_RUN, such as 101:88, as runs start prints them; a collection "
        "alone does not say which run is meant, and an old result could be taken for the new one"
    )
