"""Run many collections at once, and use the records of each as soon as it is downloaded.

    MULTICART_API_KEY=... python examples/bulk_download.py COLLECTION_ID... --journal today.jsonl

``multicart runs run COLLECTION_ID... --dest results --journal today.jsonl`` does the same without any code: see
docs/command.md. This program does what the command cannot do: it passes each download to your own code while other runs
continue. Here the code counts the ASINs.

A failure does not stop the other runs. The program costs a credit for each item of each collection, and does not ask.
With the same journal, another call starts nothing twice; use a new journal for new runs. The exit status is 1 if any
collection failed, 2 if the arguments are wrong, and 130 after Ctrl-C.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, Outcome, PollPolicy
from multicart_async.models import Run, RunDownload

PATIENCE = PollPolicy(poll_interval=5, wait_timeout=3600)


async def main(
    collection_ids: Iterable[int],
    folder: str | Path = "results",
    *,
    journal: str | Path | None = None,
    policy: PollPolicy = PATIENCE,
) -> list[Outcome[int, RunDownload[Run]]]:
    """What became of each collection, in the order in which they ended."""
    ended: list[Outcome[int, RunDownload[Run]]] = []
    async with AsyncMultiCart() as client:
        async for outcome in client.runs.run_many(collection_ids, folder, journal=journal, policy=policy):
            ended.append(outcome)
            if outcome.error is None:
                print(f"collection {outcome.key}: {await asyncio.to_thread(read, outcome.value)}", flush=True)
            else:
                print(f"collection {outcome.key}: {outcome.error}", file=sys.stderr)
    return ended


def read(download: RunDownload[Run]) -> str:
    """What is worth knowing of a download; its pages are complete, because they were verified."""
    records = [record for file in download.files for record in json.loads(file.path.read_bytes())]
    return f"{len(records):,} records of {len({record.get('asin') for record in records}):,} ASINs"


def a_collection(text: str) -> int:
    """The id of a collection."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a collection: expected a positive integer")
    return int(text)


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("ids", metavar="COLLECTION_ID", nargs="+", type=a_collection, help="a collection to run")
    line.add_argument("--journal", metavar="FILE", help="remembers what was started, so that nothing is started twice")
    asked = line.parse_args()
    try:
        outcomes = asyncio.run(main(asked.ids, journal=asked.journal))
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        print("Interrupted. Runs that were started go on and are charged.", file=sys.stderr)
        sys.exit(130)
    sys.exit(not all(outcome.ok for outcome in outcomes))
