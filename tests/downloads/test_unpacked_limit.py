"""``Limits.unpacked_bytes`` on the way of a ZIP: into a folder, as raw bytes, and where nothing frames the transfer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.download_kit import fetch, files_below, url, wanted_zip, zip_bytes
from support.fakes import FakeFile, FakeTransport

from multicart_async import AsyncMultiCart
from multicart_async._downloads.context import DownloadContext
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError
from multicart_async.models import Run
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink

LIMITS = Limits(unpacked_bytes=1_000)
REASON = r"unpacks to more than Limits\.unpacked_bytes allows, 1000 bytes; set it higher"


@pytest.fixture
async def client() -> AsyncIterator[tuple[AsyncMultiCart, Run, Sandbox]]:
    """A client whose archives may unpack to 1,000 bytes, and a run of 20 records."""
    async with Sandbox(instant=True) as sandbox, sandbox.client(limits=LIMITS) as client:
        (collection,) = sandbox.add_collections(1, items=20)
        run = await client.runs.latest(collection)
        assert run is not None
        yield client, run, sandbox


async def test_a_download_keeps_to_the_limit(client, tmp_path) -> None:
    """The archive is fetched once, is not in place, and the error says which limit to set."""
    owner, run, sandbox = client
    before = len(sandbox.requests)

    with pytest.raises(IntegrityError, match=REASON):
        await owner.runs.download(run, tmp_path, files="zip")

    assert [name for name in files_below(tmp_path) if name.endswith(".zip")] == []
    assert len(sandbox.requests) - before == 1


async def test_pages_are_not_unpacked(client, tmp_path) -> None:
    """The limit is one of archives."""
    owner, run, _ = client

    assert (await owner.runs.download(run, tmp_path)).bytes > LIMITS.unpacked_bytes


async def test_a_stream_keeps_to_the_limit(client) -> None:
    """Raw bytes end in the same error."""
    owner, run, _ = client
    assert run.download_links.all_pages

    async with owner.stream(run.download_links.all_pages) as stream:
        with pytest.raises(IntegrityError, match=REASON):
            async for _ in stream:
                pass


async def test_a_limit_is_no_fault_of_the_transfer(tmp_path) -> None:
    """Where nothing frames the transfer other defects are tried again; this one would come again each time."""
    content = zip_bytes([b'[{"asin": "B0DJQQ38TG"}]' * 100])
    transport = FakeTransport(files={url(None): [FakeFile([content])]})

    with pytest.raises(IntegrityError, match=REASON):
        await fetch(DownloadContext(transport, limits=LIMITS), wanted_zip(), DirectorySink(tmp_path))

    assert len(transport.opened) == 1
