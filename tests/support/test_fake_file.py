"""`FakeFile`: what a fake transport gives for a file."""

from __future__ import annotations

from support.fakes import FakeFile


def test_the_framing_proves_the_end_or_not() -> None:
    """A length or chunks do; a body that ends with its connection proves nothing."""
    chunked = FakeFile([b"1"], headers={"transfer-encoding": "chunked"})

    assert (FakeFile.whole(b"123").self_delimited, FakeFile.whole(b"123").length) == (True, 3)
    assert (chunked.self_delimited, chunked.length) == (True, None)
    assert (FakeFile([b"1"]).self_delimited, FakeFile([b"1"]).length) == (False, None)
