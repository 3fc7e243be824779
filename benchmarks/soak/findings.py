"""What must not happen, and did: a line of JSON each, in a file that all processes of the test append to."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from multicart_async.errors import MultiCartError

__all__ = ["Findings", "read_findings"]


class Findings:
    """Writes them. ``errors`` counts the errors of the library that were met, by their class: these are no findings."""

    def __init__(self, path: Path, who: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._who = who
        self.errors: Counter[str] = Counter()

    def add(self, what: str, text: str = "") -> None:
        """Write one."""
        found = {"who": self._who, "what": what, "text": text[-6_000:]}
        os.write(self._file, json.dumps(found).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def check(self, error: BaseException, what: str) -> None:
        """Count an error of the library; any other, and one that the library did not expect, is a finding."""
        self.errors[type(error).__name__] += 1
        if not isinstance(error, MultiCartError) or (type(error) is MultiCartError and error.__cause__ is not None):
            self.add(f"{what}: {type(error).__name__}", "".join(traceback.format_exception(error)))

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Go on after an error."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- this is what is looked for
            self.check(error, what)

    def watch_process(self) -> None:
        """Find what no task of the test gets: what Python, asyncio and the library say of errors."""
        logging.getLogger("asyncio").addHandler(_Log(self, logging.WARNING, ""))
        library = logging.getLogger("multicart_async")
        library.addHandler(_Log(self, logging.WARNING, "unexpected "))
        library.propagate = False

        def unraisable(lost: Any) -> None:
            text = "".join(traceback.format_exception(lost.exc_value)) if lost.exc_value else repr(lost)
            self.add("an exception that nothing could raise", f"{lost.err_msg} {lost.object!r}\n{text}")

        sys.unraisablehook = unraisable

    def watch_loop(self) -> None:
        """Find what the running loop says of errors."""

        def handle(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
            error = context.get("exception")
            text = "".join(traceback.format_exception(error)) if error else ""
            self.add(f"asyncio: {context.get('message')}", f"{dict(context)!r}\n{text}")

        asyncio.get_running_loop().set_exception_handler(handle)


class _Log(logging.Handler):
    def __init__(self, findings: Findings, level: int, begins: str) -> None:
        super().__init__(level)
        self._findings = findings
        self._begins = begins

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith(self._begins):
            self._findings.add(f"log of {record.name}", self.format(record))


def read_findings(path: Path) -> list[dict[str, str]]:
    """All that were written so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
