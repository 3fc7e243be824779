"""`records`: one after the other, in constant memory, none twice, and nothing held when nobody reads."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio.lowlevel
import attrs
import pytest
from support.download_kit import BASE, page_bytes, run_of, url
from support.fake_transports import KEY
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    ClientClosedError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from multicart_async.events import Retrying
from multicart_async.models import DownloadLinks, Run
from multicart_async.sandbox import Sandbox

LABEL = "results/101/88/page 1"
CUT = IncompleteDownloadError(LABEL, "cut")


async def records_of(*files: FakeFile | Exception, attempts: int = 5, answers: tuple = (), into: type | None = None):
    """All records of a run of one page, which comes as scripted; and the groups."""
    groups = groups_over(FakeTransport(*answers, files={url(1): files}), retry=RetryPolicy(attempts=attempts))
    rows = groups.runs.records(run_of(1)) if into is None else groups.runs.records(run_of(1), into=into)
    async with aclosing(rows) as records:
        return [record async for record in records], groups


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 16, 1 << 20])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
async def test_records_are_what_json_says(size, mark) -> None:
    """However the bytes are cut into pieces, with a byte order mark or blanks or without."""
    rows = [{"asin": f"B{number}", "nested": {"list": [1, 2.5, None, True, "é😀"]}} for number in range(100)]
    content = mark + json.dumps(rows, ensure_ascii=size % 2 == 0).encode()
    pieces = [content[start : start + size] for start in range(0, len(content), size)]

    found, _ = await records_of(FakeFile(pieces, headers={"content-length": str(len(content))}))

    assert rows == found


@pytest.mark.parametrize(("content", "expected"), [(b"[]", []), (b'{"asin": "B0"}', [{"asin": "B0"}]), (b"{}", [{}])])
async def test_a_page_may_be_one_object_or_empty(content, expected) -> None:
    """One object is one record, no record is none."""
    assert expected == (await records_of(FakeFile.whole(content)))[0]


async def test_a_page_is_requested_when_the_one_before_is_consumed() -> None:
    """The second page is requested only after the records of the first are consumed."""
    files = {url(number): FakeFile.whole(page_bytes(2, first=number * 10)) for number in (1, 2)}
    groups = groups_over(FakeTransport(files=files))

    async with aclosing(groups.runs.records(run_of(2, 1))) as records:
        first = await anext(records)
        opened = len(groups.transport.opened)
        rest = [record["asin"] async for record in records]

    assert (opened, first["asin"]) == (1, "B000000010")
    assert rest == ["B000000011", "B000000020", "B000000021"]


BIG = [
    (str(2**63), 2**63),
    ("123456789012345678901234567890", 123456789012345678901234567890),
    ("-" + "9" * 200, -int("9" * 200)),
    ("1.5", 1.5),
    ("1e2", 100.0),
    ("1e400", float("inf")),
    ("-Infinity", float("-inf")),
]


@pytest.mark.parametrize(("text", "value"), BIG)
async def test_numbers_of_any_size_are_exact(text, value) -> None:
    """Integers are exact and floats are what Python reads; the page is read once."""
    rows = [{"n": number, "x": 0.5} for number in range(3000)]
    content = json.dumps(rows).encode()[:-1] + b', {"big": ' + text.encode() + b', "x": 0.5}]'
    pieces = [content[start : start + 5000] for start in range(0, len(content), 5000)]

    found, groups = await records_of(FakeFile(pieces, headers={"content-length": str(len(content))}), attempts=1)

    assert found == [*rows, {"big": value, "x": 0.5}]
    assert {type(record["x"]) for record in found} == {float}
    assert len(groups.transport.opened) == 1


NOT_RECORDS = [
    b"",
    b"  \n",
    b"null",
    b"12",
    b'"abc"',
    b"[1]",
    b"[[]]",
    b'[{"a": 1}, null]',
    b'[{"a": 1}',
    b'[{"a": 1}][]',
    b'[{"a": 1}] x',
    b'{"a": 1} {"b": 2}',
    b'[{"a": \xff}]',
    b"<html></html>",
    b'[{"a": ' + b"9" * 5000 + b"}]",
    b'{"code": 200, "data": [], "status": 1}',
]


@pytest.mark.parametrize("content", NOT_RECORDS, ids=lambda content: repr(content[:24]))
@pytest.mark.parametrize("size", [1 << 20, 3])
async def test_a_page_that_is_no_list_of_records_is_named_and_final(content, size) -> None:
    """A page of proved length that is not JSON records is an InvalidResponseError that names it, and is not requested again."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)]

    with pytest.raises(InvalidResponseError, match=LABEL):
        await records_of(FakeFile(pieces, headers={"content-length": str(len(content))}))


async def test_an_end_that_nothing_proves_is_an_incomplete_download() -> None:
    """Without a length the content must be whole; it is tried again, and then the records are given once."""
    content = page_bytes(50)

    found, groups = await records_of(FakeFile([content[:-7]]), FakeFile([content]))
    assert json.loads(content) == found
    assert len(groups.transport.opened) == 2
    with pytest.raises(IncompleteDownloadError, match=LABEL):
        await records_of(FakeFile([content[:-7]]))


REFUSED = [
    (FakeFile.whole(b'{"code": 403, "data": "Not yours", "status": 0}'), PermissionDeniedError),
    (FakeFile.whole(b"[]", headers={"content-encoding": "br"}), IntegrityError),
    (FakeFile.whole(b"<html></html>", headers={"content-type": "text/html"}), InvalidResponseError),
    (FakeFile([b"no"], status=418), Exception),
    (FakeFile([b"busy"], status=503), ServerError),
    (APIConnectionError(LABEL, "no answer"), APIConnectionError),
    (APIConnectionError(LABEL, "not trusted", retryable=False), APIConnectionError),
]


@pytest.mark.parametrize(("file", "error"), REFUSED, ids=lambda value: repr(value)[:40])
async def test_a_refusal_in_place_of_a_page_is_an_error(file, error) -> None:
    """An envelope is what it says, whatever HTTP says."""
    row = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": {"pages": [url(1)]}}
    groups = groups_over(FakeTransport(ok([row]), files={url(1): file}))

    with pytest.raises(error):
        await anext(groups.runs.records(run_of(1)))

    assert groups.downloader.limiter.borrowed_tokens == 0


async def test_a_broken_transfer_begins_anew_and_gives_nothing_twice() -> None:
    """At whatever byte it breaks, several times."""
    content = page_bytes(400)
    size = str(len(content))
    for at in range(0, len(content), 397):
        breaks = [FakeFile([content[:at], CUT], headers={"content-length": size}) for _ in range(2)]
        later = FakeFile([content[: at // 2], CUT], headers={"content-length": size})

        found, groups = await records_of(*breaks, later, FakeFile.whole(content))

        assert json.loads(content) == found
        assert len([event for event in groups.events if isinstance(event, Retrying)]) == 3


async def test_each_transfer_that_breaks_later_gives_what_is_new() -> None:
    """What the second one gave is not given by the third."""
    content = page_bytes(400)
    size = {"content-length": str(len(content))}
    breaks = [FakeFile([content[:at], CUT], headers=size) for at in (3000, 6000, 9000)]

    found, _ = await records_of(*breaks, FakeFile.whole(content))

    assert found == json.loads(content)


PAGE = page_bytes(400)
SIZE = {"content-length": str(len(PAGE))}
CHANGED = f"{LABEL}: the file has changed while it was read"


async def given_before(*files: FakeFile | Exception) -> tuple[list[dict[str, object]], BaseException | None, int]:
    """The records that were given, the error behind them, and how often the page was asked for."""
    groups = groups_over(FakeTransport(files={url(1): files}))
    found: list[dict[str, object]] = []
    try:
        async with aclosing(groups.runs.records(run_of(1))) as records:
            async for record in records:
                found.append(record)  # noqa: PERF401 -- what came before the error is wanted
    except MultiCartError as error:
        return found, error, len(groups.transport.opened)
    return found, None, len(groups.transport.opened)


@pytest.mark.parametrize("at", [9000, 9001, len(PAGE) - 1])
@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
@pytest.mark.parametrize("place", [3, 8000])
async def test_two_versions_of_a_page_are_never_mixed(at, size, place) -> None:
    """Whatever byte of what was given is another one in the repeat, no record of it is given, and it is not asked again."""
    content = PAGE[:place] + (b"b" if PAGE[place : place + 1] != b"b" else b"c") + PAGE[place + 1 :]
    again = FakeFile([content[start : start + size] for start in range(0, len(content), size)], headers=SIZE)

    found, error, asked = await given_before(FakeFile([PAGE[:at], CUT], headers=SIZE), again)

    assert json.loads(PAGE)[: len(found)] == found
    assert len(found) > 100
    assert (IntegrityError, CHANGED, 2) == (type(error), str(error), asked)


async def test_records_that_shift_are_another_version() -> None:
    """As many of them, each as long as it was, but each in another place."""
    rows = json.loads(PAGE)
    found, error, _ = await given_before(
        FakeFile([PAGE[:9000], CUT], headers=SIZE), FakeFile.whole(json.dumps([*rows[1:], rows[0]]).encode())
    )

    assert (rows[: len(found)], CHANGED) == (found, str(error))


async def test_a_repeat_may_differ_after_the_yielded_records() -> None:
    """A repeated page may differ after the records that were yielded: all of them come from one version then."""
    first = PAGE[: PAGE.index(b"}", 9000) + 1]
    content = first + b', {"asin": "other"}]'

    found, error, asked = await given_before(FakeFile([first, CUT], headers=SIZE), FakeFile.whole(content))

    assert (json.loads(content), None, 2) == (found, error, asked)


@pytest.mark.parametrize(
    "content",
    [
        page_bytes(10),
        b"[]",
        b'{"asin": "B0"}',
        PAGE[: PAGE.index(b"}", 8000)] + b"}]",
        b'{"a": "' + b"x" * 9000 + b'"}',
    ],
    ids=["shorter", "empty", "one object", "cut well", "a long object"],
)
@pytest.mark.parametrize("length", [True, False])
async def test_a_repeat_shorter_than_the_yielded_records_is_an_error(content, length) -> None:
    """A repeated page that is complete JSON and ends before the yielded records is another version, and an error."""
    again = FakeFile.whole(content) if length else FakeFile([content])

    found, error, asked = await given_before(FakeFile([PAGE[:9000], CUT], headers=SIZE), again)

    assert json.loads(PAGE)[: len(found)] == found
    assert (IntegrityError, CHANGED, 2) == (type(error), str(error), asked)


async def test_a_repeat_that_breaks_early_is_repeated() -> None:
    """Where nothing proves the end, what was given must come in one of the attempts."""
    files = [FakeFile([PAGE[:9000], CUT], headers=SIZE), FakeFile([PAGE[:100]]), FakeFile.whole(PAGE)]

    assert await given_before(*files) == (json.loads(PAGE), None, 3)


@pytest.mark.parametrize("more", [0, 20_000])
async def test_a_refusal_in_the_repeat_is_one(more) -> None:
    """It says more than that the file has changed, however long it is."""
    refusal = json.dumps({"code": 403, "data": "Not yours" + " " * more, "status": 0}).encode()
    rows = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": {"pages": [url(1)]}}
    files = [FakeFile([PAGE[:9000], CUT], headers=SIZE), FakeFile.whole(refusal)]
    groups = groups_over(FakeTransport(ok([rows]), files={url(1): files}))

    with pytest.raises(PermissionDeniedError):
        [record async for record in groups.runs.records(run_of(1))]


@pytest.mark.parametrize(
    "content",
    [
        b'{"code":500,"data":"Acc\xe8s refus\xe9","status":0}',
        b'{"code":500,"data":"Not yours","status":0,"request_id":"abc"}',
        b'{"status":0,"x":[{"y":2}],"code":500,"data":"' + b"Traceback " * 20_000 + b'"}',
    ],
    ids=["not UTF-8", "more keys", "long"],
)
@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
async def test_a_refusal_may_be_in_latin_1_and_have_more_keys(content, size) -> None:
    """However it comes."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)]

    with pytest.raises(ServerError, match="code 500"):
        await records_of(FakeFile(pieces, headers={"content-length": str(len(content))}), attempts=1)


async def test_a_refusal_in_latin_1_may_come_in_the_repeat() -> None:
    """What the transfer before had begun with is no part of it."""
    refusal = FakeFile.whole(b'{"code":500,"data":"Acc\xe8s refus\xe9","status":0}')

    _, error, asked = await given_before(FakeFile([b'[{"asin": ', CUT], headers=SIZE), *[refusal] * 9)

    assert (type(error), asked) == (ServerError, 5)


@pytest.mark.parametrize(
    "content",
    [b'{"detail": "No permission"}', b'{"code": 200, "data": [], "status": 1, "x": 2}', b'{"status": 0}'],
)
async def test_another_object_is_a_record(content) -> None:
    """Nothing says that it is an answer."""
    assert (await records_of(FakeFile.whole(content)))[0] == [json.loads(content)]


async def test_an_object_in_another_encoding_is_no_page() -> None:
    """Looked at to its end, it is no refusal; one that is too long to be one is not looked at."""
    for content in (b'{"a": "\xe8"}', b'{"a": "\xe8' + b"x" * 200_000 + b'"}'):
        pieces = [content[start : start + 1000] for start in range(0, len(content), 1000)]
        with pytest.raises(InvalidResponseError, match="byte 7 is not UTF-8"):
            await records_of(FakeFile(pieces, headers={"content-length": str(len(content))}))


async def test_attempts_are_bounded() -> None:
    """The last error is let through after as many as the policy allows; what came before was given."""
    content = page_bytes(400)
    groups = groups_over(
        FakeTransport(files={url(1): FakeFile([content[:9000], CUT], headers={"content-length": str(len(content))})}),
        retry=RetryPolicy(attempts=3),
    )
    found: list[dict[str, object]] = []

    async def read() -> None:
        async for record in groups.runs.records(run_of(1)):
            found.append(record)  # noqa: PERF401 -- what came before the error is wanted

    with pytest.raises(IncompleteDownloadError):
        await read()

    assert len(groups.transport.opened) == 3
    assert json.loads(content)[: len(found)] == found
    assert len(found) > 100


async def test_a_stale_link_is_made_fresh_once() -> None:
    """The run is listed again and its link used; refused again, it is the error."""
    row = {"id": 88, "collection": 101, "is_download_generated": True}
    fresh = {**row, "download_links": {"pages": [url(1) + "?sig=2"]}}
    gone = FakeFile([b"expired"], status=404)
    good = FakeTransport(ok([fresh]), files={url(1): gone, url(1) + "?sig=2": FakeFile.whole(page_bytes(3))})
    bad = FakeTransport(ok([fresh]), files={url(1): gone, url(1) + "?sig=2": gone})

    assert len([record async for record in groups_over(good).runs.records(run_of(1))]) == 3
    with pytest.raises(NotFoundError):
        await anext(groups_over(bad).runs.records(run_of(1)))
    assert [len(good.opened), len(bad.opened)] == [2, 2]


async def test_an_ambiguous_percent_is_read_the_other_way_after_a_404() -> None:
    """As downloads do."""
    place = f"{BASE}/results/101/88/50%25_88_Results_Page_1.json"
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(place,)))
    other = place.replace("%25", "%2525")
    missing = FakeFile([b""], status=404)
    transport = FakeTransport(files={place: missing, other: FakeFile.whole(page_bytes(2))})

    assert len([record async for record in groups_over(transport).runs.records(run)]) == 2


@attrs.frozen
class Product:
    """What somebody wants of a record."""

    asin: str
    price: str | None = None


async def test_records_become_values_of_a_class() -> None:
    """Fields that the class does not have are left out; a record that does not fit names the page."""
    found, _ = await records_of(FakeFile.whole(b'[{"asin": "B0", "title": "x"}]'), into=Product)
    assert found == [Product("B0")]

    with pytest.raises(InvalidResponseError, match=LABEL):
        await records_of(FakeFile.whole(b'[{"title": "x"}]'), into=Product)


class Endless(FakeFile):
    """A page of about so many MiB, made while it is read."""

    async def __aiter__(self):
        record = json.dumps({"asin": "B0DJQQ38TG", "title": "x" * 900}).encode()
        piece = b",".join([record] * 70)
        yield b"[" + piece
        for _ in range(20 * 16):
            await anyio.lowlevel.checkpoint()
            yield b"," + piece
        yield b"]"


async def test_a_page_of_20_mib_is_read_in_a_fraction_of_it() -> None:
    """Memory does not grow with the page."""
    groups = groups_over(FakeTransport(files={url(1): Endless([])}))
    count = 0
    gc.collect()
    tracemalloc.start()
    try:
        async with aclosing(groups.runs.records(run_of(1))) as records:
            async for _ in records:
                count += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 70 * (20 * 16 + 1)
    assert peak < 3 << 20


async def fail_on_first(rows: AsyncGenerator[object, None]) -> None:
    """A reader with a bug."""
    async with aclosing(rows) as records:
        async for _ in records:
            raise ZeroDivisionError


async def test_reading_that_ends_early_gives_connection_and_slot_back() -> None:
    """With one download at a time the next one works at once: after a break, and after an error of the reader."""
    async with Sandbox(instant=True) as sandbox, sandbox.client(limits=Limits(downloads=1)) as client:
        (collection,) = sandbox.add_collections(1, items=300)
        run = await client.runs.latest(collection)
        assert run is not None
        for _ in range(3):
            async with aclosing(client.runs.records(run)) as records:
                async for _ in records:
                    break
            with pytest.raises(ZeroDivisionError):
                await fail_on_first(client.runs.records(run))
        with anyio.fail_after(10):
            assert len([record async for record in client.runs.records(run)]) == 300
        assert [1 for session in client._transport._sessions.values() if session.connector._acquired] == []
        assert client._downloads.context.limiter.borrowed_tokens == 0


async def test_closing_the_client_ends_the_reading() -> None:
    """Whoever waits for bytes gets `ClientClosedError`, and never an end that looks like the end."""

    asked = anyio.Event()

    async def stalling(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[" + b'{"asin": "B0"}')
        asked.set()
        await exchange.hang()

    async with RawServer(stalling) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        ends: list[BaseException] = []

        async def read() -> None:
            try:
                async for _ in client.runs.records(run_of(1, base=server.url)):
                    pass
            except ClientClosedError as error:
                ends.append(error)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                await asked.wait()
                await anyio.sleep(0.05)
                await client.aclose()

    assert len(ends) == 1


@pytest.mark.parametrize("content", [b"[1, 2]", b'"text"', b"5", b"null", b"", b"  \n", b"[{}, 7]", b"[{}"], ids=repr)
async def test_a_complete_page_without_records_is_not_repeated(content) -> None:
    """A chunked page that ends properly and holds no records is an error at once, and is not requested again."""
    transport = FakeTransport(files={url(1): FakeFile([content], headers={"transfer-encoding": "chunked"})})

    with pytest.raises(InvalidResponseError, match="page 1"):
        async with aclosing(groups_over(transport).runs.records(run_of(1))) as records:
            [record async for record in records]

    assert len(transport.opened) == 1
