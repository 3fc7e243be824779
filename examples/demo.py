"""The main job, on a sandbox on this computer: nothing is spent, nothing reaches the network.

    make demo

or ``python examples/demo.py [FOLDER]``. Five collections with some hundred ASINs each are started together, and a
category scrape beside them. Each is waited for, downloaded as pages and ZIP, and read, while the others go on. A table
at the end says what lies where.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import anyio

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy
from multicart_async.models import CategoryRun, Run, RunDownload
from multicart_async.sandbox import Sandbox

COLLECTIONS = {"AU Laptops": 600, "Monitors": 450, "Headphones": 350, "Coffee machines": 250, "Garden": 500}
CATEGORY = "https://www.amazon.com.au/s?rh=n%3A4851693051"
PATIENCE = PollPolicy(poll_interval=0.3, growth=1.2, max_poll_interval=1, wait_timeout=50)
SECONDS_PER_ITEM = 0.015  # how fast the sandbox scrapes

Tell = Callable[[str, str], None]
Result = tuple[RunDownload[Run | CategoryRun], int]


class Board:
    """What each job is doing: renewed in place on a terminal, else a line whenever a job enters another stage."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._rows: dict[str, str] = {}
        self._drawn = 0
        self._in_place = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begin

    def tell(self, name: str, text: str) -> None:
        """Show what a job is doing; details of a stage stand behind its comma."""
        entered = self._rows.get(name, "").partition(",")[0] != text.partition(",")[0]
        self._rows[name] = text
        if self._in_place:
            self._draw()
        elif entered:
            print(f"{self.seconds:5.1f} s  {name:<16} {text}", flush=True)

    def _draw(self) -> None:
        lines = [f"{name:<16} {text}" for name, text in self._rows.items()]
        lines.append(f"{self.seconds:5.1f} s")
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        sys.stdout.write(up + "".join(f"\r\x1b[K{line}\n" for line in lines))
        sys.stdout.flush()
        self._drawn = len(lines)


async def collect(client: AsyncMultiCart, name: str, size: int, folder: Path, tell: Tell) -> Result:
    """Make a collection of so many ASINs, run it, wait for it, download it, read it."""
    tell(name, f"adding {size} ASINs")
    made = await client.collections.create(name, notification_email="ops@example.com")
    asins = (f"B0{made.id}{number:05d}" for number in range(size))
    added = await client.asins.create_many(made.id, asins, domain="amazon.com.au", postcode="4500")
    added.raise_for_errors()

    started = await client.runs.start(made.id)
    async with aclosing(client.runs.watch(started, policy=PATIENCE)) as changes:
        async for state in changes:
            pages = len(state.run.download_links.pages) if state.run else 0
            tell(name, f"scraping, pages written: {pages}")
    run = await client.runs.wait(started, policy=PATIENCE)  # it is finished: this returns at once

    tell(name, "downloading")
    download = await client.runs.download(run, folder, files="both", overwrite=True)
    records = await count(client, run)
    tell(name, f"done, {records} records")
    return download, records


async def collect_category(client: AsyncMultiCart, name: str, folder: Path, tell: Tell) -> Result:
    """Scrape a category, wait for it, download it, read it."""
    started = await client.categories.submit(CATEGORY, domain="amazon.com.au", postcode="4500", name=name)
    async with aclosing(client.categories.watch(started, policy=PATIENCE)) as changes:
        async for state in changes:
            progress = state.progress or {}
            tell(name, f"scraping, page {progress.get('current_page')!r} of {progress.get('total_pages')!r}")
    scrape = await client.categories.wait(started, policy=PATIENCE)

    tell(name, "downloading")
    download = await client.categories.download(scrape, folder, overwrite=True)
    records = await count(client, scrape)
    tell(name, f"done, {records} records")
    return download, records


async def count(client: AsyncMultiCart, run: Run | CategoryRun) -> int:
    """How many records a run has: each is parsed, none is kept."""
    records = 0
    async for _record in client.runs.records(run):
        records += 1
    return records


def print_table(results: dict[str, Result], seconds: float) -> None:
    """What lies where."""
    print(f"\n{'':<16} {'collection':>10} {'run':>5} {'files':>5} {'bytes':>11} {'records':>8}  folder")
    for name, (download, records) in sorted(results.items(), key=lambda row: row[1][0].run.collection):
        size = sum(file.size for file in download.files)
        print(
            f"{name:<16} {download.run.collection:>10} {download.run.id:>5} {len(download.files):>5} {size:>11,} "
            f"{records:>8,}  {shown(download.directory)}"
        )
    files = sum(len(download.files) for download, _ in results.values())
    records = sum(count for _, count in results.values())
    print(f"\n{files} files and {records:,} records in {seconds:.1f} s. Every file is whole and verified;")
    print("sizes and SHA-256 are in the manifest.json of each folder.")


def shown(path: Path) -> Path:
    """A path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


async def main(
    folder: str | Path = "demo-results",
    *,
    collections: dict[str, int] = COLLECTIONS,
    seconds_per_item: float = SECONDS_PER_ITEM,
) -> dict[str, Result]:
    """The download of each job, and how many records it has."""
    folder, board = Path(folder), Board()
    results: dict[str, Result] = {}

    async with (
        Sandbox(scrape_seconds_per_item=seconds_per_item, category_items=240) as sandbox,
        sandbox.client() as client,
    ):
        print(f"A sandbox of the service is at {sandbox.url}\n")

        async def job(name: str, size: int) -> None:
            results[name] = await collect(client, name, size, folder, board.tell)

        async def category_job(name: str) -> None:
            results[name] = await collect_category(client, name, folder, board.tell)

        try:
            async with anyio.create_task_group() as group:
                for name, size in collections.items():
                    group.start_soon(job, name, size)
                group.start_soon(category_job, "Laptops (node)")
        except ExceptionGroup as failures:  # one failure has ended the others
            raise failures.exceptions[0] from None

    print_table(results, board.seconds)
    return results


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="demo-results", help="where files go (%(default)s)"
    )
    asked = line.parse_args()
    try:
        asyncio.run(main(asked.folder))
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        sys.exit(130)
