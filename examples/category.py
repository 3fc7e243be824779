"""Scrape an Amazon category, watch its stages, and download what it found as JSON and CSV.

    MULTICART_API_KEY=... python examples/category.py [URL [FOLDER]]

It costs a credit for each product found; the two prices, in cents, keep that number small.
"""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.models import RunDownload

LAPTOPS = "https://www.amazon.com.au/s?rh=n%3A4851693051"
PATIENCE = PollPolicy(poll_interval=10, growth=1, wait_timeout=3600)


async def main(url: str = LAPTOPS, folder: str | Path = "results", *, policy: PollPolicy = PATIENCE) -> RunDownload:
    """The files of the finished scrape."""
    async with AsyncMultiCart() as client:
        started = await client.categories.submit(
            url, domain="amazon.com.au", postcode="4500", price_min_cents=40_000, price_max_cents=42_000
        )
        async with aclosing(client.categories.watch(started, policy=policy)) as changes:
            async for state in changes:
                print(f"{state.stage}:", *(f"{key}={value}" for key, value in (state.progress or {}).items()))
        scrape = await client.categories.wait(started, policy=policy)  # it is finished: this returns at once

        download = await client.categories.download(scrape, folder)
        print(f"{len(scrape.asins)} products")
        for file in download.files:
            print(f"{file.size:>9,} bytes  {file.path}")
    return download


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
