"""Import any number of ASINs from a CSV, into as many collections as they need (one collection holds 5,000).

    MULTICART_API_KEY=... python examples/sharded_import.py NAME FILE.csv > ids.txt

The CSV has a column ``asin``; other columns are ignored. The collections are called "NAME 1", "NAME 2" and so on. The
file FILE.csv.journal records each step. After a crash the same command continues. If the CSV has new ASINs, the command
adds these and moves none. It starts no runs and spends no credits.

Ids are written to standard output, for ``python examples/bulk_download.py $(cat ids.txt)``. ASINs that were rejected
are written to standard error. The exit status is 1 if there are any, or if something failed, 2 if the arguments are
wrong, and 130 after Ctrl-C.
"""

import argparse
import asyncio
import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError
from multicart_async.models import Shard

DOMAIN, POSTCODE = "amazon.com.au", "4500"


def read(file: str | Path) -> list[str]:
    """The ASINs of a CSV, in its order.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no CSV in UTF-8 with a column ``asin``.
    """
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if "asin" not in (rows.fieldnames or ()):
            raise ValueError("there is no column 'asin' in the first line")
        asins: list[str] = []
        for row in rows:
            if row["asin"] is None:
                raise ValueError(f"line {rows.line_num} is too short, it has no ASIN")
            asins.append(row["asin"])
        return asins


async def main(name: str, asins: Iterable[str], journal: str | Path) -> tuple[Shard, ...]:
    """The collections, and what each holds."""
    async with AsyncMultiCart() as client:
        await client.zipcodes.ensure(POSTCODE, domain=DOMAIN)
        return await client.collections.create_sharded(
            name,
            asins,
            notification_email="ops@example.com",
            domain=DOMAIN,
            postcode=POSTCODE,
            journal=journal,
        )


def tell(shards: Iterable[Shard]) -> int:
    """The exit status, after ids and rejected ASINs were printed."""
    status = 0
    for shard in shards:
        print(shard.collection_id)
        for row in shard.added.error_rows:
            print(f"{plain(row.item)}: {plain(row.error)}", file=sys.stderr)
            status = 1
    return status


def plain(value: object) -> str:
    """A value of the service for a terminal: control characters in it are escaped."""
    return repr(str(value))[1:-1]


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("name", metavar="NAME", help="what the collections are called, before their numbers")
    line.add_argument("file", metavar="FILE.csv", help="has a column asin")
    asked = line.parse_args()
    try:
        asins = read(asked.file)
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f"{asked.file}: {getattr(error, 'strerror', None) or error}")
    try:
        shards = asyncio.run(main(asked.name, asins, f"{asked.file}.journal"))
    except MultiCartError as error:  # what was done is in the journal: the same command goes on from there
        sys.exit(" ".join([str(error), *getattr(error, "__notes__", ())]))  # one line on standard error, and status 1
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(tell(shards))
