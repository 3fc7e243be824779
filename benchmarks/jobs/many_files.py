"""Many files, through `runs.download` and through `sync`; and a second `sync` that finds nothing new."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import attrs
from harness.account import Plan
from harness.bench import Bench
from harness.figures import Target, at_most, cpu_at_most, peak_at_most, verdict
from harness.race import Contender, python, say
from harness.site import Site

from jobs import rivals

DOWNLOAD, SYNC = "runs.download", "client.sync"
HASH = "SHA-256 alone"


def small(bench: Bench) -> None:
    """5,000 files of 20 KB over https, 16 at once; as one run and as 250 collections."""
    plan = Plan(pages=bench.scaled(5_000, 20))
    targets = [
        at_most("CPU", 1.35, DOWNLOAD, "aiohttp at its best", "cpu"),
        at_most("CPU", 1.1, DOWNLOAD, "aria2c", "cpu"),
        at_most("CPU", 3, DOWNLOAD, "curl -Z", "cpu"),
        at_most(f"CPU of {SYNC}", 1.2, SYNC, DOWNLOAD, "cpu"),
    ]
    _both(bench, "small-files", plan, bench.scaled(250), 16, targets)


def medium(bench: Bench) -> None:
    """200 files of 5 MB over https, 8 at once; as one run and as 20 collections."""
    plan = Plan(pages=bench.scaled(200, 4), records=1_000)
    targets = [
        cpu_at_most(1.2, DOWNLOAD, ["curl -Z"], without=[HASH]),
        at_most(f"CPU of {SYNC}", 1.2, SYNC, DOWNLOAD, "cpu"),
        peak_at_most(80, DOWNLOAD),
    ]
    _both(bench, "medium-files", plan, bench.scaled(20), 8, targets)


def _both(bench: Bench, key: str, plan: Plan, collections: int, at_once: int, targets: Sequence[Target]) -> None:
    (https,) = bench.schemes(True)
    spread = attrs.evolve(plan, collections=collections, pages=plan.pages // collections)
    with bench.site(plan, https=https) as site, bench.site(spread, https=https, name="mirrored") as mirrored:
        title = (
            f"{len(site.pages):,} files of {site.pages[0].size / 1e3:,.0f} KB over {'https' if https else 'http'}, "
            f"{at_once} at once; {SYNC} from {collections:,} collections"
        )
        everybody = _everybody(site, mirrored, at_once)
        bench.race(key, title, everybody, base="curl -Z", check=site.check_size, targets=targets)


def _everybody(site: Site, mirrored: Site, at_once: int) -> list[Contender]:
    options = {**site.options, "at_once": at_once}
    return [
        rivals.parallel_curl(site, at_once),
        python(DOWNLOAD, "ours.download", options),
        python(SYNC, "ours.sync", {**mirrored.options, "at_once": at_once}),
        rivals.aria2c(site, at_once),
        rivals.wget2(site, at_once),
        rivals.rclone(site, at_once),
        *rivals.libraries(options),
        python(HASH, "one_file.sha256", {"sources": site.sources()}, brings=False),
    ]


def again(bench: Bench) -> None:
    """A first `sync` of 2,000 collections, and of 20,000, and again twice: requests, seconds and memory."""
    (https,) = bench.schemes(True)
    for key, collections in (("sync-again", 2_000), ("sync-again-large", 20_000)):
        plan = Plan(collections=bench.scaled(collections, 10), records=1)
        with bench.site(plan, https=https) as site:
            peak = _again(bench, key, site, f"`sync` of {plan.collections:,} collections, and again")
    print(verdict("peak RSS of the second `sync` ≤ 60 MiB", peak / 2**20, 60), end="\n\n", flush=True)


def _again(bench: Bench, key: str, site: Site, title: str) -> float:
    """The peak of the second `sync`."""
    say(title)
    print(f"\n{title}\n{'':<8}{'requests':>10}{'of files':>10}{'wall s':>8}{'CPU s':>8}{'RSS MiB':>9}{'files':>8}")
    options = {**site.options, "mirror": str(bench.folder / key)}
    peaks: dict[str, float] = {}
    for name in ("first", "second", "third"):
        contender = python(name, "ours.sync", options, brings=False)
        result = bench.track.run(contender, 0, site.check_size)
        asked = site.requests()
        bench.keep(key, title, [attrs.evolve(result, facts={**result.facts, **asked})])
        print(
            f"{name:<8}{sum(asked.values()):>10,}{asked['files']:>10,}{result.wall:>8.2f}{result.cpu:>8.2f}"
            f"{result.peak / 2**20:>9.1f}{result.facts['files']:>8,}",
            flush=True,
        )
        peaks[name] = result.peak
    shutil.rmtree(bench.folder / key)
    return peaks["second"]
