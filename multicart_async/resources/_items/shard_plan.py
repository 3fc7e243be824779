"""Many items over several collections, because one holds 5,000: who goes where, now and when more are added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import MAX_ITEMS, check_collection_size, normalize_item, wrong_argument
from multicart_async._core.validation import normalize_items as many
from multicart_async.errors import ArgumentError

__all__ = ["plan_shards"]


def plan_shards(
    items: Iterable[str], *, size: int = MAX_ITEMS, existing: Sequence[Iterable[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """Plan what each collection holds: *items* (ASINs or SKUs; trimmed, each once) in collections of at most *size*.

    An item stays where it was when others are added. Without *existing*, order decides: the first *size* items are the
    first collection, and so on, so keep the order and append. With *existing*, an earlier plan, order does not matter:
    what is placed stays, also what is not among *items* any more (it is still in its collection, and takes up room);
    new items fill what room there is, from the first collection on, and then new collections. A collection that was
    planned with a larger *size* stays as it is, and gets nothing more.

    Raises:
        ArgumentError: An item is empty or holds a blank or comma, there is none, *size* is not 1 to 5,000, or *existing*
            has an item in two collections or more than 5,000 in one.
    """
    return spread(many("items", items, maximum=None), check_collection_size("size", size), _checked_existing(existing))


def spread(wanted: Iterable[str], size: int, existing: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Make the plan, for items that were checked and occur once each."""
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
    homes: dict[str, int] = {}
    plan: list[tuple[str, ...]] = []
    for number, shard in enumerate(existing, 1):
        plan.append(_shard(number, shard))
        for one in plan[-1]:
            if homes.setdefault(one, number) != number:
                reason = f"expected each item once, got {short_repr(one)} in collections {homes[one]} and {number}"
                raise ArgumentError("existing", reason)
    return plan


def _shard(number: int, shard: Iterable[str]) -> tuple[str, ...]:
    if isinstance(shard, str | bytes) or not hasattr(shard, "__iter__"):
        raise wrong_argument("existing", f"several items in collection {number}", shard)
    held = tuple(dict.fromkeys(normalize_item("existing", one) for one in shard))
    if len(held) > MAX_ITEMS:
        reason = f"expected at most {MAX_ITEMS} items in collection {number}, got {len(held)}; none holds more"
        raise ArgumentError("existing", reason)
    return held
