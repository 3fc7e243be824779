"""The links to the pages of one run, which differ only in the number: one of them is parsed, the others follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from multicart_async._downloads.links import FileLocation, ResultLink
from multicart_async.errors import UnreachableResultError

__all__ = ["AnyLocation", "PageLink", "parse_page_links"]

_NUMBERED = re.compile(r"(.*_Results_Page_)[0-9]{1,9}(\.json.*)", re.DOTALL)
_PROBES = ("1", "234567890")
_MAX_DIGITS = 9


@attrs.frozen
class LinkFamily:
    """A parsed link, each part as the text before and after the number of the page."""

    text: tuple[str, str]
    url: tuple[str, str]
    name: tuple[str, str]
    label: tuple[str, str]

    def number_in(self, text: str) -> str | None:
        """Return the number of the page in *text*, the link as the service wrote it; ``None`` if it differs elsewhere."""
        head, tail = self.text
        number = text[len(head) : len(text) - len(tail)]
        good = number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS
        return number if good and text == f"{head}{number}{tail}" else None


@attrs.frozen
class PageLink:
    """A link to a page, with the attributes of a `FileLocation`."""

    family: LinkFamily
    number: str

    @property
    def url(self) -> str:
        """See `FileLocation`."""
        return self.number.join(self.family.url)

    @property
    def alternate_url(self) -> str | None:
        """``None``: an ambiguous link has no family."""
        return None

    @property
    def name(self) -> str:
        """See `FileLocation`."""
        return self.number.join(self.family.name)

    @property
    def label(self) -> str:
        """See `FileLocation`."""
        return self.number.join(self.family.label)


AnyLocation: TypeAlias = FileLocation | PageLink


def parse_page_links(texts: Sequence[str], parse: Callable[[str], ResultLink]) -> list[ResultLink | PageLink]:
    """Return the links that *parse* makes of *texts*; those that differ from the first only in the number are cheap.

    Raises:
        UnreachableResultError: *parse* rejects one of them.
    """
    family = _family_of(texts[0], parse) if len(texts) > len(_PROBES) else None
    links: list[ResultLink | PageLink] = []
    for text in texts:
        number = None if family is None else family.number_in(text)
        links.append(parse(text) if family is None or number is None else PageLink(family, number))
    return links


def _family_of(text: str, parse: Callable[[str], ResultLink]) -> LinkFamily | None:
    """Return the family of *text*, ``None`` if the number of the page is not a part of its own in all that is parsed."""
    found = _NUMBERED.fullmatch(text)
    if found is None:
        return None
    try:
        one, other = (parse(number.join(found.groups())) for number in _PROBES)
    except UnreachableResultError:
        return None
    url, name, label = _split(one.url, other.url), _split(one.name, other.name), _split(one.label, other.label)
    if url is None or name is None or label is None or one.alternate_url or other.alternate_url:
        return None
    return LinkFamily((found[1], found[2]), url, name, label)


def _split(one: str, other: str) -> tuple[str, str] | None:
    """Return the text before and after the number of the page, if *one* and *other* differ in nothing else."""
    at = next((at for at, (sign, other_sign) in enumerate(zip(one, other, strict=False)) if sign != other_sign), 0)
    parts = one[:at], one[at + 1 :]
    return parts if (one, other) == tuple(number.join(parts) for number in _PROBES) else None
