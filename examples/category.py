"""Scrape an Amazon category, watch its stages, and download the products as JSON and CSV.

    MULTICART_API_KEY=... python examples/category.py [URL [FOLDER]]

It costs a credit for each product that is found. The two prices in the code, in cents, keep this number small.
"""

import argparse
import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy
from multicart_async.models import CategoryRun, RunDownload

LAPTOPS = "https://www.amazon.com.au/s?rh=n%3A4851693051"
PATIENCE = PollPolicy(poll_interval=10, growth=1, wait_timeout=3600)


async def main(
    url: str = LAPTOPS, folder: str | Path = "results", *, policy: PollPolicy = PATIENCE
) -> RunDownload[CategoryRun]:
    """The files of the finished scrape."""
    async with AsyncMultiCart() as client:
        started = await client.categories.submit(
            url, domain="amazon.com.au", postcode="4500", price_min_cents=40_000, price_max_cents=42_000
        )
        async with aclosing(client.categories.watch(started, policy=policy)) as changes:
            async for state in changes:
                progress = (f"{key}={value}" for key, value in (state.progress or {}).items())
                print(f"{plain(state.stage)}:", *map(plain, progress))
        scrape = await client.categories.wait(started, policy=policy)  # it is finished: this returns at once

        download = await client.categories.download(scrape, folder)
        print("products:", len(scrape.asins or ()))
        for file in download.files:
            print(f"{file.size:>9,} bytes  {file.path}")
    return download


def plain(value: object) -> str:
    """A value of the service for a terminal: control characters in it are escaped."""
    return repr(str(value))[1:-1]


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("url", metavar="URL", nargs="?", default=LAPTOPS, help="page of the category (%(default)s)")
    line.add_argument("folder", metavar="FOLDER", nargs="?", default="results", help="where files go (%(default)s)")
    asked = line.parse_args()
    try:
        asyncio.run(main(asked.url, asked.folder))
    except MultiCartError as error:
        sys.exit(" ".join([str(error), *getattr(error, "__notes__", ())]))  # one line on standard error, and status 1
    except KeyboardInterrupt:
        sys.exit(130)
