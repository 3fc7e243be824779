"""A PDF is told by its beginning and its end."""

from __future__ import annotations

import pytest

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.pdf import PdfCheck

BODY = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
WHOLE = BODY + b"xref\n0 1\ntrailer\n<< /Size 1 >>\nstartxref\n45\n%%EOF\n"
FIRST_PAGE = BODY + b"startxref\r\n0\r\n%%EOF\r\n"  # how the first part of a PDF for the web ends


def check(content: bytes, *, full: bool = False, size: int = 7) -> None:
    """Feed it in pieces of that size."""
    checker = PdfCheck(full=full)
    for start in range(0, len(content), size):
        checker.feed(content[start : start + size])
    checker.finish()


@pytest.mark.parametrize("size", [1, 4, 5, 1000])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n\0\0"])
def test_a_whole_pdf_is_taken(full, size, end) -> None:
    """In pieces of any size; blanks may follow its end."""
    check(WHOLE.rstrip() + end, full=full, size=size)


def test_a_large_pdf_is_taken() -> None:
    """Only its ends are kept."""
    check(BODY + b"x" * 100_000 + WHOLE.removeprefix(BODY), full=True, size=4096)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("cut", range(1, len(WHOLE) - 1, 3))
def test_a_pdf_that_is_cut_anywhere_is_refused(full, cut) -> None:
    """Its end is missing."""
    with pytest.raises(ContentError, match="the PDF is incomplete"):
        check(WHOLE[:cut], full=full)


def test_data_after_the_end_is_accepted_with_a_proved_length() -> None:
    """Up to a kilobyte after the end of a PDF is accepted if the transfer proved the length, as readers accept it."""
    check(WHOLE + b"<!-- made by a machine -->")
    with pytest.raises(ContentError, match="the PDF is incomplete"):
        check(WHOLE + b"x" * 1020)


@pytest.mark.parametrize("content", [WHOLE + b"<!-- made by a machine -->", FIRST_PAGE])
def test_where_nothing_else_proves_the_end_the_content_must(content) -> None:
    """The end of a PDF's first page is not its end, nor is one with something behind it."""
    check(content)
    with pytest.raises(ContentError, match="the PDF is incomplete"):
        check(content, full=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<html>no</html>", "HTML"),
        (b" <", "HTML"),
        (b'{"code": 404}', "something else"),
        (b"\n%PDF-1.4", "something else"),
        (b"PK", "something else"),
    ],
)
def test_what_is_no_pdf_is_refused(content, said) -> None:
    """As soon as it shows."""
    with pytest.raises(ContentError, match=said):
        check(content, size=100)
