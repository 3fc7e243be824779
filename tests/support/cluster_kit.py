"""What the tests of clusters share: a mirror over any cluster, with the defaults of the public function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from multicart_async._sync.options import SyncOptions
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._mirror import mirror_over
from multicart_async.models import SyncReport


async def mirrored(cluster: Cluster, dest: Path, **given: Any) -> SyncReport:
    """What `mirror` returns."""
    names = ("runs", "files", "check")
    options = SyncOptions(**{name: given.pop(name) for name in names if name in given})
    defaults: dict[str, Any] = {
        "collections": None,
        "requests": 8,
        "requests_per_task": 4,
        "tasks": None,
        "retries": 2,
        "base_url": None,
        "on_event": None,
    }
    return await mirror_over(cluster, dest, options=options, **{**defaults, **given})


def nonces(dest: Path) -> list[str]:
    """The files of calls that are not over."""
    return [path.name for path in dest.glob("_cluster-*")]
