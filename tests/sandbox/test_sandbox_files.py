"""Result files: pages, the ZIP, sizes, owners, ranges."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import aiohttp
import pytest
from support.sandbox_api import Api, served

from multicart_async.sandbox._content.body import BytesBody
from multicart_async.sandbox._content.zip_writer import Archive


async def finished(api: Any, *asins: str, **fields: Any) -> Any:
    """The finished run of a new collection."""
    collection = await api.started(*(asins or ("B01", "B02", "B03")), **fields)
    api.sandbox.advance(60)
    return (await api.runs(collection))[0]


async def test_a_page_is_an_array_of_records(api: Any) -> None:
    """A page has the records of two items, with the documented names."""
    pages = (await finished(api))["download_links"]["pages"]
    records = [(await api.fetch(page)).json for page in pages]
    assert [[record["asin"] for record in page] for page in records] == [["B01", "B02"], ["B03"]]
    assert {"asin", "title", "price", "availability"} <= records[0][0].keys()
    assert records[0][0]["price"][0] == "$"


async def test_headers_of_a_file(api: Any) -> None:
    """A file is an attachment of known length without an envelope."""
    run = await finished(api, name='AU "Laptops"')
    file = await api.fetch(run["download_links"]["pages"][0])
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert str(len(file.body)) == file.headers["Content-Length"]
    name = f'AU \\"Laptops\\"_{run["id"]}_Results_Page_1.json'
    assert f'attachment; filename="{name}"' == file.headers["Content-Disposition"]
    assert "ETag" not in file.headers


async def test_names_beyond_ascii(api: Any) -> None:
    """Content-Disposition has its extended form if the name is not ASCII."""
    run = await finished(api, name="Café")
    file = await api.fetch(run["download_links"]["pages"][0])
    assert file.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''Caf%C3%A9_")
    archive = await api.fetch(run["download_links"]["all_pages"])
    assert zipfile.ZipFile(io.BytesIO(archive.body)).namelist()[0].startswith("Café_")


async def test_the_same_bytes_each_time(api: Any) -> None:
    """Two downloads of a file have the same bytes."""
    link = (await finished(api))["download_links"]["all_pages"]
    assert (await api.fetch(link)).body == (await api.fetch(link)).body


async def test_the_seed_decides_the_bytes() -> None:
    """The same seed, collection and run give the same bytes, and another seed gives others."""
    bodies = []
    for seed in (1, 1, 2):
        async with served(instant=True, seed=seed) as api:
            collection = await api.started("B01")
            bodies.append((await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0])).body)
    assert bodies[0] == bodies[1] != bodies[2]


async def test_the_zip_contains_the_pages(api: Any) -> None:
    """The ZIP contains the pages under their names and no other bytes."""
    links = (await finished(api))["download_links"]
    body = (await api.fetch(links["all_pages"])).body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        assert [link.rsplit("/", 1)[1] for link in links["pages"]] == [info.filename for info in infos]
        assert (await api.fetch(links["pages"][1])).body == archive.read(infos[1])
        offset = 0
        for info in infos:
            assert offset == info.header_offset
            offset += 30 + len(info.filename.encode()) + info.compress_size
        assert offset == archive.start_dir
    assert body[-22:].startswith(b"PK\5\6")


class Zeros:
    """A body of zeros, which is cheap to send and to checksum."""

    def __init__(self, size: int) -> None:
        self.size = size

    def pieces(self, start: int, stop: int) -> Any:
        piece = bytes(8 << 20)
        while start < stop:
            yield piece[: stop - start]
            start += len(piece)


class GeneratedFile(io.RawIOBase):
    """A seekable file for zipfile that is generated, not held in memory."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.place = archive, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = offset + (0, self.place, self.archive.size)[whence]
        return self.place

    def read(self, size: int = -1) -> bytes:
        stop = self.archive.size if size < 0 else min(self.place + size, self.archive.size)
        found = b"".join(self.archive.pieces(self.place, stop))
        self.place = stop
        return found


def test_a_zip_above_4_gib_is_zip64() -> None:
    """A ZIP with sizes and offsets beyond 32 bits can be read by zipfile."""
    huge = Zeros(2**32 + 5)
    archive = Archive([("huge", huge), ("small", BytesBody(b"[]"))], {"huge": 0})
    with zipfile.ZipFile(GeneratedFile(archive)) as opened:
        assert [(info.filename, info.file_size) for info in opened.infolist()] == [("huge", huge.size), ("small", 2)]
        assert huge.size < opened.getinfo("small").header_offset
        assert opened.read("small") == b"[]"


@pytest.mark.heavy
def test_a_zip_of_many_files_is_zip64() -> None:
    """A ZIP of more than 65,535 entries can be read by zipfile."""
    archive = Archive([(f"{number}", BytesBody(b"x")) for number in range(65_536)], {})
    body = b"".join(archive.pieces(0, archive.size))
    assert (archive.size, 65_536) == (len(body), len(zipfile.ZipFile(io.BytesIO(body)).infolist()))


async def test_any_range_has_the_bytes_of_the_file() -> None:
    """Any range of a page or archive has the bytes of the complete file."""
    async with served(instant=True, items_per_page=7, records_per_item=3, record_bytes=700, ranges=True) as api:
        (collection,) = api.sandbox.add_collections(1, items=20)
        links = (await api.runs(collection))[0]["download_links"]
        for link in (links["pages"][0], links["all_pages"]):
            whole = (await api.fetch(link)).body
            for start, stop in ((0, 1), (1, 5), (2, 704), (703, 1410), (len(whole) - 60, len(whole) - 1)):
                part = await api.fetch(link, Range=f"bytes={start}-{stop}")
                assert (206, whole[start : stop + 1]) == (part.status, part.body)
                assert f"bytes {start}-{stop}/{len(whole)}" == part.headers["Content-Range"]


@pytest.mark.parametrize(
    ("requested", "status", "size"),
    [
        ("bytes=-10", 206, 10),
        ("bytes=2050-", 206, 4),
        ("bytes=0-1,3-4", 200, 2054),
        ("bytes=-", 200, 2054),
        ("bytes=2054-", 416, 0),
        ("bytes=5-2", 416, 0),
        ("lines=1-2", 200, 2054),
    ],
)
async def test_forms_of_ranges(requested: str, status: int, size: int) -> None:
    """A range may name the last bytes or the rest; an unsatisfiable one gets 416, and an invalid one is ignored."""
    async with served(instant=True, ranges=True, record_bytes=1024) as api:
        collection = await api.started("B01", "B02")
        part = await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0], Range=requested)
        assert (status, size) == (part.status, len(part.body))


async def test_if_range_with_another_tag_gets_the_file() -> None:
    """A range with another tag in If-Range gets the complete file."""
    async with served(instant=True, ranges=True) as api:
        link = (await api.runs(await api.started("B01")))[0]["download_links"]["pages"][0]
        tag = (await api.fetch(link)).headers["ETag"]
        assert (await api.fetch(link, Range="bytes=0-1", If_Range=tag)).status == 206
        assert (await api.fetch(link, Range="bytes=0-1", If_Range='"other"')).status == 200


async def test_ranges_are_ignored_by_default(api: Any) -> None:
    """Ranges are ignored by default, as by a plain Django file response."""
    link = (await finished(api))["download_links"]["pages"][0]
    assert (await api.fetch(link, Range="bytes=0-1")).status == 200


async def test_files_are_not_found_before_they_are_written(api: Any) -> None:
    """A page that is not written yet, and the ZIP before the end of the run, get 404."""
    collection = await api.started("B01", "B02", "B03")
    stem = f"{api.sandbox.url}/results/{collection}/88/AU Laptops_88_Results_"
    assert (await api.fetch(stem + "Page_1.json")).status == 404
    api.sandbox.advance(4)
    statuses = [(await api.fetch(stem + name)).status for name in ("Page_1.json", "Page_2.json", "All_Pages.zip")]
    assert statuses == [200, 404, 404]


@pytest.mark.parametrize("name", ["Page_0.json", "Page_01.json", "Page_9.json", "Page_x.json", "Page_1.jso", "x"])
async def test_other_names_are_not_found(api: Any, name: str) -> None:
    """Only the names in the links are found."""
    run = await finished(api)
    link = f"{api.sandbox.url}/results/{run['collection']}/{run['id']}/AU Laptops_{run['id']}_Results_{name}"
    file = await api.fetch(link)
    assert (file.status, file.json) == (404, {"code": 404, "data": "File not found.", "status": 0})


async def test_a_run_of_another_collection_is_not_found(api: Any) -> None:
    """A file is found only if the run belongs to the collection in its path."""
    run, other = await finished(api), await api.collection()
    assert (await api.fetch(f"{api.sandbox.url}/results/{other}/{run['id']}/x")).status == 404


async def other_user(api: Api) -> Api:
    """The same sandbox with the key of another user."""
    api.sandbox.add_user("Bob", api_key="bob.key")
    return Api(api.sandbox, aiohttp.ClientSession(headers={"x-api-key": "bob.key"}))


async def test_files_of_others_are_forbidden(api: Any) -> None:
    """A file of another user gets 403, while their collection is not found."""
    run, other = await finished(api), await other_user(api)
    async with other.session:
        assert (await other.fetch(run["download_links"]["pages"][0])).status == 403
        assert await other.refused("/schedules/get/", schedule_id=run["collection"]) == 404


async def test_file_errors_as_envelopes() -> None:
    """With file_errors="envelope", 403 and 404 of a file are codes under HTTP 200."""
    async with served(instant=True, file_errors="envelope") as api:
        file = await api.fetch(f"{api.sandbox.url}/results/1/2/x")
        assert (file.status, file.json["code"], file.json["status"]) == (200, 404, 0)


async def test_a_slash_in_a_name_makes_files_unreachable(api: Any) -> None:
    """A slash in a name, escaped or not, adds a part to the path, which is then unknown."""
    link = (await finished(api, name="a/b"))["download_links"]["pages"][0]
    file = await api.fetch(link)
    assert (file.status, file.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


async def test_availability_only_has_fewer_fields(api: Any) -> None:
    """Records in mode availability_only have only stock status and price, in smaller files."""
    full, lean = await finished(api), await finished(api, fetch_mode="availability_only")
    whole = await api.fetch(full["download_links"]["pages"][0])
    small = await api.fetch(lean["download_links"]["pages"][0])
    assert set(small.json[0]) == {"asin", "price", "availability"}
    assert len(small.body) < len(whole.body)
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=lean["collection"]))[0]
    found = await api.data("/schedules/amazon/asin/output/", asin_id=output["id"])
    assert set(found["output_json"]) == {"asin", "price", "availability"}


@pytest.mark.parametrize("size", [1, 300, 640, 1024, 5000, 300_000])
async def test_records_have_the_requested_size(size: int) -> None:
    """Records with a long text have exactly the requested size above 600 bytes, and are valid at any size."""
    async with served(instant=True, records="text", record_bytes=size) as api:
        (collection,) = api.sandbox.add_collections(1, items=3)
        body = (await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0])).body
        assert len(json.loads(body)) == 3
        if size > 600:
            assert 2 + 3 * (size + 2) == len(body)


async def test_unusual_asins_are_escaped(api: Any) -> None:
    """Files are valid JSON if an ASIN has quotes or characters beyond ASCII."""
    run = await finished(api, 'B"1\\', "ü")
    assert [row["asin"] for row in (await api.fetch(run["download_links"]["pages"][0])).json] == ['B"1\\', "ü"]


async def test_a_quarter_gigabyte_is_generated_in_seconds() -> None:
    """A large file is generated in pieces with a known total length, at hundreds of megabytes per second."""
    async with served(instant=True, items_per_page=5000, records_per_item=50, record_bytes=1024) as api:
        (collection,) = api.sandbox.add_collections(1, items=5000)
        link = (await api.runs(collection))[0]["download_links"]["pages"][0]
        begun, size = time.monotonic(), 0
        async with api.session.get(link.replace(" ", "%20")) as response:
            async for piece in response.content.iter_any():
                size += len(piece)
            assert size == response.content_length == 2 + 250_000 * 1026
        assert time.monotonic() - begun < 30
