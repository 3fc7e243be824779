"""``python -m multicart_async.sandbox``: a sandbox to look at, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from multicart_async.sandbox.server import Sandbox


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="python -m multicart_async.sandbox",
        description="Serve a sandbox of MultiCartAPI on this computer.",
    )
    line.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this computer only)")
    line.add_argument("--port", type=int, default=8080, help="port to listen on; 0 takes a free one (default: 8080)")
    line.add_argument("--database", type=Path, metavar="PATH", help="keep the state in this file")
    line.add_argument("--seed", type=int, default=0, help="another seed gives other products")
    line.add_argument("--credits", type=int, default=100_000, metavar="N", help="credits that may be spent")
    line.add_argument("--collections", type=int, default=0, metavar="N", help="begin with N finished collections")
    pace = line.add_argument_group("pace of runs")
    pace.add_argument("--instant", action="store_true", help="runs are finished at once")
    pace.add_argument("--scrape-seconds-per-item", type=float, default=0.05, metavar="SECONDS")
    pace.add_argument(
        "--row-delay", type=float, metavar="SECONDS", help="from the start of a run until its row appears"
    )
    pace.add_argument(
        "--zipcode-seconds", type=float, metavar="SECONDS", help="from the creation of a postcode until it is active"
    )
    files = line.add_argument_group("files")
    files.add_argument("--items-per-page", type=int, default=100, metavar="N")
    files.add_argument("--records-per-item", type=int, default=1, metavar="N")
    files.add_argument("--record-bytes", type=int, default=1024, metavar="N")
    files.add_argument("--category-items", type=int, default=48, metavar="N")
    files.add_argument("--ranges", action="store_true", help="honour Range requests")
    loose = line.add_argument_group("what the documentation leaves open")
    loose.add_argument("--runs-order", choices=("newest", "oldest", "shuffled"), default="newest")
    loose.add_argument("--auth-errors", choices=("envelope", "http"), default="envelope")
    loose.add_argument("--file-errors", choices=("http", "envelope"), default="http")
    return line


def sandbox_of(options: argparse.Namespace) -> Sandbox:
    """The sandbox that a command line asks for."""
    return Sandbox(
        host=options.host,
        port=options.port,
        database=options.database,
        seed=options.seed,
        credits=options.credits,
        instant=options.instant,
        scrape_seconds_per_item=options.scrape_seconds_per_item,
        row_delay=options.row_delay,
        zipcode_seconds=options.zipcode_seconds,
        items_per_page=options.items_per_page,
        records_per_item=options.records_per_item,
        record_bytes=options.record_bytes,
        category_items=options.category_items,
        ranges=options.ranges,
        runs_order=options.runs_order,
        auth_errors=options.auth_errors,
        file_errors=options.file_errors,
    )


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows; Ctrl-C then ends the loop by itself
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with sandbox_of(options) as sandbox:
        sandbox.add_collections(options.collections)
        sys.stdout.write(
            f"MultiCartAPI sandbox: {sandbox.url}\n"
            f"API key:              {sandbox.api_key}\n\n"
            "Point the client at it:\n\n"
            f"  export MULTICART_BASE_URL={sandbox.url}\n"
            f"  export MULTICART_API_KEY={sandbox.api_key}\n\n"
            'Postcode "4500" on amazon.com.au (zipcode id 15, domain id 1) is ready. Ctrl-C ends it.\n'
        )
        sys.stdout.flush()
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after Ctrl-C, 1 when the sandbox cannot be served as asked."""
    line = parser()
    options = line.parse_args(arguments)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(options))
    except (OSError, ValueError) as error:  # the port is taken; a setting makes no sense
        sys.stderr.write(f"{line.prog}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
