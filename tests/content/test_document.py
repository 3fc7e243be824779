"""The check of JSON files: brackets alone, every byte, and the service's envelope in place of a file."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async._content import Defect, document
from multicart_async._content.document import DocumentCheck, EnvelopeInstead, envelope_in

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
    except Defect:
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
        json.dumps({**REFUSAL, "more": 1}).encode(),
    ],
    ids=range(12),
)
def test_good_files(body, size, full) -> None:
    """Arrays and objects, with or without byte order mark and blanks, in pieces of any size."""
    check(body, full=full, size=size)


@both
@pieces
@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("empty or blank", b""),
        ("empty or blank", b" \n" * 100),
        ("empty or blank", b"\xef\xbb\xbf \n"),
        ("empty or blank", b"\xef\xbb"),
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
        ("cut off", b"["),
        ("cut off", b'{"a": [1]'),
        ("cut off", b"[1}"[:2]),
    ],
    ids=range(20),
)
def test_what_is_no_array_or_object(reason, body, size, full) -> None:
    """Empty, HTML or a bare value: refused with a reason that names it."""
    with pytest.raises(Defect, match=reason):
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
        b'{"a":1}{"a":1}',
        b"[1]]",
        b"[NaN]",
        b"[Infinity]",
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        b"[01]",
        b"[1,]",
        b"[1 2]",
        b'{"a" 1}',
        b"{'a': 1}",
        b'["\n"]',
        b"[/**/]",
        b"[" + b"9" * 5000 + b"]",
        b"[1e999999999999999999999999]",
        b"[1, \x00]",
        b"[[1]",
    ],
    ids=range(20),
)
def test_only_the_full_check_sees(body, size) -> None:
    """Two documents, NaN, invalid UTF-8 and other damage between brackets that match."""
    check(body, full=False, size=size)
    with pytest.raises(Defect, match=r"JSON") as caught:
        check(body, full=True, size=size)
    assert "\n" not in str(caught.value)


@both
def test_deep_nesting(full) -> None:
    """A hundred thousand brackets are no RecursionError."""
    check(DEEP, full=full)
    assert not good(DEEP[:-1] + b"}", full=full)


@both
@pieces
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b" \n"], ids=["plain", "BOM", "blanks"])
def test_an_envelope_in_place_of_the_file(mark, size, full) -> None:
    """A refusal with status 200 is handed out, not stored."""
    with pytest.raises(EnvelopeInstead) as caught:
        check(mark + json.dumps(REFUSAL).encode() + b"\n", full=full, size=size)
    assert caught.value.envelope == REFUSAL
    assert isinstance(caught.value, Defect)


@both
def test_a_big_envelope_is_a_file(full) -> None:
    """Above 64 KiB nothing is kept: no refusal is that long."""
    check(json.dumps(REFUSAL).encode() + b" " * 70_000, full=full, size=1000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x05\x06",
        b"[]",
        b"null",
        b"{}",
        b'{"code":1,"data":2}',
        b'{"code":1,"data":2,"status":0,"x":1}',
        b'{"code":1,"data":2,"status":0}x',
        b'{"code":1,"data":"\xff","status":0}',
        DEEP[:20_000] + DEEP[-20_000:],
        b'{"code":1,"data":2,"status":' + b"9" * 5000 + b"}",
        b'{"code":1,"data":2,"status":0}' + b" " * 65_536,
    ],
    ids=range(12),
)
def test_what_is_no_envelope(body) -> None:
    """Other keys, other types, damage, depth and size."""
    assert envelope_in(body) is None


def test_what_is_an_envelope() -> None:
    """Exactly the three keys, whatever their values."""
    assert envelope_in(json.dumps(REFUSAL).encode()) == REFUSAL


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


def test_without_the_c_backend(monkeypatch) -> None:
    """Where ijson has no C backend its next best one does the same."""
    python = import_module("ijson.backends.python")

    def without(name):
        if name.startswith("ijson.backends"):
            raise ImportError(name)
        module = import_module(name)
        monkeypatch.setattr(module, "basic_parse_coro", python.basic_parse_coro)
        return module

    monkeypatch.setattr(document, "import_module", without)
    check(PAGE, full=True, size=7)
    check(DEEP[:3000] + DEEP[-3000:], full=True, size=100)
    for body in (PAGE[:-20] + b"]", b"[1][2]", b'["\xff"]', b"[NaN]", b"[1e999999999999999999999999]", b"[1,]"):
        assert not good(body, full=True), body


def test_ijson_is_loaded_late() -> None:
    """Importing the module costs nobody the parser."""
    code = "import sys, multicart_async._content.document; sys.exit('ijson' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
