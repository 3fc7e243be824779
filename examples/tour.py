"""Every example in turn, against the service that MULTICART_API_KEY and MULTICART_BASE_URL name. It spends credits.

    MULTICART_API_KEY=... make demo

or ``python examples/tour.py [FOLDER]``. It says what it will cost; on a terminal it waits 5 seconds for Ctrl-C then.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import bulk_download
import category
import node_guide
import quickstart

from multicart_async import MultiCartError

GRACE = 5.0  # seconds

PLAN = """\
MULTICART_API_KEY is set: this runs the examples against {service}, and spends credits there.

  quickstart.py      a new collection of 3 ASINs, run, downloaded, read     3 credits
  node_guide.py      another one, as in the service's guide                 3 credits
  bulk_download.py   both of them again, at once                            6 credits
  category.py        a category scrape, prices from A$400 to A$420          a credit for each product found

The collections stay in the account. Files go to {folder}. Unset MULTICART_API_KEY to see the demo on a sandbox instead.
"""


async def main(
    folder: str | Path = "demo-results", *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Run the examples, one after the other."""
    service = os.environ.get("MULTICART_BASE_URL") or "the live service"
    print(PLAN.format(service=service, folder=folder), flush=True)
    if sys.stdin and sys.stdin.isatty():
        print(f"It begins in {GRACE:g} seconds: Ctrl-C to stop.\n", flush=True)
        await sleep(GRACE)

    first = await quickstart.main(folder)
    second = await node_guide.main()
    for outcome in await bulk_download.main([first.collection, second.collection], folder):
        print(f"collection {outcome.key}: {outcome.unwrap().directory}")
    await category.main(folder=folder)


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="demo-results", help="where files go (%(default)s)"
    )
    asked = line.parse_args()
    try:
        asyncio.run(main(asked.folder))
    except MultiCartError as error:
        sys.exit(" ".join([str(error), *getattr(error, "__notes__", ())]))  # one line on standard error, and status 1
    except KeyboardInterrupt:
        sys.exit(130)
