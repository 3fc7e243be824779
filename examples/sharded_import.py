"""Import any number of ASINs from a CSV, into as many collections as they need: one holds 5,000.

    MULTICART_API_KEY=... python examples/sharded_import.py NAME FILE.csv > ids.txt

The CSV has a column ``asin``; others are ignored. The collections are called "NAME 1", "NAME 2" and so on. What was done
is noted in FILE.csv.journal: after a crash the same command goes on, and when the file has got more ASINs it adds those
and moves none. It starts no runs: it spends no credits.

Ids go to standard output, for ``python examples/bulk_download.py $(cat ids.txt)``; ASINs that were not taken go to
standard error. The exit status is 1 if there are any, or if something failed.
"""

import asyncio
import csv
import sys
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError
from multicart_async.models import Shard

DOMAIN, POSTCODE = "amazon.com.au", "4500"


def read(file: str | Path) -> list[str]:
    """The ASINs of a CSV, in its order."""
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        return [row["asin"] for row in csv.DictReader(lines)]


async def main(name: str, file: str | Path) -> tuple[Shard, ...]:
    """The collections, and what each holds."""
    asins = read(file)
    async with AsyncMultiCart() as client:
        await client.zipcodes.ensure(POSTCODE, domain=DOMAIN)
        return await client.collections.create_sharded(
            name,
            asins,
            notification_email="ops@example.com",
            domain=DOMAIN,
            postcode=POSTCODE,
            journal=f"{file}.journal",
        )


def run(arguments: list[str]) -> int:
    """The exit status."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        shards = asyncio.run(main(*arguments))
    except MultiCartError as error:  # what was done is in the journal: the same command goes on from there
        print(error, *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return 1
    rejected = [row for shard in shards for row in shard.added.error_rows]
    print(*(shard.collection_id for shard in shards), sep="\n")
    for row in rejected:
        print(f"{row.item}: {row.error}", file=sys.stderr)
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
