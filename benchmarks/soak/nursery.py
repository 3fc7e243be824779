"""A process that starts each job in a fork of its own, which begins at once, and kills it when its time is over, or its own.

``python -m soak.nursery PLAN`` takes a job as a line of JSON, and answers with how it has ended.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import select
import signal
import sys
from typing import Any, Final

from soak.findings import Findings
from soak.loads import Loads
from soak.plan import Plan, open_client

__all__: list[str] = []

_PATIENCE: Final = 120.0  # seconds for a job that is not to be killed
FAILED: Final = 3
"""The exit status of a job that has met an error of the library."""


async def _work(plan: Plan, job: dict[str, Any], findings: Findings) -> bool:
    findings.watch_loop()
    chance = random.Random(job["seed"])
    done = False
    async with open_client(plan) as client:
        loads = Loads(plan, client, findings, chance, "2")
        with findings.watching(f"{job['kind']} in a process that is killed"):
            if job["kind"] == "batch":
                ended: dict[int, str] = dict.fromkeys(job["unknown"], "unknown")
                await loads.batch(job["number"], job["ids"], ended)
                place = plan.place(f"ended-{job['number']}.json")
                place.with_suffix(".new").write_text(json.dumps(ended), "utf-8")
                place.with_suffix(".new").replace(place)  # it may be killed in between
            elif job["kind"] == "sync":
                await loads.sync()
            elif job["kind"] == "export":
                await loads.export()
            else:
                await loads.follow()
            done = True
    return done


def _child(plan: Plan, job: dict[str, Any]) -> None:
    status = 1
    try:
        findings = Findings(plan.place("findings.jsonl"), f"killed {job['kind']}")
        findings.watch_process()
        with findings.watching(job["kind"]):
            status = 0 if asyncio.run(_work(plan, job, findings)) else FAILED
        gc.collect()
    finally:
        os._exit(status)


def _ended(pid: int, seconds: float | None) -> dict[str, Any]:
    """Wait for a child, and kill it when its time is over; its id is its own until then, because nothing else waits."""
    descriptor = os.pidfd_open(pid)
    try:
        watched = [descriptor, sys.stdin]  # no job comes before the answer, so that it can only have ended
        ready, _, _ = select.select(watched, [], [], _PATIENCE if seconds is None else seconds)
        if descriptor not in ready:
            os.kill(pid, signal.SIGKILL)
        return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "late": not ready and seconds is None}
    finally:
        os.close(descriptor)


def main() -> None:
    """Jobs, one after another, until the end of standard input."""
    plan = Plan(**json.loads(sys.argv[1]))
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            _child(plan, job)
        print(json.dumps(_ended(pid, job["seconds"])), flush=True)


if __name__ == "__main__":
    main()
