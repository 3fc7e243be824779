"""Many files, through `runs.download` and through `sync`; and a second `sync` that finds nothing new."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from harness.account import Plan
from harness.bench import Bench
from harness.figures import Target, at_most, peak_at_most
from harness.race import python, say
from harness.site import Site

from jobs import rivals

DOWNLOAD, SYNC = "runs.download", "client.sync"


def small(bench: Bench) -> None:
    """5,000 files of 20 KB over https, 16 at once; as one run and as 250 collections."""
    one_run = Plan(pages=bench.scaled(5_000, 20), records=20, record_bytes=1_000)
    targets = [
        at_most("wall", 1.2, DOWNLOAD, "aria2c", "wall"),
        at_most("wall", 3.5, DOWNLOAD, "curl -Z", "wall"),
        at_most("wall", 0.3, DOWNLOAD, "httpx", "wall"),
    ]
    _both(bench, one_run, bench.scaled(250), 16, targets)


def medium(bench: Bench) -> None:
    """200 files of 5 MB over https, 8 at once; as one run and as 20 collections."""
    one_run = Plan(pages=bench.scaled(200, 4), records=2_500, record_bytes=2_000)
    targets = [
        at_most("wall", 1.2, DOWNLOAD, "curl -Z", "wall"),
        at_most("wall", 0.45, DOWNLOAD, "httpx", "wall"),
        peak_at_most(80, DOWNLOAD),
    ]
    _both(bench, one_run, bench.scaled(20), 8, targets)


def _both(bench: Bench, plan: Plan, collections: int, at_once: int, targets: Sequence[Target]) -> None:
    (https,) = bench.schemes(True)
    with bench.site(plan, https=https) as site:
        options = {**site.options, "at_once": at_once}
        everybody = [
            rivals.parallel_curl(site, at_once),
            python(DOWNLOAD, "ours.download", options),
            rivals.aria2c(site, at_once),
            rivals.wget2(site, at_once),
            *rivals.libraries(options),
        ]
        title = f"{_amount(site)} over {_scheme(https=https)}, {at_once} at once, one run"
        bench.race(title, everybody, base="curl -Z", check=site.check_size, targets=targets)
    spread = attrs.evolve(plan, collections=collections, pages=max(1, plan.pages // collections))
    with bench.site(spread, https=https) as site:
        options = {**site.options, "at_once": at_once}
        everybody = [rivals.parallel_curl(site, at_once), python(SYNC, "ours.sync", options)]
        title = f"{_amount(site)} over {_scheme(https=https)}, {at_once} at once, {collections:,} collections"
        bench.race(title, everybody, base="curl -Z", check=site.check_size)


def _amount(site: Site) -> str:
    return f"{len(site.pages):,} files of {site.pages[0].size / 1e6:,.2f} MB"


def _scheme(*, https: bool) -> str:
    return "https" if https else "http"


def again(bench: Bench) -> None:
    """A first and a second `sync` of 2,000 collections: requests and seconds."""
    plan = Plan(collections=bench.scaled(2_000, 10), pages=1, records=20)
    (https,) = bench.schemes(True)
    with bench.site(plan, https=https) as site:
        title = f"`sync` of {plan.collections:,} collections, and again"
        say(title)
        print(f"\n{title}\n{'':<8}{'requests':>10}{'of files':>10}{'wall s':>8}{'CPU s':>8}{'RSS MiB':>9}{'files':>8}")
        mirror = bench.folder / "mirror"
        options = {**site.options, "mirror": str(mirror)}
        for name in ("first", "second", "third"):
            contender = python(name, "ours.sync", options, brings=False)
            result = bench.track.run(contender, 0, site.check_size)
            asked = site.requests()
            bench.keep(title, [attrs.evolve(result, facts={**result.facts, **asked})])
            print(
                f"{name:<8}{sum(asked.values()):>10,}{asked['files']:>10,}{result.wall:>8.2f}{result.cpu:>8.2f}"
                f"{result.peak / 2**20:>9.1f}{result.facts['files']:>8,}"
            )
        print(flush=True)
