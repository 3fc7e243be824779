"""What `client.sync` is asked to do, checked once."""

from __future__ import annotations

import zlib
from typing import Any, Literal, cast

import attrs

from multicart_async._core.validation import check_bool, check_int, wrong_argument
from multicart_async._downloads.manager import DownloadOptions
from multicart_async._downloads.plan import Files

__all__ = ["SyncOptions"]


@attrs.frozen(kw_only=True)
class SyncOptions:
    """What to mirror, and how."""

    runs: Literal["latest", "all"] = "latest"
    files: Files = "pages"
    check: Literal["changed", "all"] = "changed"
    dry_run: bool = False
    overwrite: bool = False
    shard: tuple[int, int] | None = None
    count_records: bool = False
    strict: bool = False
    prune: bool = False
    keep: int | None = None

    def __attrs_post_init__(self) -> None:
        for name, words in (
            ("runs", ("latest", "all")),
            ("files", ("pages", "zip", "both")),
            ("check", ("changed", "all")),
        ):
            if getattr(self, name) not in words:
                raise wrong_argument(name, f"one of {', '.join(map(repr, words))}", getattr(self, name))
        check_bool("prune", self.prune)
        if self.keep is not None:
            check_int("keep", self.keep, minimum=1)
        if self.shard is not None and not _is_shard(self.shard):
            raise wrong_argument("shard", "(i, n), two integers with 0 <= i < n", cast("object", self.shard))

    @property
    def download_options(self) -> DownloadOptions:
        """How each run is downloaded."""
        return DownloadOptions(overwrite=self.overwrite, csv=True, count_records=self.count_records, strict=self.strict)

    @property
    def may_skip_unchanged(self) -> bool:
        """Whether a collection that has not changed since the last call needs no request."""
        return self.runs == "latest" and self.check == "changed" and not self.overwrite and not self.count_records

    def includes(self, collection_id: int) -> bool:
        """Return whether the collection belongs to this shard, by a hash that is the same on every machine."""
        if self.shard is None:
            return True
        index, count = self.shard
        return zlib.crc32(str(collection_id).encode()) % count == index


def _is_shard(value: Any) -> bool:
    parts: list[Any] = [*value] if isinstance(value, tuple) else []
    return len(parts) == 2 and all(type(part) is int for part in parts) and 0 <= parts[0] < parts[1]
