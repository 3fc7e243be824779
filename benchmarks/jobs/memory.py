"""The peak of the memory at two sizes, a factor of ten apart: it must not grow."""

from __future__ import annotations

from typing import Any

import attrs
from harness.account import Plan
from harness.bench import Bench
from harness.race import FailedError, python, say

_ROOM = 8 * 2**20  # an interpreter's own noise, and a buffer more
KINDS: tuple[tuple[str, str, Plan, str], ...] = (
    ("size of a file", "ours.download", Plan(records=500 * 210, record_bytes=2_048), "records"),
    ("files of a run", "ours.download", Plan(pages=500), "pages"),
    ("collections of a mirror", "ours.sync", Plan(collections=200), "collections"),
    ("size of a page of records", "ours.records", Plan(records=500 * 105, record_bytes=2_048), "records"),
)


def growth(bench: Bench) -> None:
    """The peak RSS of this library at a tenth of each size and at the whole of it."""
    title = "peak RSS in MiB at two sizes, a factor of ten apart"
    say(title)
    print(f"\n{title}\n{'':<28}{'smaller':>14}{'peak':>8}{'larger':>14}{'peak':>8}{'grows by':>10}")
    for name, work, plan, field in KINDS:
        least = bench.scaled(getattr(plan, field), 10)
        try:
            peaks = [_peak(bench, name, work, attrs.evolve(plan, **{field: size})) for size in (least, 10 * least)]
        except FailedError as error:
            print(f"{name:<28} failed: {error}")
            continue
        more = peaks[1] - peaks[0]
        verdict = "" if more <= _ROOM else "  MISSED"
        print(
            f"{name:<28}{least:>14,}{peaks[0] / 2**20:>8.1f}{10 * least:>14,}{peaks[1] / 2**20:>8.1f}"
            f"{more / 2**20:>10.1f}{verdict}"
        )
    print(f"target  grows by no more than {_ROOM / 2**20:.0f} MiB: lines without MISSED\n", flush=True)


def _peak(bench: Bench, name: str, work: str, plan: Plan) -> float:
    (https,) = bench.schemes(False)
    with bench.site(plan, https=https) as site:
        options: dict[str, Any] = {**site.options, "at_once": 8}
        result = bench.track.run(python(name, work, options, brings=work != "ours.records"), 0, site.check_size)
    bench.keep(f"peak by {name}", [result])
    return result.peak
