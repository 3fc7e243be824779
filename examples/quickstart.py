"""The main job: make a collection, run it, wait for that run, download its files, read its records.

    MULTICART_API_KEY=... python examples/quickstart.py [FOLDER]

It costs a credit for each of the three ASINs. To try it without an account, start ``python -m multicart_async.sandbox``
and set the two variables that it prints.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy
from multicart_async.models import Run

ASINS = ("B0DJQQ38TG", "B0ABC12345", "B0XYZ99999")
PATIENCE = PollPolicy(poll_interval=5, wait_timeout=3600)


async def main(folder: str | Path = "results", *, policy: PollPolicy = PATIENCE) -> Run:
    """The finished run of a new collection, its files in *folder*."""
    async with AsyncMultiCart() as client:
        laptops = await client.collections.create("AU Laptops", notification_email="ops@example.com")
        added = await client.asins.add(laptops.id, ASINS, domain="amazon.com.au", postcode="4500", policy=policy)
        added.raise_for_errors()

        run = await client.runs.start_and_wait(laptops.id, policy=policy)
        download = await client.runs.download(run, folder)
        print(f"collection {run.collection}, run {run.id}:")
        for file in download.files:
            print(f"{file.size:>9,} bytes  {file.path}")

        async for product in client.runs.records(run):
            print(*(plain(product.get(name)) for name in ("asin", "price", "title")))
    return run


def plain(value: object) -> str:
    """A value of the service for a terminal: control characters in it are escaped."""
    return repr(str(value))[1:-1]


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", metavar="FOLDER", nargs="?", default="results", help="where files go (%(default)s)")
    asked = line.parse_args()
    try:
        asyncio.run(main(asked.folder))
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        sys.exit(130)
