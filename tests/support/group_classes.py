"""The groups of a client by name; an instance has them only after their first use."""

from __future__ import annotations

from typing import Any

from multicart_async import AsyncMultiCart
from multicart_async.resources._base import Resource
from multicart_async.resources._groups import GROUPS

__all__ = ["GROUP_NAMES", "group_classes"]

GROUP_NAMES = [*GROUPS]


def group_classes() -> dict[str, type[Resource]]:
    """The class of each group."""
    client: Any = AsyncMultiCart("key")
    return {name: type(getattr(client, name)) for name in GROUP_NAMES}
