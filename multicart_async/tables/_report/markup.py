"""Build HTML whose text is always escaped. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from multicart_async._core.text import printable

__all__ = ["Html", "element", "join", "text", "void"]

_NO_CHARACTER: Final = re.compile("[\ufdd0-\ufdef\ufffe\uffff]|[" + "".join(
    chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)
) + "]")  # fmt: skip
"""Code points that no document may contain, and that are no control characters."""


class Html(str):
    """A piece of HTML. Any other string is text, and is escaped when it becomes a part of one."""

    __slots__ = ()


def text(content: str, limit: int | None = None) -> Html:
    r"""Return *content* as HTML, at most *limit* characters of it.

    Control and format characters and lone surrogates are shown as in a Python string, such as ``\u202e``: so no text
    changes the order of the others.
    """
    shown = _NO_CHARACTER.sub(lambda found: found[0].encode("unicode_escape").decode(), printable(content, limit))
    return Html(escape(shown, quote=True))


def join(parts: Iterable[str]) -> Html:
    """Return the parts one after the other; those that are not `Html` are escaped."""
    return Html("".join(map(_html, parts)))


def element(tag: str, *children: str, attributes: Mapping[str, str] = {}) -> Html:
    """Return an element; ``p.note.wide`` has two classes."""
    name, _, classes = tag.partition(".")
    return Html(f"<{name}{_attributes(classes, attributes)}>{join(children)}</{name}>")


def void(tag: str, attributes: Mapping[str, str] = {}) -> Html:
    """Return an element without an end tag."""
    name, _, classes = tag.partition(".")
    return Html(f"<{name}{_attributes(classes, attributes)}>")


def _attributes(classes: str, attributes: Mapping[str, str]) -> str:
    given = {"class": classes.replace(".", " "), **attributes} if classes else attributes
    return "".join(f' {name}="{_html(value)}"' for name, value in given.items())


def _html(part: str) -> str:
    return part if isinstance(part, Html) else text(part)
