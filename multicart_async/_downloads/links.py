"""Convert the service's links to results into URLs that can be requested.

The service writes the name of the collection into its links without escaping it, so they may contain ``#``, ``?``, ``%``
and spaces, which a URL parser would take for syntax. Here a link is parsed as a string, from both ends towards the name.
A link never decides where a request goes: its origin is compared with the configured base URL and replaced by it.
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
_MAX_LINK = 8192  # servers reject longer ones
_MAX_NAME = 120  # bytes; file systems allow 255, and the service adds about 30 and may escape each byte

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
# Strict escaping encodes these two characters as well.
_SUFFIX = re.compile(_PLAIN_SUFFIX.replace("_", "(?:_|%5[Ff])").replace(r"\.", r"(?:\.|%2[Ee])"))


@attrs.frozen
class FileLocation:
    """The location of a file of the service."""

    url: str
    """The URL to request, in the characters 0x21-0x7E."""
    alternate_url: str | None
    """The URL for the other interpretation of an ambiguous ``%``, to try once after a 404; ``None`` if there is none."""
    name: str
    """The service's own file name, decoded as far as possible: for the manifest, never for a path."""
    label: str
    """The label for logs and errors, such as "results/101/88/page 1", without name and query."""


@attrs.frozen
class ResultLink(FileLocation):
    """A parsed link to a result."""

    collection_id: int
    run_id: int


@attrs.frozen
class _Tail:
    """The part of a link after the ids."""

    name: str
    query: str
    kind: str = "file"
    suffix: str = ""

    def expected(self, collection_name: str | None) -> str | None:
        """Return the unescaped name that the service should have written, ``None`` if it is not known."""
        if self.kind.startswith("category_asins"):
            return self.suffix
        return collection_name + self.suffix if collection_name is not None and self.suffix else None

    def is_of(self, collection_name: str | None) -> bool:
        expected = self.expected(collection_name)
        return expected is not None and expected in {self.name, unquote(self.name)}


class _LinkRejectedError(Exception):
    """The reason why a link is not followed."""


def parse_link(
    text: str,
    *,
    base: str,
    collection_id: int | None = None,
    run_id: int | None = None,
    collection_name: str | None = None,
) -> ResultLink:
    """Parse a link of the service into the URL to request.

    Args:
        text: The link as the service wrote it, absolute or starting with a slash.
        base: The configured base URL, without a trailing slash.
        collection_id: The collection that the link must belong to.
        run_id: The run that the link must belong to.
        collection_name: The collection's name, if known; it resolves an ambiguous ``%`` in the link.

    Raises:
        UnreachableResultError: The link does not belong to the base URL or the run, or no request can name the file.
    """
    try:
        _check_characters(text)
        collection, run, rest = _split_base(text, base)
        _check_ids((collection_id, run_id), (int(collection), int(run)))
        tail = _split_query(rest, run, collection_name)
        name, encoded_name, alternate = _interpret(tail, collection_name)
        query = quote(_checked_query(tail), safe=_VISIBLE)
    except _LinkRejectedError as rejection:
        ids = [str(part) for part in (collection_id, run_id) if part is not None]
        raise UnreachableResultError("/".join(["results", *ids]), str(rejection)) from None
    folder = f"{base}/results/{collection}/{run}/"
    return ResultLink(
        url=f"{folder}{encoded_name}{query}",
        alternate_url=None if alternate is None else f"{folder}{alternate}{query}",
        collection_id=int(collection),
        run_id=int(run),
        name=name,
        label=f"results/{int(collection)}/{int(run)}/{tail.kind}",
    )


def _check_characters(text: str) -> None:
    if len(text) > _MAX_LINK:
        raise _LinkRejectedError(f"expected a link of at most {_MAX_LINK} characters, got {len(text)}")
    if text.isprintable():  # fast path: nearly all links are printable, and a run may have thousands
        return
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise _LinkRejectedError("the link contains a control character or a lone surrogate")


def _split_base(text: str, base: str) -> tuple[str, str, str]:
    """Return the two ids and the rest of a link below the base URL."""
    base_parts = _ABSOLUTE.fullmatch(base)
    if base_parts is None:
        raise _LinkRejectedError("the base URL is not absolute")
    path = text
    if not text.startswith("/"):
        link_parts = _ABSOLUTE.fullmatch(text)
        if link_parts is None or not _same_origin((link_parts[1], link_parts[2]), (base_parts[1], base_parts[2])):
            raise _LinkRejectedError("expected a link below the base URL, got one to another origin")
        path = link_parts[3]
    prefix = f"{base_parts[3]}/results/"
    ids = _IDS.fullmatch(path.removeprefix(prefix)) if path.startswith(prefix) else None
    if ids is None:
        raise _LinkRejectedError("expected a link of the form <base URL>/results/<collection>/<run>/<file>")
    return ids[1], ids[2], ids[3]


def _check_ids(expected: tuple[int | None, int | None], found: tuple[int, int]) -> None:
    if any(expected_id not in {None, found_id} for expected_id, found_id in zip(expected, found, strict=True)):
        raise _LinkRejectedError("the link belongs to another collection or run")


@functools.lru_cache(maxsize=64)  # all links of a run have the same origin, and there may be thousands
def _same_origin(link_parts: tuple[str, str], base_parts: tuple[str, str]) -> bool:
    scheme, base_scheme = link_parts[0].lower(), base_parts[0].lower()
    authority, base_authority = _AUTHORITY.fullmatch(link_parts[1]), _AUTHORITY.fullmatch(base_parts[1])
    if authority is None or base_authority is None or scheme not in _PORTS or base_scheme not in _PORTS:
        return False
    if not authority[1].isascii() or authority[1].lower() != base_authority[1].lower():
        return False  # lower() can turn a letter outside ASCII into an ASCII one
    port, base_port = (
        int(found[2] or _PORTS[name]) for found, name in ((authority, scheme), (base_authority, base_scheme))
    )
    if (scheme, base_scheme) == ("http", "https"):
        return port in {80, base_port}  # Django behind a proxy that terminates TLS builds such links
    return (scheme, port) == (base_scheme, base_port)


def _split_query(rest: str, run: str, collection_name: str | None) -> _Tail:
    """Split name and query after the suffix that fits the collection's name, or else after the last known suffix."""
    tails = [_make_tail(rest, found) for found in _SUFFIX.finditer(rest) if found["run"] in {None, run}]
    if not tails:
        name, separator, query = rest.partition("?")
        return _Tail(name, separator + query)
    return next((tail for tail in reversed(tails) if tail.is_of(collection_name)), tails[-1])


def _make_tail(rest: str, found: re.Match[str]) -> _Tail:
    if found["category"]:
        kind = f"category_asins.{found['category']}"
    else:
        kind = "all pages" if found["all"] else f"page {found['page']}"
    return _Tail(rest[: found.end()], rest[found.end() :], kind, unquote(found[0]))


def _interpret(tail: _Tail, collection_name: str | None) -> tuple[str, str, str | None]:
    """Return the decoded name, its form in the URL, and an alternate form if the link is ambiguous.

    A name that the service wrote unescaped has to be encoded, including any ``%``; an escaped name is used as it is.
    """
    raw, decoded, expected = tail.name, unquote(tail.name), tail.expected(collection_name)
    encoded = quote(raw, safe=_SUB_DELIMS)
    as_is = raw if _LEGAL.fullmatch(raw) else None
    if as_is is None and decoded == expected:
        as_is = quote(decoded, safe=_SUB_DELIMS)  # partly escaped
    if as_is is None or raw == expected:
        _check_name(raw)
        alternate = as_is if as_is != encoded and _is_reachable(decoded) else None
        return raw, encoded, alternate
    _check_name(decoded)
    return decoded, as_is, encoded if as_is != encoded else None


def _is_reachable(name: str) -> bool:
    return "/" not in name and name not in {"", ".", ".."}


def _check_name(name: str) -> None:
    if not _is_reachable(name):
        raise _LinkRejectedError(
            "the file's name is empty, consists of dots or contains a slash, so no request can name it"
        )


def _checked_query(tail: _Tail) -> str:
    if "#" in tail.query:
        raise _LinkRejectedError("the link has a fragment after the file's name")
    return tail.query


def name_troubles(name: str) -> tuple[str, ...]:
    """Return the problems that this collection name causes in the links to its results; empty if there are none."""
    has_control = any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    size = len(name.encode("utf-8", "surrogatepass"))
    troubles = (
        ("/" in name, "a slash makes the results unreachable: no link can name them"),
        (has_control, "a control character makes the results unreachable: no link can name them"),
        ("\\" in name, "some programs treat a backslash as a slash, so they cannot reach the results"),
        (
            not set("#?%").isdisjoint(name),
            "#, ? and % break the links for other programs, because the service does not escape them",
        ),
        (name != name.strip(), "leading or trailing whitespace is lost in links"),
        (size > _MAX_NAME, f"more than {_MAX_NAME} bytes in UTF-8 can be too long for file names"),
    )
    return tuple(text for applies, text in troubles if applies)
