"""The command ``python -m multicart_async.sandbox``: serve a sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._core.text import printable
from multicart_async.errors import MultiCartWarning
from multicart_async.sandbox._state.options import CommandLine, InRange, OneOf, Options, command_line
from multicart_async.sandbox._state.seed import FIRST_COLLECTION
from multicart_async.sandbox._web.access_log import requests_on_stderr
from multicart_async.sandbox._web.hosts import check_host_name
from multicart_async.sandbox.server import Sandbox

_PROGRAM = "python -m multicart_async.sandbox"
_MAX_VALUE = 10**12  # of any number; a column of the database can hold it
_SQLITE = b"SQLite format 3\0"  # the first bytes of a database


class _CommandLine(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def _integer(minimum: int, maximum: int = _MAX_VALUE) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"expected an integer from {minimum} to {maximum}, got {short_repr(text)}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= _MAX_VALUE:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number of seconds from 0 to {_MAX_VALUE}, got {short_repr(text)}")


def _host(text: str) -> str:
    try:
        return check_host_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _database(text: str) -> Path:
    path, head = Path(text), b""
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a path in an existing folder, got {path}; create the folder first")
    if path.exists() and not path.is_file():  # opening a pipe would block until its other end is open
        raise argparse.ArgumentTypeError(f"expected a regular file, got {path}; choose another path")
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except FileNotFoundError:
        pass  # SQLite creates it
    except OSError as error:
        raise argparse.ArgumentTypeError(f"expected a readable file, got {path}: {error.strerror}") from error
    if head not in {b"", _SQLITE}:
        raise argparse.ArgumentTypeError(f"expected the database of a sandbox, got {path}; choose another path")
    return path


_TYPES: Mapping[str, Callable[[str], Any]] = {"host": str, "allowed_hosts": _host, "database": _database}


def parser(program: str = _PROGRAM) -> argparse.ArgumentParser:
    """Return the argument parser of the command, which is called *program*.

    Its options are those fields of `Options` that have command-line metadata, and ``--collections``.
    """
    command = _CommandLine(
        prog=program,
        description="Serve a sandbox of MultiCartAPI on this computer, until Ctrl-C.",
        epilog=f"Example: {program} --collections 3 --verbose",
    )
    add: dict[str | None, Callable[..., argparse.Action]] = {None: command.add_argument}
    for field, shown in _shown_options():
        if shown.group not in add:
            add[shown.group] = command.add_argument_group(shown.group).add_argument
        add[shown.group](_flag(field, shown), **_settings(field, shown))
    text = "start with N finished collections, unless the database has had some before (default: 0)"
    command.add_argument("-v", "--verbose", action="store_true", help="show each request on stderr as it is answered")
    command.add_argument("--collections", type=_integer(0), default=0, metavar="N", help=text)
    command.set_defaults(program=program)
    return command


def flags() -> dict[str, bool]:
    """Return the long flags, and whether each is a switch without a value."""
    shown = {_flag(field, shown): isinstance(field.default, bool) for field, shown in _shown_options()}
    return {**shown, "--verbose": True, "--collections": False}


def _flag(field: attrs.Attribute[Any], shown: CommandLine) -> str:
    return shown.flag or f"--{field.name.replace('_', '-')}"


def _shown_options() -> Iterator[tuple[attrs.Attribute[Any], CommandLine]]:
    for field in attrs.fields(Options):
        shown = command_line(field)
        if shown is not None:
            yield field, shown


def _settings(field: attrs.Attribute[Any], shown: CommandLine) -> dict[str, Any]:
    """Return the keyword arguments of ``add_argument`` for an option."""
    default = field.default if shown.default is None else shown.default
    default_text = str(default) if shown.default_text is None else shown.default_text
    text = f"{shown.help} (default: {default_text})" if default_text else shown.help
    settings: dict[str, Any] = {"dest": field.name, "default": default, "help": text}
    if isinstance(default, bool):
        return {**settings, "action": "store_true"}
    if isinstance(field.validator, OneOf):
        return {**settings, "choices": field.validator.choices}
    kind, metavar = _type_and_metavar(field)
    settings |= {"type": kind, "metavar": shown.metavar or metavar}
    return {**settings, "action": "append", "default": []} if isinstance(default, frozenset) else settings


def _type_and_metavar(field: attrs.Attribute[Any]) -> tuple[Callable[[str], Any], str | None]:
    if field.name in _TYPES:
        return _TYPES[field.name], None
    bounds = field.validator if isinstance(field.validator, InRange) else InRange(0)
    if isinstance(field.default, int):
        return _integer(int(bounds.minimum), int(bounds.maximum or _MAX_VALUE)), "N"
    return _seconds, "SECONDS"


def make_sandbox(options: argparse.Namespace) -> Sandbox:
    """Return the sandbox that the parsed *options* describe."""
    return Sandbox(**{field.name: getattr(options, field.name) for field, _ in _shown_options()})


async def _start(options: argparse.Namespace) -> Sandbox:
    """Start the sandbox that *options* describe, and print each warning as one line on stderr."""
    sandbox = make_sandbox(options)
    with warnings.catch_warnings(record=True, action="always", category=MultiCartWarning) as caught:
        await sandbox.start()
    for warning in caught:
        sys.stderr.write(f"{options.program}: warning: {warning.message}\n")
    return sandbox


async def serve(options: argparse.Namespace) -> None:
    """Serve the sandbox that *options* describe until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt instead
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    with requests_on_stderr() if options.verbose else contextlib.nullcontext():
        async with contextlib.aclosing(await _start(options)) as sandbox:
            sys.stdout.write(_introduction(sandbox, _add_collections(sandbox, options.collections)))
            sys.stdout.flush()
            await stop.wait()


def _introduction(sandbox: Sandbox, added: str) -> str:
    """Return what is printed when the sandbox serves."""
    return (
        f"MultiCartAPI sandbox: {sandbox.url}\n"
        f"API key:              {sandbox.api_key}\n\n"
        f"{added}"
        "Point the client at it:\n\n"
        f"  export MULTICART_BASE_URL={sandbox.url}\n"
        f"  export MULTICART_API_KEY={sandbox.api_key}\n\n"
        'Postcode "4500" on amazon.com.au (zipcode id 15, domain id 1) is ready. Press Ctrl-C to stop.\n'
    )


def _add_collections(sandbox: Sandbox, collections: int) -> str:
    """Add *collections* to a new sandbox; return what to print if the database has had some before."""
    unused = sandbox.add_collections(0).start  # the next id, which shows whether there has been a collection
    if unused == FIRST_COLLECTION:
        sandbox.add_collections(collections)
    elif collections:
        return "No collections were added, because the database has had some before.\n\n"
    return ""


def main(arguments: Sequence[str] | None = None, *, program: str = _PROGRAM) -> int:
    """Run the command and return its exit status.

    It is 0 after Ctrl-C, 1 if the sandbox cannot listen on the address, and 2 if an argument or the database is wrong.
    """
    command = parser(program)
    options = command.parse_args(arguments)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(options))
    except sqlite3.Error as error:
        sys.stderr.write(
            printable(
                f"{command.prog}: cannot use the database {options.database}: {error}; choose another with --database"
            )
            + "\n"
        )
        return 2
    except (OSError, ValueError) as error:  # ValueError: an invalid host name
        sys.stderr.write(printable(f"{command.prog}: {_explain_listen_error(options, error)}") + "\n")
        return 1
    return 0


def _explain_listen_error(options: argparse.Namespace, error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"port {options.port} is in use; choose another with --port, or 0 for a free one"
    return f"cannot listen on {options.host}, port {options.port}: {getattr(error, 'strerror', None) or error}"


if __name__ == "__main__":
    sys.exit(main())
