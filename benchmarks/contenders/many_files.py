"""All files of the site, so many at a time, as others do it. One large file is the case of one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

from contenders.access import KIB, headers, places, prime_allocator, trust, write_synchronously


def _session(options: Mapping[str, Any]) -> aiohttp.ClientSession:
    context = trust(options)
    connector = aiohttp.TCPConnector(ssl=context or True, limit=options["at_once"])
    return aiohttp.ClientSession(connector=connector, headers=headers(options))


async def plain(options: Mapping[str, Any]) -> None:
    """aiohttp as most people write it: a task for each file, pieces of 64 KiB, written on the loop."""
    if options.get("slow_disk"):
        write_synchronously(options["dest"])

    async def fetch(url: str, place: Path) -> None:
        async with session.get(url) as answer:
            answer.raise_for_status()
            with place.open("wb") as file:
                async for piece in answer.content.iter_chunked(64 * KIB):
                    file.write(piece)

    async with _session(options) as session:
        await asyncio.gather(*(fetch(url, place) for url, place in places(options)))


async def best(options: Mapping[str, Any]) -> None:
    """aiohttp at its best: workers, what is there is taken and written at once, the allocator primed."""
    if options.get("slow_disk"):
        write_synchronously(options["dest"])
    prime_allocator()
    waiting = iter(places(options))

    async def worker() -> None:
        for url, place in waiting:
            async with session.get(url) as answer:
                answer.raise_for_status()
                with place.open("wb", buffering=0) as file:
                    while piece := await answer.content.readany():
                        file.write(piece)

    async with _session(options) as session:
        await asyncio.gather(*(worker() for _ in range(options["at_once"])))


def with_requests(options: Mapping[str, Any]) -> None:
    """requests: a thread for each file at a time, with a session of its own, and pieces of 64 KiB."""
    import requests  # noqa: PLC0415

    own = threading.local()

    def begin() -> None:
        own.session = requests.Session()
        own.session.headers.update(headers(options))
        own.session.verify = options["authority"] or True

    def fetch(order: tuple[str, Path]) -> None:
        url, place = order
        with own.session.get(url, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            with place.open("wb") as file:
                for piece in answer.iter_content(64 * KIB):
                    file.write(piece)

    with ThreadPoolExecutor(options["at_once"], initializer=begin) as pool:
        for _ in pool.map(fetch, places(options)):
            pass


async def with_httpx(options: Mapping[str, Any]) -> None:
    """A pool of httpx, and as many workers as it has connections."""
    import httpx  # noqa: PLC0415

    context = trust(options)
    limits = httpx.Limits(max_connections=options["at_once"], max_keepalive_connections=options["at_once"])
    waiting: Iterator[tuple[str, Path]] = iter(places(options))

    async def worker() -> None:
        for url, place in waiting:
            async with client.stream("GET", url) as answer:
                answer.raise_for_status()
                with place.open("wb") as file:
                    async for piece in answer.aiter_bytes():
                        file.write(piece)

    async with httpx.AsyncClient(verify=context or True, limits=limits, timeout=60, headers=headers(options)) as client:
        await asyncio.gather(*(worker() for _ in range(options["at_once"])))


async def with_parfive(options: Mapping[str, Any]) -> None:
    """parfive, without splitting files."""
    from parfive import Downloader, SessionConfig  # noqa: PLC0415

    config = SessionConfig(
        file_progress=False, aiohttp_session_generator=lambda _: _session(options), headers=headers(options)
    )
    downloader = Downloader(max_conn=options["at_once"], max_splits=1, progress=False, overwrite=True, config=config)
    for url, place in places(options):
        downloader.enqueue_file(url, path=place.parent, filename=place.name)
    results = await downloader.run_download()
    assert not results.errors, results.errors[0]
