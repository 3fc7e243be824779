"""A process that puts ASINs into several collections when it is told to, each time in a child that can be killed.

``python sharded_killed.py``: each line of standard input is the JSON of one job; the child's pid is the answer, and
``ended`` when it has ended. The imports are paid once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from multicart_async import AsyncMultiCart, RetryPolicy

NAME = "AU"
SIZE = 2
PLACE = {"notification_email": "ops@example.com", "domain": "amazon.com.au", "postcode": "4500"}


async def work(job: dict[str, Any]) -> None:
    """One job, from start to end."""
    async with AsyncMultiCart(job["key"], base_url=job["url"], retry=RetryPolicy(attempts=1)) as client:
        await client.collections.create_sharded(NAME, job["asins"], size=SIZE, journal=job["journal"], **PLACE)


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
