"""The CSV of a bulk import is looked at before it is sent."""

from __future__ import annotations

import csv as csv_module
import errno
import io
import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import AsinRow, SkuRow
from multicart_async.resources._items.csv_schema import (
    AMAZON,
    OFFICEWORKS,
    CsvParts,
    CsvSchema,
    collect_rows,
    prepare_csv,
    rows_to_csv,
)

HEADER = b"domain,customer_postcode,asin,include_raw_html"
ROW = b"amazon.com.au,0800,B0DJQQ38TG,false"
SKUS = b"sku,customer_postcode,store_id"


def refused(content: bytes, layout: CsvSchema = AMAZON) -> str:
    """Why a CSV is refused."""
    with pytest.raises(ArgumentError, match=r"\Asource: ") as caught:
        prepare_csv(content, layout)
    return str(caught.value)


def parts(given: object, layout: CsvSchema = AMAZON, *, split: bool = False) -> list[bytes]:
    """What is sent of a CSV in which no row is blank."""
    made = prepare_csv(given, layout, split=split)  # type: ignore[arg-type]
    assert made.blank_rows == 0
    return made.contents


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
    assert parts(GOOD[name]) == [GOOD[name].removeprefix(b"\xef\xbb\xbf")]


BAD = {
    "empty": (b"", f"row 1: expected exactly the header {HEADER.decode()}, got ''"),
    "an empty line first": (b"\n" + csv(ROW), "row 1: expected exactly the header"),
    "another order": (b"asin,domain,customer_postcode,include_raw_html\n1,2,3,4\n", "got 'asin,domain,"),
    "capitals": (HEADER.upper() + b"\n" + ROW, "row 1: expected exactly the header"),
    "blanks": (HEADER.replace(b",", b", ") + b"\n" + ROW, "row 1: expected exactly the header"),
    "a column more": (HEADER + b",x\n" + ROW + b",y", "row 1: expected exactly the header"),
    "a column less": (HEADER.rpartition(b",")[0] + b"\n" + ROW, "row 1: expected exactly the header"),
    "no header": (
        ROW,
        "expected exactly the header domain,customer_postcode,asin,include_raw_html, got 'amazon.com.au,0800,B0DJQQ38TG,false'",
    ),
    "a switch in capitals": (
        csv(b"amazon.com.au,0800,B0,TRUE"),
        "row 2: expected true in lower case, got 'TRUE'; in a ",
    ),
    "a switch with a blank": (csv(ROW, b"amazon.com.au,0800,B0,false "), "row 3: expected false in lower case, got "),
    "Officeworks": (
        SKUS + b"\n1,2,3\n",
        "expected exactly the header domain,customer_postcode,asin,include_raw_html, got 'sku,customer_postcode,store_id'",
    ),
    "no rows": (csv(), "expected 1 to 5000 rows per call (pass split=True for several calls), got 0"),
    "only blank lines": (csv(b"", b""), "got 0"),
    "only rows of commas": (csv(b",,,", b" , ,,"), "got 0"),
    "5,001 rows": (csv(*[ROW] * 5001), "got 5001"),
    "a short row": (csv(ROW, b"a,b"), "row 3: expected 4 columns, got 2"),
    "a long row": (csv(ROW + b",x"), "row 2: expected 4 columns, got 5"),
    "Latin-1": (csv("ämazon,1,2,3".encode("latin-1")), "expected a CSV in UTF-8, got another encoding ("),
    "UTF-16": (
        csv(ROW).decode().encode("utf-16"),
        'expected a CSV in UTF-8, got UTF-16; in Excel, save it as "CSV UTF-8"',
    ),
    "an open quote": (csv(ROW, b'"amazon,1,2,3'), "row 3: the row cannot be read as CSV ("),
    "a letter after a quote": (csv(b'"a"b,1,2,3'), "row 2: the row cannot be read as CSV ("),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_csv_is_refused(name: str) -> None:
    """The service would drop what it does not recognise, without a word; here the error says what is wrong."""
    content, reason = BAD[name]

    assert reason in refused(content)


def test_a_long_header_is_not_shown_whole() -> None:
    """A binary file can begin with anything."""
    assert len(refused(b"x" * 100_000 + b"\n")) < 300


BOM = b"\xef\xbb\xbf"
OF_EXCEL = {
    "a line for Excel": (b"sep=,\n" + csv(ROW), "row 1: expected the header, got 'sep=,', which only spreadsheets "),
    "another one": (BOM + b"sep=;\r\n" + csv(ROW), "got 'sep=;', which only spreadsheets interpret; delete this line"),
    "semicolons": (
        csv(ROW).replace(b",", b";"),
        "; its columns are separated by semicolons: save it again with commas ",
    ),
    "a mark, and semicolons": (BOM + csv(ROW).replace(b",", b";"), "list separator of the system's regional settings"),
    "tabs": (csv(ROW).replace(b",", b"\t"), "; its columns are separated by tabs: "),
    "empty columns": (
        csv(ROW + b",,").replace(HEADER, HEADER + b",,"),
        "row 1: expected 4 columns, got 6, the last ones empty; in the spreadsheet, delete all columns to the right",
    ),
    "empty columns of a row": (csv(ROW, ROW + b", "), "row 3: expected 4 columns, got 5, the last ones empty; "),
    "a postcode with a fraction": (
        csv(b"amazon.com.au,800.0,B0,true"),
        "row 2: expected customer_postcode as text, got '800.0'; a spreadsheet has converted it to a number: format the column",
    ),
    "a scientific postcode": (
        csv(ROW, b"amazon.com.au,8.00E+02,B0,true"),
        "row 3: expected customer_postcode as text, ",
    ),
    "a German postcode": (csv(b'amazon.com.au,"800,00",B0,true'), "got '800,00'; a spreadsheet"),
    "a scientific ASIN": (csv(b"amazon.com.au,0800,3.06E+09,true"), "row 2: expected asin as text, got '3.06E+09'; "),
}


@pytest.mark.parametrize("name", OF_EXCEL)
def test_what_a_spreadsheet_has_done_is_said(name: str) -> None:
    """With the row, and what can be done about it there."""
    content, reason = OF_EXCEL[name]

    assert reason in refused(content)


@pytest.mark.parametrize("sign", [b";", b"\t", b"|"])
def test_a_name_with_another_separator_in_it_is_no_hint(sign: bytes) -> None:
    """The columns are separated by commas: only one of their names is wrong."""
    reason = refused(csv(ROW).replace(b"customer_", b"customer" + sign))

    assert "expected exactly the header domain,customer_postcode" in reason
    assert "separated by" not in reason


@pytest.mark.parametrize(
    "postcode", ["0800", "800", "SW1A 1AA", "1E5", "1E-5", "12345-6789", "K1A 0B1", "1.2.3", "AD100"]
)
def test_a_postcode_that_a_person_may_have_written_passes(postcode: str) -> None:
    """Only what a program makes of a number is told from it."""
    content = csv(f"amazon.com.au,{postcode},B0,true".encode())

    assert parts(content) == [content]
    assert AsinRow("amazon.com.au", postcode, "B0").customer_postcode == postcode


def test_a_decimal_number_may_be_a_sku_or_a_store() -> None:
    """Only a postcode has no decimals."""
    content = SKUS + b"\n7.50,0800,4.0\n"

    assert parts(content, OFFICEWORKS) == [content]


def test_an_officeworks_csv_has_columns_of_its_own() -> None:
    """And they are checked as those of Amazon are."""
    content = SKUS + b"\nJBMS310BK,0800,W411\n"

    assert parts(content, OFFICEWORKS) == [content]
    assert f"expected exactly the header {SKUS.decode()}, got 'domain," in refused(csv(ROW), OFFICEWORKS)
    assert "row 2: expected 3 columns, got 2" in refused(SKUS + b"\n1,2\n", OFFICEWORKS)
    assert "row 2: expected sku as text, got '1E+12'" in refused(SKUS + b"\n1E+12,0800,W411\n", OFFICEWORKS)
    assert "expected customer_postcode as text" in refused(SKUS + b"\n1,800.0,W411\n", OFFICEWORKS)


BLANK_ROWS = [b",,,", b" , ,\t, ", b"   ", b'"","","",""', b",,,,,,", b",", "\u00a0,,,".encode()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("blank", BLANK_ROWS, ids=range(len(BLANK_ROWS)))
def test_rows_of_commas_and_blanks_are_left_out_and_counted(blank: bytes, end: bytes) -> None:
    """Wherever they stand, however many columns they have; all other rows keep their bytes, and so do empty lines."""
    other = b'"amazon.com.au","08\n00",B1,true'
    content = blank + end + csv(blank, ROW, blank, b"", other, blank, end=end) + blank

    made = prepare_csv(BOM + content, AMAZON)
    assert made == CsvParts([csv(ROW, b"", other, end=end)], blank_rows=5)


def test_blank_rows_count_for_no_limit() -> None:
    """Neither for the rows of one call, nor for where a long CSV is cut."""
    rows = numbered(6_000)
    mixed = b"".join([HEADER, b"\n", *(row + b",,,\n" for row in rows)])

    assert prepare_csv(mixed, AMAZON, split=True) == CsvParts(
        parts(b"".join([HEADER, b"\n", *rows]), split=True), blank_rows=6_000
    )
    assert "got 6000" in refused(mixed)


cells = st.sampled_from(["", " ", "a", '"', "\n", "\r\n", ",", "0800", "ä", "true"])


@given(st.lists(st.lists(cells, min_size=1, max_size=5), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_all_but_the_blank_rows_is_sent(rows: list[list[str]], end: str) -> None:
    """Read again, it is what a reader of CSV finds in the file; without blank rows it is the file, byte for byte."""
    text = io.StringIO(newline="")
    csv_module.writer(text, lineterminator=end).writerows([HEADER.decode().split(","), *rows])
    content = text.getvalue().encode()
    try:
        made = prepare_csv(content, AMAZON)
    except ArgumentError:
        return
    found = list(csv_module.reader(io.StringIO(made.contents[0].decode(), newline=""), strict=True))

    assert found[1:] == [row for row in rows if any(cell.strip() for cell in row)]
    assert made.blank_rows == len(rows) - len(found[1:])
    assert made.blank_rows or made.contents == [content]


def numbered(count: int) -> list[bytes]:
    """So many rows; every seventh has a line break in quotes, and a blank line behind it."""
    return [
        b'"amazon\r\n.com.au",0800,B%d,true\r\n\r\n' % number if number % 7 == 0 else b"a,4500,B%d,false\n" % number
        for number in range(1, count + 1)
    ]


def test_a_long_csv_comes_apart_between_rows() -> None:
    """Each part begins with the header; no byte of a row is changed, and no quoted line break is torn."""
    rows = numbered(10_001)
    made = parts(b"".join([HEADER, b"\r\n", *rows]), split=True)

    assert made == [b"".join([HEADER, b"\r\n", *rows[at : at + 5_000]]) for at in (0, 5_000, 10_000)]
    assert [part for whole in made for part in parts(whole)] == made


def test_a_csv_that_is_short_enough_is_not_split() -> None:
    """5,000 rows are one call, with and without a line break at the end."""
    content = b"".join([HEADER, b"\n", *numbered(5_000)])

    assert parts(content, split=True) == [content]
    assert parts(content.rstrip(), split=True) == [content.rstrip()]


def test_a_long_csv_says_how_it_can_be_sent() -> None:
    """The way out is in the error."""
    assert "5000 rows per call (pass split=True for several calls), got 5001" in refused(csv(*[ROW] * 5_001))


def test_a_wrong_row_in_a_later_part_is_found_before() -> None:
    """Everything is looked at first."""
    with pytest.raises(ArgumentError, match="row 6002: expected 4 columns, got 1"):
        prepare_csv(csv(*[ROW] * 6_000, b"x"), AMAZON, split=True)


texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and not re.fullmatch(r"[+-]?\d+[.,]\d*|[+-]?\d+([.,]\d*)?[eE]\+\d+", text)
)
items = texts.filter(lambda text: "," not in text and not any(sign.isspace() for sign in text))


@given(st.lists(st.builds(AsinRow, texts, texts, items, st.booleans()), min_size=1, max_size=20))
def test_rows_that_are_written_are_read_as_the_same(rows: list[AsinRow]) -> None:
    """Whatever the texts hold, and the check takes what was written."""
    content = rows_to_csv(rows, AMAZON)
    head, *cells = csv_module.reader(io.StringIO(content.decode(), newline=""), strict=True)

    assert HEADER.decode().split(",") == head
    assert [[row.domain, row.customer_postcode, row.asin, str(row.include_raw_html).lower()] for row in rows] == cells
    assert parts(content) == [content]


@given(st.lists(st.builds(SkuRow, items, texts, texts), min_size=1, max_size=20))
def test_sku_rows_are_read_as_the_same(rows: list[SkuRow]) -> None:
    """In their own order of columns."""
    content = rows_to_csv(rows, OFFICEWORKS)
    _, *cells = csv_module.reader(io.StringIO(content.decode(), newline=""), strict=True)

    assert rows == [SkuRow(*row) for row in cells]
    assert parts(content, OFFICEWORKS) == [content]


def test_rows_are_written_as_the_documentation_s_example() -> None:
    """Line feeds, the switch in lower case, leading zeros."""
    rows = [AsinRow("amazon.com.au", "0800", "B0DJQQ38TG"), AsinRow("amazon.com.au", "4500", " B1\n", True)]

    assert parts(collect_rows(rows, AMAZON)) == [csv(ROW, b"amazon.com.au,4500,B1,true")]


def test_an_iterable_is_read_once_and_no_further_than_needed() -> None:
    """5,001 rows tell that there are too many; with ``split`` all are wanted."""
    row = SkuRow("JBMS310BK", "4500", "W411")
    endless = itertools.repeat(row)
    counted = itertools.islice(endless, 12_000)

    with pytest.raises(
        ArgumentError, match=r"source: expected at most 5000 rows per call \(pass split=True .*\), got more"
    ):
        collect_rows(endless, OFFICEWORKS)
    made = parts(collect_rows(counted, OFFICEWORKS, split=True), OFFICEWORKS, split=True)
    assert [part.count(b"\n") for part in made] == [5_001, 5_001, 2_001]


WRONG_ROWS = {
    "a mapping": ({"domain": "amazon.com.au", "asin": "B1"}, "{'domain': 'amazon.com.au', 'asin': 'B1'}"),
    "a tuple": (("amazon.com.au", "4500", "B1", False), "('amazon.com.au', '4500', 'B1', False)"),
    "a text": ("amazon.com.au,4500,B1,false", "'amazon.com.au,4500,B1,false'"),
    "the other supplier's": (SkuRow("JBMS310BK", "4500", "W411"), "an object of type SkuRow"),
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_row_of_another_kind_is_named_by_its_number(name: str) -> None:
    """With what is expected instead."""
    row, shown = WRONG_ROWS[name]
    with pytest.raises(ArgumentError) as caught:
        collect_rows([AsinRow("amazon.com.au", "4500", "B1"), row], AMAZON)

    expected = "AsinRow(domain, customer_postcode, asin, include_raw_html)"
    assert str(caught.value) == f"source: expected {expected} as row 2, got {shown}"


def test_no_rows_are_an_error() -> None:
    """As a CSV without any is."""
    with pytest.raises(ArgumentError, match=r"expected 1 to 5000 rows .*, got 0"):
        prepare_csv(collect_rows([], AMAZON), AMAZON)


def test_bytes_are_the_content() -> None:
    """They are not taken for a path."""
    assert parts(csv(ROW)) == [csv(ROW)]


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(tmp_path: Path, kind: type[str | Path]) -> None:
    """As text or as a path, without the mark that spreadsheets put before the header."""
    path = tmp_path / "asins.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv(ROW))

    assert parts(collect_rows(kind(path), AMAZON)) == [csv(ROW)]


def test_a_missing_file_is_a_disk_error(tmp_path: Path) -> None:
    """With its path and the system's number."""
    path = tmp_path / "none.csv"

    with pytest.raises(DiskError) as caught:
        prepare_csv(path, AMAZON)

    assert (errno.ENOENT, str(path)) == (caught.value.errno, caught.value.name)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_folder_is_a_disk_error(tmp_path: Path) -> None:
    """It cannot be read."""
    with pytest.raises(DiskError):
        prepare_csv(tmp_path, AMAZON)


def test_the_content_as_a_text_is_told_from_a_path() -> None:
    """Nobody has a file whose name is a table."""
    with pytest.raises(ArgumentError, match="source: expected a path, or the content of a CSV as bytes, got 'domain,"):
        prepare_csv(csv(ROW).decode(), AMAZON)


def test_a_path_that_no_system_has_is_refused() -> None:
    """A NUL ends a name."""
    with pytest.raises(ArgumentError, match=r"\Asource: expected a path or bytes, got 'a.x00b'"):
        prepare_csv("a\0b", AMAZON)


@pytest.mark.parametrize("source", [5, None, True], ids=repr)
def test_another_source_is_refused(source: object) -> None:
    """Neither a path nor bytes nor rows."""
    with pytest.raises(ArgumentError, match=r"\Asource: expected a path, bytes or an iterable of AsinRow, got "):
        collect_rows(source, AMAZON)  # type: ignore[arg-type]
