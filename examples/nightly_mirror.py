"""Mirror the newest results of all collections into a folder; made for cron.

    MULTICART_API_KEY=... python examples/nightly_mirror.py FOLDER

One line on standard output says what was done; each failure is a line on standard error, and so is the reason if
nothing could be done. The exit status is 0 if everything is in place, 1 if something failed (what did not fail is in
place), 2 after a wrong call, 130 after Ctrl-C. Only what is missing is fetched, so it may be called as often as you
like, and twice at once. It starts no runs: it spends no credits.

A crontab line, at 3:15 each night:

    15 3 * * * MULTICART_API_KEY=... python examples/nightly_mirror.py /srv/multicart
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError
from multicart_async.models import SyncReport


async def main(folder: str | Path) -> SyncReport:
    """What was mirrored, and what could not be."""
    async with AsyncMultiCart() as client:
        return await client.sync(folder)


def summary(report: SyncReport, seconds: float) -> str:
    """What a person wants to read in the morning."""
    return (
        f"{'ok' if report.ok else 'FAILED'}: {counted(report.collections, 'collection')}, {counted(report.runs, 'run')}, "
        f"{report.skipped:,} of them in place before; {counted(report.files, 'file')} fetched, "
        f"{counted(report.bytes, 'byte')}; {counted(len(report.failures), 'failure')}; {seconds:.1f} s"
    )


def counted(number: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", metavar="FOLDER", help="where files go")
    asked = line.parse_args()
    began = time.monotonic()
    try:
        report = asyncio.run(main(asked.folder))
    except MultiCartError as error:  # no key, no list of collections, no folder: nothing could be begun
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        sys.exit(130)
    print(summary(report, time.monotonic() - began))
    for failure in report.failures:
        print(failure, file=sys.stderr)
    sys.exit(0 if report.ok else 1)
