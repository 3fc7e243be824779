"""Records in the files against what the run's row counts: told always, an error where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.fake_sinks import PlainSink, WatchedSink
from support.fakes import FakeFile, FakeTransport
from support.groups import BASE, groups_over
from support.mirror_kit import FILE, asked, results, tree

from multicart_async import errors
from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.json_document import RecordCount
from multicart_async._downloads.manifest import Manifest, parse_manifest
from multicart_async.config import RetryPolicy
from multicart_async.models import DownloadLinks, Run
from multicart_async.sandbox.faults import Content
from multicart_async.sinks import MemorySink

URL = f"{BASE}/results/101/88/AU_88_Results_Page_1.json"


def manifest_below(folder: Path) -> Manifest:
    """The one manifest."""
    (path,) = folder.rglob("manifest.json")
    manifest = parse_manifest(path.read_bytes())
    assert not isinstance(manifest, str)
    return manifest


async def test_records_that_add_up_are_no_news(sandbox, client, tmp_path) -> None:
    """How many each page holds is kept in the manifest."""
    sandbox.add_collections(1, items=5)

    report = await client.sync(tmp_path, count_records=True, strict=True)

    assert (report.differences, report.ok) == ((), True)
    assert [file.records for file in manifest_below(tmp_path).files] == [2, 2, 1]


async def test_without_being_asked_for_nothing_is_counted(sandbox, client, tmp_path) -> None:
    """Parsing takes its time."""
    sandbox.add_collections(1, items=5)

    await client.sync(tmp_path)

    assert [file.records for file in manifest_below(tmp_path).files] == [None] * 3


@pytest.fixture
async def short(sandbox, client) -> Run:
    """A run of 5 items whose second page has 1 record too few, at every request."""
    (number,) = sandbox.add_collections(1, items=5)
    sandbox.faults.add("/results/*Page_2.json", Content(b'[{"asin": "B0"}]'), times=None)
    run = await client.runs.latest(number)
    asked(sandbox)
    return run


DIFFERENCE = "the run reports 5 records, the files contain 4"


async def test_a_difference_is_told(client, short, tmp_path) -> None:
    """In the report and in the manifest; the run is complete all the same."""
    report = await client.sync(tmp_path, count_records=True)

    assert (report.differences, report.ok) == ((DIFFERENCE,), True)
    assert manifest_below(tmp_path).differences == (DIFFERENCE,)
    assert (await client.verify(tmp_path)).ok


async def test_a_difference_of_a_download_is_told(client, short, tmp_path) -> None:
    """In what it gives."""
    assert (await client.runs.download(short, tmp_path, count_records=True)).differences == (DIFFERENCE,)


async def test_a_difference_is_an_error_when_asked_for(sandbox, client, short, tmp_path) -> None:
    """There is no manifest then, and what came is kept; without `strict` it is taken as it is."""
    report = await client.sync(tmp_path, count_records=True, strict=True)

    (failure,) = report.failures
    assert isinstance(failure.error, errors.IncompleteRunError)
    assert f"{short.collection}/{short.id}: {short.collection}/{short.id}: {DIFFERENCE}" == str(failure)
    assert list(tmp_path.rglob("manifest.json")) == []
    asked(sandbox)
    assert (await client.sync(tmp_path, count_records=True)).ok
    assert FILE not in asked(sandbox)


async def test_a_download_raises_the_difference(client, short, tmp_path) -> None:
    """As an error of the run."""
    with pytest.raises(errors.IncompleteRunError, match=DIFFERENCE):
        await client.runs.download(short, tmp_path, count_records=True, strict=True)


async def test_items_that_could_not_be_scraped_are_no_difference(sandbox, client, tmp_path) -> None:
    """The row has two counts, and which is meant is not documented: either will do."""
    (number,) = sandbox.add_collections(1, runs=0, items=5)
    sandbox.lose_items_of_next_run(number, 2)
    sandbox.start_run(number)

    report = await client.sync(tmp_path, count_records=True, strict=True)

    assert (report.runs, report.differences, report.ok) == (1, (), True)
    assert sum(file.records or 0 for file in manifest_below(tmp_path).files) == 3


async def test_two_counts_are_both_named(sandbox, client, tmp_path) -> None:
    """Where neither fits."""
    (number,) = sandbox.add_collections(1, runs=0, items=5)
    sandbox.lose_items_of_next_run(number, 2)
    sandbox.start_run(number)
    sandbox.faults.add("/results/*", Content(b"[]"), times=None)

    report = await client.sync(tmp_path, count_records=True)

    assert report.differences == ("the run reports 3 or 5 records, the files contain 0",)


async def test_files_that_were_there_are_counted_once(sandbox, client, tmp_path) -> None:
    """Read again, not fetched again; and the second time not even that."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    asked(sandbox)
    first, second = WatchedSink(tmp_path), WatchedSink(tmp_path)

    report = await client.sync(first, count_records=True)
    await client.sync(second, count_records=True)

    assert (report.differences, report.skipped, report.files) == ((), 1, 0)
    assert FILE not in asked(sandbox)
    assert [file.records for file in manifest_below(tmp_path).files] == [2, 2, 1]
    counted = {f"chunks page-000{number}.json" for number in (1, 2, 3)}
    assert counted == {verb for verb in first.seen if verb.startswith("chunks")}
    assert set() == {verb for verb in second.seen if verb.startswith(("chunks", "put manifest"))}


async def test_a_sink_that_only_reads_can_be_counted(sandbox, client) -> None:
    """It is read as a whole."""
    sandbox.add_collections(1, items=5)
    sink = PlainSink()
    await client.sync(sink)
    asked(sandbox)

    report = await client.sync(sink, count_records=True, strict=True)

    assert (report.skipped, report.ok) == (1, True)
    assert FILE not in asked(sandbox)


@pytest.mark.parametrize("content", [b'[{"asin": 1}        ', b"                    ", b"<html>"])
async def test_a_file_that_is_no_page_any_more_is_named(sandbox, client, tmp_path, content) -> None:
    """It has its size, so that only reading shows it."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = tmp_path / results(tmp_path)[1]
    path.write_bytes(content.ljust(path.stat().st_size))

    (failure,) = (await client.sync(tmp_path, count_records=True)).failures

    assert isinstance(failure.error, errors.IntegrityError)
    assert failure.file == "page-0002.json"


ODD = {
    b'[{"asin": 1}, null, 7, []]': ("values not counted because they are not objects: 3", 1),
    b"[1, 2]": ("values not counted because they are not objects: 2", 0),
    b'[{"asin": 1}, {"asin" 2}]': (
        "not counted: invalid JSON: Expecting ':' delimiter, at byte 22 in record 2",
        None,
    ),
    b'[{"asin": "\xff"}]': ("not counted: invalid JSON: byte 11 is not UTF-8", None),
    b'{"asin" 1}': ("not counted: invalid JSON: Expecting ':' delimiter, at byte 8 in record 1", None),
    b'{"asin": 1}': (None, 1),
    b'[{"asin": 1},]': ("not counted: invalid JSON: Expecting value, at byte 13 in record 2", None),
}


@pytest.mark.parametrize("content", ODD, ids=repr)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_page_with_odd_records_is_a_difference(content, framing) -> None:
    """The transfer proved the page, so it is kept; each call that counts tells the difference, without asking again."""
    oddity, records = ODD[content]
    run = Run(
        id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(URL,)), total_results=5
    )
    headers = {"content-length": str(len(content))} if framing == "length" else {"transfer-encoding": "chunked"}
    sink, expected = MemorySink(), [f"page-0001.json: {oddity}"] if oddity else []
    if records is not None:
        expected.append(f"the run reports 5 records, the files contain {records}")
    for opened in (1, 0):
        groups = groups_over(FakeTransport(files={URL: FakeFile([content], headers=headers)}))

        download = await groups.runs.download(run, sink, count_records=True)

        assert list(download.differences) == expected
        assert len(groups.transport.opened) == opened
        assert sink.files["101/88/page-0001.json"] == content
        assert json.loads(sink.files["101/88/manifest.json"])["differences"] == expected
    with pytest.raises(errors.IncompleteRunError, match=oddity and "not counted"):
        await groups.runs.download(run, sink, count_records=True, strict=True)


async def test_an_odd_page_of_an_unproved_transfer_must_parse() -> None:
    """Only the content proves its end: what does not parse may be cut, other values are a difference."""
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(URL,)))
    broken = groups_over(FakeTransport(files={URL: FakeFile([b'[{"asin" 2}]'])}), retry=RetryPolicy(attempts=1))
    odd = groups_over(FakeTransport(files={URL: FakeFile([b"[null]"])}))

    with pytest.raises(errors.IncompleteDownloadError, match="invalid JSON"):
        await broken.runs.download(run, MemorySink(), count_records=True)
    download = await odd.runs.download(run, MemorySink(), count_records=True)
    assert download.differences == ("page-0001.json: values not counted because they are not objects: 1",)


async def test_many_odd_pages_are_told_in_a_few_lines() -> None:
    """A run may have thousands of pages."""
    urls = [URL.replace("Page_1", f"Page_{number}") for number in range(1, 16)]
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=tuple(urls)))
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(b"[null]") for url in urls}))

    differences = (await groups.runs.download(run, MemorySink(), count_records=True)).differences

    assert len(differences) == 11
    assert differences[-1] == "5 more pages with values or errors of this kind"


async def test_a_mirror_takes_a_run_with_odd_records(sandbox, client, tmp_path) -> None:
    """It does not fail, and the next call fetches nothing."""
    sandbox.add_collections(1, items=1)
    sandbox.faults.add("/results/*", Content(b'[{"asin": NaN}, null]'), times=None)

    first = await client.sync(tmp_path, count_records=True)
    asked(sandbox)
    second = await client.sync(tmp_path, count_records=True)

    odd = ("page-0001.json: values not counted because they are not objects: 1",)
    assert (first.ok, first.differences, second.ok, second.differences) == (True, odd, True, odd)
    assert FILE not in asked(sandbox)


async def test_a_run_with_results_but_no_pages_is_a_difference(tmp_path) -> None:
    """A run without pages that counts results is a difference, with strict an error; a run without both is empty."""
    groups = groups_over(FakeTransport())

    def run(**counts: int) -> Run:
        return Run(id=88, collection=101, is_download_generated=True, **counts)

    download = await groups.runs.download(run(total_results=3), tmp_path)
    assert download.differences == ("the run reports 3 results, but has no pages",)
    assert (await groups.runs.download(run(total_results=0), tmp_path, strict=True)).differences == ()
    assert (await groups.runs.download(run(), tmp_path, strict=True, count_records=True)).differences == ()
    with pytest.raises(errors.IncompleteRunError, match="no pages"):
        await groups.runs.download(run(total_results=3), tmp_path, strict=True)


async def test_a_row_without_counts_has_nothing_to_compare_with() -> None:
    """Its pages are counted on the way all the same."""
    url = f"{BASE}/results/101/88/AU_88_Results_Page_1.json"
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(b'[{"a": 1}, {"a": 2}]')}))
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(url,)))
    sink = MemorySink()

    download = await groups.runs.download(run, sink, count_records=True, strict=True)

    assert download.differences == ()
    assert json.loads(sink.files["101/88/manifest.json"])["files"][0]["records"] == 2


async def test_a_zip_is_not_counted(sandbox, client, tmp_path) -> None:
    """Its members are checked, its records are not."""
    sandbox.add_collections(1, items=5)

    report = await client.sync(tmp_path, files="zip", count_records=True, strict=True)

    assert (report.files, report.ok) == (1, True)
    assert [file.records for file in manifest_below(tmp_path).files] == [None]


async def test_a_category_is_counted_by_its_json(client, tmp_path) -> None:
    """Its CSV has no records of its own."""
    await client.categories.submit(
        "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
    )

    report = await client.sync(tmp_path, count_records=True, strict=True)

    assert (report.differences, report.ok) == ((), True)
    assert {file.name: file.records for file in manifest_below(tmp_path).files} == {
        "category_asins.csv": None,
        "category_asins.json": 3,
    }


@pytest.mark.parametrize(
    ("page", "records"),
    [
        (b"[]", 0),
        (b'{"a": 1}', 1),
        (b'[{"a": 18446744073709551616}, {"b": -1e400}]', 2),
        (b"\xef\xbb\xbf [{}, {}, {}]\n", 3),
        (b'[{"a": NaN}, {"a": "\\ud83d"}]', 2),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_records_are_counted_in_pieces_of_any_size(page: bytes, records: int, size: int) -> None:
    """Numbers beyond 64 bits, one object, none, and what stands before them."""
    count = RecordCount(full=False)
    for place in range(0, len(page), size):
        count.feed(page[place : place + size])
    count.finish()

    assert records == count.records


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b'[{"a": 1}', "the JSON is incomplete"),
        (b'{"code": 404, "data": "no", "status": 0}', "expected the file, got an envelope of the service"),
        (b"5", "expected a JSON array or object, got a number"),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_what_is_no_page_is_a_defect(page: bytes, reason: str, full: bool) -> None:
    """An envelope in place of a page too."""
    count = RecordCount(full=full)

    with pytest.raises(ContentError, match=reason):
        count.feed(page)
        count.finish()


async def test_a_dry_run_counts_no_records(sandbox, client, tmp_path) -> None:
    """It only counts files."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    sink = WatchedSink(tmp_path)

    report = await client.sync(sink, count_records=True, strict=True, dry_run=True)

    assert (report.skipped, report.files) == (1, 0)
    assert dict(sink.seen) == {"read manifest.json": 1}
    assert before == tree(tmp_path)
