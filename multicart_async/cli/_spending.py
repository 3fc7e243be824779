"""Say what a command costs before it spends credits, and ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from multicart_async.cli._call import Call
from multicart_async.cli._errors import TooExpensiveError
from multicart_async.cli._plural import counted

if TYPE_CHECKING:
    from multicart_async.models import Estimate

__all__ = ["confirm_category_spending", "confirm_run_spending", "describe_estimate"]


async def confirm_run_spending(call: Call, collection_ids: Iterable[int], journal: str | None = None) -> bool:
    """Return whether to start runs of the collections, after the user has seen what they cost.

    Raises:
        TooExpensiveError: They cost more than is spendable, or than ``--max-credits`` allows; nothing was sent.
        Confirmation: There was no confirmation; nothing was sent.
    """
    call.require_answer("spending credits")
    estimate = await call.client.runs.estimate(collection_ids, journal=journal)
    text = describe_estimate(estimate)
    shown = call.planned(text, estimate)
    _check_limit(call, estimate)
    if shown:
        return False
    if not estimate.collections:
        call.messages.note("nothing is to be started")
    else:
        call.ask(text)
    return True


def describe_estimate(estimate: Estimate) -> str:
    """Return a sentence: collections, items, and the credits that they cost."""
    spendable = "an unknown number of" if estimate.spendable is None else f"{estimate.spendable:,}"
    text = (
        f"{counted(estimate.collections, 'collection')}, {counted(estimate.items, 'item')}: "
        f"{estimate.items:,} of {spendable} credits"
    )
    if estimate.unknown:
        text += f"; and the items of {counted(len(estimate.unknown), 'collection')}, whose number is not known"
    return text + "."


def _check_limit(call: Call, estimate: Estimate) -> None:
    limit, spendable = call.options.max_credits, estimate.spendable
    if spendable is not None and estimate.items > spendable:
        raise TooExpensiveError(f"{estimate.items:,} credits are needed and {spendable:,} are spendable")
    if limit is None:
        return
    if estimate.items > limit:
        raise TooExpensiveError(f"{estimate.items:,} credits are needed and --max-credits allows {limit:,}")
    if estimate.unknown and (spendable is None or spendable > limit):
        numbers = ", ".join(map(str, estimate.unknown[:10]))
        raise TooExpensiveError(
            f"--max-credits cannot be kept: it is not known how many items these collections have: {numbers}"
        )


async def confirm_category_spending(call: Call, scrapes: int) -> bool:
    """Return whether to submit category scrapes; what they cost is only known when their products have been found.

    Raises:
        TooExpensiveError: They may cost more than ``--max-credits`` allows; nothing was sent.
        Confirmation: There was no confirmation; nothing was sent.
    """
    call.require_answer("spending credits")
    spendable = (await call.client.account.credits()).spendable
    shown = "an unknown number of" if spendable is None else f"{spendable:,}"
    text = f"{counted(scrapes, 'category scrape')}, one credit for each product found: up to {shown} credits."
    planned = call.planned(text, {"scrapes": scrapes, "items": None, "spendable": spendable})
    limit = call.options.max_credits
    if limit is not None and (spendable is None or spendable > limit):
        raise TooExpensiveError(
            f"--max-credits {limit:,} cannot be kept: a category scrape costs one credit for each product that it finds, "
            f"and {shown} credits are spendable"
        )
    if planned:
        return False
    call.ask(text)
    return True
