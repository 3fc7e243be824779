"""The check of JSON files: brackets alone, every byte, and the service's envelope in place of a file."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async._content import Defect, document
from multicart_async._content.document import DocumentCheck, EnvelopeInstead, Tokens, envelope_in

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
        json.dumps({**REFUSAL, "status": 1, "more": 1}).encode(),
        b'{"detail": "You do not have permission to perform this action."}',
        b'{"status": 0, "code": 1}',
    ],
    ids=range(14),
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
        b"[1]]",
        b"[NaN]",
        b"[Infinity]",
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        b"[01]",
        b"[1,]",
        b"[1 2]",
        b'[{"a" 1}]',
        b"[{'a': 1}]",
        b'["\n"]',
        b"[/**/]",
        b"[" + b"9" * 5000 + b"]",
        b"[1e999999999999999999999999]",
        b"[1, \x00]",
        b"[[1]",
    ],
    ids=range(19),
)
def test_only_the_full_check_sees(body, size) -> None:
    """Two documents, NaN, invalid UTF-8 and other damage between brackets that match."""
    check(body, full=False, size=size)
    with pytest.raises(Defect, match=r"JSON") as caught:
        check(body, full=True, size=size)
    assert "\n" not in str(caught.value)


@both
@pieces
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}{"a":1}',
        json.dumps(REFUSAL).encode() * 2,
        b'{"a" 1}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\n"}',
        b'{"a":' + DEEP[:32_000] + DEEP[-32_000:] + b"}",
        b'{"code":500,"data":' + b"1" * 5000 + b',"status":0}',
        json.dumps({"a": 1}).encode("utf-16-le"),
        b'\xef\xbb\xbf \n{"a":1}}',
    ],
    ids=range(11),
)
def test_a_small_object_is_parsed_in_any_case(body, size, full) -> None:
    """Refusals are small objects: what looks like one, and is damaged, is no page of one record."""
    with pytest.raises(Defect, match=r"JSON|brackets") as caught:
        check(body, full=full, size=size)
    assert not isinstance(caught.value, EnvelopeInstead)


@pieces
def test_a_large_object_is_parsed_by_the_full_check_only(size) -> None:
    """Above 64 KiB it is a file as any other."""
    body = b'{"a": "' + b"x" * 70_000 + b'", "b": NaN}'
    check(body, full=False, size=size)
    assert not good(body, full=True, size=size)


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
    with pytest.raises(EnvelopeInstead) as caught:
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
    with pytest.raises(EnvelopeInstead) as caught:
        check(mark + body, full=full, size=size)
    envelope = caught.value.envelope
    assert (500, 0, True) == (envelope["code"], envelope["status"], envelope["data"].startswith('"Traceback Trace'))
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
    assert {**REFUSAL, **changes} == envelope_in(json.dumps({**REFUSAL, **changes}).encode())


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


@pytest.mark.parametrize(
    ("start", "filling"),
    [(b'["', b"x"), (b'["', b"\\n"), (b'["', b'\\"'), (b'["', b"\\\\"), (b"[1.", b"1")],
    ids=range(5),
)
def test_a_long_token_is_parsed_a_few_times_only(start, filling) -> None:
    """yajl begins it anew with each piece: 4 MiB in pieces of 4 KiB would be 2 GiB."""
    checker = DocumentCheck(full=True)
    checker.feed(start)
    sizes: list[int] = []
    checker._parser._events = SimpleNamespace(send=lambda piece: sizes.append(len(piece)))
    body = filling * ((4 << 20) // len(filling))
    for at in range(0, len(body), 4096):
        checker.feed(body[at : at + 4096])

    assert len(sizes) < 16
    assert 2 << 20 <= sum(sizes) <= 4 << 20


escaped = st.lists(st.sampled_from([b"\\\\", b'\\"', b"\\n", b"x", b"[", b" "]), max_size=12).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(escaped, max_size=6), many=st.sampled_from([0, 600]), sizes=st.lists(st.integers(1, 900), min_size=1)
)
def test_the_marks_that_are_left_begin_and_end_texts(texts, many, sizes) -> None:
    """Whatever is escaped, wherever it is cut, and whether there are few escapes or many."""
    texts = [text + b'\\"' * many for text in texts]
    body = b"[" + b",".join(b'"' + text + b'"' for text in texts) + b"]"
    tokens, at, marks, states, given = Tokens(), 0, 0, [], b""
    for size in itertools.cycle(sizes):
        piece = body[at : at + size]
        plain = tokens.plain(piece)
        given += tokens.ready(piece, plain, plain.count(b'"'))
        marks, at = marks + plain.count(b'"'), at + size
        states.append((at, tokens.in_text))
        if at >= len(body):
            break
    spans = [*itertools.accumulate(len(text) + 3 for text in texts)]
    open_at = {place for end, text in zip(spans, texts, strict=True) for place in range(end - len(text) - 1, end)}

    assert 2 * len(texts) == marks
    assert [(place, place in open_at) for place, _ in states] == states
    assert body == given + tokens.rest()


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
