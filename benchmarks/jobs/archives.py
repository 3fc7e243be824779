"""The strict check of a ZIP."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

from harness.bench import Bench
from harness.figures import at_most, peak_at_most, stall_at_most
from harness.race import python

OURS, BASE = "strict check", "zipfile.testzip"
_MEMBER = 16 * 2**20


def strict(bench: Bench) -> None:
    """A ZIP of 1 GiB of JSON, once deflated and once stored."""
    for name, method in (("deflated", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED)):
        place = bench.folder / "archive.zip"
        size = _make(place, bench.scaled(64), method)
        options = {"source": str(place)}
        everybody = [
            python(BASE, "archives.with_zipfile", options, brings=False),
            python(OURS, "archives.ours", options, brings=False),
        ]
        targets = [at_most("wall", 1.2, OURS, BASE, "wall"), stall_at_most(20, OURS), peak_at_most(64, OURS)]
        title = f"a ZIP with {size / 2**20:,.0f} MiB of JSON, {name}, {place.stat().st_size / 2**20:,.0f} MiB"
        bench.race(f"zip-{name}", title, everybody, base=BASE, targets=targets)
        place.unlink()


def _make(place: Path, members: int, method: int) -> int:
    page = _page()
    with zipfile.ZipFile(place, "w", method, compresslevel=1) as archive:
        for number in range(members):
            archive.writestr(f"bench_88_Results_Page_{number + 1}.json", page)
    return members * len(page)


def _page() -> bytes:
    """A page of records that are not all alike."""
    chance = random.Random(1)
    rows: list[bytes] = []
    size = 0
    while size < _MEMBER:
        words = " ".join(f"{chance.getrandbits(32):x}" for _ in range(100))
        row = {"asin": f"B0{chance.getrandbits(32):08X}", "title": words, "price": f"${chance.randrange(10**4)}.00"}
        rows.append(json.dumps(row).encode())
        size += len(rows[-1])
    return b"[" + b",".join(rows) + b"]"
