"""The CSV of a bulk import is looked at before it is sent."""

from __future__ import annotations

import csv as csv_module
import errno
import io
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._items_csv import AMAZON, OFFICEWORKS, Layout, csv_parts, given_rows, written
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import AsinRow, SkuRow

HEADER = b"domain,customer_postcode,asin,include_raw_html"
ROW = b"amazon.com.au,0800,B0DJQQ38TG,false"
SKUS = b"sku,customer_postcode,store_id"


def refused(content: bytes, layout: Layout = AMAZON) -> str:
    """Why a CSV is refused."""
    with pytest.raises(ArgumentError, match=r"\Asource: ") as caught:
        csv_parts(content, layout)
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
    "quotes": HEADER.replace(b"asin", b'"asin"') + b'\n"amazon.com.au","0800","B0,1","false"',
    "a quoted line break": csv(b'"amazon.com.au","08\n00",B0,'),
    "UTF-8": csv("ämazon,1,2,true".encode()),
    "a switch that only the service can judge": csv(b"amazon.com.au,0800,B0,", b"amazon.com.au,0800,B0,0"),
    "5,000 rows": csv(*[ROW] * 5000),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_right_csv_passes(name: str) -> None:
    """As spreadsheets and editors write it; every byte but the mark before the header is sent."""
    assert [GOOD[name].removeprefix(b"\xef\xbb\xbf")] == csv_parts(GOOD[name], AMAZON)


BAD = {
    "empty": (b"", "must begin with the header"),
    "another order": (b"asin,domain,customer_postcode,include_raw_html\n1,2,3,4\n", "it begins with 'asin,domain"),
    "capitals": (HEADER.upper() + b"\n" + ROW, "must begin with the header"),
    "blanks": (HEADER.replace(b",", b", ") + b"\n" + ROW, "must begin with the header"),
    "a column more": (HEADER + b",x\n" + ROW + b",y", "must begin with the header"),
    "semicolons": (csv(ROW).replace(b",", b";"), "must begin with the header"),
    "a switch in capitals": (csv(b"amazon.com.au,0800,B0,TRUE"), "row 2 has 'TRUE'; wants true, in lower case"),
    "a switch with a blank": (csv(ROW, b"amazon.com.au,0800,B0,false "), "row 3 has 'false '; wants false"),
    "Officeworks": (b"sku,customer_postcode,store_id\n1,2,3\n", "the columns of an Officeworks CSV"),
    "no rows": (csv(), "has 0 rows"),
    "only blank lines": (csv(b"", b""), "has 0 rows"),
    "5,001 rows": (csv(*[ROW] * 5001), "has 5001 rows"),
    "a short row": (csv(ROW, b"a,b"), "row 3 has 2 fields, not 4"),
    "a long row": (csv(ROW + b",x"), "row 2 has 5 fields, not 4"),
    "a row of blanks": (csv(b"  "), "row 2 has 1 fields, not 4"),
    "Latin-1": (csv("ämazon,1,2,3".encode("latin-1")), "is no CSV in UTF-8"),
    "UTF-16": (csv(ROW).decode().encode("utf-16"), "is no CSV in UTF-8: it is UTF-16"),
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


HEADERS = {
    "another order": (b"asin,domain,customer_postcode,include_raw_html", "the columns are in another order"),
    "capitals": (HEADER.upper(), "names are written in lower case"),
    "blanks": (HEADER.replace(b",", b", "), "there must be no blank around a name"),
    "a column more": (HEADER + b",custom_id", "custom_id is not known"),
    "a column less": (HEADER.replace(b"customer_postcode,", b""), "customer_postcode is missing"),
    "semicolons": (HEADER.replace(b",", b";"), "it is separated by semicolons, not by commas"),
    "tabs": (HEADER.replace(b",", b"\t"), "it is separated by tabs, not by commas"),
    "Officeworks": (SKUS, "these are the columns of an Officeworks CSV, for client.skus"),
    "Officeworks in another order": (b"Store_ID, sku, customer_postcode", "the columns of an Officeworks CSV"),
    "several at once": (b"ASIN;domain;customer_postcode;include_raw_html", "; the columns are in another order; names"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_what_is_wrong_with_a_header_is_said(name: str) -> None:
    """So that nobody has to compare letters; the header that is wanted stands beside it."""
    header, reason = HEADERS[name]
    told = refused(header + b"\n" + ROW)

    assert reason in told
    assert f"must begin with the header {HEADER.decode()}, exactly" in told


def test_a_header_that_is_no_header_is_only_shown() -> None:
    """Nothing is guessed: the first row stands where the names should."""
    assert refused(ROW).endswith("it begins with 'amazon.com.au,0800,B0DJQQ38TG,false'")


def test_a_semicolon_csv_of_the_other_supplier_is_told_both() -> None:
    """They are mended one after the other."""
    told = refused(SKUS.replace(b",", b";"))

    assert "it is separated by semicolons, not by commas; these are the columns of an Officeworks CSV" in told


def test_an_officeworks_csv_has_columns_of_its_own() -> None:
    """And the Amazon ones are told apart there."""
    content = SKUS + b"\nJBMS310BK,0800,W411\n"

    assert [content] == csv_parts(content, OFFICEWORKS)
    assert "columns of an Amazon CSV, for client.asins" in refused(csv(ROW), OFFICEWORKS)
    assert "row 2 has 2 fields, not 3" in refused(SKUS + b"\n1,2\n", OFFICEWORKS)


def numbered(count: int) -> list[bytes]:
    """So many rows; every seventh has a line break in quotes, and a blank line behind it."""
    return [
        b'"amazon\r\n.com.au",0800,B%d,true\r\n\r\n' % number if number % 7 == 0 else b"a,4500,B%d,false\n" % number
        for number in range(1, count + 1)
    ]


def test_a_long_csv_comes_apart_between_rows() -> None:
    """Each part begins with the header; no byte of a row is changed, and no quoted line break is torn."""
    rows = numbered(10_001)
    parts = csv_parts(b"".join([HEADER, b"\r\n", *rows]), AMAZON, split=True)

    assert [b"".join([HEADER, b"\r\n", *rows[at : at + 5_000]]) for at in (0, 5_000, 10_000)] == parts
    assert parts == [part for whole in parts for part in csv_parts(whole, AMAZON)]


def test_a_csv_that_is_short_enough_is_not_split() -> None:
    """5,000 rows are one call, with and without a line break at the end."""
    content = b"".join([HEADER, b"\n", *numbered(5_000)])

    assert [content] == csv_parts(content, AMAZON, split=True)
    assert [content.rstrip()] == csv_parts(content.rstrip(), AMAZON, split=True)


def test_a_long_csv_says_how_it_can_be_sent() -> None:
    """The way out is in the error."""
    assert "5000 rows in one call; with split=True there are several" in refused(csv(*[ROW] * 5_001))


def test_a_wrong_row_in_a_later_part_is_found_before() -> None:
    """Everything is looked at first."""
    with pytest.raises(ArgumentError, match="row 6002 has 1 fields"):
        csv_parts(csv(*[ROW] * 6_000, b"x"), AMAZON, split=True)


texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
items = texts.filter(lambda text: "," not in text and not any(sign.isspace() for sign in text))


@given(st.lists(st.builds(AsinRow, texts, texts, items, st.booleans()), min_size=1, max_size=20))
def test_rows_that_are_written_are_read_as_the_same(rows: list[AsinRow]) -> None:
    """Whatever the texts hold, and the check takes what was written."""
    content = written(rows, AMAZON)
    head, *cells = csv_module.reader(io.StringIO(content.decode(), newline=""), strict=True)

    assert HEADER.decode().split(",") == head
    assert [[row.domain, row.customer_postcode, row.asin, str(row.include_raw_html).lower()] for row in rows] == cells
    assert [content] == csv_parts(content, AMAZON)


@given(st.lists(st.builds(SkuRow, items, texts, texts), min_size=1, max_size=20))
def test_sku_rows_are_read_as_the_same(rows: list[SkuRow]) -> None:
    """In their own order of columns."""
    content = written(rows, OFFICEWORKS)
    _, *cells = csv_module.reader(io.StringIO(content.decode(), newline=""), strict=True)

    assert rows == [SkuRow(*row) for row in cells]
    assert [content] == csv_parts(content, OFFICEWORKS)


def test_rows_are_written_as_the_documentation_s_example() -> None:
    """Line feeds, the switch in lower case, leading zeros."""
    rows = [AsinRow("amazon.com.au", "0800", "B0DJQQ38TG"), AsinRow("amazon.com.au", "4500", " B1\n", True)]

    assert [csv(ROW, b"amazon.com.au,4500,B1,true")] == csv_parts(given_rows(rows, AMAZON), AMAZON)


def test_an_iterable_is_read_once_and_no_further_than_needed() -> None:
    """5,001 rows tell that there are too many; with ``split`` all are wanted."""
    row = SkuRow("JBMS310BK", "4500", "W411")
    endless = itertools.repeat(row)
    counted = itertools.islice(endless, 12_000)

    with pytest.raises(ArgumentError, match="source: has more than 5000 rows in one call; with split=True"):
        given_rows(endless, OFFICEWORKS)
    parts = csv_parts(given_rows(counted, OFFICEWORKS, split=True), OFFICEWORKS, split=True)
    assert [5_001, 5_001, 2_001] == [part.count(b"\n") for part in parts]


WRONG_ROWS = {
    "a mapping": {"domain": "amazon.com.au", "customer_postcode": "4500", "asin": "B1"},
    "a tuple": ("amazon.com.au", "4500", "B1", False),
    "a text": "amazon.com.au,4500,B1,false",
    "the other supplier's": SkuRow("JBMS310BK", "4500", "W411"),
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_row_of_another_kind_is_named_by_its_number(name: str) -> None:
    """With what is wanted instead."""
    rows = [AsinRow("amazon.com.au", "4500", "B1"), WRONG_ROWS[name]]
    kind = type(WRONG_ROWS[name]).__name__
    with pytest.raises(ArgumentError) as caught:
        given_rows(rows, AMAZON)

    wanted = "AsinRow(domain, customer_postcode, asin, include_raw_html)"
    assert f"source: row 2 is of type {kind}; wants {wanted}" == str(caught.value)


def test_no_rows_are_an_error() -> None:
    """As a CSV without any is."""
    with pytest.raises(ArgumentError, match="has 0 rows"):
        csv_parts(given_rows([], AMAZON), AMAZON)


def test_bytes_are_the_content() -> None:
    """They are not taken for a path."""
    assert [csv(ROW)] == csv_parts(csv(ROW), AMAZON)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(tmp_path: Path, kind: type[str | Path]) -> None:
    """As text or as a path, without the mark that spreadsheets put before the header."""
    path = tmp_path / "asins.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv(ROW))

    assert [csv(ROW)] == csv_parts(given_rows(kind(path), AMAZON), AMAZON)


def test_a_missing_file_is_a_disk_error(tmp_path: Path) -> None:
    """With its path and the system's number."""
    path = tmp_path / "none.csv"

    with pytest.raises(DiskError) as caught:
        csv_parts(path, AMAZON)

    assert (errno.ENOENT, str(path)) == (caught.value.errno, caught.value.name)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_folder_is_a_disk_error(tmp_path: Path) -> None:
    """It cannot be read."""
    with pytest.raises(DiskError):
        csv_parts(tmp_path, AMAZON)


def test_the_content_as_a_text_is_told_from_a_path() -> None:
    """Nobody has a file whose name is a table."""
    with pytest.raises(ArgumentError, match="source: is a text, which is taken for a path; give the content of a CSV"):
        csv_parts(csv(ROW).decode(), AMAZON)


def test_a_path_that_no_system_has_is_refused() -> None:
    """A NUL ends a name."""
    with pytest.raises(ArgumentError, match=r"\Asource: wants a path or bytes"):
        csv_parts("a\0b", AMAZON)


@pytest.mark.parametrize("source", [5, None, True], ids=repr)
def test_another_source_is_refused(source: object) -> None:
    """Neither a path nor bytes nor rows."""
    with pytest.raises(ArgumentError, match=r"\Asource: wants a path, bytes or many AsinRow"):
        given_rows(source, AMAZON)  # type: ignore[arg-type]
