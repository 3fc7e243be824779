"""The CSV of a bulk import is looked at before it is sent."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from multicart_async._asin_csv import check_csv, read_source
from multicart_async.errors import ArgumentError, DiskError

HEADER = b"domain,customer_postcode,asin,include_raw_html"
ROW = b"amazon.com.au,0800,B0DJQQ38TG,false"


def refused(content: bytes) -> str:
    """Why a CSV is refused."""
    with pytest.raises(ArgumentError, match=r"\Asource: ") as caught:
        check_csv(content)
    return str(caught.value)


def csv(*rows: bytes, end: bytes = b"\n") -> bytes:
    """A CSV with the right header."""
    return end.join([HEADER, *rows, b""])


GOOD = {
    "LF": csv(ROW),
    "CRLF": csv(ROW, ROW, end=b"\r\n"),
    "BOM": b"\xef\xbb\xbf" + csv(ROW),
    "no break at the end": HEADER + b"\n" + ROW,
    "blank lines": csv(ROW, b"", b"", ROW),
    "quotes": csv(b'"amazon.com.au","0800","B0,1","false"'),
    "a quoted line break": csv(b'"amazon.com.au","08\n00",B0,'),
    "UTF-8": csv("ämazon,1,2,3".encode()),
    "5,000 rows": csv(*[ROW] * 5000),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_right_csv_passes(name: str) -> None:
    """As spreadsheets and editors write it."""
    check_csv(read_source(GOOD[name]))


BAD = {
    "empty": (b"", "must begin with the header"),
    "another order": (b"asin,domain,customer_postcode,include_raw_html\n1,2,3,4\n", "it begins with 'asin,domain"),
    "capitals": (HEADER.upper() + b"\n" + ROW, "must begin with the header"),
    "blanks": (HEADER.replace(b",", b", ") + b"\n" + ROW, "must begin with the header"),
    "a column more": (HEADER + b",x\n" + ROW + b",y", "must begin with the header"),
    "semicolons": (csv(ROW).replace(b",", b";"), "must begin with the header"),
    "Officeworks": (b"sku,customer_postcode,store_id\n1,2,3\n", "the columns of an Officeworks CSV"),
    "no rows": (csv(), "has 0 rows"),
    "only blank lines": (csv(b"", b""), "has 0 rows"),
    "5,001 rows": (csv(*[ROW] * 5001), "has 5001 rows"),
    "a short row": (csv(ROW, b"a,b"), "row 3 has 2 fields, not 4"),
    "a long row": (csv(ROW + b",x"), "row 2 has 5 fields, not 4"),
    "a row of blanks": (csv(b"  "), "row 2 has 1 fields, not 4"),
    "Latin-1": (csv("ämazon,1,2,3".encode("latin-1")), "is no CSV in UTF-8"),
    "UTF-16": (csv(ROW).decode().encode("utf-16"), "is no CSV in UTF-8"),
    "an open quote": (csv(b'"amazon,1,2,3'), "is no CSV in UTF-8"),
    "a letter after a quote": (csv(b'"a"b,1,2,3'), "is no CSV in UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_csv_is_refused(name: str) -> None:
    """The service would drop what it does not recognise, without a word; here the error says what is wrong."""
    content, reason = BAD[name]

    assert reason in refused(content)


def test_a_long_header_is_not_shown_whole() -> None:
    """A binary file can begin with anything."""
    assert 300 > len(refused(b"x" * 100_000 + b"\n"))


def test_bytes_are_the_content() -> None:
    """They are not taken for a path."""
    assert b"abc" == read_source(b"abc")


def test_a_path_is_read(tmp_path: Path) -> None:
    """As text or as a path, without the mark that spreadsheets put before the header."""
    path = tmp_path / "asins.csv"
    path.write_bytes(b"\xef\xbb\xbfabc")

    assert b"abc" == read_source(path)
    assert b"abc" == read_source(str(path))


def test_a_missing_file_is_a_disk_error(tmp_path: Path) -> None:
    """With its path and the system's number."""
    path = tmp_path / "none.csv"

    with pytest.raises(DiskError) as caught:
        read_source(path)

    assert (errno.ENOENT, str(path)) == (caught.value.errno, caught.value.name)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_folder_is_a_disk_error(tmp_path: Path) -> None:
    """It cannot be read."""
    with pytest.raises(DiskError):
        read_source(tmp_path)


@pytest.mark.parametrize("source", [5, None, ["a"], "a\0b"], ids=repr)
def test_another_source_is_refused(source: object) -> None:
    """Neither a path nor bytes."""
    with pytest.raises(ArgumentError, match=r"\Asource: wants a path or bytes"):
        read_source(source)  # type: ignore[arg-type]
