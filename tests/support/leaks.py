"""Everything that a program could show of a failure, and a search for secrets in it."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from traceback import TracebackException
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp
import attrs

# Addresses of objects and moments in time: a log has so many of them that one has the digits of a code some day.
_CHANCE = re.compile(r"\b0x[0-9a-f]{6,16}\b|\b\d+\.\d{3,}")


def forms(secret: str) -> set[str]:
    """The secret as it may stand in a text: plain, escaped, percent-encoded, in base64 at any offset, in hex."""
    raw = secret.encode()
    found = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), raw.hex()}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * offset + raw)[4 if offset else 0 : -4].decode())
    return found


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and contexts, and the errors inside of groups and attributes, each once."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, *getattr(found, "exceptions", ()), *vars(found).values()]


def frames_of(traceback: TracebackType | None) -> Iterator[str]:
    """The files of a traceback's frames."""
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next


@attrs.define
class Haul:
    """Texts, and where each was found."""

    texts: list[tuple[str, str]] = attrs.field(factory=list)

    def add(self, where: str, thing: object) -> None:
        """What a thing shows of itself, bytes and text as they are; but for addresses and moments."""
        if isinstance(thing, bytes):
            thing = thing.decode("latin-1")
        text = thing if isinstance(thing, str) else repr(thing)
        self.texts.append((where, _CHANCE.sub("(chance)", text)))

    def add_error(self, error: BaseException) -> None:
        """All that an error shows: its texts, its attributes, its pickle, and its traceback with local variables."""
        trace = TracebackException.from_exception(error, capture_locals=True)
        self.add("traceback with locals", "".join(trace.format(chain=True)))
        for each in chain_of(error):
            name = type(each).__name__
            for what, thing in {
                "repr": repr(each),
                "str": str(each),
                "args": each.args,
                "attributes": vars(each),
                "notes": getattr(each, "__notes__", ()),
            }.items():
                self.add(f"{what} of {name}", thing)
            if type(each).__module__.startswith("multicart_async"):
                self.add(f"pickle of {name}", pickle.dumps(each, protocol=0))
                self.add(f"pickle of {name}", pickle.dumps(each))
            inner = TracebackException.from_exception(each, capture_locals=True)
            self.add(f"traceback of {name}", "".join(inner.format(chain=False)))

    def add_log(self, records: list[logging.LogRecord]) -> None:
        """Log records, formatted and raw."""
        for record in records:
            self.add(f"log of {record.name}", record.getMessage())
            self.add(f"log of {record.name}", vars(record))

    def add_folder(self, folder: Path) -> None:
        """Names and content of all files."""
        for path in folder.rglob("*"):
            self.add("file name", str(path))
            if path.is_file():
                self.add(f"content of {path.name}", path.read_bytes())

    def where(self, secret: str) -> list[str]:
        """The places in which the secret can be read, in any of its forms."""
        needles = forms(secret)
        return sorted({place for place, text in self.texts if any(needle in text for needle in needles)})


def tracing_everything(haul: Haul) -> aiohttp.TraceConfig:
    """A trace that looks at all parameters of all hooks, as one that exports spans would."""
    trace = aiohttp.TraceConfig()

    async def look(session: aiohttp.ClientSession, context: object, params: object) -> None:
        haul.add(f"trace {type(params).__name__}", params)
        for name, value in vars(params).items() if hasattr(params, "__dict__") else ():
            haul.add(f"trace {type(params).__name__}.{name}", value)
        haul.add("trace session", session)

    for name in dir(trace):
        if name.startswith("on_"):
            getattr(trace, name).append(look)
    return trace
