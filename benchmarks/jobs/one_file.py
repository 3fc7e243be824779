"""One large file: into memory over http and https, and onto a disk that makes each write wait."""

from __future__ import annotations

from pathlib import Path

import attrs
from harness.account import Plan
from harness.bench import Bench
from harness.figures import Target, at_most, cpu_at_most, peak_at_most, stall_at_most
from harness.race import Contender, python, say
from harness.site import Site

from jobs import rivals

OURS = "runs.download"
HASH = "SHA-256 alone"


def fast_disk(bench: Bench) -> None:
    """One file of 2 GiB, http and https."""
    for https in bench.schemes(False, True):
        plan = Plan(records=bench.scaled(5_000, 1) * 86)
        with bench.site(plan, https=https) as site:
            scheme = "https" if https else "http"
            title = f"one file of {site.size / 2**20:,.0f} MiB over {scheme}"
            targets = _targets(https=https, free=bench.track.cores.client == "-")
            key = f"big-file-{scheme}"
            bench.race(key, title, _everybody(site), base="curl", check=site.check_size, targets=targets)


def _everybody(site: Site) -> list[Contender]:
    options = {**site.options, "at_once": 1}
    return [
        rivals.curl(site),
        python(OURS, "ours.download", options),
        rivals.aria2c(site),
        rivals.wget2(site),
        rivals.rclone(site),
        python("sockets and write, nothing else", "one_file.floor", options),
        *rivals.libraries(options),
        python("huggingface_hub", "one_file.huggingface", options, needs=["huggingface_hub"], slow=True),
        python(HASH, "one_file.sha256", {"sources": site.sources()}, brings=False),
    ]


def _targets(*, https: bool, free: bool) -> list[Target]:
    targets = [cpu_at_most(1.08, OURS, ["aiohttp at its best", HASH]), peak_at_most(64, OURS), stall_at_most(20, OURS)]
    if https:  # on one core the hash takes part of the time
        wall = at_most("wall on free cores (--free)", 1.15, OURS, "curl", "wall")
        targets.append(wall if free else attrs.evolve(wall, value=lambda _: None))
    return targets


def slow_disk(bench: Bench) -> None:
    """One file of 256 MiB over http; each write waits for the disk."""
    if bench.disk is None:
        say("  left out: there is no disk, only memory; name a folder with --disk")
        return
    plan = Plan(records=bench.scaled(640, 1) * 84)
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
        bench.race("slow-disk", title, everybody, base=base, check=site.check_size, targets=targets, folder=folder)
