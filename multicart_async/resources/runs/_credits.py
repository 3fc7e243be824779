"""Check that the credits suffice for many runs, before the first is started."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import MAX_INTEGER
from multicart_async.errors import InsufficientCreditsError, InvalidResponseError, MultiCartWarning
from multicart_async.models import Collection, Credits
from multicart_async.resources.account import Account
from multicart_async.resources.collections import Collections

__all__ = ["check_credits", "check_credits_of_account"]


async def check_credits_of_account(
    collection_ids: Iterable[int],
    collections: Collections,
    account: Account,
) -> None:
    """Request the collections and credits, and do what `check_credits` does."""
    listed = {collection.id: collection for collection in await collections.list()}
    try:
        found = await account.credits()
    except InvalidResponseError:
        found = None  # another shape than the documented fields
    check_credits(collection_ids, listed, found)


def check_credits(collection_ids: Iterable[int], listed: Mapping[int, Collection], account: Credits | None) -> None:
    """Check that the credits suffice for all runs: a run costs one per item.

    Warns with `MultiCartWarning` if this cannot be determined.

    Raises:
        InsufficientCreditsError: There are too few; nothing was started.
    """
    counts = [_known(listed[number].asin_count) if number in listed else None for number in collection_ids]
    needed = sum(count for count in counts if count is not None)
    unknown = counts.count(None)
    spendable = account.spendable if account is not None else None
    if spendable is not None and needed > spendable:
        detail = f"these runs need {needed} credits and {short_repr(spendable)} are spendable; nothing was started"
        raise InsufficientCreditsError("run_many", 402, detail)
    if spendable is None:
        _warn("the response of the credits call lacks one of the three documented fields")
    elif unknown:
        _warn(f"the list of collections gives no number of items for {unknown} of them")


def _known(count: int | None) -> int | None:
    """Return *count* if it is a possible number of items; the service may return any number."""
    return count if count is not None and 0 <= count <= MAX_INTEGER else None


def _warn(reason: str) -> None:
    warnings.warn(f"it cannot be determined whether the credits suffice: {reason}", MultiCartWarning, stacklevel=5)
