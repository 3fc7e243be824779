"""Every example in turn, against the service that MULTICART_API_KEY and MULTICART_BASE_URL name. It spends credits.

    MULTICART_API_KEY=... make demo

or ``python examples/tour.py [FOLDER]``.
"""

import asyncio
import os
import sys
from pathlib import Path

import bulk_download
import category
import node_guide
import quickstart

PLAN = """\
MULTICART_API_KEY is set: this runs the examples against {service}, and spends credits there.

  quickstart.py      a new collection of 3 ASINs, run, downloaded, read     3 credits
  node_guide.py      another one, as in the service's guide                 3 credits
  bulk_download.py   both of them again, at once                            6 credits
  category.py        a category scrape, prices from A$400 to A$420          a credit for each product found

The collections stay in the account. Files go to {folder}. Unset MULTICART_API_KEY to see the demo on a sandbox instead.
"""


async def main(folder: str | Path = "demo-results") -> None:
    """Run the examples, one after the other."""
    service = os.environ.get("MULTICART_BASE_URL") or "the live service"
    print(PLAN.format(service=service, folder=folder), flush=True)

    first = await quickstart.main(folder)
    second = await node_guide.main()
    for outcome in await bulk_download.main([first.collection, second.collection], folder):
        print(f"collection {outcome.key}: {outcome.unwrap().directory}")
    await category.main(folder=folder)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
