"""All texts that a program could show of a thing, by five tools that report errors, and a search for secrets in them.

The tools read local variables in different ways: the standard library by `repr`, rich, structlog and sentry-sdk by
walking containers, elastic-apm by the values of all texts and numbers, also of subclasses with a `repr` of their own.
"""

from __future__ import annotations

import base64
import html
import logging
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from traceback import TracebackException
from urllib.parse import quote, unquote, unquote_plus

import attrs
from elasticapm.utils.encoding import transform
from elasticapm.utils.stacks import get_stack_info, iter_traceback_frames
from rich.traceback import Traceback
from sentry_sdk.serializer import serialize
from sentry_sdk.utils import event_from_exception
from structlog.tracebacks import ExceptionDictTransformer

from support.leaks import chain_of

LONG = 1_000_000  # characters and items that the tools are told to show, instead of cutting
OPTIONS = {"include_local_variables": True, "include_source_context": False, "max_value_length": LONG}
_CHANCE = re.compile(
    r"\b0x[0-9a-f]{6,16}\b|\b\d+\.\d{3,}"
)  # addresses and moments: one has the digits of a code some day
_TO_DICTS = ExceptionDictTransformer(locals_max_length=LONG, locals_max_string=LONG, use_rich=False)
_TO_PRETTY = ExceptionDictTransformer(locals_max_length=LONG, locals_max_string=LONG, max_frames=LONG)


def escapes(secret: str) -> dict[str, str]:
    """The forms in which a service may repeat a text."""
    return {
        "plain": secret,
        "JSON with slashes escaped": secret.replace("\\", r"\\").replace('"', r"\"").replace("/", r"\/"),
        "JSON with signs escaped": "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in secret),
        "JSON with all escaped": "".join(f"\\u{ord(c):04X}" for c in secret),
        "percent": quote(secret, safe=""),
        "percent in lower case": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="/")),
        "percent with all escaped": "".join(f"%{byte:02x}" for byte in secret.encode()),
        "HTML by names": html.escape(secret).replace("=", "&equals;").replace("/", "&sol;"),
        "HTML by numbers": "".join(c if c.isalnum() else f"&#{ord(c)};" for c in secret),
        "HTML in hexadecimal": "".join(f"&#x{ord(c):X};" for c in secret),
        "percent twice": quote(quote(secret, safe=""), safe=""),
        "HTML in JSON": "".join(c if c.isalnum() else f"\\u0026#x{ord(c):x};" for c in secret),
        "every other character": "".join(
            f"%{ord(c):02X}" if at % 2 and c.isascii() else c for at, c in enumerate(secret)
        ),
    }


def _characters(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1] or found[2], 16)), text)


def _backslashes(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def unescaped(text: str) -> Iterator[str]:
    """The text, and what it says after each of the ways to unescape it, three times one after the other."""
    yield text
    for percent in (unquote, unquote_plus):
        level = text
        for step in (html.unescape, _characters, percent, _backslashes) * 3:
            before, level = level, step(level)
            if level != before:
                yield level


def coded(secret: str) -> Iterator[str]:
    """The secret in base64, at any offset, and in hexadecimal."""
    raw = secret.encode()
    yield raw.hex()
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + raw)[4 if offset else 0 : -4].decode()


def texts_in(thing: object, seen: set[int] | None = None) -> Iterator[str]:
    """Each text, number and bytes that can be reached by attributes, slots and containers, and each `repr`."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type | Callable | logging.Logger):  # type: ignore[arg-type]
        return
    seen.add(id(thing))
    if isinstance(thing, bytes | bytearray):
        yield bytes(thing).decode("latin-1")
    elif isinstance(thing, str):
        yield str.__str__(thing)
    elif isinstance(thing, int | float):
        yield str(thing)
    yield repr(thing)
    for part in _parts(thing):
        yield from texts_in(part, seen)


def _parts(thing: object) -> Iterable[object]:
    if isinstance(thing, Mapping):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, list | tuple | set | frozenset):
        return thing
    if not type(thing).__module__.startswith("multicart_async"):
        return [*thing.args, vars(thing)] if isinstance(thing, BaseException) else ()
    names = {name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())}
    slots = [getattr(thing, name) for name in names if hasattr(thing, name) and name != "__weakref__"]
    return [*slots, *getattr(thing, "args", ()), getattr(thing, "__dict__", {})]


def _by_library(error: BaseException) -> str:
    return "".join(TracebackException.from_exception(error, capture_locals=True).format(chain=False))


def _by_rich(error: BaseException) -> str:
    trace = Traceback.extract(
        type(error), error, error.__traceback__, show_locals=True, locals_max_length=LONG, locals_max_string=LONG
    )
    nodes = [node for stack in trace.stacks for frame in stack.frames for node in (frame.locals or {}).values()]
    return "\n".join(["".join(node.iter_tokens()) for node in nodes] + [stack.exc_value for stack in trace.stacks])


def _by_structlog(error: BaseException) -> str:
    info = (type(error), error, error.__traceback__)
    return repr([_TO_DICTS(info), _TO_PRETTY(info)])


def _by_sentry(error: BaseException) -> str:
    event, _ = event_from_exception(error, client_options=OPTIONS)
    return repr(serialize(event, max_value_length=LONG))


def _by_elastic(error: BaseException) -> str:
    frames = iter_traceback_frames(error.__traceback__)
    return repr([frame.get("vars") for frame in get_stack_info(frames, locals_processor_func=transform)])


TOOLS = {
    "library": _by_library,
    "rich": _by_rich,
    "structlog": _by_structlog,
    "sentry": _by_sentry,
    "elastic": _by_elastic,
}


@attrs.define
class Scan:
    """What was looked at, and in which places a secret was found. ``things`` and ``texts`` count what was looked at."""

    secrets: tuple[str, ...] = attrs.field(repr=False)
    things: int = 0
    texts: int = 0
    found: set[str] = attrs.field(factory=set)
    _needles: re.Pattern[str] = attrs.field(init=False, repr=False)
    _clean: set[int] = attrs.field(init=False, factory=set, repr=False)  # hashes of lines that were looked at

    def __attrs_post_init__(self) -> None:
        forms = {form for secret in self.secrets for form in (secret, repr(secret)[1:-1], *coded(secret))}
        self._needles = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))

    def look(self, where: str, *texts: str) -> None:
        """Search each of *texts*."""
        for text in texts:
            self.texts += 1
            lines = [line for line in _CHANCE.sub("", text).split("\n") if hash(line) not in self._clean]
            self._clean.update(map(hash, lines))
            for form in unescaped("\n".join(lines)):
                if self._needles.search(form):
                    self.found.add(where)

    def thing(self, where: str, thing: object) -> None:
        """Look at a value: what it shows, and all that can be reached from it."""
        self.things += 1
        self.look(where, str(thing), *texts_in(thing))

    def error(self, error: BaseException, where: str = "") -> None:
        """Look at an error with its causes and contexts: its texts, pickles, attributes, and the variables of its frames."""
        for each in chain_of(error):
            name = f"{where} {type(each).__name__}".strip()
            self.thing(name, each)
            self.look(f"{name} notes", *getattr(each, "__notes__", ()))
            if type(each).__module__.startswith("multicart_async"):
                self.look(f"{name} pickle", *(pickle.dumps(each, protocol).decode("latin-1") for protocol in (0, 5)))
            for tool, show in TOOLS.items():
                self.look(f"{name} by {tool}", show(each))

    def logs(self, records: Iterable[logging.LogRecord]) -> None:
        """Look at log records, formatted and raw."""
        for record in records:
            self.things += 1
            self.look(f"log of {record.name}", record.getMessage(), repr(vars(record)))

    def folder(self, folder: Path) -> None:
        """Look at the names of all files, and into those that are not the service's."""
        for path in folder.rglob("*"):
            self.things += 1
            own = path.is_file() and not path.name.startswith(("AU_88", "page-", "invoice"))
            self.look(f"file {path.name}", str(path), path.read_bytes().decode("latin-1") if own else "")
