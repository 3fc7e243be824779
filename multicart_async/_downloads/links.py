"""What to ask for when the service gives a link to a result.

The service builds its links by writing the collection's name into them, unescaped: ``#``, ``?``, ``%`` and blanks stand
in them raw. An URL parser takes them for syntax, so a link is taken apart as text here, from both ends towards the
name. Nothing of a link decides where a request goes: its origin is compared and then replaced by the configured one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from urllib.parse import quote, unquote

import attrs

from multicart_async.errors import UnreachableResultError

__all__ = ["FileLocation", "ResultLink", "name_troubles", "parse_link"]

_PORTS = {"http": 80, "https": 443}
_LONGEST_LINK = 8192  # servers refuse longer ones
_LONGEST_NAME = 120  # bytes: file systems end at 255, and the service adds about 30 and may escape each byte

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@]+)(?::([0-9]{0,5}))?")
_IDS = re.compile(r"([0-9]{1,18})/([0-9]{1,18})/(.*)", re.DOTALL)

_SUB_DELIMS = "!$&'()*+,;=:@"  # legal in a path segment besides letters, digits and -._~
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_LEGAL = re.compile(rf"(?:[A-Za-z0-9\-._~{re.escape(_SUB_DELIMS)}]|%[0-9A-Fa-f]{{2}})+")
_PLAIN_SUFFIX = (
    r"(?:_(?P<run>[0-9]+)_Results_(?:Page_(?P<page>[0-9]{1,9})\.json|(?P<all>All_Pages\.zip))"
    r"|category_asins\.(?P<category>json|csv))(?=[?#]|\Z)"
)
# Somebody who escapes links thoroughly escapes these two as well.
_SUFFIX = re.compile(_PLAIN_SUFFIX.replace("_", "(?:_|%5[Ff])").replace(r"\.", r"(?:\.|%2[Ee])"))


@attrs.frozen
class FileLocation:
    """Where a file of the service is."""

    url: str
    """What to ask for: only characters 0x21-0x7E."""
    alternate_url: str | None
    """The other reading of an ambiguous ``%``, to try once after a 404; ``None`` when there is none."""
    name: str
    """The service's own file name, decoded as far as it can be told, for the manifest; never for a path."""
    label: str
    """For logs and errors, as "results/101/88/page 1": no name, no query."""


@attrs.frozen
class ResultLink(FileLocation):
    """A result link, taken apart as text."""

    collection_id: int
    run_id: int


@attrs.frozen
class _Tail:
    """What follows the ids."""

    name: str
    query: str
    kind: str = "file"
    suffix: str = ""

    def expected(self, collection_name: str | None) -> str | None:
        """The raw name as the service should have written it, if that can be told."""
        if self.kind.startswith("category_asins"):
            return self.suffix
        return collection_name + self.suffix if collection_name is not None and self.suffix else None

    def is_of(self, collection_name: str | None) -> bool:
        expected = self.expected(collection_name)
        return expected is not None and expected in {self.name, unquote(self.name)}


class _RefusedError(Exception):
    """Why a link is not followed."""


def parse_link(
    text: str,
    *,
    base: str,
    collection_id: int | None = None,
    run_id: int | None = None,
    collection_name: str | None = None,
) -> ResultLink:
    """What to ask for to get the file behind a link of the service.

    Args:
        text: The link as the service wrote it, absolute or starting with a slash.
        base: The configured base URL, without a slash at its end.
        collection_id: The collection that the link must be of.
        run_id: The run that the link must be of.
        collection_name: The collection's name, if known: it decides what a ``%`` in the link means.

    Raises:
        UnreachableResultError: The link leads elsewhere, or no request can name the file.
    """
    try:
        _check_characters(text)
        collection, run, rest = _within(text, base)
        _check_ids((collection_id, run_id), (int(collection), int(run)))
        tail = _split(rest, run, collection_name)
        name, wire, other = _readings(tail, collection_name)
        query = quote(_query(tail), safe=_VISIBLE)
    except _RefusedError as refusal:
        ids = [str(part) for part in (collection_id, run_id) if part is not None]
        raise UnreachableResultError("/".join(["results", *ids]), str(refusal)) from None
    folder = f"{base}/results/{collection}/{run}/"
    return ResultLink(
        url=f"{folder}{wire}{query}",
        alternate_url=None if other is None else f"{folder}{other}{query}",
        collection_id=int(collection),
        run_id=int(run),
        name=name,
        label=f"results/{int(collection)}/{int(run)}/{tail.kind}",
    )


def _check_characters(text: str) -> None:
    if len(text) > _LONGEST_LINK:
        raise _RefusedError(f"the link has more than {_LONGEST_LINK} characters")
    if text.isprintable():  # neither of them is; nearly all links are, and a run may have thousands
        return
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise _RefusedError("there is a control character or half a character in the link")


def _within(text: str, base: str) -> tuple[str, str, str]:
    """The ids and the tail of a link that is below the base URL."""
    here = _ABSOLUTE.fullmatch(base)
    if here is None:
        raise _RefusedError("the base URL is not absolute")
    path = text
    if not text.startswith("/"):
        there = _ABSOLUTE.fullmatch(text)
        if there is None or not _same_origin((there[1], there[2]), (here[1], here[2])):
            raise _RefusedError("the link leads to another place than the base URL")
        path = there[3]
    prefix = f"{here[3]}/results/"
    ids = _IDS.fullmatch(path.removeprefix(prefix)) if path.startswith(prefix) else None
    if ids is None:
        raise _RefusedError("the link is not of the form <base URL>/results/<collection>/<run>/<file>")
    return ids[1], ids[2], ids[3]


def _check_ids(wanted: tuple[int | None, int | None], found: tuple[int, int]) -> None:
    if any(want not in {None, have} for want, have in zip(wanted, found, strict=True)):
        raise _RefusedError("the link is of another collection or run")


@functools.lru_cache(maxsize=64)  # the links of a run have one origin, and a run may have thousands of them
def _same_origin(there: tuple[str, str], here: tuple[str, str]) -> bool:
    scheme, base_scheme = there[0].lower(), here[0].lower()
    authority, base_authority = _AUTHORITY.fullmatch(there[1]), _AUTHORITY.fullmatch(here[1])
    if authority is None or base_authority is None or scheme not in _PORTS or base_scheme not in _PORTS:
        return False
    if not authority[1].isascii() or authority[1].lower() != base_authority[1].lower():
        return False  # letters outside ASCII can turn into ASCII ones in lower case
    port, base_port = (
        int(found[2] or _PORTS[name]) for found, name in ((authority, scheme), (base_authority, base_scheme))
    )
    if (scheme, base_scheme) == ("http", "https"):
        return port in {80, base_port}  # Django behind a proxy that ends TLS builds such links
    return (scheme, port) == (base_scheme, base_port)


def _split(rest: str, run: str, collection_name: str | None) -> _Tail:
    """Name and query, parted at the last known suffix, or at the one that fits the collection's name."""
    tails = [_tail(rest, found) for found in _SUFFIX.finditer(rest) if found["run"] in {None, run}]
    if not tails:
        name, mark, query = rest.partition("?")
        return _Tail(name, mark + query)
    return next((tail for tail in reversed(tails) if tail.is_of(collection_name)), tails[-1])


def _tail(rest: str, found: re.Match[str]) -> _Tail:
    if found["category"]:
        kind = f"category_asins.{found['category']}"
    else:
        kind = "all pages" if found["all"] else f"page {found['page']}"
    return _Tail(rest[: found.end()], rest[found.end() :], kind, unquote(found[0]))


def _readings(tail: _Tail, collection_name: str | None) -> tuple[str, str, str | None]:
    """The decoded name, what stands for it in the URL, and the other possibility of the latter.

    A name that the service wrote raw must be encoded, ``%`` and all; one that it encoded must be left as it is.
    """
    raw, decoded, expected = tail.name, unquote(tail.name), tail.expected(collection_name)
    encoded = quote(raw, safe=_SUB_DELIMS)
    as_is = raw if _LEGAL.fullmatch(raw) else None
    if as_is is None and decoded == expected:
        as_is = quote(decoded, safe=_SUB_DELIMS)  # encoded in parts only
    if as_is is None or raw == expected:
        _check_name(raw)
        other = as_is if as_is != encoded and _is_reachable(decoded) else None
        return raw, encoded, other
    _check_name(decoded)
    return decoded, as_is, encoded if as_is != encoded else None


def _is_reachable(name: str) -> bool:
    return "/" not in name and name not in {"", ".", ".."}


def _check_name(name: str) -> None:
    if not _is_reachable(name):
        raise _RefusedError("the file's name is empty, or dots, or has a slash in it, which no request can express")


def _query(tail: _Tail) -> str:
    if "#" in tail.query:
        raise _RefusedError("there is a fragment behind the file's name")
    return tail.query


def name_troubles(name: str) -> tuple[str, ...]:
    """Why a collection of this name will make trouble in the links to its results; empty if it will not."""
    controls = any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    size = len(name.encode("utf-8", "surrogatepass"))
    troubles = (
        ("/" in name, "a slash makes the results unreachable: no link can name them"),
        (controls, "a control character makes the results unreachable: no link can name them"),
        ("\\" in name, "a backslash is a slash to some programs, and makes the results unreachable for them"),
        (
            not set("#?%").isdisjoint(name),
            "#, ? and % break the links for other programs: the service does not escape them",
        ),
        (name != name.strip(), "leading or trailing blanks get lost in links"),
        (size > _LONGEST_NAME, f"more than {_LONGEST_NAME} bytes in UTF-8 can be too long for the names of files"),
    )
    return tuple(text for holds, text in troubles if holds)
