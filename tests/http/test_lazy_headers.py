"""The headers of a response, read when they are needed."""

from __future__ import annotations

from multidict import CIMultiDict

from multicart_async._http.lazy_headers import LazyHeaders


def test_names_are_in_lower_case() -> None:
    """Whatever the server sends."""
    headers = LazyHeaders(CIMultiDict({"Retry-After": "3", "DATE": "x"}))

    assert dict(headers) == {"retry-after": "3", "date": "x"}
    assert len(headers) == 2
    assert headers["retry-after"] == "3"
    assert headers.get("server") is None


def test_a_repeated_header_has_its_first_value() -> None:
    """In any case of letters."""
    headers = LazyHeaders(CIMultiDict([("X-Id", "a"), ("x-id", "b")]))

    assert dict(headers) == {"x-id": "a"}


def test_the_headers_are_not_shown() -> None:
    """They may repeat a secret."""
    assert "secret" not in repr(LazyHeaders({"X-Echo": "secret"}))
