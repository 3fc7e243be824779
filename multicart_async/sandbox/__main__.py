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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs

from multicart_async._core.text import printable
from multicart_async.errors import MultiCartWarning
from multicart_async.sandbox._state.options import CommandLine, InRange, OneOf, Options, command_line
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


_TYPES: Mapping[str, Callable[[str], Any]] = {"host": str, "allowed_hosts": _host, "database": _database}


def parser() -> argparse.ArgumentParser:
    """Return the command line; its options are those of `Options` that say how they are shown there."""
    line = _CommandLine(
        prog=_PROGRAM,
        description="Serve a sandbox of MultiCartAPI on this computer, until Ctrl-C.",
    )
    add: dict[str | None, Callable[..., argparse.Action]] = {None: line.add_argument}
    for field, shown in _shown_options():
        if shown.group not in add:
            add[shown.group] = line.add_argument_group(shown.group).add_argument
        flag = shown.flag or f"--{field.name.replace('_', '-')}"
        add[shown.group](flag, **_settings(field, shown))
    text = "begin with N finished collections, unless the database has had some before (default: 0)"
    line.add_argument("--collections", type=_whole(0), default=0, metavar="N", help=text)
    return line


def _shown_options() -> Iterator[tuple[attrs.Attribute[Any], CommandLine]]:
    for field in attrs.fields(Options):
        shown = command_line(field)
        if shown is not None:
            yield field, shown


def _settings(field: attrs.Attribute[Any], shown: CommandLine) -> dict[str, Any]:
    """Return the arguments of ``add_argument``."""
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
        return _whole(int(bounds.minimum), int(bounds.maximum or _MOST)), "N"
    return _seconds, "SECONDS"


def sandbox_of(options: argparse.Namespace) -> Sandbox:
    """Return the sandbox that a command line describes."""
    return Sandbox(**{field.name: getattr(options, field.name) for field, _ in _shown_options()})


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
