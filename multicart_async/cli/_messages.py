"""What is written to stderr: errors, warnings, notes and log records, as lines of text or of JSON."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

from multicart_async._core.log import LOGGER
from multicart_async._core.text import as_line
from multicart_async.cli._options import CommonOptions

__all__ = ["Messages"]

_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)  # for each -v
_EXTRA: Final = ("path", "attempt", "error")  # attributes that the records of this library have


class Messages:
    """Messages of one command. ``write`` prints one line; a progress display replaces it while it is shown."""

    def __init__(self, options: CommonOptions, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._quiet = options.quiet
        self._as_json = options.log_json
        self._level = _LEVELS[min(options.verbose, len(_LEVELS) - 1)]
        self.write: Callable[[str], None] = self.write_line

    def write_line(self, line: str) -> None:
        """Write one line to the stream; an unusable stream is ignored, because nothing else can be done."""
        if self._stream is None:  # closed by the caller of this process
            return
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    def note(self, text: str) -> None:
        """Say what happens, unless the command is quiet."""
        if not self._quiet:
            self._message(logging.INFO, text)

    def advise(self, text: str) -> None:
        """Say what to do next, also if the command is quiet: runs may have been charged."""
        self._message(logging.INFO, text)

    def warn(self, text: str) -> None:
        """Write a warning."""
        self._message(logging.WARNING, text)

    def error(self, text: str) -> None:
        """Write an error."""
        self._message(logging.ERROR, text)

    def as_stream(self) -> TextIO | None:
        """Return a stream whose lines become notes, if messages are JSON; else ``None``."""
        return cast("TextIO", _Notes(self.note)) if self._as_json else None

    @contextlib.contextmanager
    def capturing(self) -> Generator[None]:
        """Write the warnings and the log records of the library, too."""
        handler, level, propagate = _Handler(self._record), LOGGER.level, LOGGER.propagate
        LOGGER.addHandler(handler)
        LOGGER.setLevel(self._level)
        LOGGER.propagate = False
        try:
            with warnings.catch_warnings():
                self._show_warnings()
                yield
        finally:
            LOGGER.removeHandler(handler)
            LOGGER.setLevel(level)
            LOGGER.propagate = propagate

    def _show_warnings(self) -> None:
        from multicart_async.errors import MultiCartWarning  # noqa: PLC0415 -- not for help

        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, MultiCartWarning) or self._as_json:
                self.warn(str(message))
            else:
                shown(message, category, *place)

        warnings.simplefilter("always", MultiCartWarning)
        warnings.showwarning = cast("Any", show)

    def _message(self, level: int, text: str) -> None:
        line = as_line(text)
        if self._as_json:
            self._write_json(level, "multicart_async.cli", line, {})
        elif level == logging.INFO:
            self.write(line)
        else:
            self.write(f"multicart: {'warning: ' if level == logging.WARNING else ''}{line}")

    def _record(self, record: logging.LogRecord) -> None:
        text = as_line(record.getMessage())
        if self._as_json:
            known = {name: getattr(record, name) for name in _EXTRA if hasattr(record, name)}
            self._write_json(record.levelno, record.name, text, known)
        else:
            self.write(f"{record.levelname.lower()}: {text}")

    def _write_json(self, level: int, logger: str, text: str, fields: Mapping[str, object]) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = {"time": time, "level": logging.getLevelName(level), "logger": logger, "message": text, **fields}
        self.write(json.dumps(row))


class _Notes(io.TextIOBase):
    """A stream that is no terminal."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def write(self, text: str) -> int:
        """Write whole lines."""
        for line in text.splitlines():
            self._note(line)
        return len(text)


class _Handler(logging.Handler):
    def __init__(self, write: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self._write(record)
