"""The headers of a response with lower-case names, made when they are first read: those of most calls never are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["LazyHeaders", "lower_names"]


def lower_names(received: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with lower-case names. A repeated header has its first value."""
    items = [*received.items()]
    return {name.lower(): value for name, value in reversed(items)}


class LazyHeaders(Mapping[str, str]):
    """A view of *received*, whose names may be repeated and in any case. A repeated header has its first value."""

    __slots__ = ("_lower", "_received")

    def __init__(self, received: Mapping[str, str]) -> None:
        self._received = received
        self._lower: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._lower is None:
            self._lower = lower_names(self._received)
        return self._lower

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
