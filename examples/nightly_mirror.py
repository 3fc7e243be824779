"""Mirror the newest results of all collections into a folder; made for cron.

    MULTICART_API_KEY=... python examples/nightly_mirror.py FOLDER

One line on standard output says what was done; each failure is a line on standard error. The exit status is 0 if
everything is in place, 1 if something failed (what did not fail is in place), 2 if it is called wrongly. Only what is
missing is fetched, so it may be called as often as you like, and twice at once. It starts no runs: it spends no credits.

A crontab line, at 3:15 each night:

    15 3 * * * MULTICART_API_KEY=... python examples/nightly_mirror.py /srv/multicart
"""

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
        f"{'ok' if report.ok else 'FAILED'}: {report.collections:,} collections, {report.runs:,} runs, "
        f"{report.skipped:,} of them in place before; {report.files:,} files fetched, {report.bytes:,} bytes; "
        f"{len(report.failures):,} failures; {seconds:.1f} s"
    )


def run(arguments: list[str]) -> int:
    """The exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        report = asyncio.run(main(arguments[0]))
    except MultiCartError as error:  # no key, no list of collections, no folder: nothing could be begun
        print(f"FAILED: {error}")
        print(error, file=sys.stderr)
        return 1
    print(summary(report, time.monotonic() - began))
    for failure in report.failures:
        print(failure, file=sys.stderr)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
