"""Items on the command line: which were named, and which were rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from multicart_async.cli._call import Call
from multicart_async.cli._stdin import stdin_words
from multicart_async.cli._view import View
from multicart_async.errors import ItemsRejectedError
from multicart_async.models import AddResult

__all__ = ["ADDED", "added", "item_words"]

ADDED = View(("success_count", "rejected=error_rows", "assumed"), None, "")


async def item_words(items: Sequence[str], path: str | None, needed: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the items that were named, none if there is a CSV; *needed* are the options that items need.

    Raises:
        click.UsageError: Something is missing, or too much; nothing was sent.
    """
    given = [option for option, value in needed.items() if value is not None]
    if path is not None:
        if items or given:
            raise click.UsageError(f"--csv excludes items, {' and '.join(needed)}: its rows have their own")
        return ()
    words = tuple(await stdin_words() if tuple(items) == ("-",) else items)
    if not words:
        raise click.UsageError("no item is named: give some, - to read them from stdin, or --csv FILE")
    missing = [option for option in needed if option not in given]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} is missing")
    return words


def added(result: AddResult, call: Call) -> AddResult:
    """Return *result*, and count its rejected items as failures of the command."""
    if result.error_rows:
        call.fail(ItemsRejectedError(result))
    return result
