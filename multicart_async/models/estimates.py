"""Estimates of what runs cost. Objects of this library, not of the service."""

from __future__ import annotations

import attrs

from multicart_async.models._serialization import Serializable

__all__ = ["Estimate"]


@attrs.frozen
class Estimate(Serializable):
    """What runs of collections would cost, and what the account can spend, in credits: one for each item.

    ``collections`` were asked for, duplicates counted once; with a journal, those that are still to be started.
    ``items`` are those of the collections whose number of items is known; ``unknown`` are the ids of the others: drafts
    and other collections that are not listed, or listed without a possible number. ``spendable`` is ``None`` where the
    service's response lacks one of the three documented fields, or has another shape.
    """

    collections: int
    items: int
    spendable: int | None
    unknown: tuple[int, ...] = ()
