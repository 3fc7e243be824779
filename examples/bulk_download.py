"""Run many collections at once, and download each as soon as it is ready.

    MULTICART_API_KEY=... python examples/bulk_download.py COLLECTION_ID... > downloaded.txt

One that fails does not stop the others. Folders go to standard output; progress and failures to standard error. The
exit status is 1 if any failed, 2 after a wrong call, 130 after Ctrl-C. It costs a credit for each item of each
collection; MULTICART_JOURNAL=FILE names a journal, with which the same command after a crash starts nothing twice.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, Outcome, PollPolicy
from multicart_async.models import Run, RunDownload

PATIENCE = PollPolicy(poll_interval=5, wait_timeout=3600)
INTERRUPTED = "Interrupted. Runs that were started go on and are charged; {}."


async def main(
    collection_ids: Iterable[int],
    folder: str | Path = "results",
    *,
    policy: PollPolicy = PATIENCE,
    journal: str | Path | None = None,
) -> list[Outcome[int, RunDownload[Run]]]:
    """What became of each collection, in the order in which they ended."""
    collection_ids = tuple(dict.fromkeys(collection_ids))
    ended: list[Outcome[int, RunDownload[Run]]] = []
    async with AsyncMultiCart() as client:
        async for outcome in client.runs.run_many(collection_ids, folder, policy=policy, journal=journal):
            ended.append(outcome)
            good = [done.value for done in ended if done.error is None]
            tell(f"{len(good)} of {len(collection_ids)} downloaded, {sum(done.bytes for done in good):,} bytes")
    return ended


def tell(progress: str) -> None:
    """One line on standard error, renewed in place where that is a terminal."""
    print(progress, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def a_collection(text: str) -> int:
    """The id of a collection."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a collection: wants a whole number above 0")
    return int(text)


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("ids", metavar="COLLECTION_ID", nargs="+", type=a_collection, help="a collection to run")
    asked = line.parse_args()
    journal = os.environ.get("MULTICART_JOURNAL") or None
    try:
        outcomes = asyncio.run(main(asked.ids, journal=journal))
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        then = "the same command takes them up, with its journal" if journal else "the same command starts them again"
        print(INTERRUPTED.format(then), file=sys.stderr)
        sys.exit(130)
    if sys.stderr.isatty():
        print(file=sys.stderr)  # the line of the progress is done
    for outcome in outcomes:
        if outcome.error is None:
            print(outcome.value.directory)
        else:
            print(f"collection {outcome.key}: {outcome.error}", file=sys.stderr)
    sys.exit(not all(outcome.ok for outcome in outcomes))
