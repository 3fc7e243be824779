"""A process that follows what finishes when it is told to, each time in a child that can be killed.

``python follow_killed.py``: each line of standard input is the JSON of one job; the child's pid is the answer, and
``ended`` when it has ended. The imports are paid once. Each run is a line of the job's ``out``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import aclosing
from typing import Any

from multicart_async import AsyncMultiCart, PollPolicy, RetryPolicy
from multicart_async.resources.runs._follow_state import FollowState


def replacing(write: Any) -> Any:
    """Make each acknowledgement replace the file."""

    def replace(state: Any, *args: Any) -> None:
        state._limit = 0
        write(state, *args)

    return replace


async def work(job: dict[str, Any]) -> None:
    """One job, until it is killed."""
    FollowState._write = replacing(FollowState._write)  # type: ignore[method-assign]
    policy = PollPolicy(poll_interval=0.01, growth=1, wait_timeout=None)
    out = os.open(job["out"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with (
        AsyncMultiCart(job["key"], base_url=job["url"], retry=RetryPolicy(attempts=1)) as client,
        aclosing(client.runs.follow(state=job["state"], policy=policy)) as runs,
    ):
        async for run in runs:
            os.write(out, f"{run.collection} {run.id}\n".encode())


def main() -> None:
    """Jobs, one after another, until the end of standard input."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            asyncio.run(work(json.loads(line)))
            os._exit(0)
        for word in (f"{pid}", "ended"):
            sys.stdout.write(f"{word}\n")
            sys.stdout.flush()
            if word != "ended":
                os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
