"""An account that is made up as it is asked for, and mirrors of it: as large as you like, and nothing is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from multicart_async import RetryPolicy
from multicart_async._http import ByteStream, MultipartForm, Response
from multicart_async.models import SyncReport
from multicart_async.sinks import Sink
from support.fakes import FakeFile, ok
from support.groups import BASE, groups_over
from support.mirror_kit import mirror_over

PAGE = json.dumps([{"asin": "B0", "text": "x" * 3_000}]).encode()


class Account:
    """A transport that makes up collections with one run of one page each, and remembers nothing."""

    def __init__(self, page: Callable[[], FakeFile] = lambda: FakeFile.whole(PAGE)) -> None:
        self._page = page

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        assert isinstance(body, bytes)
        if path == "/schedules/get_schedules/":
            return ok([])
        number = json.loads(body)["collection_id"]
        links = {"pages": [f"{BASE}/results/{number}/{number}/AU_{number}_Results_Page_1.json"], "all_pages": ""}
        return ok([{"id": number, "collection": number, "is_download_generated": True, "download_links": links}])

    @asynccontextmanager
    async def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = {}, new_connection: bool = False
    ) -> AsyncGenerator[ByteStream, None]:
        yield self._page()


async def mirrored(ids: Iterable[int], sink: Sink, account: Account) -> SyncReport:
    """As `AsyncMultiCart.sync`, over that account."""
    groups = groups_over(account, retry=RetryPolicy(attempts=1))  # type: ignore[arg-type]
    groups.downloader.emit = lambda event: None
    return await mirror_over(groups, sink, workers=(4, 8)).run(ids)
