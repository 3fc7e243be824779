"""What a look into a folder shows: the sizes of its entries, and the content of small files in it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple, Self

from multicart_async._core.regular_file import read_whole
from multicart_async.sinks._atomic_file import is_temporary
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["Listing"]


class Listing(NamedTuple):
    """The entries but temporary files, and the contents that were asked for; *clean*: there is no temporary file."""

    sizes: dict[str, int | None]
    contents: dict[str, bytes]
    clean: bool

    @classmethod
    def read(cls, place: OpenFolder, names: Sequence[str], max_bytes: int) -> Self:
        """Look into *place*; of *names*, files that are larger than *max_bytes* or cannot be read have no content."""
        sizes, temporary = _sizes(place)
        contents = {name: _content(place, name, max_bytes) for name in names if sizes.get(name) is not None}
        return cls(sizes, {name: content for name, content in contents.items() if content is not None}, not temporary)


def _sizes(place: OpenFolder) -> tuple[dict[str, int | None], bool]:
    """Return the sizes of the entries but temporary files, and whether there are any of these."""
    found: dict[str, int | None] = {}
    temporary = False
    with place.entries() as entries:
        for entry in entries:
            if is_temporary(entry.name):
                temporary = True
                continue
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                no_file = entry.is_symlink() or entry.is_dir()
                found[entry.name] = None if no_file else entry.stat(follow_symlinks=False).st_size
    return found, temporary


def _content(place: OpenFolder, name: str, max_bytes: int) -> bytes | None:
    try:
        return read_whole(place.open_regular(name, max_bytes=max_bytes), max_bytes)
    except OSError:  # a call that reads this file alone raises it again
        return None
