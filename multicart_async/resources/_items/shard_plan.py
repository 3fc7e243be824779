"""Distribute many items over several collections, because one holds 5,000, stably when more are added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import (
    MAX_ITEMS,
    check_collection_size,
    normalize_item,
    normalize_items,
    wrong_argument,
)
from multicart_async.errors import ArgumentError

__all__ = ["plan_shards"]


def plan_shards(
    items: Iterable[str], *, size: int = MAX_ITEMS, existing: Sequence[Iterable[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """Plan which collection holds which *items* (ASINs or SKUs, trimmed, without duplicates), at most *size* in each.

    An item keeps its collection when others are added. Without *existing*, the order decides: the first *size* items
    form the first collection, and so on, so keep the order and append. With *existing*, an earlier plan, the order does
    not matter: assigned items stay, even those that are no longer in *items* (they are still in their collection and
    take up space); new items fill the free places, from the first collection on, and then new collections. A collection
    that was planned with a larger *size* is unchanged and gets no further items.

    Raises:
        ArgumentError: An item is empty or contains whitespace or a comma, there is none, *size* is not 1 to 5,000, or
            *existing* has an item in two collections or more than 5,000 items in one.
    """
    wanted = normalize_items("items", items, maximum=None)
    return spread(wanted, check_collection_size("size", size), _checked_existing(existing))


def spread(wanted: Iterable[str], size: int, existing: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the plan for items that were checked and are unique."""
    before = [tuple(shard) for shard in existing]
    known = {one for shard in before for one in shard}
    new = (one for one in wanted if one not in known)
    plan = [shard + tuple(islice(new, max(0, size - len(shard)))) for shard in before]
    while shard := tuple(islice(new, size)):
        plan.append(shard)
    return tuple(plan)


def _checked_existing(existing: Sequence[Iterable[str]]) -> list[tuple[str, ...]]:
    if isinstance(existing, str | bytes) or not hasattr(existing, "__iter__"):
        raise wrong_argument("existing", "the items of each collection, such as an earlier plan", existing)
    numbers: dict[str, int] = {}
    plan: list[tuple[str, ...]] = []
    for number, shard in enumerate(existing, 1):
        plan.append(_shard(number, shard))
        for one in plan[-1]:
            if numbers.setdefault(one, number) != number:
                duplicate = f"{short_repr(one)} in collections {numbers[one]} and {number}"
                reason = f"expected each item once, got {duplicate}; remove one"
                raise ArgumentError("existing", reason)
    return plan


def _shard(number: int, shard: Iterable[str]) -> tuple[str, ...]:
    if isinstance(shard, str | bytes) or not hasattr(shard, "__iter__"):
        raise wrong_argument("existing", f"an iterable of items for collection {number}", shard)
    placed = tuple(dict.fromkeys(normalize_item("existing", one) for one in shard))
    if len(placed) > MAX_ITEMS:
        reason = f"expected at most {MAX_ITEMS} items in collection {number}, got {len(placed)}; split it"
        raise ArgumentError("existing", reason)
    return placed
