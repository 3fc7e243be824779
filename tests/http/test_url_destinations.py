"""A URL is no path: where a file or folder is meant, it is refused before anything is made or sent.

A destination may be the URL of a bucket: see tests/stores.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from multicart_async import AsyncMultiCart, DirectorySink
from multicart_async._core.validation import check_local_path
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.models import CategoryRequest, CategoryRun, DownloadLinks, Run
from multicart_async.sandbox import Sandbox

URL = re.compile(r"(?i)^[a-z][a-z0-9+.-]+:/")
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks())
SCRAPE = CategoryRun(
    id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(), stage="finished"
)
REQUEST = CategoryRequest("https://www.amazon.com.au/b?node=1", domain="amazon.com.au", postcode="4500")
ADDRESS = {"notification_email": "a@b.c", "domain": "amazon.com.au", "postcode": "4500"}


class Pathlike:
    """A path of an unknown class."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __fspath__(self) -> str:
        return self.text


BUCKETS: dict[str, Any] = {
    "a text": "s3://bucket/x",
    "upper case": "S3://bucket/x",
    "a bucket alone": "gs://bucket",
}
OTHERS: dict[str, Any] = {
    "another store": "abfs://bucket/x",
    "a file": "file:///srv/x",
    "with a query": "https://example.com/x?token=secret",
    "an odd scheme": "az+tls.2-x://x",
    "one slash": "s3:/bucket",
    "a path": Path("s3://bucket/x"),
    "a pure path": PurePosixPath("gs://bucket"),
    "another path": Pathlike("abfs://x"),
}
URLS = BUCKETS | OTHERS

Call = Callable[[AsyncMultiCart, Any], Awaitable[Any]]


async def first(outcomes: AsyncIterator[Any]) -> Any:
    """The first of them."""
    return await anext(outcomes)


CALLS: dict[str, tuple[str, Call]] = {
    "runs.download": ("dest", lambda client, url: client.runs.download(RUN, url)),
    "categories.download": ("dest", lambda client, url: client.categories.download(SCRAPE, url)),
    "runs.run_many": ("dest", lambda client, url: first(client.runs.run_many([101], url))),
    "categories.submit_many": ("dest", lambda client, url: first(client.categories.submit_many([REQUEST], url))),
    "sync": ("dest", lambda client, url: client.sync(url)),
    "verify": ("dest", lambda client, url: client.verify(url)),
    "billing.download_invoice": ("dest", lambda client, url: client.billing.download_invoice(1, url)),
    "asins.export_csv": ("path", lambda client, url: client.asins.export_csv(101, url)),
    "asins.import_csv": ("source", lambda client, url: client.asins.import_csv(101, url)),
    "skus.import_csv": ("source", lambda client, url: client.skus.import_csv(101, url)),
    "run_many, journal": ("journal", lambda client, url: first(client.runs.run_many([101], journal=url))),
    "run_many, journal and folder": (
        "journal",
        lambda client, url: first(client.runs.run_many([101], "results", journal=url)),
    ),
    "collections.create_sharded": (
        "journal",
        lambda client, url: client.collections.create_sharded("x", ["B0"], journal=url, **ADDRESS),
    ),
}


@pytest_asyncio.fixture
async def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Sandbox, AsyncMultiCart, Path]]:
    """A service, a client, and the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    async with (
        Sandbox(instant=True) as sandbox,
        AsyncMultiCart(sandbox.api_key, base_url=sandbox.url) as client,
    ):
        yield sandbox, client, tmp_path


@pytest.mark.parametrize("name", CALLS)
async def test_a_url_is_refused_wherever_a_path_is_taken(name: str, empty: Any) -> None:
    """The error names the argument and what came; nothing was sent, no file and no folder made."""
    sandbox, client, folder = empty
    argument, call = CALLS[name]

    for url in (OTHERS if argument == "dest" else URLS).values():
        with pytest.raises(ArgumentError) as caught:
            await call(client, url)
        assert caught.value.argument == argument
        assert os.fspath(url).partition("?")[0] in str(caught.value)
        assert "expected a path" in str(caught.value)

    assert not sandbox.requests
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_directory_sink_refuses_a_url(url: Any) -> None:
    """At construction."""
    with pytest.raises(ArgumentError, match=r"\Adest: expected a path"):
        DirectorySink(url)


SECRET = [
    "s3://key:PASSWORD@bucket/x",
    "s3://PASSWORD@bucket/x",
    "s3://key:a/PASSWORD@bucket/x",
    "s3://key:a?PASSWORD@bucket/x",
    "s3://key:a@PASSWORD@bucket/x",
    Path("s3://key:PASSWORD@bucket/x"),
    "https://bucket/x?token=PASSWORD",
    "https://bucket/x#PASSWORD",
]


@pytest.mark.parametrize("url", SECRET, ids=repr)
def test_the_error_shows_no_password_and_no_query(url: str) -> None:
    """A URL may hold both."""
    with pytest.raises(ArgumentError) as caught:
        DirectorySink(url)

    assert "PASSWORD" not in str(caught.value)
    assert "/bucket/x'" in str(caught.value)


def test_of_a_long_url_the_beginning_is_shown() -> None:
    """An error is a line, not a page."""
    with pytest.raises(ArgumentError) as caught:
        DirectorySink("s3://bucket/" + "x" * 10_000)

    assert "s3://bucket/" + "x" * 68 in str(caught.value)
    assert len(str(caught.value)) < 300


PATHS = [
    "results",
    "/data/x",
    "C:/x",
    "c:\\x",
    "x:/y",
    "./s3://bucket",
    "a/s3://bucket",
    "s3:bucket",
    "s3",
    ":/x",
    "1a:/x",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_with_a_colon_is_a_path(path: str) -> None:
    """A Windows drive, a colon elsewhere: only a scheme of two or more letters with a slash behind it is a URL."""
    check_local_path("dest", path)

    assert DirectorySink(path).root == Path(path).resolve()


@given(st.text(max_size=30) | st.from_regex(URL))
def test_exactly_what_looks_like_a_url_is_refused(text: str) -> None:
    """The rule, over any text."""
    refused = False
    try:
        check_local_path("dest", text)
    except ArgumentError:
        refused = True

    assert refused == (URL.match(text) is not None)


@pytest.mark.parametrize(
    "value", [7, None, object(), b"s3://x", Pathlike(b"s3://x")], ids=["7", "none", "object", "bytes", "bytes path"]
)  # type: ignore[arg-type]
def test_what_is_no_path_is_another_error(value: Any) -> None:
    """It is left to those that say what they want in its place."""
    check_local_path("dest", value)

    with pytest.raises(MultiCartError):
        DirectorySink(value)


async def test_bytes_that_look_like_a_url_are_the_content_of_a_csv(empty: Any) -> None:
    """`import_csv` takes a path or the content: bytes are content."""
    _, client, _ = empty

    with pytest.raises(ArgumentError, match="header"):
        await client.asins.import_csv(101, b"https://example.com/x")
