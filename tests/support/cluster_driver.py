"""A driver in a process of its own, that can be killed: ``python cluster_driver.py JSON`` runs collections by a cluster."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from distributed import Client

from multicart_async import PollPolicy
from multicart_async.distributed import run_many

POLICY = PollPolicy(poll_interval=0.1, growth=1, wait_timeout=60)


async def drive(job: dict[str, Any]) -> None:
    """Run them; say when each is done."""
    async with Client(job["address"], asynchronous=True) as client:
        async for outcome in run_many(client, job["ids"], job["dest"], journal=job["journal"], policy=POLICY):
            sys.stdout.write(f"{outcome.unwrap().run.collection}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(drive(json.loads(sys.argv[1])))
