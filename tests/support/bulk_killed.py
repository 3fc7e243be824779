"""A process that runs collections through `run_many` when it is told to, each time in a child that can be killed.

``python bulk_killed.py``: each line of standard input is the JSON of one job; the child's pid is the answer, and
``ended`` when it has ended. The imports are paid once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from multicart_async import AsyncMultiCart, Limits, PollPolicy, RetryPolicy


async def work(job: dict[str, Any]) -> None:
    """One job, from start to end."""
    policy = PollPolicy(poll_interval=0.02, growth=1, wait_timeout=60)
    limits, retry = Limits(requests=3, downloads=3), RetryPolicy(attempts=1)
    async with AsyncMultiCart(job["key"], base_url=job["url"], limits=limits, retry=retry) as client:
        outcomes = client.runs.run_many(job["ids"], job["dest"], journal=job["journal"], policy=policy)
        async for outcome in outcomes:
            outcome.unwrap()


def say(word: str) -> None:
    """A line to who gives the jobs."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Jobs, one after another, until the end of standard input."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            asyncio.run(work(json.loads(line)))
            os._exit(0)
        say(f"{pid}")
        os.waitpid(pid, 0)
        say("ended")


if __name__ == "__main__":
    main()
