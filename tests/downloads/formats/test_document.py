"""The check of JSON files: brackets alone, every byte, and the service's envelope in place of a file."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.json_pages import cut, damaged_pages, loaded, pages

from multicart_async import Limits
from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.json_document import DocumentCheck, EnvelopeReceivedError, envelope_in

PAGE = '[{"asin": "B0DJQQ38TG", "price": 1.5, "title": "é 日本 😀", "stock": null}, {"n": [1, -2e3, true]}]'.encode()
DEEP = b"[" * 100_000 + b"]" * 100_000
REFUSAL = {"code": 403, "data": "Not yours", "status": 0}


def check(body: bytes, *, full: bool, size: int = 0) -> None:
    """Feed *body* in pieces of *size*, or whole."""
    checker = DocumentCheck(full=full)
    for at in range(0, len(body), size or len(body) or 1):
        checker.feed(body[at : at + (size or len(body))])
    checker.finish()


def good(body: bytes, *, full: bool, size: int = 0) -> bool:
    """Whether the file is taken."""
    try:
        check(body, full=full, size=size)
    except ContentError:
        return False
    return True


both = pytest.mark.parametrize("full", [False, True], ids=["brackets", "full"])
pieces = pytest.mark.parametrize("size", [0, 1, 7, 100])


@both
@pieces
@pytest.mark.parametrize(
    "body",
    [
        PAGE,
        b"[]",
        b"{}",
        b'{"asins": []}',
        b"\xef\xbb\xbf[1]",
        b"\xef\xbb\xbf \r\n\t[1]\n" + b" " * 200 + b"\r\n",
        b" " * 200 + b"{}",
        b"[12345678901234567890123456789012345678901234567890]",
        b"[1.5e400, -0, 1E-400]",
        DEEP[:300] + DEEP[-300:],
        b'["\\ud800", "\\u0000"]',
        b'["\xed\xa0\x80"]',
        b"[NaN, -Infinity]",
        b'{"a": NaN, "b": [Infinity]}',
        b"[null, 1]",
        json.dumps({**REFUSAL, "status": 1, "more": 1}).encode(),
        b'{"detail": "You do not have permission to perform this action."}',
        b'{"status": 0, "code": 1}',
    ],
    ids=range(18),
)
def test_good_files(body, size, full) -> None:
    """Arrays and objects, with or without byte order mark and blanks, in pieces of any size."""
    check(body, full=full, size=size)


@both
@pieces
@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("empty or has only whitespace", b""),
        ("empty or has only whitespace", b" \n" * 100),
        ("empty or has only whitespace", b"\xef\xbb\xbf \n"),
        ("empty or has only whitespace", b"\xef\xbb"),
        ("HTML", b"<!DOCTYPE html><html></html>"),
        ("HTML", b"\xef\xbb\xbf\n<html>"),
        ("null", b"null"),
        ("string", b'"abc"'),
        ("true", b"true"),
        ("false", b"false"),
        ("a number", b"12"),
        ("a number", b"-1"),
        ("something else", b"abc"),
        ("something else", b"]"),
        ("something else", b"\x1f\x8b\x08"),
        ("something else", b" \xef\xbb\xbf[]"),
        ("something else", b"\xef\xbb\xbf\xef\xbb\xbf[]"),
        ("the JSON is incomplete", b"["),
        ("the JSON is incomplete", b'{"a": [1]'),
        ("the JSON is incomplete", b"[1}"[:2]),
    ],
    ids=range(20),
)
def test_what_is_no_array_or_object(reason, body, size, full) -> None:
    """Empty, HTML or a bare value: refused with a reason that names it."""
    with pytest.raises(ContentError, match=reason):
        check(body, full=full, size=size)


@both
@pytest.mark.parametrize("body", [b"[1}", b'{"a": 1]', b"[", b"{", b"[1] x", b"[] <html>"])
def test_brackets_that_do_not_match(body, full) -> None:
    """The last bracket must be the first one's."""
    assert not good(body, full=full)


@both
@pytest.mark.parametrize("size", [0, 1])
def test_every_truncation(full, size) -> None:
    """A page cut anywhere is refused by the full check; by the other one wherever no bracket happens to stand last."""
    page = b" " + PAGE + b"\n"
    taken = [end for end in range(len(page) - 1) if good(page[:end], full=full, size=size)]
    expected = [] if full else [end for end in range(len(page) - 1) if page[:end].endswith(b"]")]
    assert expected == taken


@pieces
@pytest.mark.parametrize(
    "body",
    [
        b"[1][2]",
        b"[1]\n[2]",
        b"[1]]",
        b'["\xff"]',
        b'["\xc0\x80"]',
        b"[01]",
        b"[1,]",
        b"[1 2]",
        b'[{"a" 1}]',
        b"[{'a': 1}]",
        b'["\n"]',
        b"[/**/]",
        b"[" + b"9" * 5000 + b"]",
        b"[1, \x00]",
        b"[[1]",
        b"[1,\x0c2]",
        b"[[1}]",
    ],
    ids=range(17),
)
def test_only_the_full_check_sees(body, size) -> None:
    """Two documents, invalid UTF-8 and other damage between brackets that match."""
    check(body, full=False, size=size)
    with pytest.raises(ContentError, match=r"JSON") as caught:
        check(body, full=True, size=size)
    assert "\n" not in str(caught.value)


@both
@pieces
@pytest.mark.parametrize(
    "body",
    [
        json.dumps(REFUSAL).encode() * 2,
        b"{'code': 403, 'data': 'Not yours', 'status': 0}",
        b'{"code":500,"data":' + b"1" * 5000 + b',"status":0}',
        b'{"code":500,"data":"a "quoted" word","status":0}',
    ],
    ids=range(4),
)
def test_a_damaged_object_that_may_be_an_answer_is_refused(body, size, full) -> None:
    """Refusals are small objects: what looks like one, and is damaged, is no page of one record."""
    with pytest.raises(
        ContentError, match=r"the file may be a damaged envelope of the service: (invalid|unsupported) JSON"
    ) as caught:
        check(body, full=full, size=size)
    assert not isinstance(caught.value, EnvelopeReceivedError)


@pieces
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}{"a":1}',
        b'{"a" 1}',
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b'{"a": "\n"}',
        b'{"a":' + DEEP[:32_000] + DEEP[-32_000:] + b"}",
        b'\xef\xbb\xbf \n{"a":1}}',
    ],
    ids=range(7),
)
def test_another_damaged_object_is_refused_by_the_full_check(body, size) -> None:
    """Where the transfer proved it, it is what the service has."""
    check(body, full=False, size=size)
    with pytest.raises(ContentError, match=r"invalid JSON|nested too deeply"):
        check(body, full=True, size=size)


@both
def test_an_object_in_another_encoding_does_not_end_like_one(full) -> None:
    """Its last byte is half of a bracket."""
    assert not good(json.dumps({"a": 1}).encode("utf-16-le"), full=full)


@pieces
def test_a_large_object_is_parsed_by_the_full_check_only(size) -> None:
    """Above 64 KiB it is a file as any other."""
    body = b'{"a": "' + b"x" * 70_000 + b'", "b": nan}'
    check(body, full=False, size=size)
    assert not good(body, full=True, size=size)


def test_deep_nesting() -> None:
    """A hundred thousand brackets are no RecursionError: they pass where nothing is parsed, and are a defect else."""
    check(DEEP, full=False)
    with pytest.raises(ContentError, match="record 1 is nested too deeply") as caught:
        check(DEEP, full=True)
    assert caught.value.final


@pytest.mark.parametrize("size", [0, 100])
@pytest.mark.parametrize("page", [[{}, {"a": "x" * 2000}], {"a": "x" * 70_000}], ids=["record", "object"])
def test_the_full_check_bounds_a_record(page, size) -> None:
    """It has to be held while it is parsed; where nothing is parsed it may have any size."""
    body = json.dumps(page).encode()
    checker = DocumentCheck(full=True, limits=Limits(record_bytes=1000))

    with pytest.raises(
        ContentError, match=r"record \d takes more than 1,000 bytes of JSON: raise Limits.record_bytes"
    ) as caught:
        for at in range(0, len(body), size or len(body)):
            checker.feed(body[at : at + (size or len(body))])
    assert caught.value.final
    check(body, full=False, size=size)


def test_a_large_text_is_not_held_where_nothing_is_parsed() -> None:
    """The transfer has proved it, so memory does not follow its size."""
    checker, piece = DocumentCheck(full=False), b"x" * (1 << 16)
    tracemalloc.start()
    try:
        checker.feed(b'[{"a": "')
        for _ in range(256):
            checker.feed(piece)
        checker.feed(b'"}]')
        checker.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1 << 20


@settings(max_examples=100, deadline=None)
@given(pages() | damaged_pages(), st.lists(st.integers(0, 400), max_size=4))
def test_the_full_check_takes_what_json_loads_takes(page, places) -> None:
    """The verdict of the full check is that of `json.loads`, wherever the file is cut."""
    checker = DocumentCheck(full=True)
    try:
        for piece in cut(page, places):
            checker.feed(piece)
        checker.finish()
    except ContentError:
        assert loaded(page) is None
    else:
        assert loaded(page) is not None


@both
@pieces
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b" \n"], ids=["plain", "BOM", "whitespace"])
def test_an_envelope_in_place_of_the_file(mark, size, full) -> None:
    """A refusal with status 200 is handed out, not stored."""
    with pytest.raises(EnvelopeReceivedError) as caught:
        check(mark + json.dumps(REFUSAL).encode() + b"\n", full=full, size=size)
    assert caught.value.envelope == REFUSAL
    assert isinstance(caught.value, ContentError)


@both
@pieces
@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (b'{"code":403,"data":"Acc\xe8s refus\xe9","status":0}', {**REFUSAL, "data": "Acc\ufffds refus\ufffd"}),
        (b'{"code":403,"data":"Not yours","status":0,"id":7}', {**REFUSAL, "id": 7}),
    ],
    ids=["not UTF-8", "more keys"],
)
def test_a_refusal_may_be_in_latin_1_and_have_more_keys(body, envelope, size, full) -> None:
    """It is a refusal all the same."""
    with pytest.raises(EnvelopeReceivedError) as caught:
        check(body, full=full, size=size)
    assert envelope == caught.value.envelope


LONG = b'"' + b"Traceback " * 7_200 + b'"'


@both
@pytest.mark.parametrize("size", [0, 7, 100, 65_530, 65_536])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf \n"], ids=["plain", "BOM"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"code":500,"data":' + LONG + b',"status":0}',
        b'{ "code" : 500 ,\n "data" : ' + LONG + b' ,\n "status" : 0\n}\n',
        b'{"code":500,"status":0,"data":' + LONG + b"}",
        b'{"status":0,"code":500,"data":' + LONG + b',"more":1}',
    ],
    ids=range(4),
)
def test_a_large_refusal_is_known_by_its_ends(body, mark, size, full) -> None:
    """In the service's order of keys, and where the status comes first; only the beginning of its data is kept."""
    with pytest.raises(EnvelopeReceivedError) as caught:
        check(mark + body, full=full, size=size)
    envelope = caught.value.envelope
    assert (envelope["code"], envelope["status"], envelope["data"].startswith('"Traceback Trace')) == (500, 0, True)
    assert len(envelope["data"]) <= 1024
    assert envelope["data"].endswith("Traceback …")


@both
@pytest.mark.parametrize(
    "body",
    [
        json.dumps(REFUSAL).encode() + b" " * 70_000,
        b'{"code":500,"data":' + LONG + b',"status":1}',
        b'{"code":500,"data":' + LONG + b',"status":0,"more":1}',
        b'{"code":500,"data":' + LONG + b',"more":{"status":0}}',
        b'{"code":"500","data":' + LONG + b',"status":0}',
        b'{"asin":"B0","code":500,"data":' + LONG + b',"status":0}',
        b'{"code":500,"text":' + LONG + b',"status":0}',
        b'[{"code":500,"data":' + LONG + b',"status":0}]',
    ],
    ids=range(8),
)
def test_a_large_object_that_may_be_a_record_is_a_file(body, full) -> None:
    """Above 64 KiB nothing else is kept: what the ends leave in doubt is left alone."""
    check(body, full=full, size=1000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x05\x06",
        b"[]",
        b"null",
        b"{}",
        b'{"code":1,"data":2}',
        b'{"code":1,"data":2,"status":1,"x":1}',
        b'{"code":1,"data":2,"status":false,"x":1}',
        b'{"code":1,"status":0,"x":1}',
        b'{"code":1,"data":2,"status":0}x',
        DEEP[:20_000] + DEEP[-20_000:],
        b'{"code":1,"data":2,"status":' + b"9" * 5000 + b"}",
        b'{"code":1,"data":2,"status":0}' + b" " * 65_536,
    ],
    ids=range(13),
)
def test_what_is_no_envelope(body) -> None:
    """Other keys, other types, damage, depth and size."""
    assert envelope_in(body) is None


@pytest.mark.parametrize("changes", [{}, {"status": 1}, {"status": "x", "code": None}, {"x": 1, "y": 2}], ids=repr)
def test_what_is_an_envelope(changes) -> None:
    """Exactly the three keys, whatever their values; and a refusal whatever other keys it has."""
    assert envelope_in(json.dumps({**REFUSAL, **changes}).encode()) == {**REFUSAL, **changes}


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    indent=st.sampled_from([None, 2]),
    plain=st.booleans(),
    size=st.integers(1, 40),
    end=st.integers(1, 5),
)
def test_what_python_writes_is_whole(value, indent, plain, size, end) -> None:
    """Any list that Python writes as JSON passes in any pieces, and not without its end."""
    body = json.dumps([value], indent=indent, ensure_ascii=plain).encode("utf-8", "replace")
    check(body, full=False, size=size)
    check(body, full=True, size=size)
    assert not good(body[:-end], full=True, size=size)
