"""Run all collections of products once a night, within a budget, and store their files.

    python examples/nightly_run.py FOLDER --budget 5000 --key-file /srv/multicart/key

A call that works on a batch prints its result as one line of JSON. The journal is FOLDER/journals/2026-11-29.jsonl,
named after the day (UTC) on which the batch began. It keeps this name while a part of the batch may still succeed. Each
call continues the batch, also after midnight, and starts nothing twice. When the batch is done, the file is renamed to
2026-11-29.done.jsonl, and further calls on that day do nothing. A batch that began before yesterday is given up.

So you can call the program often, for example every hour: docs/nightly.md has the line for cron. It costs a credit for
each item. The exit status is 0 if everything is in place; otherwise 7 if it is unknown whether a run was started, 6 if
the next call may complete the batch, and 1 if something failed. It is 4 if the batch would exceed the budget, and
nothing was started; 2 if the arguments are wrong; and 130 after Ctrl-C.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy, errors

POLICY = PollPolicy(poll_interval=10, wait_timeout=4 * 3600)
LATER = (  # the next call may succeed: it waits and downloads, but starts no run again
    errors.WaitTimeoutError,
    errors.APIConnectionError,
    errors.RateLimitError,
    errors.ServerError,
    errors.DownloadError,
)
STATUS = {"unknown": 7, "later": 6, "failed": 1, "ok": 0}  # of the worst outcome


def batch_of(folder: Path, today: date) -> Path | None:
    """The journal to go on with, or a new one; None if the batch of *today* is done."""
    folder.mkdir(parents=True, exist_ok=True)
    for journal in sorted(folder.glob("????-??-??.jsonl")):
        if date.fromisoformat(journal.stem) >= today - timedelta(days=1):
            return journal
        journal.rename(journal.with_suffix(".given-up.jsonl"))
    journal = folder / f"{today}.jsonl"
    return None if journal.with_suffix(".done.jsonl").exists() else journal


def kind(error: Exception | None) -> str:
    """What an outcome means for the batch; an unknown one is decided by you, see docs/nightly.md."""
    if error is None:
        return "ok"
    if isinstance(error, errors.OutcomeUnknownError):
        return "unknown"
    return "later" if isinstance(error, LATER) else "failed"


async def main(
    folder: Path,
    budget: int,
    collections: Iterable[int] = (),
    *,
    key_file: Path | None = None,
    policy: PollPolicy = POLICY,
    today: date | None = None,
) -> int:
    """Go on with the batch; return the exit status."""
    began, counts, stored = time.monotonic(), Counter[str](), 0
    journal = batch_of(folder / "journals", today or datetime.now(UTC).date())
    if journal is None:
        return 0
    async with AsyncMultiCart(api_key_file=key_file) as client:
        ids = list(collections) or [each.id for each in await client.collections.list() if not each.is_category]
        estimate = await client.runs.estimate(ids, journal=journal)  # of what this journal has not started
        if estimate.unknown or estimate.items > budget:
            print(f"nothing was started: the budget is {budget}, and this is needed: {estimate}", file=sys.stderr)
            return 4
        async for outcome in client.runs.run_many(ids, folder, policy=policy, journal=journal):
            counts[kind(outcome.error)] += 1
            if outcome.error is None:
                stored += outcome.value.bytes
            else:
                print(f"collection {outcome.key}: {outcome.error}", file=sys.stderr)
    if not counts["later"] and not counts["unknown"]:
        journal.rename(journal.with_suffix(".done.jsonl"))
    status = next((STATUS[each] for each in STATUS if counts[each]), 0)
    line = {"batch": journal.stem, "status": status, "collections": len(ids), **counts, "credits": estimate.items}
    print(json.dumps({**line, "bytes": stored, "seconds": round(time.monotonic() - began, 1)}), flush=True)
    return status


if __name__ == "__main__":
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("folder", metavar="FOLDER", type=Path, help="where files and journals go")
    command.add_argument("--budget", metavar="CREDITS", type=int, required=True, help="the most that a call may spend")
    command.add_argument("--key-file", metavar="FILE", type=Path, help="holds the key (or else MULTICART_API_KEY)")
    command.add_argument("--collection", metavar="ID", type=int, action="append", default=[], help="instead of all")
    asked = command.parse_args()
    try:
        sys.exit(asyncio.run(main(asked.folder, asked.budget, asked.collection, key_file=asked.key_file)))
    except MultiCartError as error:  # no key, no list of collections, a journal in use: nothing could be begun
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        print("Interrupted. What was started goes on; the next call waits for it.", file=sys.stderr)
        sys.exit(130)
