"""May a broken transfer go on where it stopped?"""

from __future__ import annotations

import pytest
from support.fakes import FakeFile

from multicart_async._downloads.resume import ResumeToken

FIRST = {"etag": '"v1"', "accept-ranges": "bytes", "content-length": "1000"}
REST = {"etag": '"v1"', "content-range": "bytes 400-999/1000", "content-length": "600"}
TICKET = ResumeToken('"v1"', 1000)


def first(**changes: str | None) -> FakeFile:
    """A first answer, with changes to its headers; None leaves one out."""
    return FakeFile([], headers=merged(FIRST, changes))


def merged(headers: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    found = {**headers, **{name.replace("_", "-"): text for name, text in changes.items()}}
    return {name: text for name, text in found.items() if text is not None}


def test_a_server_that_proves_that_it_can_gets_a_ticket() -> None:
    """A strong ETag, ranges in bytes, and a length."""
    assert ResumeToken.from_response(first()) == TICKET


@pytest.mark.parametrize("text", ["BYTES", " bytes ", "none, bytes", "bytes,seconds"])
def test_ranges_may_be_written_in_many_ways(text: str) -> None:
    """Bytes must be among them."""
    assert ResumeToken.from_response(first(accept_ranges=text)) == TICKET


@pytest.mark.parametrize("text", ['""', '"a b c"'.replace(" ", "-"), '"!#~"', '"\xe9"'])
def test_a_strong_etag_is_any_quoted_text(text: str) -> None:
    """Its content is the server's."""
    assert ResumeToken(text, 1000) == ResumeToken.from_response(first(etag=text))


LESS = [
    {"etag": None},
    {"etag": ""},
    {"etag": 'W/"v1"'},
    {"etag": "v1"},
    {"etag": '"v1'},
    {"etag": '"v 1"'},
    {"etag": '"a"b"'},
    {"etag": '"v1", "v2"'},
    {"etag": '"v1"\n'},
    {"accept_ranges": None},
    {"accept_ranges": "none"},
    {"accept_ranges": "bytesish"},
    {"content_length": None},
]


@pytest.mark.parametrize("changes", LESS, ids=repr)
def test_for_anything_less_there_is_none(changes: dict[str, str | None]) -> None:
    """A weak ETag says that two versions mean the same, not that their bytes are."""
    assert ResumeToken.from_response(first(**changes)) is None


def test_a_ticket_asks_for_the_rest_of_this_very_version() -> None:
    """Another version comes whole then."""
    assert TICKET.headers(400) == {"Range": "bytes=400-", "If-Range": '"v1"'}


def test_exactly_the_rest_goes_on() -> None:
    """206, the same ETag, from the offset to the end, uncoded."""
    assert TICKET.accepts(FakeFile([], 206, REST), 400)
    assert TICKET.accepts(FakeFile([], 206, {**REST, "content-encoding": "Identity"}), 400)
    assert TICKET.accepts(FakeFile([], 206, {**REST, "content-type": "application/json"}), 400)


OTHER = {
    "the whole file": (200, {"content_range": None, "content_length": "1000"}),
    "a status of the whole file": (200, {}),
    "no range": (206, {"content_range": None}),
    "an earlier offset": (206, {"content_range": "bytes 399-999/1000", "content_length": "601"}),
    "a later offset": (206, {"content_range": "bytes 401-999/1000", "content_length": "599"}),
    "from the start": (206, {"content_range": "bytes 0-999/1000", "content_length": "1000"}),
    "less than the rest": (206, {"content_range": "bytes 400-998/1000", "content_length": "599"}),
    "another whole length": (206, {"content_range": "bytes 400-999/1001"}),
    "an unknown whole length": (206, {"content_range": "bytes 400-999/*"}),
    "another unit": (206, {"content_range": "lines 400-999/1000"}),
    "a negative number": (206, {"content_range": "bytes -400-999/1000"}),
    "other digits": (206, {"content_range": "bytes \u0664\u0660\u0660-999/1000"}),
    "something behind": (206, {"content_range": "bytes 400-999/1000, 0-1/1000"}),
    "a line break behind": (206, {"content_range": "bytes 400-999/1000\n"}),
    "another version": (206, {"etag": '"v2"'}),
    "a weak version": (206, {"etag": 'W/"v1"'}),
    "no version": (206, {"etag": None}),
    "a coding": (206, {"content_encoding": "gzip"}),
    "a length that does not fit": (206, {"content_length": "599"}),
    "no length": (206, {"content_length": None}),
    "many parts": (206, {"content_range": None, "content_type": "multipart/byteranges; boundary=x"}),
    "many parts, and a range": (206, {"content_type": "multipart/byteranges; boundary=x"}),
    "many parts in other letters": (206, {"content_type": " Multipart/ByteRanges"}),
    "not satisfiable": (416, {"content_range": "bytes */1000"}),
}


@pytest.mark.parametrize("name", OTHER)
def test_anything_else_does_not_go_on(name: str) -> None:
    """Appending it would make a corrupt file, twice with exactly the right length."""
    status, changes = OTHER[name]

    assert not TICKET.accepts(FakeFile([], status, merged(REST, changes)), 400)
