"""One large file: into memory over http and https, and onto a disk that makes each write wait."""

from __future__ import annotations

from pathlib import Path

from harness.account import Plan
from harness.bench import Bench
from harness.figures import Figures, Target, at_most, peak_at_most, stall_at_most
from harness.race import Contender, python, say
from harness.site import Site

from jobs import rivals

OURS = "runs.download"
RECORD = 2048
RIVALS = ("httpx", "huggingface_hub", "aiohttp as most write it")


def fast_disk(bench: Bench) -> None:
    """One file of 2 GiB, http and https."""
    for https in bench.schemes(False, True):
        plan = Plan(records=bench.scaled(5_000, 1) * 210, record_bytes=RECORD)
        with bench.site(plan, https=https) as site:
            title = f"one file of {site.size / 2**20:,.0f} MiB over {'https' if https else 'http'}"
            bench.race(title, _everybody(site), base="curl", check=site.check_size, targets=_targets(https=https))


def _everybody(site: Site) -> list[Contender]:
    options = {**site.options, "at_once": 1}
    hashing = {**options, "source": site.source()}
    return [
        rivals.curl(site),
        python(OURS, "ours.download", options),
        rivals.aria2c(site),
        rivals.wget2(site),
        python("sockets and write, nothing else", "one_file.floor", options),
        *rivals.libraries(options),
        python("huggingface_hub", "one_file.huggingface", options, needs=["huggingface_hub"], slow=True),
        python("SHA-256 alone", "one_file.sha256", hashing, brings=False),
    ]


def _targets(*, https: bool) -> list[Target]:
    def without_hash(figures: Figures) -> float | None:
        return figures.per_round(
            lambda results: (results[OURS].cpu - results["SHA-256 alone"].cpu) / results["curl"].cpu
        )

    against = [
        target
        for rival in RIVALS
        for target in (at_most("wall", 0.5, OURS, rival, "wall"), at_most("CPU", 0.5, OURS, rival, "cpu"))
    ]
    if not https:
        return [at_most("wall", 0.95, OURS, "curl", "wall"), *against]
    return [
        at_most("wall", 1.15, OURS, "curl", "wall"),
        Target("CPU without that of the hash ≤ 1.3 × curl", without_hash, 1.3),
        peak_at_most(64, OURS),
        stall_at_most(20, OURS),
        *against,
    ]


def slow_disk(bench: Bench) -> None:
    """One file of 256 MiB over http; each write waits for the disk."""
    if bench.disk is None:
        say("  left out: there is no disk, only memory; name a folder with --disk")
        return
    plan = Plan(records=bench.scaled(640, 1) * 205, record_bytes=RECORD)
    with bench.site(plan, https=False) as site:
        options = {**site.options, "at_once": 1, "slow_disk": True}
        everybody = [
            python(OURS, "ours.download", options),
            *(each for each in rivals.libraries(options) if each.name.startswith("aiohttp")),
        ]
        title = f"one file of {site.size / 2**20:,.0f} MiB over http, onto a disk, each write synchronous"
        folder: Path = bench.disk
        base = "aiohttp at its best"
        targets = [stall_at_most(20, OURS), at_most("wall", 1.0, OURS, base, "wall")]
        bench.race(title, everybody, base=base, check=site.check_size, targets=targets, folder=folder)
