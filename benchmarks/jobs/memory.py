"""The peak of the memory at two sizes, a factor of ten apart: it must not grow."""

from __future__ import annotations

from typing import Any

import attrs
from harness.account import Plan
from harness.bench import Bench
from harness.figures import verdict
from harness.race import FailedError, python, say

_ROOM = 8  # MiB: an interpreter's own noise, and a buffer more
KINDS: tuple[tuple[str, str, Plan, str], ...] = (
    ("size of a file", "ours.download", Plan(records=500 * 86), "records"),
    ("files of a run", "ours.download", Plan(pages=500), "pages"),
    ("collections of a mirror", "ours.sync", Plan(collections=200), "collections"),
    ("size of a page of records", "ours.records", Plan(records=500 * 43), "records"),
)


def growth(bench: Bench) -> None:
    """The peak RSS of this library at a tenth of each size and at the whole of it."""
    title = "peak RSS in MiB at two sizes, a factor of ten apart"
    say(title)
    print(f"\n{title}\n{'':<28}{'smaller':>14}{'peak':>8}{'larger':>14}{'peak':>8}{'grows by':>10}")
    targets: list[str] = []
    for name, work, plan, field in KINDS:
        least = bench.scaled(getattr(plan, field), 10)
        try:
            peaks = [_peak(bench, name, work, attrs.evolve(plan, **{field: size})) for size in (least, 10 * least)]
        except FailedError as error:
            print(f"{name:<28} failed: {error}")
            more = None
        else:
            more = peaks[1] - peaks[0]
            print(f"{name:<28}{least:>14,}{peaks[0]:>8.1f}{10 * least:>14,}{peaks[1]:>8.1f}{more:>10.1f}")
        targets.append(verdict(f"{name}: grows by ≤ {_ROOM} MiB", more, _ROOM))
    print("\n".join(targets), end="\n\n", flush=True)


def _peak(bench: Bench, name: str, work: str, plan: Plan) -> float:
    """In MiB."""
    (https,) = bench.schemes(False)
    with bench.site(plan, https=https) as site:
        options: dict[str, Any] = {**site.options, "at_once": 8}
        result = bench.track.run(python(name, work, options, brings=work != "ours.records"), 0, site.check_size)
    bench.keep("memory", f"peak by {name}", [result])
    return result.peak / 2**20
