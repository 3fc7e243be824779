"""``python -m multicart_async.sandbox``: a sandbox to look at, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import sqlite3
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from multicart_async._core.text import printable
from multicart_async.errors import MultiCartWarning
from multicart_async.sandbox._state.seed import FIRST_COLLECTION
from multicart_async.sandbox._web.hosts import check_host_name
from multicart_async.sandbox.server import Sandbox

_PROGRAM = "python -m multicart_async.sandbox"
_MOST = 10**12  # of whatever is counted; a column of the database has room for it
_SQLITE = b"SQLite format 3\0"  # a database begins with that


class _CommandLine(argparse.ArgumentParser):
    """A command line whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with the exit status 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def _whole(least: int, most: int = _MOST) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"wants a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return number


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= _MOST:
            return float(text)
    raise argparse.ArgumentTypeError(f"wants a number of seconds, not {text!r}")


def _host(text: str) -> str:
    try:
        return check_host_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _database(text: str) -> Path:
    path, head = Path(text), b""
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder")
    if path.exists() and not path.is_file():  # to open a pipe would wait for its other end
        raise argparse.ArgumentTypeError(f"{path} is no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except FileNotFoundError:
        pass  # a new one
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error
    if head not in {b"", _SQLITE}:
        raise argparse.ArgumentTypeError(f"{path} is no database of a sandbox")
    return path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = _CommandLine(
        prog=_PROGRAM,
        description="Serve a sandbox of MultiCartAPI on this computer, until Ctrl-C.",
    )
    add = line.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: this computer only)")
    text = "answer also to requests for this host, such as the name of a container; may be given several times"
    add("--allow-host", type=_host, action="append", default=[], metavar="NAME", help=text)
    add("--port", type=_whole(0, 65535), default=8080, help="port to listen on; 0 takes a free one (default: 8080)")
    add("--database", type=_database, metavar="PATH", help="keep the state in this file (default: it is forgotten)")
    add("--seed", type=_whole(0), default=0, metavar="N", help="another seed gives other products (default: 0)")
    add("--credits", type=_whole(0), default=100_000, metavar="N", help="credits that may be spent (default: 100000)")
    text = "begin with N finished collections, unless the database has had some before (default: 0)"
    add("--collections", type=_whole(0), default=0, metavar="N", help=text)
    _add_pace(line)
    _add_files(line)
    _add_choices(line)
    return line


def _add_pace(line: argparse.ArgumentParser) -> None:
    group = line.add_argument_group("pace of runs")
    group.add_argument("--instant", action="store_true", help="runs are finished, and postcodes active, at once")
    for name, default, text in (
        ("--scrape-seconds-per-item", 0.05, "how long a run takes for each item (default: 0.05)"),
        ("--row-delay", None, "from the start of a run until its row appears (default: 0.2)"),
        ("--zipcode-seconds", None, "from the creation of a postcode until it is active (default: 5)"),
    ):
        group.add_argument(name, type=_seconds, default=default, metavar="SECONDS", help=text)


def _add_files(line: argparse.ArgumentParser) -> None:
    group = line.add_argument_group("files")
    for name, least, default, text in (
        ("--items-per-page", 1, 100, "items in one page of a run's result"),
        ("--records-per-item", 1, 1, "records that one item yields"),
        ("--record-bytes", 1, 1024, "size of a record, at least 150"),
        ("--category-items", 0, 48, "products that a category scrape finds"),
    ):
        group.add_argument(name, type=_whole(least), default=default, metavar="N", help=f"{text} (default: {default})")
    group.add_argument("--ranges", action="store_true", help="honour Range requests")


def _add_choices(line: argparse.ArgumentParser) -> None:
    group = line.add_argument_group("what the documentation leaves open")
    for name, choices, text in (
        ("--runs-order", ("newest", "oldest", "shuffled"), "which run comes first in a list of runs"),
        ("--auth-errors", ("envelope", "http"), "a bad key is code 401 under HTTP 200, or HTTP 401"),
        (
            "--file-errors",
            ("http", "envelope"),
            "a file that is refused is HTTP 403 or 404, or that code under HTTP 200",
        ),
    ):
        group.add_argument(name, choices=choices, default=choices[0], help=f"{text} (default: {choices[0]})")


def sandbox_of(options: argparse.Namespace) -> Sandbox:
    """The sandbox that a command line asks for."""
    return Sandbox(
        host=options.host,
        port=options.port,
        allowed_hosts=options.allow_host,
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


async def _started(options: argparse.Namespace) -> Sandbox:
    """Start the sandbox of a command line; each warning is one line on stderr."""
    sandbox = sandbox_of(options)
    with warnings.catch_warnings(record=True, action="always", category=MultiCartWarning) as caught:
        await sandbox.start()
    for warning in caught:
        sys.stderr.write(f"{_PROGRAM}: warning: {warning.message}\n")
    return sandbox


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows; Ctrl-C then ends the loop by itself
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with contextlib.aclosing(await _started(options)) as sandbox:
        sys.stdout.write(
            f"MultiCartAPI sandbox: {sandbox.url}\n"
            f"API key:              {sandbox.api_key}\n\n"
            f"{_furnished(sandbox, options.collections)}"
            "Point the client at it:\n\n"
            f"  export MULTICART_BASE_URL={sandbox.url}\n"
            f"  export MULTICART_API_KEY={sandbox.api_key}\n\n"
            'Postcode "4500" on amazon.com.au (zipcode id 15, domain id 1) is ready. Ctrl-C ends it.\n'
        )
        sys.stdout.flush()
        await stop.wait()


def _furnished(sandbox: Sandbox, collections: int) -> str:
    """A new sandbox gets its collections; what there is to say about that."""
    unused = sandbox.add_collections(0).start  # the next id, which tells whether there has been a collection
    if unused == FIRST_COLLECTION:
        sandbox.add_collections(collections)
    elif collections:
        return "The database has had collections before: none were added.\n\n"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after Ctrl-C, 1 when there is no listening there, 2 when it is called wrongly."""
    line = parser()
    options = line.parse_args(arguments)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(options))
    except sqlite3.Error as error:
        sys.stderr.write(printable(f"{line.prog}: {options.database} cannot be used: {error}") + "\n")
        return 2
    except (OSError, ValueError) as error:  # ValueError: no host can have that name
        sys.stderr.write(printable(f"{line.prog}: {_why_not(options, error)}") + "\n")
        return 1
    return 0


def _why_not(options: argparse.Namespace, error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"port {options.port} is taken; choose another with --port, or 0 for a free one"
    return f"cannot listen on {options.host}, port {options.port}: {getattr(error, 'strerror', None) or error}"


if __name__ == "__main__":
    sys.exit(main())
