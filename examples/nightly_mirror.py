"""Mirror the newest results of all collections, and read each run that is new.

    MULTICART_API_KEY=... python examples/nightly_mirror.py FOLDER

``multicart sync FOLDER`` only makes the mirror, and can be used in cron too: see docs/command.md. This program does
what the command cannot do: it passes each run that was fetched, and no older run, to your own code. Here the code
counts the records without a price.

The program writes a line for each new run to standard output, and a line for each failure to standard error. The exit
status is 0 if everything is in place, 1 if something failed, 2 if the arguments are wrong, and 130 after Ctrl-C. It
spends no credits.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError
from multicart_async.events import Event, RunDownloaded
from multicart_async.models import SyncReport


async def main(folder: Path) -> SyncReport:
    """What was mirrored, and what could not be."""
    new: list[Path] = []

    def note(event: Event) -> None:
        if isinstance(event, RunDownloaded):
            new.append(folder / str(event.collection_id) / str(event.run_id))

    async with AsyncMultiCart(on_event=note) as client:
        report = await client.sync(folder)
    for run in new:
        print(read(run))
    return report


def read(run: Path) -> str:
    """What is worth knowing of a new run; its pages are complete, because they were verified."""
    records = [record for page in sorted(run.glob("page-*.json")) for record in json.loads(page.read_bytes())]
    missing = sum(not record.get("price") for record in records)
    return f"{run}: {len(records):,} records, {missing:,} without a price"


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", metavar="FOLDER", type=Path, help="where files go")
    asked = line.parse_args()
    try:
        report = asyncio.run(main(asked.folder))
    except MultiCartError as error:  # no key, no list of collections, no folder: nothing could be begun
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        sys.exit(130)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    sys.exit(0 if report.ok else 1)
